"""JSON Schema for action parameters: checked when saved, linear-time patterns, no fetching."""

from __future__ import annotations

from functools import lru_cache

import jsonschema_rs

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, canonical_text, parse_json
from governance.policy import references

MAX_BYTES = 64_000
"""Largest schema accepted, in bytes of canonical JSON."""

MAX_WORDS = 300
"""Longest part of a problem, in characters."""

COMBINING = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "contains", "uniqueItems"})
"""Keywords whose verdict on a whole can depend on a part that nobody knows yet."""

MAX_PROBLEMS = 5
"""How many problems one answer names; the rest are counted."""

Path = tuple[str | int, ...]
"""Where in the params something stands: the names and positions that lead there."""


def check_schema(schema: Json) -> None:
    """Refuse a schema that cannot judge params: raises InvalidInput saying what is wrong."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise InvalidInput('The params_schema must be an object schema: {"type": "object", ...}.')
    text = canonical_text(schema, what="params_schema")
    if len(text.encode()) > MAX_BYTES:
        raise InvalidInput(f"The params_schema is larger than {MAX_BYTES:,} bytes.")
    _refuse_recursion(schema)
    _compile(text)


def _refuse_recursion(schema: dict[str, Json]) -> None:
    """A schema that refers to itself can take time exponential in the depth of the params."""
    references: list[Json] = []
    level: list[Json] = [schema]
    while level:
        references += [item["$ref"] for item in level if isinstance(item, dict) and "$ref" in item]
        dynamic = {"$dynamicRef", "$recursiveRef"}
        if any(isinstance(item, dict) and dynamic & item.keys() for item in level):
            raise InvalidInput(
                "The params_schema is not a usable JSON Schema: it may not hold $dynamicRef or "
                "$recursiveRef."
            )
        level = [child for item in level for child in _inside(item)]
    definitions = {
        f"#/{group}/{name}": found
        for group in ("$defs", "definitions")
        for name, found in _members(schema.get(group)).items()
    }
    # By its exact name: another spelling, or a path into a definition, would hide a cycle.
    if not all(isinstance(ref, str) and ref in definitions for ref in references):
        raise InvalidInput(
            "The params_schema is not a usable JSON Schema: only local references are allowed, "
            "from a $ref to the schema's own $defs."
        )
    for start in definitions:
        _refuse_cycle(start, definitions)


def _refuse_cycle(start: str, definitions: dict[str, Json]) -> None:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        found = canonical_text(definitions.get(name, {}))
        targets = {other for other in definitions if f'"$ref":"{other}"' in found}
        if start in targets:
            raise InvalidInput(f"The params_schema refers to itself at {start}; write it out.")
        waiting += targets - seen
        seen |= targets


def _members(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _inside(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def problems(schema: Json, params: Json, *, unresolved: bool = False) -> tuple[str, ...]:
    """What is wrong with `params` under `schema`; empty when they are valid.

    A schema or params that cannot be read are a problem, never an exception. With
    `unresolved`, references in the params stand for values nobody knows yet: what the schema
    says about those is left to the time when they are known.
    """
    try:
        validator = _compile(canonical_text(schema, what="params_schema"))
        unknown = frozenset(references.paths(params) if unresolved else [])
        above = frozenset(path[:n] for path in unknown for n in range(len(path) + 1))
        found = [
            _sentence(error)
            for error in validator.iter_errors(params)
            if not _is_about_unknown(error, unknown, above)
        ]
    except (InvalidInput, ValueError) as error:
        return (str(error),)
    shown = found[:MAX_PROBLEMS]
    if len(found) > MAX_PROBLEMS:
        shown.append(f"and {len(found) - MAX_PROBLEMS} more")
    return tuple(shown)


def _is_about_unknown(
    error: jsonschema_rs.ValidationError, unknown: frozenset[Path], above: frozenset[Path]
) -> bool:
    """Whether an error concerns a reference itself, or a choice that depends on one.

    `above`: the references and whatever holds one. Looked up, for both may be thousands.
    """
    at = tuple(error.instance_path)
    inside = any(at[:n] in unknown for n in range(len(at) + 1))
    keyword = str(error.schema_path[-1]) if error.schema_path else ""
    return inside or (keyword in COMBINING and at in above)


def _sentence(error: jsonschema_rs.ValidationError) -> str:
    where = "/".join(["params", *(str(part) for part in error.instance_path)])
    return f"{_short(where)}: {_short(error.message)}"


def _short(text: str) -> str:
    """Names and values come from agents, and the ledger keeps what is said here for ever."""
    return text if len(text) <= MAX_WORDS else f"{text[: MAX_WORDS - 3]}..."


def _no_fetching(uri: str) -> Json:
    raise ValueError(f"the schema refers to {uri}, and only local references are allowed")


@lru_cache(maxsize=1_000)
def _compile(text: str) -> jsonschema_rs.Validator:
    schema = parse_json(text, what="params_schema", max_bytes=MAX_BYTES)
    try:
        return jsonschema_rs.validator_for(
            schema,
            retriever=_no_fetching,
            mask="the value",  # the ledger keeps the sentence, and must not keep a secret
            pattern_options=jsonschema_rs.RegexOptions(),
            validate_formats=True,
        )
    except (ValueError, jsonschema_rs.ValidationError) as error:
        message = str(error).splitlines()[0]
        raise InvalidInput(f"The params_schema is not a usable JSON Schema: {message}.") from error
