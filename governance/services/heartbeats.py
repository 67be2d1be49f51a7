"""Heartbeats: a process at work shows that it is alive, so that others know when it is not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from django.db import DatabaseError, connection

log = logging.getLogger(__name__)

SHOWN_SECONDS = 5.0
"""How often a process shows that it is alive."""


class Heartbeat:
    """While open, calls `show` every five seconds, from a thread of its own."""

    def __init__(self, show: Callable[[], object]) -> None:
        self._show, self._stop = show, threading.Event()
        self._thread = threading.Thread(target=self._beat, name="alive", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._stop.wait(SHOWN_SECONDS):
                try:
                    self._show()
                except DatabaseError as error:
                    log.warning("The database failed, trying again: %s", error)
        finally:
            connection.close()
