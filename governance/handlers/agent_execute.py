"""agent_execute: run another agent of the workspace, under that agent's own gate."""

from __future__ import annotations

from governance.domain.actors import system
from governance.domain.errors import GovernanceError
from governance.domain.states import RunState
from governance.domain.values import Json
from governance.domain.words import Complexity, Effect, Reversibility, Route, TriggerSource
from governance.execution import wording
from governance.execution.registry import ActionFailed, ActionSpec, StepContext
from governance.models import Agent
from governance.services import agent_runs
from governance.services.agent_runs import MAX_INSTRUCTION, TRIGGER_TYPE
from governance.services.triggers import Started

TIMEOUT_SECONDS = 360
"""More than a run may take (GOVERNANCE_AGENT_RUN_SECONDS, 300 by default)."""

PARAMS: dict[str, Json] = {
    "type": "object",
    "properties": {
        "agent": {
            "type": "string",
            "minLength": 1,
            "maxLength": 100,
            "description": "The name of another agent of this workspace.",
        },
        "instruction": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_INSTRUCTION,
            "description": "What it is asked to do.",
        },
        "context": {"type": "object", "description": "What it needs to know for it."},
    },
    "required": ["agent", "instruction"],
    "additionalProperties": False,
}


def phrase(params: dict[str, Json]) -> str:
    """In words."""
    agent, instruction = wording.value(params["agent"]), wording.value(params["instruction"])
    return f"Ask the agent {agent}: {instruction}"


def handle(context: StepContext, params: dict[str, Json]) -> dict[str, Json]:
    """Run it to its end. Fails when nothing ran, and when the run did not succeed.

    A run that did not succeed leaves no doubt here: what it did before is on its own executions.
    """
    try:
        ran = agent_runs.execute(
            agent=Agent.objects.named(params["agent"], workspace_id=context.workspace_id),
            instruction=params["instruction"],
            context=params.get("context", {}),
            source=TriggerSource.AI_COORDINATOR,
            chain=agent_runs.chain_of(agent_id=context.agent_id, run_id=context.run_id),
            by=system("worker"),
        )
    except GovernanceError as error:
        raise ActionFailed(f"{error} Nothing ran.") from error
    if ran.ending is None or ran.started.run is None:
        raise ActionFailed(_nothing_ran(ran.started))
    run, ending = ran.started.run, ran.ending
    if ending.outcome != RunState.SUCCEEDED:
        raise ActionFailed(f"Run {run.id} of {run.agent.name} {ending.outcome}: {ending.note}")
    return {"run": str(run.id), "outcome": ending.outcome, "output": ending.output}


def _nothing_ran(started: Started) -> str:
    """Why, and what may still come of it without being asked again."""
    route = started.decision.route
    text = f"The gate of {started.trigger.agent.name} answers {route}: "
    text += f"{'; '.join(started.decision.reasons)}. Nothing ran."
    if route == Route.SUPERVISION and started.run:
        text += f" Its run {started.run.id} waits, and begins by itself once somebody watches it."
    elif route == Route.PROPOSAL and started.proposal:
        text += f" Proposal {started.proposal.id} to start it waits for people."
    elif route == Route.TRAINING and started.proposal:
        text += f" Its training is proposal {started.proposal.id}."
    return text


SPEC = ActionSpec(
    key=TRIGGER_TYPE,
    title="Run another agent",
    description="Gives another agent a task. Whatever it does meets that agent's own gate.",
    complexity=Complexity.CHANGE,
    reversibility=Reversibility.COMPENSABLE,
    effect=Effect.UNKEYED,
    params_schema=PARAMS,
    handler=handle,
    phrase=phrase,
    timeout_seconds=TIMEOUT_SECONDS,
)
