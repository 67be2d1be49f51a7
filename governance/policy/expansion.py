"""Expansion: a step that triggers a stored plan becomes that plan's steps.

What is sealed, reviewed and executed is the expanded plan, so that nobody approves a name and gets
whatever it stands for by then. Expansion is pure: the stored plans are handed in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from governance.domain.errors import InvalidInput
from governance.domain.values import Json

ACTION = "workflow_trigger"
"""The action type of a step that stands for a stored plan."""

KEY = "$param"
"""`{"$param": "rows"}` in a stored plan stands for the trigger's param of that name."""


def parameters(value: Json) -> set[str]:
    """The names of all `$param`s in a JSON value. Raises InvalidInput for a mixed object."""
    if isinstance(value, dict):
        if KEY in value:
            if len(value) != 1 or not isinstance(value[KEY], str):
                raise InvalidInput(f'an object with "{KEY}" names one param, and nothing else')
            return {value[KEY]}
        return set().union(*(parameters(child) for child in value.values()), set())
    if isinstance(value, list):
        return set().union(*(parameters(child) for child in value), set())
    return set()


def bind(value: Json, params: Mapping[str, Json]) -> Json:
    """The value with every `$param` replaced. Raises InvalidInput for one that was not given."""
    if isinstance(value, dict):
        if KEY in value:
            name = value[KEY]
            if name not in params:
                raise InvalidInput(f"the param {name!r} was not given")
            return params[name]
        return {key: bind(child, params) for key, child in value.items()}
    if isinstance(value, list):
        return [bind(child, params) for child in value]
    return value


def expand(step: Mapping[str, Any], inner: list[dict[str, Any]]) -> list[dict[str, Json]]:
    """The steps that stand for `step`: the stored ones, bound, renamed and under its condition.

    A stored step `fetch` of the trigger `sync` becomes `sync_fetch`. Raises InvalidInput.
    """
    prefix, params = str(step["id"]), step["params"].get("params", {})
    names = {str(found["id"]) for found in inner}
    return [_placed(found, prefix, names, params, step.get("when")) for found in inner]


def _placed(
    found: dict[str, Any],
    prefix: str,
    names: set[str],
    params: Mapping[str, Json],
    condition: str | None,
) -> dict[str, Json]:
    # References are renamed before params are bound: those refer to the plan outside.
    placed: dict[str, Json] = {
        "id": f"{prefix}_{found['id']}",
        "action_type": found["action_type"],
        "params": bind(_renamed(found["params"], prefix, names), params),
    }
    inside = found.get("when")
    conditions = [condition, inside and _rename(inside, prefix, names)]
    whole = " && ".join(f"({text})" for text in conditions if text)
    return {**placed, "when": whole} if whole else placed


def _renamed(value: Json, prefix: str, names: set[str]) -> Json:
    if isinstance(value, dict):
        if isinstance(value.get("$cel"), str):
            return {**value, "$cel": _rename(value["$cel"], prefix, names)}
        return {key: _renamed(child, prefix, names) for key, child in value.items()}
    if isinstance(value, list):
        return [_renamed(child, prefix, names) for child in value]
    return value


def _rename(source: str, prefix: str, names: set[str]) -> str:
    def replaced(match: re.Match[str]) -> str:
        name = match.group(1)
        return f"steps.{prefix}_{name}" if name in names else match.group(0)

    return re.sub(r"\bsteps\.([a-z][a-z0-9_]*)", replaced, source)
