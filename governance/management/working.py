"""The worker's loop: sweep, claim, carry out, until told to stop."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections import Counter
from types import FrameType

from django.conf import settings
from django.db import DatabaseError, connection

from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import LeaseLost
from governance.services import executions, proposals

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
"""How often leases and deadlines are looked at."""


class Worker:
    """Carries out executions one at a time. Safe to run many, on many machines."""

    def __init__(self, *, stop: threading.Event, parent: int | None = None) -> None:
        """`parent`: also stop when this process is no longer our parent."""
        name = f"{socket.gethostname()}:{os.getpid()}"
        self.by = Actor(ActorKind.SYSTEM, "worker", name)
        self.counts: Counter[str] = Counter()
        self._stop, self._parent, self._swept_at = stop, parent, float("-inf")

    def drain(self) -> None:
        """Work until nothing is ready. Database errors are raised."""
        self._sweep()
        while not self._stopping() and self._work_once():
            pass

    def run(self) -> None:
        """Work until told to stop; a database that fails is waited for."""
        while not self._stopping():
            try:
                self._sweep_when_due()
                busy = self._work_once()
            except DatabaseError as error:
                log.warning("The database failed, trying again: %s", error)
                connection.close()
                busy = False
            if not busy:
                self._stop.wait(settings.GOVERNANCE_WORKER_POLL_SECONDS)

    def _work_once(self) -> bool:
        """Carry out one execution; whether there was one."""
        try:
            execution = executions.run_next(by=self.by)
        except LeaseLost as error:
            log.warning("%s", error)
            self.counts["lost"] += 1
            return True
        if execution is None:
            return False
        log.info("Execution %s: %s", execution.pk, execution.state)
        self.counts[str(execution.state)] += 1
        return True

    def _sweep_when_due(self) -> None:
        if time.monotonic() - self._swept_at >= SWEEP_SECONDS:
            self._sweep()

    def _sweep(self) -> None:
        self._swept_at = time.monotonic()
        swept = executions.sweep(by=self.by)
        self.counts["swept_to_ready"] += swept["ready"]
        self.counts["swept_to_in_doubt"] += swept["in_doubt"]
        self.counts["proposals_expired"] += proposals.expire_overdue(by=self.by)

    def _stopping(self) -> bool:
        orphaned = self._parent is not None and os.getppid() != self._parent
        return self._stop.is_set() or orphaned


def stop_on_signals(stop: threading.Event) -> None:
    """Ctrl-C and SIGTERM end the loop after the execution at hand."""

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the signal module's signature
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
