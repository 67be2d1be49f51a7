"""Heartbeats: a process at work keeps its lease, or shows that it is alive."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from django.db import DatabaseError, connection

from governance.domain.errors import LeaseLost

log = logging.getLogger(__name__)

SHOWN_SECONDS = 5.0
"""How often a process without a lease shows that it is alive."""


class Heartbeat:
    """While open, calls `beat` every `seconds`, from a thread of its own.

    It ends by itself when `beat` raises LeaseLost: whoever records what was done will find that
    out as well.
    """

    def __init__(self, beat: Callable[[], object], *, seconds: float = SHOWN_SECONDS) -> None:
        self._call, self._seconds = beat, seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

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
            while not self._stop.wait(self._seconds):
                try:
                    self._call()
                except LeaseLost:
                    return
                except DatabaseError as error:
                    log.warning("The heartbeat failed, trying again: %s", error)
        finally:
            connection.close()
