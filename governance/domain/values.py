"""Canonical JSON, digests and strict parsing: how data becomes bytes that can be compared."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import rfc8785

from governance.domain.errors import InvalidInput

Json = Any  # JSON as Python holds it: dict, list, str, int, float, bool, None

MAX_DEPTH = 64
"""Deepest nesting accepted in any JSON value."""


def canonical(value: Json, *, what: str = "value") -> bytes:
    """The RFC 8785 form of a JSON value, UTF-8 encoded.

    Raises InvalidInput for what has no canonical form: NaN and infinities, whole numbers of
    2**53 and more, lone surrogates, keys that are not strings, nesting deeper than MAX_DEPTH.
    """
    _check_depth(value, what=what)
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        message = (
            f"The {what} has no canonical JSON form ({error}): use strings for whole numbers of "
            "2**53 and more, and only finite numbers and valid Unicode."
        )
        raise InvalidInput(message) from error


def canonical_text(value: Json, *, what: str = "value") -> str:
    """`canonical` as text. Raises InvalidInput as it does."""
    return canonical(value, what=what).decode()


def digest(value: Json, *, what: str = "value") -> str:
    """SHA-256 over the canonical form, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value, what=what)).hexdigest()


def parse_json(text: str | bytes, *, what: str, max_bytes: int) -> Json:
    """Parse JSON strictly: bounded in bytes, no duplicate keys, no NaN, no control bytes.

    Raises InvalidInput, naming `what`, the line and the column.
    """
    size = len(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    if size > max_bytes:
        raise InvalidInput(_too_large(what, size, max_bytes))
    try:
        return json.loads(
            text if isinstance(text, str) else text.decode(),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        message = (
            f"What was given as the {what} is not valid JSON: {error.msg} at line {error.lineno}, "
            f"column {error.colno}."
        )
        raise InvalidInput(message) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"What was given as the {what} is not acceptable JSON: {error}."
        ) from error


def require_storable(value: Json, *, what: str, max_bytes: int) -> None:
    """Refuse JSON that some supported database cannot keep: oversized, or holding U+0000."""
    encoded = canonical(value, what=what)
    if len(encoded) > max_bytes:
        raise InvalidInput(_too_large(what, len(encoded), max_bytes))
    if b"\\u0000" in encoded.replace(b"\\\\", b""):
        raise InvalidInput(f"The {what} holds the character U+0000; remove it.")


def require_text(value: str, *, what: str, max_length: int, required: bool = False) -> str:
    """A text field's value: bounded, without U+0000, valid Unicode; not blank when required."""
    if required and not value.strip():
        raise InvalidInput(f"The {what} is empty; it is required.")
    if len(value) > max_length:
        raise InvalidInput(
            f"The {what} is {len(value):,} characters long; at most {max_length:,} are accepted."
        )
    if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise InvalidInput(f"The {what} holds a character that cannot be stored; remove it.")
    return value


def _too_large(what: str, size: int, most: int) -> str:
    return f"What was given as the {what} has {size:,} bytes; at most {most:,} are accepted."


def _check_depth(value: Json, *, what: str) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise InvalidInput(f"The {what} is nested deeper than {MAX_DEPTH} levels.")
        level = [child for parent in level for child in _children(parent)]


def _children(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} appears twice in one object")
    return result


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is too large for a number")
    return number


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
