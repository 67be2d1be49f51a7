"""Exams: start an attempt, run it to its end, abort it. Only a passed one can promote."""

from __future__ import annotations

import datetime
import uuid
from collections import defaultdict
from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from governance import lifecycle
from governance.domain.actors import Actor, system
from governance.domain.errors import GovernanceError, InvalidInput, StaleState
from governance.domain.roles import Right
from governance.domain.states import AgentState, ExamState, WorkspaceState
from governance.domain.values import Json, require_text
from governance.domain.words import Maturity
from governance.exams import layers
from governance.exams.errors import SandboxFailed
from governance.execution.heartbeat import Heartbeat
from governance.models import Agent, Exam, ExamAnswer, ExamCase, Workspace
from governance.policy import exams
from governance.services import maturity, memberships, programs, sittings
from governance.services.exam_cases import DEFAULT_SET
from governance.services.sittings import NeverBegan, Room, Sitting

EXAMINER = system("examiner")
MAX_CASES = 200
MAX_REPEATS = 20

OVERDUE = datetime.timedelta(seconds=60)
"""A process that has not shown itself for so long is dead, and its exam aborted."""

AT_ONCE = 20

Progress = Callable[[int, int], None]
"""Told after every sitting: how many there were, of how many."""


class _Aborted(Exception):
    """The exam cannot go on. str() says why."""


class _Over(Exception):
    """Somebody else has ended the exam."""


def start(
    *,
    agent: Agent,
    by: Actor,
    target: str | None = None,
    case_set: str = DEFAULT_SET,
    repeats: int | None = None,
    here: bool = False,
) -> Exam:
    """Begin the next attempt; a process of ours takes it, or, with `here`, the caller has.

    `target`: the maturity it is for, by default the next one. What it is about is fixed now: the
    cases in force, how often each, the score that is needed, and the agent's fingerprint.
    Raises InvalidInput (no cases: no data is no pass), StaleState (an exam is running, or the last
    failure at this target cools down), NotAllowed.
    """
    programs.is_in_process(agent)  # or there is no way to it at all
    repeats = settings.GOVERNANCE_EXAM_REPEATS if repeats is None else repeats
    if not 1 <= repeats <= MAX_REPEATS:
        raise InvalidInput(f"Each case is sat 1 to {MAX_REPEATS} times, not {repeats}.")
    with transaction.atomic():
        memberships.require(by=by, workspace_id=agent.workspace_id, right=Right.GOVERN)
        row = Agent.objects.locked(agent.pk)  # attempts are numbered one at a time
        wanted = _target(row, target)
        _require_free(row, wanted)
        cases = ExamCase.objects.in_force(row.workspace_id, case_set)
        _require_cases(cases, case_set)
        exam = Exam(
            workspace_id=row.workspace_id,
            agent=row,
            attempt=_last_attempt(row) + 1,
            target=wanted,
            case_set=case_set,
            cases=[str(case.pk) for case in cases],
            repeats=repeats,
            needed=maturity.criteria_to(wanted, agent=row).min_exam,
            stint=row.stint,
            fingerprint=row.fingerprint,
            seen_at=timezone.now() if here else None,
        )
        lifecycle.begin(exam, by=by, data=_begun(exam))
    return exam


def take(exam_id: uuid.UUID) -> bool:
    """Claim the one run of an exam that waits for a process.

    A conditional UPDATE on the row itself: with a join in it, PostgreSQL would not look again at
    what somebody else changed while it waited, and two would take the exam.
    """
    if not Exam.objects.untaken().filter(pk=exam_id).exists():
        return False
    free = Exam.objects.filter(pk=exam_id, state=ExamState.RUNNING, seen_at__isnull=True)
    return free.update(seen_at=timezone.now()) == 1


def run(*, exam: Exam, by: Actor, progress: Progress | None = None) -> Exam:
    """Run an exam that this process has taken, to its end; returns the row as it is then.

    An exam that cannot go on is aborted, and says why. Whatever interrupts this process aborts it
    too, and goes on.
    """
    try:
        with Heartbeat(lambda: _show_alive(exam.pk)):
            _examine(exam, by=by, progress=progress)
    except (_Aborted, SandboxFailed, GovernanceError) as error:
        _abort(exam, why=str(error), by=by)
    except _Over:
        pass
    except BaseException as error:  # such as Ctrl-C: not ours to swallow
        _abort(exam, why=f"It was interrupted ({type(error).__name__}).", by=by)
        raise
    return Exam.objects.get(pk=exam.pk)


