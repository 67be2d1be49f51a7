"""Replays: play a recorded conversation as a live run, through the gate and everything after it."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser

from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput
from governance.domain.states import RunState
from governance.domain.values import Json
from governance.domain.words import Mode, Route, TriggerSource
from governance.models import Agent, Execution, Proposal, Run
from governance.runtimes.recorded import Call, Conversation
from governance.services import actions, executions, memberships, reviews, runs, triggers
from governance.services.executions import Claim


def play(
    conversation: Conversation,
    *,
    agent: Agent,
    by: Actor,
    approve_as: AbstractBaseUser | None = None,
) -> list[tuple[str, Route]]:
    """Play one conversation as a run; returns each tool call's action type and route, in order.

    `by` starts the run, as a manual trigger. What the gate lets run is reported with its
    recorded result; what becomes a proposal is approved by `approve_as`, when given, then
    claimed and reported likewise. Raises GateRefused when the agent may not start, NotAllowed.
    """
    started = triggers.fire(agent=agent, source=TriggerSource.MANUAL, type="replay", by=by)
    if started.run is None:
        raise InvalidInput(f"The run cannot start: {'; '.join(started.decision.reasons)}.")
    routes = [
        (call.name, _play_call(call, run=started.run, agent=agent, approve_as=approve_as))
        for call in conversation.calls
    ]
    _end(started.run, conversation=conversation, agent=agent)
    return routes


def _play_call(call: Call, *, run: Run, agent: Agent, approve_as: AbstractBaseUser | None) -> Route:
    try:
        answer = actions.request(
            run=run, action_type=call.name, params=call.arguments, by=agent.actor
        )
    except InvalidInput:
        return Route.DENIED  # no plan can be made of it, so the gate has nothing to let through
    claim = answer.claim
    if answer.proposal is not None and approve_as is not None:
        claim = _approve_and_claim(answer.proposal, agent=agent, approve_as=approve_as)
    if claim is not None:
        _report(claim, call=call, agent=agent)
    return answer.route


def _approve_and_claim(
    proposal: Proposal, *, agent: Agent, approve_as: AbstractBaseUser
) -> Claim | None:
    """Approve as it stands; claim it for the agent unless a worker carries it out."""
    approved = reviews.approve(
        proposal=proposal,
        digest=proposal.digest,
        by=memberships.person(approve_as),
        comment="Approved by replay.",
    )
    execution = Execution.objects.of_proposal(approved.pk)
    if execution is None or execution.mode != Mode.AGENT:
        return None
    return executions.claim(execution=execution, digest=approved.digest, by=agent.actor)


def _report(claim: Claim, *, call: Call, agent: Agent) -> None:
    output: dict[str, Json] | None = None if call.failed else {"content": call.result}
    executions.report(
        execution=claim.execution,
        token=claim.token,
        outcome="failed" if call.failed else "done",
        output=output,
        error=(call.result or "The recording holds no result.")[: executions.MAX_ERROR]
        if call.failed
        else "",
        by=agent.actor,
    )


def _end(run: Run, *, conversation: Conversation, agent: Agent) -> None:
    if conversation.reward is None:
        outcome, note = RunState.ABANDONED, "The recording does not say how it ended."
    else:
        outcome = RunState.SUCCEEDED if conversation.reward >= 1.0 else RunState.FAILED
        note = f"Recorded reward: {conversation.reward:g}."
    runs.finish(run=run, outcome=outcome, by=agent.actor, note=note)
