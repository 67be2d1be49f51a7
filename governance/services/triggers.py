"""Triggers: something asks an agent to start, and the gate says how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from governance import gate, ledger
from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import GateRefused, InvalidInput, NotAllowed, StaleState
from governance.domain.roles import Right
from governance.domain.values import Json, require_storable, require_text
from governance.domain.words import Route, TriggerSource
from governance.models import Agent, BlockedTrigger, Decision, Proposal, Run, Trigger
from governance.services import memberships, proposals, runs, trainings

MAX_CONTEXT_BYTES = 64_000
CHAIN = "agent_chain"
"""The key in a trigger's context under which the system, and nobody else, writes which agents
asked for this, the first one first: their ids."""


@dataclass(frozen=True, slots=True)
class Started:
    """What became of a trigger. `run` is None when it was blocked; `proposal` asks to start it, or
    to train the agent for it.
    """

    trigger: Trigger
    decision: Decision
    run: Run | None
    proposal: Proposal | None


def fire(
    *,
    agent: Agent,
    source: str,
    type: str,  # noqa: A002  the design's word
    by: Actor,
    context: dict[str, Json] | None = None,
    chain: Sequence[str] | None = None,
) -> Started:
    """Ask the gate whether the agent may start, and do what it answers, in one transaction.

    execution: the run begins. supervision: it is queued until a supervisor is there.
    proposal: it is queued, and a proposal to start it waits for a person.
    training: there is no run, and a proposal to train the agent waits, for this trigger and
    those that join it. denied: there is no run.

    `chain`, from services only, is kept in the context under CHAIN. Raises InvalidInput,
    NotAllowed.
    """
    if source not in TriggerSource.values:
        raise InvalidInput(
            f"There is no trigger source {source!r}; use one of {', '.join(TriggerSource.values)}."
        )
    require_text(type, what="trigger type", max_length=100, required=True)
    context = {} if context is None else context
    if not isinstance(context, dict):
        raise InvalidInput("The context must be a JSON object.")
    if CHAIN in context:
        raise InvalidInput(f"The context's key {CHAIN!r} is reserved to the system.")
    context = context if chain is None else {**context, CHAIN: list(chain)}
    require_storable(context, what="context", max_bytes=MAX_CONTEXT_BYTES)
    with transaction.atomic():
        return _fire(agent, source=source, type_=type, context=context, by=by)


def retry(*, blocked: BlockedTrigger, by: Actor) -> Started:
    """Fire a trigger again whose training was completed, once. It meets the gate anew.

    Raises StaleState (not resolved, or retried already), GateRefused (it would be denied now: the
    retry is kept for later), NotAllowed.
    """
    with transaction.atomic():
        row = BlockedTrigger.objects.locked(blocked.pk)
        _require_may_fire(row.trigger.agent, by=by)
        if row.resolved_at is None:
            raise StaleState("The training this trigger waits for has not been completed.")
        if row.retried_as_id is not None:
            raise StaleState("This trigger was retried already.")
        old = row.trigger
        _require_not_denied(old)
        started = _fire(
            old.agent, source=old.source, type_=old.type, context=dict(old.context), by=by
        )
        row.retried_as = started.trigger
        row.save(update_fields=["retried_as"])
        ledger.append(
            kind="trigger.retried",
            by=by,
            workspace_id=row.workspace_id,
            subject_id=old.pk,
            data={"as": str(started.trigger.pk), "route": str(started.trigger.route)},
        )
    return started


def _fire(agent: Agent, *, source: str, type_: str, context: dict[str, Json], by: Actor) -> Started:
    """Ask, write the trigger, and do what the gate answers. Needs a transaction."""
    _require_may_fire(agent, by=by)
    agent = Agent.objects.select_related("workspace").get(pk=agent.pk)  # as it is now
    answer = gate.ask_to_start(agent_id=agent.id, source=TriggerSource(source))
    trigger = _write(agent, source=source, type_=type_, context=context, route=answer.route, by=by)
    run = proposal = None
    if answer.route not in {Route.TRAINING, Route.DENIED}:
        run = runs.open_for(trigger=trigger, agent=agent, by=by)
    if run and answer.route is Route.PROPOSAL:
        proposal = proposals.propose_start(run=run, answer=answer, by=by)
        decision = proposal.decisions.get()
    elif answer.route is Route.TRAINING and answer.policy is not None:
        blocked = trainings.block(trigger=trigger, agent=agent, answer=answer, by=by)
        proposal = blocked.plan.proposal
        decision = gate.record(answer, agent=agent, by=by, trigger=trigger, proposal=proposal)
    else:
        decision = gate.record(answer, agent=agent, by=by, run=run, trigger=trigger)
    return Started(trigger, decision, run, proposal)


def _require_may_fire(agent: Agent, *, by: Actor) -> None:
    if by.kind is ActorKind.AGENT:
        raise NotAllowed("An agent cannot start itself.")
    memberships.require(by=by, workspace_id=agent.workspace_id, right=Right.START)


def _require_not_denied(old: Trigger) -> None:
    answer = gate.ask_to_start(agent_id=old.agent_id, source=TriggerSource(old.source))
    if answer.route is Route.DENIED:
        reasons = "; ".join(answer.verdict.reasons)
        raise GateRefused(
            f"The gate would deny this start now: {reasons}. It can be retried once that has "
            "changed."
        )


def _write(
    agent: Agent, *, source: str, type_: str, context: dict[str, Json], route: Route, by: Actor
) -> Trigger:
    trigger = Trigger.objects.create(
        workspace_id=agent.workspace_id,
        agent=agent,
        source=source,
        type=type_,
        context=context,
        route=route,
    )
    chain = {"chain": context[CHAIN]} if CHAIN in context else {}
    ledger.append(
        kind="trigger.fired",
        by=by,
        workspace_id=agent.workspace_id,
        subject_id=trigger.id,
        data={
            "agent": str(agent.id),
            "source": source,
            "type": type_,
            "route": str(route),
            **chain,
        },
    )
    return trigger
