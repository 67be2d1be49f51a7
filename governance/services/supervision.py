"""Supervision: take a run to watch, pause it, correct it, end it, and say how it went."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from governance import gate, ledger, lifecycle
from governance.domain.actors import Actor
from governance.domain.errors import GateRefused, StaleState
from governance.domain.roles import Right
from governance.domain.states import (
    ExecutionState,
    ProposalState,
    RunState,
    SupervisionState,
)
from governance.domain.values import Json, require_text
from governance.domain.words import InterventionKind, Route, TriggerSource
from governance.execution import delivery
from governance.models import (
    Execution,
    Intervention,
    Proposal,
    Run,
    SupervisionSession,
)
from governance.models.run import RUN_ENDED
from governance.policy import confidence
from governance.policy.redaction import clean, clean_text
from governance.services import (
    agents,
    executions,
    memberships,
    outcomes,
    presence,
    proposals,
    runs,
    watching,
)

MAX_TEXT = 2_000
WATCHED_SECONDS = 10
"""That somebody is watching is written down at most this often."""

COUNTED = (InterventionKind.PAUSE, InterventionKind.CORRECT, InterventionKind.TERMINATE)
"""What counts against a run when its session is rated: resuming only ends a pause."""


def start(*, run: Run, by: Actor) -> SupervisionSession:
    """`by` takes a run to watch; one that is queued for supervision begins.

    Raises StaleState (it has ended, waits for a proposal, or somebody watches it already),
    GateRefused (the gate would no longer let it start), NotAllowed.
    """
    user_id = memberships.require_person(
        by=by, workspace_id=run.workspace_id, right=Right.SUPERVISE
    )
    return _open(run, user_id=user_id, by=by)


def assign(*, run: Run, by: Actor) -> SupervisionSession | None:
    """Give a run to its agent's owner, or to any supervisor of the workspace, who is available.

    None when nobody is, or when somebody was faster.
    """
    user_id = presence.available_supervisor(workspace_id=run.workspace_id, first=run.agent.owner_id)
    if user_id is None:
        return None
    try:
        return _open(run, user_id=user_id, by=by)
    except StaleState:
        return None


def assign_waiting(*, by: Actor) -> int:
    """`assign` every run that is queued for supervision; returns how many began."""
    begun, nobody_there = 0, set[uuid.UUID]()
    for run in Run.objects.waiting_for_supervisor().select_related("agent", "trigger"):
        if run.workspace_id in nobody_there:
            continue
        try:
            assigned = assign(run=run, by=by)
        except GateRefused:
            continue  # such as under a ceiling: a person has to look
        begun += assigned is not None
        if assigned is None:
            nobody_there.add(run.workspace_id)
    return begun


def pause(*, session: SupervisionSession, seen: int, by: Actor, reason: str = "") -> None:
    """Hold the run's next action, whatever it is. Raises StaleState, NotAllowed.

    `seen`, here and below: the session's version that the person saw. When somebody else acted
    meanwhile, nothing is done, and StaleState says so.
    """
    _steer(session, seen, InterventionKind.PAUSE, reason, to=SupervisionState.PAUSED, by=by)


def resume(*, session: SupervisionSession, seen: int, by: Actor, reason: str = "") -> None:
    """Let a paused run go on. Raises StaleState, NotAllowed."""
    with transaction.atomic():
        _steer(session, seen, InterventionKind.RESUME, reason, to=SupervisionState.RUNNING, by=by)
        _touch(session)  # who resumes it watches it
        delivery.wake(session.pk)


def correct(*, session: SupervisionSession, seen: int, guidance: str, by: Actor) -> Intervention:
    """Tell the agent something, with the next answer it gets. Raises StaleState, NotAllowed."""
    require_text(guidance, what="guidance", max_length=MAX_TEXT, required=True)
    user_id = _require_supervisor(session, by=by)
    with transaction.atomic():
        row = _lock(session, seen)
        if row.run.state in RUN_ENDED:
            raise StaleState(f"The run {_standing(row.run)}; there is nobody left to guide.")
        return _intervene(row, InterventionKind.CORRECT, guidance, user_id=user_id, by=by)


def terminate(*, session: SupervisionSession, seen: int, reason: str, by: Actor) -> None:
    """End the run: its further actions are denied, and what waits of it is cancelled.

    What was sent is not taken back; a plan under way stops before its next step.
    Raises StaleState, NotAllowed.
    """
    require_text(reason, what="reason", max_length=MAX_TEXT, required=True)
    user_id = _require_supervisor(session, by=by)
    with transaction.atomic():
        run = Run.objects.locked(session.run_id)  # before the session, as whoever ends a run does
        row = _lock(session, seen)
        if run.state in RUN_ENDED:
            raise StaleState(f"The run {_standing(run)}; it can only be rated.")
        _intervene(row, InterventionKind.TERMINATE, reason, user_id=user_id, by=by)
        fields = {"ended_at": timezone.now()}
        lifecycle.move(row, to=SupervisionState.TERMINATED, by=by, fields=fields)
        _cancel_what_waits(run, reason=reason, by=by)  # proposals are locked before the agent
        runs.abandon(run=run, by=by, note=f"Terminated by {by.label}: {reason}"[:MAX_TEXT])
        watching.tell_end(row, run)
        delivery.wake(row.pk)  # what was paused now stops


def complete(
    *, session: SupervisionSession, seen: int, rating: int, by: Actor, feedback: str = ""
) -> SupervisionSession:
    """Rate a run that has ended, 1 to 5; moves the agent's confidence, and never its maturity.

    Raises StaleState (it is still going on, or was rated), InvalidInput, NotAllowed.
    """
    require_text(feedback, what="feedback", max_length=MAX_TEXT)
    _require_supervisor(session, by=by)
    with transaction.atomic():
        row = _lock(session, seen)
        if row.run.state not in RUN_ENDED:
            raise StaleState("The run is still going on; rate it when it has ended.")
        counted = row.interventions.filter(kind__in=COUNTED, by__isnull=False).count()
        boost = confidence.supervision_boost(rating=rating, interventions=counted)
        lifecycle.move(
            row,
            to=SupervisionState.COMPLETED,
            by=by,
            fields={
                "ended_at": timezone.now(),
                "rating": rating,
                "feedback": feedback,
                "boost": boost,
            },
            data={"rating": rating, "interventions": counted, "boost": boost},
        )
        watching.append(
            row, kind="completed", data={"rating": rating, "boost": boost, "by": by.as_json()}
        )
        why: dict[str, Json] = {"supervision": str(row.pk), "rating": rating}
        agents.raise_confidence(agent=row.agent, gain=boost, why=why, by=by)
        outcomes.session_completed(row, by=by)
    return row


def watched(*, session: SupervisionSession, by: Actor) -> None:
    """A console is open, of somebody who could act. Written down at most every 10 s.

    It need not be the supervisor's: a colleague who took over watches as well. Raises NotAllowed.
    """
    _require_supervisor(session, by=by)
    if timezone.now() - session.watched_at >= datetime.timedelta(seconds=WATCHED_SECONDS):
        _touch(session)


def pause_unwatched(*, by: Actor) -> int:
    """Pause what nobody has looked at for GOVERNANCE_SUPERVISOR_SECONDS; returns how many."""
    limit = datetime.timedelta(seconds=settings.GOVERNANCE_SUPERVISOR_SECONDS)
    since, paused = timezone.now() - limit, 0
    for session in SupervisionSession.objects.unwatched(since=since):
        reason = f"Nobody has watched for {limit.total_seconds():g} s."
        try:
            with transaction.atomic():
                row = _lock(session, session.version)
                if row.watched_at > since:
                    continue  # somebody came back in between
                _intervene(row, InterventionKind.PAUSE, reason, user_id=None, by=by)
                lifecycle.move(row, to=SupervisionState.PAUSED, by=by, data={"reason": reason})
        except StaleState:
            continue  # somebody acted in between
        paused += 1
    return paused


def _open(run: Run, *, user_id: int, by: Actor) -> SupervisionSession:
    with transaction.atomic():
        row = Run.objects.locked(run.pk)
        _require_watchable(row)
        session = SupervisionSession(
            workspace_id=row.workspace_id, run=row, agent=row.agent, supervisor_id=user_id
        )
        try:
            with transaction.atomic():
                data: dict[str, Json] = {"run": str(row.pk), "supervisor": user_id}
                lifecycle.begin(session, by=by, data=data)
        except IntegrityError as error:
            raise StaleState("Somebody already watches this run; open its session.") from error
        watching.append(
            session,
            kind="started",
            data={"by": by.as_json(), "supervisor": session.supervisor.get_username()},
        )
        if row.state == RunState.QUEUED:
            runs.start(run=row, by=by)
    run.refresh_from_db()
    return session


def _require_watchable(run: Run) -> None:
    """The gate is asked again about a run that waited: a demotion holds from the next decision."""
    if run.state in RUN_ENDED:
        raise StaleState(f"The run {_standing(run)}; there is nothing left to watch.")
    if run.state == RunState.RUNNING:
        return
    if run.trigger.route != Route.SUPERVISION:
        raise StaleState("The run waits for the proposal to start it; decide that.")
    answer = gate.ask_to_start(agent_id=run.agent_id, source=TriggerSource(run.trigger.source))
    if not answer.route.within(Route.SUPERVISION):
        reasons = "; ".join(answer.verdict.reasons)
        raise GateRefused(f"The gate now answers {answer.route.value} to this start: {reasons}.")


def _steer(
    session: SupervisionSession,
    seen: int,
    kind: InterventionKind,
    reason: str,
    *,
    to: SupervisionState,
    by: Actor,
) -> None:
    require_text(reason, what="reason", max_length=MAX_TEXT)
    user_id = _require_supervisor(session, by=by)
    with transaction.atomic():
        row = _lock(session, seen)
        if row.run.state in RUN_ENDED:
            raise StaleState(f"The run {_standing(row.run)}; it can only be rated.")
        _intervene(row, kind, reason, user_id=user_id, by=by)
        lifecycle.move(row, to=to, by=by, data={"reason": clean_text(reason)} if reason else None)


def _lock(session: SupervisionSession, seen: int) -> SupervisionSession:
    row = SupervisionSession.objects.locked(session.pk)
    if row.version != seen:
        raise StaleState(
            f"The session is {row.state} now: {_what_moved(row)} after you looked. Nothing was "
            "done; look again, then decide."
        )
    return row


def _what_moved(row: SupervisionSession) -> str:
    """Who, or what, brought the session into its state."""
    if row.state == SupervisionState.COMPLETED:
        return "somebody rated it"
    if row.state == SupervisionState.FAILED:
        return "its run ended"
    moves = row.interventions.exclude(kind=InterventionKind.CORRECT)
    last = moves.select_related("by").order_by("-created_at", "-id").first()
    who = last.by.get_username() if last and last.by else "the system"
    return f"{who} acted ({last.kind})" if last else "somebody acted"


def _intervene(
    row: SupervisionSession,
    kind: InterventionKind,
    text: str,
    *,
    user_id: int | None,
    by: Actor,
) -> Intervention:
    found = Intervention.objects.create(
        workspace_id=row.workspace_id, session=row, kind=kind, guidance=text, by_id=user_id
    )
    data: dict[str, Json] = {"intervention": str(found.pk), "kind": str(kind), "text": text}
    watching.append(row, kind="intervention", data={**data, "by": by.as_json()})
    ledger.append(
        kind=f"intervention.{kind}",
        by=by,
        workspace_id=row.workspace_id,
        subject_id=row.pk,
        data=clean(data),
    )
    return found


def _cancel_what_waits(run: Run, *, reason: str, by: Actor) -> None:
    """Take back the run's proposals and executions that nobody has in hand.

    Executions that another transaction has locked are left to it, and not waited for: it may wait
    for the session, and finds the run ended. Proposals come first: one that is approved meanwhile
    has an execution afterwards.
    """
    for proposal in Proposal.objects.filter(run=run, state=ProposalState.PROPOSED):
        _take_back(partial(proposals.withdraw, proposal=proposal, reason=reason, by=by))
    ready = Execution.objects.filter(run=run, state=ExecutionState.READY)
    for execution in ready.select_for_update(skip_locked=True, of=("self",), no_key=True):
        if execution.proposal is None:
            _take_back(partial(executions.cancel, execution=execution, reason=reason, by=by))
        else:
            proposal = execution.proposal
            _take_back(partial(proposals.withdraw, proposal=proposal, reason=reason, by=by))


def _take_back(verb: Callable[[], object]) -> None:
    try:
        with transaction.atomic():
            verb()
    except StaleState:
        return  # it was decided or sent meanwhile, and stops before its next step


def _require_supervisor(session: SupervisionSession, *, by: Actor) -> int:
    return memberships.require_person(
        by=by, workspace_id=session.workspace_id, right=Right.SUPERVISE
    )


def _touch(session: SupervisionSession) -> None:
    SupervisionSession.objects.filter(pk=session.pk).update(watched_at=timezone.now())


def _standing(run: Run) -> str:
    return RunState(run.state).standing
