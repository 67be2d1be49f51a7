"""JSON Schema for action parameters: checked when saved, linear-time patterns, no fetching."""

from __future__ import annotations

import json
from functools import lru_cache

import jsonschema_rs

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, canonical_text, parse_json
from governance.policy import redaction, references

MAX_BYTES = 64_000
"""Largest schema accepted, in bytes of canonical JSON."""

COMBINING = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "contains", "uniqueItems"})

MAX_PROBLEMS = 5
"""How many problems one answer names; the rest are counted."""


def check_schema(schema: Json) -> None:
    """Refuse a schema that cannot judge params: raises InvalidInput saying what is wrong."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise InvalidInput('The params_schema must be an object schema: {"type": "object", ...}.')
    text = canonical_text(schema, what="params_schema")
    if len(text.encode()) > MAX_BYTES:
        raise InvalidInput(f"The params_schema is larger than {MAX_BYTES:,} bytes.")
    _compile(text)


def problems(schema: Json, params: Json, *, unresolved: bool = False) -> tuple[str, ...]:
    """What is wrong with `params` under `schema`; empty when they are valid.

    A schema or params that cannot be read are a problem, never an exception. With
    `unresolved`, references in the params stand for values nobody knows yet: what the schema
    says about those is left to the time when they are known.
    """
    try:
        validator = _compile(canonical_text(schema, what="params_schema"))
        unknown = references.paths(params) if unresolved else []
        found = [
            _sentence(error)
            for error in validator.iter_errors(params)
            if not _is_about_unknown(error, unknown)
        ]
    except (InvalidInput, ValueError) as error:
        return (str(error),)
    shown = found[:MAX_PROBLEMS]
    if len(found) > MAX_PROBLEMS:
        shown.append(f"and {len(found) - MAX_PROBLEMS} more")
    return tuple(shown)


def _is_about_unknown(
    error: jsonschema_rs.ValidationError, unknown: list[tuple[str | int, ...]]
) -> bool:
    """Whether an error concerns a reference itself, or a choice that depends on one."""
    at = tuple(error.instance_path)
    inside = any(at[: len(path)] == path for path in unknown)
    keyword = str(error.schema_path[-1]) if error.schema_path else ""
    depends = keyword in COMBINING and any(path[: len(at)] == at for path in unknown)
    return inside or depends


def _sentence(error: jsonschema_rs.ValidationError) -> str:
    path = [str(part) for part in error.instance_path]
    where = "/".join(["params", *path])
    if any(redaction.is_secret_name(part) for part in path):
        # The message quotes the value, and goes into decisions and the ledger.
        return f"{where}: the value is not accepted here"
    message = _without_secrets(error.message)
    message = message if len(message) <= 300 else f"{message[:297]}..."  # noqa: PLR2004
    return f"{where}: {message}"


def _without_secrets(message: str) -> str:
    """The message, which begins with the whole value it is about, as JSON."""
    if message.startswith(("{", "[")):
        try:
            value, end = json.JSONDecoder().raw_decode(message)
        except ValueError:
            return "the value is not accepted here"
        return canonical_text(redaction.clean(value)) + redaction.clean_text(message[end:])
    return redaction.clean_text(message)


def _no_fetching(uri: str) -> Json:
    raise ValueError(f"the schema refers to {uri}, and only local references are allowed")


@lru_cache(maxsize=1_000)
def _compile(text: str) -> jsonschema_rs.Validator:
    schema = parse_json(text, what="params_schema", max_bytes=MAX_BYTES)
    try:
        return jsonschema_rs.validator_for(
            schema,
            retriever=_no_fetching,
            pattern_options=jsonschema_rs.RegexOptions(),
            validate_formats=True,
        )
    except (ValueError, jsonschema_rs.ValidationError) as error:
        message = str(error).splitlines()[0]
        raise InvalidInput(f"The params_schema is not a usable JSON Schema: {message}.") from error
