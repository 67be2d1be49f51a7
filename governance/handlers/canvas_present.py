"""canvas_present: store a chart, a sheet, a form, a text or a board of steps for people to see."""

from __future__ import annotations

from governance.domain.actors import system
from governance.domain.errors import InvalidInput
from governance.domain.values import Json
from governance.domain.words import (
    BoardState,
    CanvasKind,
    Complexity,
    Effect,
    FieldType,
    Reversibility,
)
from governance.execution import wording
from governance.execution.registry import ActionFailed, ActionSpec, StepContext
from governance.policy import forms
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
            "maxItems": forms.MAX_FIELDS,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "pattern": forms.NAME},
                    "label": _TEXT,
                    "type": {"enum": list(FieldType.values)},
                    "required": {
                        "type": "boolean",
                        "description": "It has to be answered; a checkbox has to be ticked.",
                    },
                    "options": {
                        "type": "array",
                        "description": "Of a select: what can be chosen.",
                        "items": _TEXT,
                        "minItems": 1,
                        "maxItems": forms.MAX_OPTIONS,
                        "uniqueItems": True,
                    },
                },
                "required": ["name", "label", "type"],
                "additionalProperties": False,
                "if": {"properties": {"type": {"const": FieldType.SELECT.value}}},
                "then": {"required": ["options"]},
            },
        },
    },
    "required": ["fields"],
    "additionalProperties": False,
}

BOARD: dict[str, Json] = {
    "type": "object",
    "description": "A board: what is to be done, how far it is, and by whom or what.",
    "properties": {
        "steps": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": {
                "type": "object",
                "properties": {
                    "title": _TEXT,
                    "state": {"enum": list(BoardState.values)},
                    "note": {"type": "string", "maxLength": 1_000},
                    "link": {
                        "type": "string",
                        "pattern": r"^(agent/.{1,100}|workflow/[a-z][a-z0-9_-]{0,59})$",
                        "description": "agent/NAME or workflow/NAME, of this workspace.",
                    },
                },
                "required": ["title", "state"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["steps"],
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
        "orchestration": BOARD,
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


_CALLED = {
    CanvasKind.SHEET: "sheet",
    CanvasKind.FORM: "form to fill in",
    CanvasKind.MARKDOWN: "text",
    CanvasKind.ORCHESTRATION: "board of steps",
}


def phrase(params: dict[str, Json]) -> str:
    """In words."""
    kind = params["kind"]
    if kind == CanvasKind.CHART:
        called = f"{_chart_type(params['chart'])} chart".strip()
    else:
        called = _CALLED[kind]
    return f"Show a {called} titled {wording.value(params['title'])}"


def _chart_type(chart: Json) -> str:
    found = chart.get("type")
    return found if isinstance(found, str) else ""


def handle(context: StepContext, params: dict[str, Json]) -> dict[str, Json]:
    """Store the canvas in the transaction of its step; returns its key and where it is shown."""
    kind = params["kind"]
    if kind == CanvasKind.FORM:
        _check_form(params[kind])
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


def _check_form(form: Json) -> None:
    """What no schema can say, such as that no two fields have one name."""
    try:
        forms.read(form)
    except InvalidInput as error:
        raise ActionFailed(str(error)) from error


SPEC = ActionSpec(
    key="canvas_present",
    title="Present a canvas",
    description="Shows people a chart, a sheet, a form, a text or a board, on a page of its own.",
    complexity=Complexity.DRAFT,
    reversibility=Reversibility.REVERSIBLE,
    effect=Effect.LOCAL,
    params_schema=PARAMS,
    handler=handle,
    phrase=phrase,
)
