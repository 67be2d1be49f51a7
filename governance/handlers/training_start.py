"""training_start: put a training on the calendar, once a person has approved it."""

from __future__ import annotations

import uuid

from governance.domain.actors import system
from governance.domain.errors import GovernanceError
from governance.domain.values import Json
from governance.domain.words import Complexity, Effect, Reversibility
from governance.execution.registry import ActionFailed, ActionSpec, StepContext
from governance.policy.training import MAX_HOURS, MAX_HOURS_A_DAY, MIN_HOURS, MIN_HOURS_A_DAY
from governance.services import trainings
from governance.services.proposals import TRAINING_ACTION


def phrase(params: dict[str, Json]) -> str:
    """In words."""
    return f"Train the agent for {params['hours']:g} h, {params['hours_a_day']:g} h a day"


def handle(context: StepContext, params: dict[str, Json]) -> dict[str, Json]:
    """Schedule the agent's own training plan, from today on."""
    try:
        session = trainings.schedule(
            plan_id=uuid.UUID(params["training"]),
            agent_id=context.agent_id,
            hours=float(params["hours"]),
            hours_a_day=float(params["hours_a_day"]),
            by=system("worker"),
        )
    except GovernanceError as error:
        raise ActionFailed(str(error)) from error
    return {"training_session": str(session.id), "days": len(session.days)}


SPEC = ActionSpec(
    key=TRAINING_ACTION,
    title="Train the agent",
    description="Schedules what a student has to learn. Filed by the system only.",
    complexity=Complexity.READ,  # a student may be trained
    reversibility=Reversibility.REVERSIBLE,
    effect=Effect.LOCAL,
    params_schema={
        "type": "object",
        "properties": {
            "training": {
                "title": "Training plan",
                "type": "string",
                "format": "uuid",
                "readOnly": True,
            },
            "hours": {
                "title": "Hours",
                "type": "number",
                "minimum": MIN_HOURS,
                "maximum": MAX_HOURS,
                "description": f"Hours of training in all: {MIN_HOURS:g} to {MAX_HOURS:,g}.",
            },
            "hours_a_day": {
                "title": "Hours a day",
                "type": "number",
                "minimum": MIN_HOURS_A_DAY,
                "maximum": MAX_HOURS_A_DAY,
                "description": (
                    "How many of them on a day, Monday to Friday: "
                    f"{MIN_HOURS_A_DAY:g} to {MAX_HOURS_A_DAY:g}."
                ),
            },
        },
        "required": ["training", "hours", "hours_a_day"],
        "additionalProperties": False,
    },
    handler=handle,
    phrase=phrase,
    system_only=True,
)
