"""References between steps: CEL over the outputs of earlier steps, in `when` and in params."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, canonical

KEY = "$cel"
"""`{"$cel": "steps.fetch.output.rows"}` stands for the value of that expression."""

CREDENTIAL = "$secret"
"""`{"$secret": "name"}` stands for a stored credential, until a handler needs it."""

MAX_LENGTH = 2_000
"""Longest expression accepted, in characters."""

MAX_GROWTH = 64
"""How many times its input an expression may become, by what its macros could make of it."""

_STRING = re.compile(
    r"""[rRbB]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")""",
    re.DOTALL,
)
_MACRO_CALL = re.compile(r"\.\s*(?:map|filter|all|exists|exists_one)\s*\(")
_MACRO = re.compile(r"\.\s*(?:map|filter|all|exists|exists_one)\s*\([\s(]*([A-Za-z_]\w*)[\s)]*,")

Outputs = Mapping[str, Mapping[str, Json]]
"""By step id: `{"state": "done" | "skipped", "output": {...}}`."""


def check(source: Json, *, earlier: tuple[str, ...], boolean: bool = False) -> None:
    """Raise InvalidInput unless `source` compiles and names only steps that come `earlier`."""
    if not isinstance(source, str):
        raise InvalidInput("a CEL expression must be a string")
    expression = _compile(source, earlier)
    if boolean and expression.return_type() != cel.Type.BOOL:
        raise InvalidInput("the condition must be true or false; compare it with something")


def evaluate(source: str, outputs: Outputs) -> Json:
    """The value of an expression, as JSON. Raises InvalidInput when it has none."""
    expression = _compile(source, tuple(outputs))
    try:
        found = expression.eval(_env(tuple(outputs)).Activation(_variables(outputs)))
    except RuntimeError as error:  # such as an iteration budget that was exceeded
        raise InvalidInput(f"`{source}` cannot be evaluated: {error}") from error
    if found.type() == cel.Type.ERROR:
        raise InvalidInput(f"`{source}` cannot be evaluated: {found.value()}")
    value = found.plain_value()
    canonical(value, what=f"value of `{source}`")  # bytes, times and NaN are no JSON
    if _holds_key(value, CREDENTIAL):
        # What a far side answered must not choose which of our credentials is sent to it.
        raise InvalidInput(
            f'`{source}` holds "{CREDENTIAL}": a credential is named in the plan itself'
        )
    return value


def holds(source: str, outputs: Outputs) -> bool:
    """Whether a condition is true. Raises InvalidInput when it cannot be evaluated."""
    value = evaluate(source, outputs)
    if not isinstance(value, bool):
        raise InvalidInput(f"`{source}` is neither true nor false")
    return value


def expressions(value: Json) -> list[Json]:
    """Every expression in a JSON value, in order.

    Raises InvalidInput for a mixed object, and where an expression would choose a credential.
    """
    if isinstance(value, dict):
        if KEY in value:
            if len(value) != 1:
                raise InvalidInput(f'an object with "{KEY}" has no other member')
            return [value[KEY]]
        if CREDENTIAL in value and not isinstance(value[CREDENTIAL], str):
            # What a far side answered must not choose which of our credentials is sent to it.
            raise InvalidInput(f'the credential of "{CREDENTIAL}" is named in the plan itself')
        return [found for child in value.values() for found in expressions(child)]
    if isinstance(value, list):
        return [found for child in value for found in expressions(child)]
    return []


def paths(value: Json, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where in a JSON value its references stand."""
    if isinstance(value, dict):
        if KEY in value:
            return [at]
        return [found for key, child in value.items() for found in paths(child, (*at, key))]
    if isinstance(value, list):
        return [found for i, child in enumerate(value) for found in paths(child, (*at, i))]
    return []


def known(value: Json) -> Json:
    """The value without what references stand for: the members, and the lists, that hold one.

    A rule that looks at those finds nothing there, and so counts as matched.
    """
    if isinstance(value, dict):
        if KEY in value:
            return {}
        return {key: known(child) for key, child in value.items() if not _is_unknown(child)}
    if isinstance(value, list):
        return [known(child) for child in value]
    return value


def _is_unknown(value: Json) -> bool:
    if isinstance(value, list):  # without one of its elements it would be another list
        return any(_is_unknown(child) for child in value)
    return isinstance(value, dict) and KEY in value


def resolve(value: Json, outputs: Outputs) -> Json:
    """The value with every reference replaced by what it stands for. Raises InvalidInput."""
    if isinstance(value, dict):
        if KEY in value:
            return evaluate(value[KEY], outputs)
        return {key: resolve(child, outputs) for key, child in value.items()}
    if isinstance(value, list):
        return [resolve(child, outputs) for child in value]
    return value


def _holds_key(value: Json, key: str) -> bool:
    if isinstance(value, dict):
        return key in value or any(_holds_key(child, key) for child in value.values())
    return isinstance(value, list) and any(_holds_key(child, key) for child in value)


def _compile(source: str, ids: tuple[str, ...]) -> Any:
    if len(source) > MAX_LENGTH:
        raise InvalidInput(f"an expression is longer than {MAX_LENGTH:,} characters")
    _refuse_growth(source)
    try:
        return _env(ids).compile(source)
    except (RuntimeError, TypeError, ValueError) as error:  # TypeError: no valid Unicode
        first = str(error).splitlines()[0].removeprefix("INVALID_ARGUMENT: ")
        message = f"`{source}` does not compile: {first} (only earlier steps may be named)"
        raise InvalidInput(message) from error


def _refuse_growth(source: str) -> None:
    """Refuse what could build far more than it was given: CEL counts steps, and no bytes.

    A macro makes a value out of each of its variable's uses, so nested or chained ones multiply:
    their product bounds how many times its input an expression can become.
    """
    bare = _STRING.sub("''", source)
    if "//" in bare:
        raise InvalidInput(f"`{source}` holds a comment; leave it out")
    variables = _MACRO.findall(bare)
    if len(variables) != len(_MACRO_CALL.findall(bare)):
        raise InvalidInput(f"`{source}` calls a macro without naming its variable plainly")
    growth = math.prod(
        max(1, len(re.findall(rf"(?<![\w.]){name}\b", bare)) - variables.count(name))
        for name in variables
    )
    if growth > MAX_GROWTH:
        raise InvalidInput(
            f"`{source}` could make {growth:,} values of every one; use at most {MAX_GROWTH} "
            "uses of its variables in map, filter, all and exists together"
        )


@lru_cache(maxsize=256)
def _env(ids: tuple[str, ...]) -> Any:
    """An environment in which exactly these steps exist, so that others do not compile."""
    step = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    return cel.NewEnv(variables={f"steps.{name}": step for name in ids})


def _variables(outputs: Outputs) -> dict[str, Mapping[str, Json]]:
    return {f"steps.{name}": found for name, found in outputs.items()}
