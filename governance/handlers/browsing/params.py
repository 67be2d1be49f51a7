"""The params of browser_automate, and what people read of them."""

from __future__ import annotations

from collections.abc import Callable

from governance.domain.values import Json
from governance.execution import wording
from governance.handlers.connectors.http import QUERY_HOLDS_SECRET
from governance.handlers.connectors.words import or_secret, strict, text
from governance.policy.references import CREDENTIAL
from governance.services.attachments import MAX_PICTURES

MAX_ACTIONS = 30
MAX_URL = 8_000
MAX_VALUE = 10_000

URL: dict[str, Json] = text(
    MAX_URL,
    pattern="^(?i:https?)://",
    description="https://host/path, on an allowed host.",
    **{"not": {"pattern": QUERY_HOLDS_SECRET}},
)
SELECTOR: dict[str, Json] = text(
    500,
    description="One element: CSS, text=..., or role=button[name=...]. No frames, no chains (>>).",
    **{"not": {"pattern": ">>|internal:"}},
)
NAME: dict[str, Json] = {
    "type": "string",
    "pattern": "^[a-z][a-z0-9_]{0,49}$",
    "description": "What later steps call it.",
}
ACTION: dict[str, Json] = {
    "type": "object",
    "description": "Exactly one of these.",
    "properties": {
        "navigate": strict({"url": URL}, "url", description="Open another page."),
        "click": strict({"selector": SELECTOR}, "selector", description="Click; also submits."),
        "fill": strict(
            {
                "selector": SELECTOR,
                "value": or_secret({"type": "string", "maxLength": MAX_VALUE}),
            },
            "selector",
            "value",
            description="Fill in a field, or choose an option by its label or value.",
        ),
        "extract": strict(
            {"selector": SELECTOR, "as": {"enum": ["text", "table"]}, "name": NAME},
            "selector",
            "as",
            "name",
            description="Take the text that can be read in an element, or a table's cells.",
        ),
        "screenshot": strict(
            {
                "name": NAME,
                "full_page": {"type": "boolean", "description": "All of it, not what fits in."},
            },
            "name",
            description="Take a picture; what was filled in as a secret is covered.",
        ),
    },
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}
PARAMS: dict[str, Json] = strict(
    {
        "start": {**URL, "description": "The page to open first, on an allowed host."},
        "actions": {
            "type": "array",
            "description": "What to do there, in order.",
            "items": ACTION,
            "minItems": 1,
            "maxItems": MAX_ACTIONS,
            "contains": {"required": ["screenshot"]},
            "minContains": 0,
            "maxContains": MAX_PICTURES,
        },
    },
    "start",
    "actions",
)


def phrase(params: dict[str, Json]) -> str:
    """In words: every action, in order."""
    parts = [f"open {wording.address(params['start'])}", *(_part(one) for one in params["actions"])]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def describe(action: dict[str, Json]) -> str:
    """One action in words, with no value that was filled in."""
    ((name, values),) = action.items()
    if name == "fill":
        return f"fill in {wording.value(values['selector'])}"
    return _PHRASES[name](values)


def repeated(actions: list[dict[str, Json]]) -> str:
    """The name that two extracts or two screenshots have in common; empty when there is none."""
    for kind in ("extract", "screenshot"):
        names = [action[kind]["name"] for action in actions if kind in action]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            return str(twice[0])
    return ""


def urls(params: dict[str, Json]) -> list[str]:
    """Every URL that the plan itself names."""
    found = [action["navigate"]["url"] for action in params["actions"] if "navigate" in action]
    return [params["start"], *found]


def _part(action: dict[str, Json]) -> str:
    ((name, values),) = action.items()
    return _PHRASES[name](values)


def _fill(values: dict[str, Json]) -> str:
    value, into = values["value"], wording.value(values["selector"])
    if isinstance(value, dict) and CREDENTIAL in value:
        return f"fill the secret {wording.value(value[CREDENTIAL])} into {into}"
    return f"fill {wording.value(value)} into {into}"


def _extract(values: dict[str, Json]) -> str:
    what = "the table" if values["as"] == "table" else "the text of"
    return f"take {what} {wording.value(values['selector'])}"


def _screenshot(values: dict[str, Json]) -> str:
    return "take a picture of all of it" if values.get("full_page") else "take a screenshot"


_PHRASES: dict[str, Callable[[dict[str, Json]], str]] = {
    "navigate": lambda values: f"go to {wording.address(values['url'])}",
    "click": lambda values: f"click {wording.value(values['selector'])}",
    "fill": _fill,
    "extract": _extract,
    "screenshot": _screenshot,
}
