"""canvas_present: store a chart, a sheet, a form or a text for people to see."""

from __future__ import annotations

from governance.domain.actors import system
from governance.domain.values import Json
from governance.domain.words import CanvasKind, Complexity, Effect, Reversibility
from governance.execution import wording
from governance.execution.registry import ActionSpec, StepContext
from governance.services import canvases

_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_CELL = {"type": ["string", "number", "boolean", "null"]}

CHART: dict[str, Json] = {
    "type": "object",
    "description": "What to plot.",
    "properties": {
        "type": {"enum": ["bar", "line", "pie"], "description": "The kind of chart."},
        "labels": {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 200},
        "series": {
            "type": "array",
            "minItems": 1,
            "maxItems": 12,
            "items": {
                "type": "object",
                "properties": {
                    "name": _TEXT,
                    "values": {"type": "array", "items": {"type": "number"}, "maxItems": 200},
                },
                "required": ["name", "values"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["type", "labels", "series"],
    "additionalProperties": False,
}

SHEET: dict[str, Json] = {
    "type": "object",
    "description": "A table: column headings and rows of cells.",
    "properties": {
        "columns": {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 50},
        "rows": {
            "type": "array",
            "maxItems": 2_000,
            "items": {"type": "array", "items": _CELL, "maxItems": 50},
        },
    },
    "required": ["columns", "rows"],
    "additionalProperties": False,
}

FORM: dict[str, Json] = {
    "type": "object",
    "description": "Questions to people.",
    "properties": {
        "fields": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,49}$"},
                    "label": _TEXT,
                    "type": {"enum": ["text", "number", "date", "checkbox", "select"]},
                    "required": {"type": "boolean"},
                    "options": {"type": "array", "items": _TEXT, "maxItems": 100},
                },
                "required": ["name", "label", "type"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["fields"],
    "additionalProperties": False,
}

PARAMS: dict[str, Json] = {
    "type": "object",
    "properties": {
        "kind": {"enum": list(CanvasKind.values), "description": "What to show."},
        "title": {**_TEXT, "description": "The heading people see."},
        "chart": CHART,
        "sheet": SHEET,
        "form": FORM,
        "markdown": {
            "type": "string",
            "maxLength": 100_000,
            "description": "CommonMark; HTML and images are not shown.",
        },
    },
    "required": ["kind", "title"],
    "additionalProperties": False,
    "allOf": [
        {
            "if": {"properties": {"kind": {"const": kind}}},
            "then": {
                "required": [kind],
                "not": {
                    "anyOf": [{"required": [other]} for other in CanvasKind.values if other != kind]
                },
            },
        }
        for kind in CanvasKind.values
    ],
}


def phrase(params: dict[str, Json]) -> str:
    """In words."""
    shown = params["kind"]
    if shown == CanvasKind.CHART and isinstance(params["chart"], dict):
        shown = f"{params['chart'].get('type', '')} chart".strip()
    return f"Show a {shown} titled {wording.value(params['title'])}"


def handle(context: StepContext, params: dict[str, Json]) -> dict[str, Json]:
    """Store the canvas in the transaction of its step; returns its key and where it is shown."""
    kind = params["kind"]
    canvas = canvases.present(
        workspace_id=context.workspace_id,
        agent_id=context.agent_id,
        step_id=context.step_id,
        kind=kind,
        title=params["title"],
        content={kind: params[kind]},
        by=system("worker"),
    )
    return {"canvas": str(canvas.id), "kind": kind, "path": f"/canvases/{canvas.id}/"}


SPEC = ActionSpec(
    key="canvas_present",
    title="Present a canvas",
    description="Shows people a chart, a sheet, a form or a text, on a page of its own.",
    complexity=Complexity.DRAFT,
    reversibility=Reversibility.REVERSIBLE,
    effect=Effect.LOCAL,
    params_schema=PARAMS,
    handler=handle,
    phrase=phrase,
)
