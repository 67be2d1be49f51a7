"""The worker: the task engine's wheel, and a sweeper beside it."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections import Counter
from types import FrameType, TracebackType
from typing import Self

from django.conf import settings
from django.db import DatabaseError, connection

from governance import engines
from governance.domain.errors import LeaseLost
from governance.execution import holder
from governance.management.hosting import Programs
from governance.services import (
    advice,
    device_commands,
    exams,
    executions,
    programs,
    promotions,
    proposals,
    supervision,
)

log = logging.getLogger(__name__)


class Sweeper:
    """Puts right what time and death leave behind; while open, from a thread of its own.

    It settles leases that ran out, expires proposals, abandons runs whose process died, and
    delivers again what nobody picked up. Safe to run many. `parent`: end this process when that
    one is no longer our parent.
    """

    def __init__(self, *, parent: int | None = None) -> None:
        self.by = holder.this_process()
        self.counts: Counter[str] = Counter()
        self._parent, self._stop = parent, threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

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

    def sweep(self) -> None:
        """Once. Database errors are raised."""
        swept = executions.sweep(by=self.by)
        self.counts["swept_to_ready"] += swept["ready"]
        self.counts["swept_to_in_doubt"] += swept["in_doubt"]
        self.counts["proposals_expired"] += proposals.expire_overdue(by=self.by)
        self.counts["device_commands_settled"] += device_commands.settle_overdue(by=self.by)
        self.counts["runs_abandoned"] += programs.abandon_overdue(by=self.by)
        self.counts["runs_begun"] += supervision.assign_waiting(by=self.by)
        self.counts["sessions_paused"] += supervision.pause_unwatched(by=self.by)
        self.counts["advice_given_up"] += advice.give_up_silent(by=self.by)
        self.counts["exams_aborted"] += exams.abort_overdue(by=self.by)
        self.counts["proposals_withdrawn"] += promotions.ask_again(by=self.by)
        self.counts["delivered_again"] += executions.redeliver()

    def _run(self) -> None:
        try:
            with Programs() as programs:
                self._look_after(programs)
        finally:
            connection.close()

    def _look_after(self, programs: Programs) -> None:
        while not self._stop.is_set():
            self._sweep_safely(programs)
            if self._parent is not None and os.getppid() != self._parent:
                os.kill(os.getpid(), signal.SIGTERM)
                return
            self._stop.wait(settings.GOVERNANCE_SWEEP_SECONDS)

    def _sweep_safely(self, programs: Programs) -> None:
        try:
            self.sweep()
            programs.look()
        except DatabaseError as error:
            log.warning("The database failed, sweeping again later: %s", error)
            connection.close()
        except Exception:
            log.exception("The sweeper failed, and will try again.")


class Worker:
    """Carries out executions one at a time. Safe to run many, on many machines."""

    def __init__(self, *, stop: threading.Event, parent: int | None = None) -> None:
        """`parent`: also stop when this process is no longer our parent."""
        self._stop, self._own = stop, Counter[str]()
        self._sweeper = Sweeper(parent=parent)
        self.by = self._sweeper.by

    @property
    def counts(self) -> Counter[str]:
        """What `drain` did, by the state it ended in, and what was swept."""
        return self._own + self._sweeper.counts

    def drain(self) -> None:
        """Work until nothing is ready, straight from the rows. Database errors are raised."""
        self._sweeper.sweep()
        while not self._stop.is_set() and self._work_once():
            pass

    def run(self) -> None:
        """Do what the task engine delivers, and sweep, until told to stop."""
        log.info("%s works; task engine: %s", self.by.label, settings.GOVERNANCE_ENGINE)
        with self._sweeper:
            engines.run(self._stop)

    def sweep(self) -> None:
        """Only sweep, until told to stop."""
        log.info("%s sweeps; task engine: %s", self.by.label, settings.GOVERNANCE_ENGINE)
        with self._sweeper:
            self._stop.wait()

    def _work_once(self) -> bool:
        """Carry out one execution; whether there was one."""
        try:
            execution = executions.run_next(by=self.by)
        except LeaseLost as error:
            log.warning("%s", error)
            self._own["lost"] += 1
            return True
        if execution is None:
            return False
        log.info("Execution %s: %s", execution.pk, execution.state)
        self._own[str(execution.state)] += 1
        return True


def stop_on_signals(stop: threading.Event) -> None:
    """Ctrl-C and SIGTERM end the work after the execution at hand."""

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the signal module's signature
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
