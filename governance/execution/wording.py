"""A plan in words for people. Never in place of the plan itself, which stands beside it."""

from __future__ import annotations

from collections.abc import Mapping

from governance.domain.errors import NotFound
from governance.domain.values import Json
from governance.execution import registry
from governance.policy import references
from governance.policy.plans import Plan, Step


def sentences(plan: Plan, titles: Mapping[str, str]) -> list[str]:
    """One sentence a step, in order. `titles`: by action-type key, where no handler has words."""
    return [_sentence(step, titles) for step in plan.steps]


def value(found: Json) -> str:
    """A param's value inside a sentence; a reference says what it refers to."""
    if isinstance(found, dict) and references.KEY in found:
        return f"what `{found[references.KEY]}` gives"
    return f"“{found}”" if isinstance(found, str) else str(found)


def _sentence(step: Step, titles: Mapping[str, str]) -> str:
    words = _phrase(step) or titles.get(step.action_type, step.action_type)
    if step.when is None:
        return f"{words[:1].upper()}{words[1:]}."
    return f"If {step.when}: {words[:1].lower()}{words[1:]}."


def _phrase(step: Step) -> str:
    try:
        phrase = registry.find(step.action_type).phrase
    except NotFound:
        return ""
    try:
        return phrase(step.params) if phrase else ""
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""  # params that no schema has accepted yet: the title has to do