def abort(*, exam: Exam, reason: str, by: Actor) -> None:
    """End an exam without a verdict; the sitting at hand is its last. NotAllowed, StaleState."""
    require_text(reason, what="reason", max_length=500, required=True)
    memberships.require(by=by, workspace_id=exam.workspace_id, right=Right.GOVERN)
    with transaction.atomic():
        row = Exam.objects.locked(exam.pk)
        _move(row, to=ExamState.ABORTED, note=reason, by=by)


def abort_overdue(*, by: Actor) -> int:
    """Abort exams whose process died: it was to show itself every few seconds; how many."""
    overdue = list(Exam.objects.silent(since=timezone.now() - OVERDUE))
    for exam in overdue:
        _abort(exam, why="The process that ran it died.", by=by)
    return len(overdue)


def waiting() -> list[uuid.UUID]:
    """The exams that no process has taken yet, oldest first."""
    return list(Exam.objects.untaken().values_list("pk", flat=True)[:AT_ONCE])


def cooled_down_at(agent: Agent, target: str) -> datetime.datetime | None:
    """When an attempt at `target` may begin after the last failure; None where none failed.

    An attempt that ended without a verdict after a case was shown is as good as a failure: or an
    agent could look at the cases as often as it likes.
    """
    failed = Exam.objects.last_failed(agent.pk, target)
    if failed is None or failed.ended_at is None:
        return None
    pause = datetime.timedelta(hours=settings.GOVERNANCE_EXAM_COOL_DOWN_HOURS)
    return failed.ended_at + pause


def cases_of(exam: Exam) -> list[ExamCase]:
    """The case versions the exam is about, in the order they are sat."""
    found = ExamCase.objects.of(exam.workspace_id).in_bulk([uuid.UUID(key) for key in exam.cases])
    return [found[uuid.UUID(key)] for key in exam.cases]


def answers_of(exam: Exam) -> dict[str, list[ExamAnswer]]:
    """By the case's key (its id), the answers there are, in the order of their repeats."""
    found: dict[str, list[ExamAnswer]] = defaultdict(list)
    for answer in ExamAnswer.objects.filter(exam=exam).order_by("repeat").defer("transcript"):
        found[str(answer.case_id)].append(answer)
    return dict(found)


def limited(exam: Exam) -> list[layers.Layer]:
    """The layers of isolation that were not obtained; none where it is the host's matter."""
    return [] if layers.REMOTE in exam.isolation else layers.missing(exam.isolation)


# --- Before it begins -----------------------------------------------------------------------------


def _target(agent: Agent, target: str | None) -> Maturity:
    wanted = maturity.next_after(Maturity(agent.maturity)) if target is None else target
    if wanted is None:
        raise InvalidInput(f"{agent.name} is {agent.maturity}; there is nothing above. Name one.")
    if wanted not in Maturity.values or wanted == Maturity.STUDENT:
        raise InvalidInput(
            f"There is no exam for {wanted!r}; name intern, supervised or autonomous."
        )
    return Maturity(wanted)


def _require_free(agent: Agent, target: Maturity) -> None:
    if agent.state == AgentState.RETIRED:
        raise StaleState(f"{agent.name} is retired; it sits no exams.")
    if Workspace.objects.get(pk=agent.workspace_id).state == WorkspaceState.HALTED:
        raise StaleState("The workspace is halted; nothing is started in it.")
    if Exam.objects.filter(agent=agent, state=ExamState.RUNNING).exists():
        raise StaleState(f"{agent.name} is sitting an exam already; wait for it, or abort it.")
    again = cooled_down_at(agent, target)
    if again is not None and timezone.now() < again:
        raise StaleState(
            f"The last attempt of {agent.name} at {target.value} failed; the next may begin at "
            f"{again.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC."
        )


def _require_cases(cases: list[ExamCase], case_set: str) -> None:
    if not cases:
        raise InvalidInput(
            f"There is no case in force in the set {case_set!r}, and an exam without cases shows "
            "nothing; define some, or cut them from episodes."
        )
    if len(cases) > MAX_CASES:
        raise InvalidInput(f"An exam has at most {MAX_CASES} cases, and this set {len(cases)}.")


def _last_attempt(agent: Agent) -> int:
    return Exam.objects.filter(agent=agent).aggregate(last=Max("attempt"))["last"] or 0


def _begun(exam: Exam) -> dict[str, Json]:
    return {
        "agent": str(exam.agent_id),
        "attempt": exam.attempt,
        "target": str(exam.target),
        "case_set": exam.case_set,
        "cases": exam.cases,
        "repeats": exam.repeats,
        "needed": exam.needed,
        "fingerprint": exam.fingerprint,
    }


