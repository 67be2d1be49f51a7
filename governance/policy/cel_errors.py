"""What is wrong with a CEL expression, and where, in plain words."""

from __future__ import annotations

import re

_PLACE = re.compile(r"(\d+):(\d+): (.*)", re.DOTALL)
_NOISE = re.compile(r" \(in container ''\)| \[INVALID_ARGUMENT\]")
_SYNTAX = (
    (re.compile(r"(?:mismatched|extraneous) input '<EOF>'.*"), "it ends too early"),
    (re.compile(r"missing (\S+) at '<EOF>'.*"), r"\1 is missing at the end"),
    (re.compile(r"missing (\S+) at (.+)"), r"\1 is missing before \2"),
    (re.compile(r"(?:mismatched|extraneous) input (.+?) expecting .*"), r"\1 does not belong here"),
    (re.compile(r"no viable alternative at input (.+)"), r"\1 does not belong here"),
    (
        re.compile(r"token recognition error at: '=.*"),
        "a single = means nothing; == compares",
    ),
    (re.compile(r"token recognition error at: (.+)"), r"\1 is no part of CEL"),
)


def plain(error: Exception) -> str:
    """The first problem the compiler found: "line 1, column 4: it ends too early"."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    text = text.removeprefix("INVALID_ARGUMENT: ").removeprefix("ERROR: ").removeprefix("<input>:")
    text = _NOISE.sub("", text)
    found = _PLACE.fullmatch(text)
    if found is None:
        return text
    line, column, what = found.groups()
    if what.startswith("Syntax error: "):
        what = _syntax(what.removeprefix("Syntax error: "))
    return f"line {line}, column {column}: {what}"


def _syntax(what: str) -> str:
    for pattern, words in _SYNTAX:
        if pattern.fullmatch(what):
            return f"syntax error: {pattern.sub(words, what)}"
    return f"syntax error: {what}"
