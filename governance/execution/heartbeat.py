"""Keep a lease alive while a handler is at work."""

from __future__ import annotations

import datetime
import logging
import threading
from types import TracebackType
from typing import Self

from django.db import DatabaseError, connection

from governance.domain.errors import LeaseLost
from governance.execution import claims
from governance.models import Execution

log = logging.getLogger(__name__)


class Heartbeat:
    """While open, extends the execution's lease every third of it, from a thread of its own."""

    def __init__(self, execution: Execution, *, lease: datetime.timedelta) -> None:
        self._execution, self._lease = execution, lease
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
            while not self._stop.wait(self._lease.total_seconds() / 3):
                try:
                    claims.hold(self._execution, lease=self._lease)
                except LeaseLost:
                    return  # the recording transaction will find out as well
                except DatabaseError as error:
                    log.warning("The lease could not be extended, trying again: %s", error)
        finally:
            connection.close()
