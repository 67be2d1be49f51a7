"""Watching: what a run's supervision means for what happens in it. Holds, guidance, events.

Below everything that acts in a run; `supervision` above has the verbs of the people who watch.

Whoever needs more than one of these rows locks them in this order: execution, run, session,
proposal. Nobody who holds a session waits for an execution that others have in hand.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from governance import lifecycle
from governance.domain.actors import Actor
from governance.domain.errors import RunHeld, StaleState
from governance.domain.states import ExecutionState, RunState, SupervisionState
from governance.domain.values import Json, canonical_text
from governance.domain.words import InterventionKind
from governance.execution import delivery
from governance.execution.registry import ActionFailed, ActionWaits
from governance.models import (
    Decision,
    Execution,
    ExecutionStep,
    Intervention,
    Run,
    SessionEvent,
    SupervisionSession,
)
from governance.policy.redaction import clean

CHANNEL = "governance_sessions"
"""Where PostgreSQL tells other processes that there are events."""

PATIENCE = datetime.timedelta(hours=1)
"""How long a held step waits before it is looked at again; waking it needs no patience."""

SHOWN = 2_000
"""Longest text in an event, in characters."""

MAX_PARAMS = 4_000
"""Largest params in an event, in characters of JSON; an event is sent to everybody who watches."""

PAUSED = "The supervisor has paused the run; its next action waits. Ask again."


@dataclass(frozen=True, slots=True)
class Wish:
    """What an agent asks for."""

    action_type: str
    params: dict[str, Json]
    reasoning: str

    def as_json(self) -> dict[str, Json]:
        """As events tell it: without its params where they are too long."""
        told: dict[str, Json] = {
            "action_type": self.action_type,
            "reasoning": self.reasoning[:SHOWN],
        }
        if len(canonical_text(self.params, what="params")) <= MAX_PARAMS:
            told["params"] = self.params
        return told


def standing(run: Run | None) -> SupervisionSession | None:
    """The session under which a run stands, locked; None when nobody watches it.

    Needs a transaction: whoever acts in a watched run and whoever steers it take turns.
    """
    if run is None:
        return None
    found = SupervisionSession.objects.of_run(run.pk)
    if found is None:
        return None
    session = SupervisionSession.objects.locked(found.pk)
    return session if session.state in {SupervisionState.RUNNING, SupervisionState.PAUSED} else None


def is_held(run_id: uuid.UUID, *, unwatched: bool) -> bool:
    """Whether a run that was told to wait has to wait on.

    `unwatched`: it waits for a supervisor to appear, and not only for one to let it go on.
    """
    session = SupervisionSession.objects.of_run(run_id)
    if session is not None:
        return bool(session.state == SupervisionState.PAUSED)
    running = Run.objects.filter(pk=run_id, state=RunState.RUNNING).exists()
    return unwatched and running


def holds(execution: Execution) -> bool:
    """Whether the execution waits because its run is paused."""
    if execution.state != ExecutionState.READY or execution.waiting_for is None:
        return False
    return SupervisionSession.objects.open().filter(pk=execution.waiting_for).exists()


def require_unpaused(run: Run | None) -> None:
    """Raise RunHeld while a supervisor holds the run. Needs a transaction."""
    session = standing(run)
    if session is not None and session.state == SupervisionState.PAUSED:
        raise RunHeld(PAUSED)


def require_free(run: Run | None) -> None:
    """Raise RunHeld while a supervisor holds the run, StaleState unless it is running.

    Needs a transaction.
    """
    require_unpaused(run)
    if run is None:
        return
    # Only now: whoever ends a watched run has its session locked until that is done.
    state = Run.objects.values_list("state", flat=True).get(pk=run.pk)
    if state != RunState.RUNNING:
        raise StaleState(
            f"The run {RunState(state).standing}; nothing is carried out in it any more."
        )


def _over(state: str) -> str:
    return f"The run {RunState(state).standing}; nothing is carried out in it any more."


def before_step(row: ExecutionStep) -> None:
    """Keep a step back while its run is paused, and for good once its run failed or was ended.

    A run that has succeeded may leave plans to workers. Raises ActionWaits, ActionFailed. Needs
    a transaction.
    """
    run = row.execution.run
    if run is None:
        return
    session = standing(run)
    if session is not None and session.state == SupervisionState.PAUSED:
        _tell_held(session, _of(row))
        raise ActionWaits(PAUSED, subject=session, until=timezone.now() + PATIENCE)
    state = Run.objects.values_list("state", flat=True).get(pk=run.pk)
    if state in {RunState.FAILED, RunState.ABANDONED}:
        raise ActionFailed(_over(state))


def on_step(row: ExecutionStep) -> None:
    """Tell those who watch how a step went. Needs the transaction that moved it."""
    note(
        run_id=row.execution.run_id,
        kind="step",
        data={**_of(row), "state": str(row.state), "error": row.error[:SHOWN]},
    )


def hold_back(session: SupervisionSession, *, wish: Wish) -> None:
    """The agent asked while its run is paused: tell those who watch what waits."""
    _tell_held(session, wish.as_json())


def settled(execution: Execution) -> None:
    """Tell those who watch how a plan ended. Needs the transaction that ended it."""
    if execution.run_id is None:
        return
    session = SupervisionSession.objects.of_run(execution.run_id)
    if session is not None:
        how = {"state": str(execution.state), "steps": execution.steps.count()}
        append(session, kind="execution", data={"execution": str(execution.pk), **how})


def asked(
    *,
    session: SupervisionSession | None,
    decision: Decision,
    wish: Wish,
    led_to: dict[str, Json],
) -> str:
    """The agent asked for something and got an answer; returns the guidance that goes with it.

    The decision is what the agent did after every intervention that has no such thing yet.
    `led_to`: the proposal or the execution that came of it, if one did.
    """
    if session is None:
        return ""
    Intervention.objects.filter(session=session, followed_by__isnull=True).update(
        followed_by=decision
    )
    answer = {"decision": str(decision.pk), "route": str(decision.route)}
    append(session, kind="action", data={**wish.as_json(), **answer, **led_to})
    return _hand_over_guidance(session)


def guidance_with(decisions: QuerySet[Decision]) -> str:
    """The guidance that was handed over with the answer that these decisions were."""
    rows = Intervention.objects.filter(followed_by__in=decisions, delivered_at__isnull=False)
    return _as_text(rows.order_by("created_at", "id"))


def end_with(run: Run, *, by: Actor) -> None:
    """The run has ended: tell those who watch; what failed has nothing left to complete."""
    session = standing(run)
    if session is None:
        return
    tell_end(session, run)
    if run.state != RunState.SUCCEEDED:
        fields = {"ended_at": timezone.now()}
        lifecycle.move(session, to=SupervisionState.FAILED, by=by, fields=fields)
        delivery.wake(session.pk)  # what was paused now stops


def tell_end(session: SupervisionSession, run: Run) -> None:
    """Append that the run has ended, and what guidance never arrived. Needs a transaction."""
    lost = list(_undelivered(session))
    if lost:
        append(session, kind="guidance_lost", data={"interventions": [str(row.pk) for row in lost]})
    append(session, kind="run_ended", data={"state": str(run.state), "note": run.outcome[:SHOWN]})


def note(*, run_id: uuid.UUID | None, kind: str, data: dict[str, Json]) -> None:
    """Append an event to the run's open session, if there is one. Needs a transaction."""
    session = None if run_id is None else SupervisionSession.objects.of_run(run_id)
    if session is not None:
        append(session, kind=kind, data=data)


