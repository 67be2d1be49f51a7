"""A plan in words for people. Never in place of the plan itself, which stands beside it.

What an agent wrote stands in “quotes” that nothing inside can close, on one line, and cut short:
no text of its own can pass for a sentence of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from governance.domain.errors import NotFound
from governance.domain.values import Json
from governance.execution import registry
from governance.policy import expansion, references
from governance.policy.plans import Plan, Step

LONGEST = 200
"""Characters of one text inside a sentence."""

_STANDS_FOR = {references.KEY: "", expansion.KEY: "$param ", references.CREDENTIAL: "$secret "}
_CLOSING = str.maketrans({"“": '"', "”": '"', "`": "'"})
_ONE_WORD = re.compile(r"[!#-&(-_a-~]+")


def sentences(plan: Plan, titles: Mapping[str, str]) -> list[str]:
    """One sentence a step, in order. `titles`: by action-type key, where no handler has words."""
    return [_sentence(step, titles) for step in plan.steps]


def value(found: Json) -> str:
    """A param's value inside a sentence: a text in quotes, what stands for another as code."""
    if isinstance(found, dict) and len(found) == 1:
        for key, prefix in _STANDS_FOR.items():
            if key in found:
                return code(f"{prefix}{found[key]}")
    return f"“{_line(found)}”" if isinstance(found, str) else _line(str(found))


def address(found: Json) -> str:
    """An address inside a sentence: as it is, where it is one plain word."""
    plain = isinstance(found, str) and len(found) <= LONGEST and _ONE_WORD.fullmatch(found)
    return str(found) if plain else value(found)


def code(text: str) -> str:
    """An expression inside a sentence."""
    return f"`{_line(text)}`"


def _line(text: str) -> str:
    cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return _printable(cut).translate(_CLOSING)


def _printable(text: str) -> str:
    """On one line: what is no printable character is written as its code."""
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(escaped)


def _sentence(step: Step, titles: Mapping[str, str]) -> str:
    words = _printable(_phrase(step) or titles.get(step.action_type, step.action_type))
    if step.when is None:
        return f"{words[:1].upper()}{words[1:]}."
    return f"If {code(step.when)}: {words[:1].lower()}{words[1:]}."


def _phrase(step: Step) -> str:
    try:
        phrase = registry.find(step.action_type).phrase
    except NotFound:
        return ""
    try:
        return phrase(step.params) if phrase else ""
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""  # params that no schema has accepted yet: the title has to do
