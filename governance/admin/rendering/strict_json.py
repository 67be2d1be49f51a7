"""JSON and numbers as a person types them: kept exactly, or refused with a reason."""

import json
import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from governance.admin.rendering.visible import is_hidden

_MOST_DIGITS = 4000  # Python refuses to read or write whole numbers a little longer

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKENS = re.compile(
    rf"(?P<key>{_STRING})(?=\s*:)|{_STRING}|(?P<open>[{{\[])|(?P<close>[}}\]])"
    r"|(?P<number>-?[0-9][0-9.eE+-]*)|(?P<constant>NaN|-?Infinity)"
)


def parse(text: str) -> Any:
    """The JSON value in `text`.

    Raises ValueError, in words for the person who typed it, for what is not JSON, for a name twice
    in one object, and for a number that is not finite or cannot be kept exactly.
    """
    if not text.strip():
        raise ValueError("Write a JSON value here, such as [] or {} or null.")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"This is not JSON at {where}: {error.msg}. Correct it there.") from error
    except ValueError as error:
        raise ValueError("A number here has too many digits: shorten it.") from error
    except RecursionError as error:
        raise ValueError("This JSON is nested too deeply: make it flatter.") from error
    _refuse_surprises(text)
    return value


def number(text: str) -> int | float:
    """An int for whole digits, a float for "1.50" or "1e3". Raises ValueError as `parse` does."""
    match = _NUMBER.fullmatch(text)
    if not match:
        raise ValueError("Write a number in digits, such as 12 or -1.50.")
    if len(text) > _MOST_DIGITS:
        raise ValueError("This number has too many digits: shorten it.")
    if not any(match.groups()):
        return int(text)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("This number is too large: write a smaller one.")
    if not _same(text, value):
        raise ValueError(f"This number cannot be kept exactly, only as {value!r}: write that.")
    return value


def show(value: Any) -> str:
    """`value` as indented JSON to edit; characters nobody could see there are escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(_escaped(char) if is_hidden(char) else char for char in text)


def _same(text: str, value: float) -> bool:
    try:
        return Decimal(text) == Decimal(repr(value))
    except InvalidOperation:  # an exponent beyond anything
        return False


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


def _refuse_surprises(text: str) -> None:
    """What Python's parser lets through; `text` is otherwise valid."""
    names: list[set[str]] = []  # of each object (or array) that is open
    for token in _TOKENS.finditer(text):
        if token["open"]:
            names.append(set())
        elif token["close"]:
            names.pop()
        elif token["key"]:
            name = json.loads(token["key"])
            if name in names[-1]:
                raise ValueError(f"{_place(token)}: {show(name)} is here twice, keep one of them.")
            names[-1].add(name)
        elif token["constant"]:
            raise ValueError(f"{_place(token)}: {token[0]} is not a JSON number, write another.")
        elif token["number"]:
            _refuse_number(token)


def _refuse_number(token: re.Match[str]) -> None:
    try:
        number(token[0])
    except ValueError as error:
        raise ValueError(f"{_place(token)}: {error}") from error


def _place(token: re.Match[str]) -> str:
    before = token.string[: token.start()]
    return f"Line {before.count(chr(10)) + 1}, column {token.start() - before.rfind(chr(10))}"
