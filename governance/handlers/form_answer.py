"""form_answer: read what a person answered to a form, or wait for it.

Waiting costs no worker and no attempt: the execution is put back until somebody answers. With the
steps that follow under a condition, what a plan does depends on what a person said.
"""

from __future__ import annotations

import datetime
import uuid

from django.utils import timezone

from governance.domain.values import Json
from governance.domain.words import CanvasKind, Complexity, Effect, Reversibility
from governance.execution import wording
from governance.execution.registry import ActionFailed, ActionSpec, ActionWaits, StepContext
from governance.models import Canvas, FormAnswer

LONGEST_WAIT = 10_080
"""Minutes: a week."""

PARAMS: dict[str, Json] = {
    "type": "object",
    "properties": {
        "canvas": {
            "type": "string",
            "format": "uuid",
            "description": "The form: what canvas_present gave as `canvas`.",
        },
        "wait_minutes": {
            "type": "integer",
            "minimum": 0,
            "maximum": LONGEST_WAIT,
            "description": (
                "How long, from when it was presented, a person has to answer; then the step "
                "fails. 0, the default: do not wait, and say whether there is an answer."
            ),
        },
    },
    "required": ["canvas"],
    "additionalProperties": False,
}


def phrase(params: dict[str, Json]) -> str:
    """In words."""
    form = f"the answer to the form {wording.address(params['canvas'])}"
    wait = params.get("wait_minutes", 0)
    if wait == 0:
        return f"Read {form}, if there is one"
    return f"Wait up to {_span(wait)} for {form}"


def handle(context: StepContext, params: dict[str, Json]) -> dict[str, Json]:
    """The answer; or that there is none, or ActionWaits, as long as there may be one."""
    canvas = _form(context, params["canvas"])
    found = FormAnswer.objects.filter(canvas=canvas).select_related("answered_by").first()
    if found is not None:
        return {
            "answered": True,
            "answers": found.answers,
            "answered_by": found.answered_by.get_username(),
            "at": found.created_at.isoformat(),
        }
    wait = params.get("wait_minutes", 0)
    if wait == 0:
        return {"answered": False, "answers": {}}
    until = canvas.created_at + datetime.timedelta(minutes=wait)
    if until <= timezone.now():
        raise ActionFailed(f"Nobody answered within {_span(wait)}.")
    raise ActionWaits("for the answer to a form", subject=canvas, until=until)


def _form(context: StepContext, key: str) -> Canvas:
    """The agent's own form. Whose else it might be is not said."""
    own = Canvas.objects.of(context.workspace_id).filter(agent_id=context.agent_id)
    try:
        canvas = own.filter(pk=uuid.UUID(key)).first()
    except ValueError:
        canvas = None
    if canvas is None:
        raise ActionFailed(f"This agent has presented no canvas {key}.")
    if canvas.kind != CanvasKind.FORM:
        raise ActionFailed(f"The canvas {key} is a {canvas.kind}, and no form.")
    return canvas


def _span(minutes: Json) -> str:
    """A number of minutes in words; a reference stays one."""
    if not isinstance(minutes, int):
        return f"{wording.value(minutes)} minutes"
    for size, unit in ((1_440, "day"), (60, "hour")):
        if minutes % size == 0:
            minutes //= size
            return f"{minutes} {unit}{'s' if minutes > 1 else ''}"
    return f"{minutes} minute{'s' if minutes > 1 else ''}"


SPEC = ActionSpec(
    key="form_answer",
    title="Read the answer to a form",
    description="Reads what a person answered to a form of this agent’s, and can wait for it.",
    complexity=Complexity.READ,
    reversibility=Reversibility.REVERSIBLE,
    effect=Effect.LOCAL,
    params_schema=PARAMS,
    handler=handle,
    phrase=phrase,
)
