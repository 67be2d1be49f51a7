"""run_start: let a queued run begin, once a person has approved it."""

from __future__ import annotations

import uuid

from governance.domain.actors import system
from governance.domain.errors import GovernanceError
from governance.domain.values import Json
from governance.domain.words import Complexity, Effect, Reversibility
from governance.execution import wording
from governance.execution.registry import ActionFailed, ActionSpec, StepContext
from governance.models import Run
from governance.services import runs
from governance.services.proposals import START_ACTION


def phrase(params: dict[str, Json]) -> str:
    """In words."""
    return f"Let the run {wording.address(params['run'])} begin"


def handle(context: StepContext, params: dict[str, Json]) -> dict[str, Json]:
    """Start the agent's own queued run; fails when it is anything else."""
    run = Run.objects.filter(
        pk=uuid.UUID(params["run"]), agent_id=context.agent_id, pk__in=[context.run_id]
    ).first()
    if run is None:
        raise ActionFailed("There is no such run of this agent.")
    try:
        runs.start(run=run, by=system("worker"))
    except GovernanceError as error:
        raise ActionFailed(str(error)) from error
    return {"run": str(run.id), "state": run.state}


SPEC = ActionSpec(
    key=START_ACTION,
    title="Start a run",
    description="Lets the run of an automated trigger begin. Filed by the system only.",
    complexity=Complexity.DRAFT,
    reversibility=Reversibility.REVERSIBLE,
    effect=Effect.LOCAL,
    params_schema={
        "type": "object",
        "properties": {"run": {"type": "string", "format": "uuid"}},
        "required": ["run"],
        "additionalProperties": False,
    },
    handler=handle,
    phrase=phrase,
    system_only=True,
)