def append(session: SupervisionSession, *, kind: str, data: dict[str, Json]) -> SessionEvent:
    """Write the session's next event. Needs a transaction.

    The sequence is given under the session's row lock, so that it has no gaps and is in the order
    of commits; whoever reads past a number has seen all before it.
    """
    SupervisionSession.objects.filter(pk=session.pk).update(last_sequence=F("last_sequence") + 1)
    session.refresh_from_db(fields=["last_sequence"])
    event = SessionEvent.objects.create(
        workspace_id=session.workspace_id,
        session=session,
        sequence=session.last_sequence,
        kind=kind,
        data=clean(data),
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")  # delivered when this transaction commits
    return event


def _of(row: ExecutionStep) -> dict[str, Json]:
    return {
        "execution": str(row.execution_id),
        "step": row.step,
        "action_type": row.action_type,
    }


def _tell_held(session: SupervisionSession, data: dict[str, Json]) -> None:
    """Append what waits, once, however often it is tried."""
    last = SessionEvent.objects.filter(session=session).order_by("-sequence").first()
    if last is None or last.kind != "held" or last.data != clean(data):
        append(session, kind="held", data=data)


def _hand_over_guidance(session: SupervisionSession) -> str:
    with transaction.atomic():
        waiting = list(_undelivered(session))
        for row in waiting:
            row.delivered_at = timezone.now()
            row.save(update_fields=["delivered_at"])
        if waiting:
            numbers: list[Json] = [str(row.pk) for row in waiting]
            append(session, kind="guidance_delivered", data={"interventions": numbers})
    return _as_text(waiting)


def _undelivered(session: SupervisionSession) -> QuerySet[Intervention]:
    return Intervention.objects.filter(
        session=session, kind=InterventionKind.CORRECT, delivered_at__isnull=True
    ).order_by("created_at", "id")


def _as_text(rows: Iterable[Intervention]) -> str:
    return "\n".join(row.guidance for row in rows)
