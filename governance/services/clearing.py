"""Clearing: put every step of a plan through the gate, as of now."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from governance import gate
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput
from governance.domain.words import DecisionKind, Mode, Route, strictest
from governance.gate import Answer
from governance.models import ActionType, Agent, Decision, Execution, Proposal, Run
from governance.models.policy import PolicyVersion
from governance.policy import references, schemas
from governance.policy.plans import Plan


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The action types a plan uses, in the order of its steps, and what follows from them."""

    types: tuple[ActionType, ...]

    @property
    def mode(self) -> Mode:
        """Who carries the plan out."""
        return Mode(self.types[0].mode)

    @property
    def required_approvals(self) -> int:
        """The most that any step asks for."""
        return max(found.required_approvals for found in self.types)

    @property
    def expires_after(self) -> datetime.timedelta:
        """The shortest that any step allows."""
        return min(found.expires_after for found in self.types)


@dataclass(frozen=True, slots=True)
class Clearing:
    """The gate's answers to a plan: one a step, or the one to the trigger it would start."""

    answers: tuple[Answer, ...]

    @property
    def route(self) -> Route:
        """The strictest step decides."""
        return strictest(answer.route for answer in self.answers)

    @property
    def deciding(self) -> Answer:
        """The first answer with the deciding route."""
        return next(answer for answer in self.answers if answer.route is self.route)

    @property
    def policy(self) -> PolicyVersion:
        """The policy version the answers were given under. Raises InvalidInput without one."""
        policy = self.deciding.policy
        if policy is None:
            raise InvalidInput("No policy version is published here; publish one first.")
        return policy

    @property
    def sentence(self) -> str:
        """The deciding answer in words."""
        return f"{self.route.value}: {'; '.join(self.deciding.verdict.reasons)}"


def look_up(plan: Plan, *, agent: Agent, by_system: bool = False) -> Catalogue:
    """The plan's action types. Raises NotFound for one that is unknown or disabled.

    Raises InvalidInput for params its schema refuses, for one reserved to the system, and for
    plans that mix modes or give an agent more to carry out by itself than one step as it stands.
    """
    types = []
    for step in plan.steps:
        found = ActionType.objects.keyed(step.action_type, workspace_id=agent.workspace_id)
        if found.system_only and not by_system:
            raise InvalidInput(f"Step {step.id}: {found.key} is reserved to the system.")
        wrong = schemas.problems(found.params_schema, step.params, unresolved=True)
        if wrong:
            raise InvalidInput(f"Step {step.id}: {'; '.join(wrong)}.")
        types.append(found)
    modes = {found.mode for found in types}
    if len(modes) > 1:
        raise InvalidInput("The plan mixes steps for handlers and for the agent; split it.")
    if modes == {Mode.AGENT}:
        _check_for_agents(plan)
    return Catalogue(tuple(types))


def _check_for_agents(plan: Plan) -> None:
    """Nobody resolves references for an agent, nor asks the gate again when they are known."""
    if len(plan.steps) > 1:
        raise InvalidInput("An agent carries out one step at a time; propose each by itself.")
    [step] = plan.steps
    if step.when is not None or references.expressions(step.params):
        raise InvalidInput(
            f"Step {step.id}: an agent carries its step out as it stands; write values in place of "
            f'"{references.KEY}", and leave "when" out.'
        )


def clear(plan: Plan, *, agent: Agent, run: Run | None, by_system: bool = False) -> Clearing:
    """Ask the gate about every step. Reads only."""
    return Clearing(
        tuple(
            gate.ask_to_act(
                agent_id=agent.id,
                action_type=step.action_type,
                params=step.params,
                run=run,
                step=step.id,
                by_system=by_system,
                unresolved=True,
            )
            for step in plan.steps
        )
    )


def record(
    clearing: Clearing,
    *,
    agent: Agent,
    by: Actor,
    run: Run | None,
    proposal: Proposal | None = None,
    execution: Execution | None = None,
) -> Decision:
    """Write one Decision an answer; returns the deciding one."""
    decisions = []
    for answer in clearing.answers:
        asked_to_start = answer.kind is DecisionKind.TRIGGER and run is not None
        decisions.append(
            gate.record(
                answer,
                agent=agent,
                by=by,
                run=run,
                trigger=run.trigger if asked_to_start and run else None,
                proposal=proposal,
                execution=execution,
            )
        )
    return decisions[clearing.answers.index(clearing.deciding)]
