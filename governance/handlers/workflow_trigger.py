"""workflow_trigger: run a stored, named plan.

A step of this type is written out into the stored plan's steps before the plan is judged, sealed
and shown, so a worker never meets one; what it meets are those steps.
"""

from __future__ import annotations

from governance.domain.values import Json
from governance.domain.words import Complexity, Effect, Reversibility
from governance.execution import wording
from governance.execution.registry import ActionFailed, ActionSpec, StepContext
from governance.policy.expansion import ACTION


def phrase(params: dict[str, Json]) -> str:
    """In words."""
    return f"Carry out the workflow {wording.value(params['workflow'])}"


def handle(context: StepContext, params: dict[str, Json]) -> dict[str, Json]:  # noqa: ARG001  a handler's signature
    """Refuse: a plan that still holds this step did not come through the services."""
    raise ActionFailed("A workflow's steps must be written out before a plan is filed.")


SPEC = ActionSpec(
    key=ACTION,
    title="Trigger a workflow",
    description="Puts the steps of a stored plan in its place; each meets the gate by itself.",
    complexity=Complexity.READ,
    reversibility=Reversibility.REVERSIBLE,
    effect=Effect.LOCAL,
    params_schema={
        "type": "object",
        "properties": {
            "workflow": {"type": "string", "minLength": 1, "maxLength": 60},
            "params": {"type": "object"},
        },
        "required": ["workflow"],
        "additionalProperties": False,
    },
    handler=handle,
    phrase=phrase,
)
