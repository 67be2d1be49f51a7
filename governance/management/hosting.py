"""Hosting: agents' programs, each in a process of its own, beside a worker."""

from __future__ import annotations

import logging
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import DatabaseError

from governance.execution import holder
from governance.models import Advice
from governance.services import advice, exams, programs

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Child:
    """A process, and the run whose program it runs; None for advice."""

    process: subprocess.Popen[bytes]
    run_id: uuid.UUID | None


class Programs:
    """Starts what waits, at most GOVERNANCE_PROGRAMS at once; ends them when it is closed."""

    def __init__(self) -> None:
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for child in self._children:
            child.process.terminate()  # its run is abandoned, and says so
        for child in self._children:
            try:
                child.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        try:
            self._bury()
        except DatabaseError as failure:
            log.warning("The database failed; others will see which programs died: %s", failure)

    def look(self) -> int:
        """Start the programs that wait, as far as there is room; returns how many.

        Each is taken before its process starts, so that of several workers one starts it.
        """
        self._bury()
        room = settings.GOVERNANCE_PROGRAMS - len(self._children)
        begun = 0
        for run_id in programs.waiting_programs()[: max(room, 0)]:
            if programs.take(run_id):
                self._start("--run", str(run_id), run_id=run_id)
                begun += 1
        asked = Advice.objects.untaken().order_by("created_at", "id").values_list("pk", flat=True)
        for advice_id in list(asked[: max(room - begun, 0)]):
            if advice.take(advice_id):
                self._start("--advice", str(advice_id))
                begun += 1
        for exam_id in exams.waiting()[: max(room - begun, 0)]:
            if exams.take(exam_id):
                self._start("--exam", str(exam_id))
                begun += 1
        return begun

    def _start(self, *what: str, run_id: uuid.UUID | None = None) -> None:
        manage = Path(sys.argv[0]).resolve()
        command = [sys.executable, str(manage), "run_program", *what]
        # A session of its own, so that Ctrl-C reaches the worker first and programs through it.
        process = subprocess.Popen(  # noqa: S603  our own command line
            command, stdout=subprocess.DEVNULL, start_new_session=True
        )
        self._children.append(Child(process, run_id))

    def _bury(self) -> None:
        """Let go of those that ended; one that was killed could not end its run by itself."""
        ended = [child for child in self._children if child.process.poll() is not None]
        self._children = [child for child in self._children if child not in ended]
        for child in ended:
            if child.run_id is not None and child.process.returncode != 0:
                programs.abandon_dead(run_id=child.run_id, by=holder.this_process())
