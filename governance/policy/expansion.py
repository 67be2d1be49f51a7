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
from governance.policy import references

ACTION = "workflow_trigger"
"""The action type of a step that stands for a stored plan."""

KEY = "$param"
"""`{"$param": "rows"}` in a stored plan stands for the trigger's param of that name."""

_TOKEN = re.compile(
    r"""
    (?P<comment>//)
    | [bB]?[rR](?:\"{3}.*?\"{3} | '{3}.*?'{3} | "[^"]*" | '[^']*')
    | [bB]?(?:\"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3})
    | [bB]?(?:"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*')
    | (?P<steps>steps\b)(?:(?P<dot>\s*\.\s*)(?P<name>\w+))?
    | \.\s*\w+
    | \w+
    """,
    re.VERBOSE | re.DOTALL,
)
"""What is told apart in CEL that compiles: comments, literals, steps, members and other names."""

_NOWHERE = "_"
"""A prefix no id has, so that a stored reference that was not renamed does not compile."""


def check(inner: list[dict[str, Any]]) -> None:
    """Raise InvalidInput unless each stored expression compiles alone and names only own steps."""
    names = {str(found["id"]) for found in inner}
    earlier: tuple[str, ...] = ()
    for found in inner:
        try:
            if found.get("when") is not None:
                _check_stored(found["when"], names, earlier, boolean=True)
            for source in references.expressions(found["params"]):
                _check_stored(source, names, earlier)
        except InvalidInput as error:
            raise InvalidInput(f"Step {found['id']}: {error}.") from error
        earlier = (*earlier, str(found["id"]))


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


def expand(
    step: Mapping[str, Any], inner: list[dict[str, Any]], *, earlier: tuple[str, ...] = ()
) -> list[dict[str, Json]]:
    """The steps that stand for `step`: the stored ones, bound, renamed and under its condition.

    A stored step `fetch` of the trigger `sync` becomes `sync_fetch`. What the trigger itself says
    may name only the steps that come `earlier` in the plan outside. Raises InvalidInput.
    """
    _check_outer(step, earlier)
    check(inner)
    prefix, params = str(step["id"]), step["params"].get("params", {})
    names = {str(found["id"]) for found in inner}
    return [_placed(found, prefix, names, params, step.get("when")) for found in inner]


def _check_outer(step: Mapping[str, Any], earlier: tuple[str, ...]) -> None:
    # Each condition is compiled alone before they are joined: so none closes the other's bracket.
    if step.get("when") is not None:
        references.check(step["when"], earlier=earlier, boolean=True)
        _refuse_comments(step["when"])
    for source in references.expressions(step["params"]):
        references.check(source, earlier=earlier)


def _check_stored(
    source: Json, names: set[str], earlier: tuple[str, ...], *, boolean: bool = False
) -> None:
    references.check(source, earlier=earlier, boolean=boolean)
    text = str(source)
    _refuse_comments(text)
    moved = tuple(f"{_NOWHERE}_{name}" for name in earlier)
    references.check(_rename(text, _NOWHERE, names), earlier=moved, boolean=boolean)


def _refuse_comments(source: str) -> None:
    # A comment would swallow the bracket that follows it.
    if any(match["comment"] for match in _TOKEN.finditer(source)):
        raise InvalidInput("an expression in a workflow, or its trigger, holds no // comment")


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
        if not match["steps"]:
            return match[0]
        if match["name"] not in names:  # also `steps` as a name of something else
            raise InvalidInput(f"`{source}` names `steps` otherwise than a step of the workflow")
        return f"steps{match['dot']}{prefix}_{match['name']}"

    return _TOKEN.sub(replaced, source)