# --- While it runs --------------------------------------------------------------------------------


def _examine(exam: Exam, *, by: Actor, progress: Progress | None) -> None:
    """Sit every case as often as it is to be sat, and draw the line."""
    agent, cases = _require_same(exam), cases_of(exam)
    total = len(cases) * exam.repeats
    with sittings.room(agent) as room:
        for number in range(total):
            case, repeat = cases[number // exam.repeats], number % exam.repeats + 1
            _keep(exam, case, repeat, _sat(exam, room, case))
            _require_same(exam)
            if progress is not None:
                progress(number + 1, total)
    _finish(exam, by=by)


def _sat(exam: Exam, room: Room, case: ExamCase) -> Sitting:
    """One sitting. What never began aborts the exam, unless the agent was there before.

    That the case is shown is written down first: whatever ends the exam then, it was seen.
    """
    first = Exam.objects.filter(pk=exam.pk, shown_at__isnull=True)
    shown_now = first.update(shown_at=timezone.now()) == 1
    try:
        return room.sit(case)
    except (NeverBegan, SandboxFailed) as error:
        unseen = isinstance(error, SandboxFailed) or not error.sent
        if shown_now and unseen:
            Exam.objects.filter(pk=exam.pk).update(shown_at=None)
        if isinstance(error, SandboxFailed):
            raise
        if not exam.answers.exists():
            raise _Aborted(str(error)) from error
        return Sitting([str(error)], [], {}, 0.0, exam.isolation)


def _keep(exam: Exam, case: ExamCase, repeat: int, sitting: Sitting) -> None:
    """Write an answer, as long as the exam is running. Raises _Over."""
    with transaction.atomic():
        if not _show_alive(exam.pk):
            raise _Over
        ExamAnswer.objects.create(
            workspace_id=exam.workspace_id,
            exam=exam,
            case=case,
            repeat=repeat,
            passed=not sitting.why,
            why=sitting.why,
            transcript=sitting.transcript,
            ending=sitting.ending,
            seconds=sitting.seconds,
        )
        first = not exam.isolation
        common = sitting.layers if first else [x for x in exam.isolation if x in sitting.layers]
        exam.isolation = common
        exam.save(update_fields=["isolation"])


def _show_alive(exam_id: uuid.UUID) -> bool:
    """Show that the process is alive; whether the exam is still running."""
    running = Exam.objects.filter(pk=exam_id, state=ExamState.RUNNING)
    return running.update(seen_at=timezone.now()) == 1


def _require_same(exam: Exam) -> Agent:
    """The agent that began it, as it is now. Raises _Aborted when it changed, or all is halted."""
    agent = Agent.objects.select_related("workspace").get(pk=exam.agent_id)
    if agent.fingerprint != exam.fingerprint:
        raise _Aborted("The agent's fingerprint changed: it is not the agent that began this exam.")
    if agent.workspace.state == WorkspaceState.HALTED:
        raise _Aborted("The workspace was halted.")
    return agent


# --- At the end -----------------------------------------------------------------------------------


def _finish(exam: Exam, *, by: Actor) -> None:
    """Score what was written down, and move the exam. The agent is the same until it is done."""
    with transaction.atomic():
        Agent.objects.locked(exam.agent_id)
        row = Exam.objects.locked(exam.pk)
        _require_same(row)
        passed = {key: [a.passed for a in found] for key, found in answers_of(row).items()}
        every = {key: passed.get(key, []) for key in row.cases}
        score = exams.score(every, repeats=row.repeats)
        if score is None:
            raise _Aborted("There was no case to sit.")
        enough = score >= row.needed
        to = ExamState.PASSED if enough else ExamState.FAILED
        _move(row, to=to, score=score, results=every, by=by)


def _abort(exam: Exam, *, why: str, by: Actor) -> None:
    """End it without a verdict, unless somebody ended it first."""
    with transaction.atomic():
        row = Exam.objects.locked(exam.pk)
        if row.state == ExamState.RUNNING:
            _move(row, to=ExamState.ABORTED, note=why, by=by)


def _move(
    row: Exam,
    *,
    to: ExamState,
    by: Actor,
    note: str = "",
    score: float | None = None,
    results: dict[str, list[bool]] | None = None,
) -> None:
    """Needs a transaction, and the row locked."""
    lifecycle.move(
        row,
        to=to,
        by=by,
        fields={"ended_at": timezone.now(), "note": note, "score": score},
        data={
            "attempt": row.attempt,
            "target": str(row.target),
            "score": score,
            "needed": row.needed,
            "results": results,
            "isolation": row.isolation,
            "note": note,
        },
    )
