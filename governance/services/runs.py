"""Runs: start what waits, and end what is done."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from governance import lifecycle
from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import InvalidInput, NotAllowed
from governance.domain.roles import Right
from governance.domain.states import RunState
from governance.domain.values import require_text
from governance.domain.words import Route, RunKind
from governance.models import Agent, Run, Trigger
from governance.policy.redaction import clean_text
from governance.services import memberships, outcomes, watching

MAX_NOTE = 2_000


def open_for(*, trigger: Trigger, agent: Agent, by: Actor) -> Run:
    """Write the run of a trigger: running when routed to execution, queued otherwise."""
    run = Run(
        workspace_id=agent.workspace_id,
        agent=agent,
        trigger=trigger,
        kind=RunKind.LIVE,
        maturity=agent.maturity,
        fingerprint=agent.fingerprint,
    )
    lifecycle.begin(run, by=by, data={"agent": str(agent.id), "trigger": str(trigger.id)})
    if trigger.route == Route.EXECUTION:
        start(run=run, by=by)
    return run


def start(*, run: Run, by: Actor) -> None:
    """Let a queued run begin. Raises StaleState. Needs a caller that was allowed to."""
    with transaction.atomic():
        lifecycle.move(run, to=RunState.RUNNING, by=by, fields={"started_at": timezone.now()})


def finish(*, run: Run, outcome: str, by: Actor, note: str = "") -> None:
    """End a run as `succeeded`, `failed` or `abandoned`; its agent or a person may.

    Raises RunHeld while a supervisor has paused a run that would succeed, StaleState when it is not
    running, InvalidInput, NotAllowed.
    """
    if outcome not in {RunState.SUCCEEDED, RunState.FAILED, RunState.ABANDONED}:
        raise InvalidInput(f"A run ends succeeded, failed or abandoned, not {outcome!r}.")
    require_text(note, what="note", max_length=MAX_NOTE)
    with transaction.atomic():
        if by.kind is ActorKind.AGENT:
            _require_own(run, by=by)
        else:
            memberships.require(by=by, workspace_id=run.workspace_id, right=Right.START)
        if outcome == RunState.SUCCEEDED:
            # What succeeds leaves its plans to workers: ending would be a way round the pause.
            Run.objects.locked(run.pk)  # before the session, as everywhere
            watching.require_unpaused(run)
        _end(run, to=outcome, by=by, note=note)


def abandon(*, run: Run, by: Actor, note: str) -> None:
    """End a run that never began, or that is stopped. Raises StaleState.

    Needs the caller's transaction, and a caller that was allowed to.
    """
    _end(run, to=RunState.ABANDONED, by=by, note=note)


def _end(run: Run, *, to: str, by: Actor, note: str) -> None:
    note = clean_text(note)[:MAX_NOTE]  # here, so that no copy of it holds a secret
    lifecycle.move(
        run,
        to=to,
        by=by,
        fields={"finished_at": timezone.now(), "outcome": note},
        data={"note": note},
    )
    watching.end_with(run, by=by)
    outcomes.run_ended(run, by=by)


def _require_own(run: Run, *, by: Actor) -> None:
    if by.id != str(run.agent_id):
        raise NotAllowed("An agent may end only its own runs.")
