"""run_program: run the program of a run that waits for it. Workers start it."""

from __future__ import annotations

import signal
import threading
import uuid
from types import FrameType
from typing import Any

from django.core.management.base import CommandParser

from governance.domain.errors import InvalidInput, StaleState
from governance.domain.states import ExamState, RunState
from governance.management.command import GovernanceCommand
from governance.models import Exam
from governance.services import advice, exams, programs


class Command(GovernanceCommand):
    """One program, in this process, which a worker has taken on."""

    help = "Run a run's program, an adviser or an exam. Workers start it, after taking it on."
    example = "manage.py run_program --run 0192f0c1-7b1c-7000-8000-000000000000"

    def options(self, parser: CommandParser) -> None:
        """Which."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--run", help="the run's id")
        which.add_argument("--advice", help="the advice's id")
        which.add_argument("--exam", help="the exam's id")

    def run(self, **options: Any) -> dict[str, Any]:
        """Run it to its end; a SIGTERM interrupts it as Ctrl-C does, and what it ran has ended."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _interrupt)
        try:
            return self._one(options)
        except KeyboardInterrupt as interrupt:
            raise StaleState("It was interrupted before its end.") from interrupt

    def _one(self, options: dict[str, Any]) -> dict[str, Any]:
        if options["run"]:
            return self._run_program(options)
        return self._examine(options) if options["exam"] else self._advise(options)

    def _run_program(self, options: dict[str, Any]) -> dict[str, Any]:
        ending = programs.run_program(run_id=_key(options["run"]))
        return {"outcome": ending.outcome, "note": ending.note}

    def _examine(self, options: dict[str, Any]) -> dict[str, Any]:
        exam = Exam.objects.get(pk=_key(options["exam"]))
        ended = exams.run(exam=exam, by=exams.EXAMINER)
        return {"outcome": ended.state, "note": ended.note}

    def _advise(self, options: dict[str, Any]) -> dict[str, Any]:
        answered = advice.give(advice_id=_key(options["advice"]))
        return {"outcome": answered.opinion or "none", "note": answered.reasons or answered.error}

    def refusal(self, result: dict[str, Any]) -> str:
        """A program that did not succeed, and an adviser that said nothing."""
        bad = {RunState.FAILED, RunState.ABANDONED, ExamState.ABORTED, "none"}
        return f"{result['outcome']}: {result['note']}" if result["outcome"] in bad else ""


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the signal module's signature
    # No SystemExit: a program that exits by itself has failed, and this one has not.
    raise KeyboardInterrupt


def _key(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not the id of anything.") from error
