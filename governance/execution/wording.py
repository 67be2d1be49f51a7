"""A plan in words for people. Never in place of the plan itself, which stands beside it.

What an agent wrote stands in “quotes” that nothing inside can close, on one line, and cut short:
no text of its own can pass for a sentence of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from governance.domain.errors import NotFound
from governance.domain.values import Json
from governance.execution import registry
from governance.policy import expansion, references
from governance.policy.plans import Plan, Step

LONGEST = 200
"""Characters of one text inside a sentence."""

BRIEF = 160
"""Characters of a sentence in a list, about; what is left out is counted or shown as dots."""

SHORT = 40
"""Characters of a param's value in a list."""

BRIEF_STEPS = 2
"""Steps of a plan that a list names."""

_STANDS_FOR = {references.KEY: "", expansion.KEY: "$param ", references.CREDENTIAL: "$secret "}
_COMPARISON = re.compile(
    r"""steps\.(?P<step>\w+)\.(?P<what>state|output(?:\.\w+)+)\s*(?P<how>==|!=|>=|<=|>|<)\s*
    (?P<to>'[^'"\\]*'|"[^'"\\]*"|-?\d+(?:\.\d+)?|true|false)""",
    re.VERBOSE | re.ASCII,
)
_COMPARED = {
    "==": "is",
    "!=": "is not",
    ">": "is more than",
    "<": "is less than",
    ">=": "is at least",
    "<=": "is at most",
}
_CLOSING = str.maketrans({"“": '"', "”": '"', "`": "'"})
_ONE_WORD = re.compile(r"[!#-&(-_a-~]+")


def sentences(plan: Plan, titles: Mapping[str, str]) -> list[str]:
    """One sentence a step, in order. `titles`: by action-type key, where no handler has words."""
    return [_sentence(step, titles) for step in plan.steps]


def brief(plan: Plan, titles: Mapping[str, str]) -> list[str]:
    """The first steps in few words, so that two plans of one kind can be told apart in a list.

    Where no handler has words for a step, its params stand for them.
    """
    found = [_brief(step, titles) for step in plan.steps[:BRIEF_STEPS]]
    more = len(plan.steps) - BRIEF_STEPS
    return [*found, f"And {more} more step{'s' if more > 1 else ''}."] if more > 0 else found


def condition(source: str) -> str:
    """A comparison with what one step gave, in words; empty for anything that is more than that."""
    found = _COMPARISON.fullmatch(source.strip())
    if found is None:
        return ""
    what = found["what"].removeprefix("output.")
    gave = "the state of step" if what == "state" else f"{code(what)} of step"
    to = found["to"]
    literal = value(to[1:-1]) if to[0] in "'\"" else to
    return f"{gave} {code(found['step'])} {_COMPARED[found['how']]} {literal}"


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


def _brief(step: Step, titles: Mapping[str, str]) -> str:
    if _phrase(step):
        sentence = _sentence(step, titles)
        return sentence if len(sentence) <= BRIEF else f"{sentence[: BRIEF - 1]}…"
    title = _printable(titles.get(step.action_type, step.action_type))
    given = [f"{code(name)} {_short_value(found)}" for name, found in step.params.items()]
    shown: list[str] = []
    while given and sum(map(len, [*shown, given[0]])) <= BRIEF:
        shown.append(given.pop(0))
    if given:
        shown.append(f"{len(given)} more param{'s' if len(given) > 1 else ''}")
    return f"{title}: {', '.join(shown)}." if shown else f"{title}."


def _short_value(found: Json) -> str:
    """Some forty characters of a value; lists and objects as JSON."""
    if isinstance(found, dict) and len(found) == 1 and found.keys() & _STANDS_FOR.keys():
        return value(found)
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    cut = text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"
    return value(cut) if isinstance(found, str) else _line(cut)


def _phrase(step: Step) -> str:
    try:
        phrase = registry.find(step.action_type).phrase
    except NotFound:
        return ""
    try:
        return phrase(step.params) if phrase else ""
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""  # params that no schema has accepted yet: the title has to do
