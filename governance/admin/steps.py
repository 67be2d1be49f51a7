"""The steps of a plan as people see them: what each does, how grave it is, and every parameter."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.admin.frame import tag
from governance.admin.rendering.visible import visible, visible_json
from governance.domain.values import Json, canonical_text
from governance.domain.words import Complexity, Effect, Mode, Reversibility
from governance.execution import wording
from governance.models import ActionType
from governance.policy.plans import Plan, Step
from governance.policy.redaction import clean, clean_text

Catalogue = Mapping[str, ActionType]
"""Action types by key."""

_COMPLEXITY_TONES = {
    Complexity.READ: "good",
    Complexity.DRAFT: "good",
    Complexity.CHANGE: "warn",
    Complexity.IRREVERSIBLE: "bad",
}
_REVERSIBILITY_TONES = {
    Reversibility.REVERSIBLE: "good",
    Reversibility.COMPENSABLE: "warn",
    Reversibility.IRREVERSIBLE: "alarm",
}
_PROMISES = {
    Effect.LOCAL: "In this database: happens exactly once.",
    Effect.KEYED: "The far side knows a repetition when it sees one: happens exactly once.",
    Effect.UNKEYED: "Happens at most once; if it breaks off, a person has to find out how far.",
}
_CARRIERS = {
    Mode.HANDLER: "A worker of this installation carries it out.",
    Mode.AGENT: "The agent may carry it out once, by itself, and reports how it went.",
}
_KINDS: Mapping[type, str] = {
    str: "text",
    bool: "yes or no",
    int: "number",
    float: "number",
    type(None): "null",
    list: "list",
    dict: "object",
}


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter, drawn in full. `layout`: text, literal or json."""

    key: SafeString
    title: SafeString
    kind: str
    layout: str
    value: SafeString


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step. `found` is None where the catalogue no longer has its action type.

    `masked`: some of its params look like secrets, and are not shown.
    """

    number: int
    id: str
    key: SafeString
    found: ActionType | None
    badges: tuple[SafeString, ...]
    promise: str
    when: SafeString
    when_words: SafeString
    params: tuple[Param, ...]
    exact: SafeString
    masked: bool


def catalogue(workspace_ids: Iterable[uuid.UUID], keys: Iterable[str]) -> list[ActionType]:
    """The enabled action types of these keys, in one query."""
    wanted = ActionType.objects.enabled().filter(workspace_id__in=set(workspace_ids))
    return list(wanted.filter(key__in=set(keys)))


def catalogue_of(plan: Plan, workspace_id: uuid.UUID) -> Catalogue:
    """The enabled action types a plan uses."""
    found = catalogue([workspace_id], (step.action_type for step in plan.steps))
    return {row.key: row for row in found}


def shown(plan: Plan, types: Catalogue) -> list[ShownStep]:
    """Every step, ready to be drawn."""
    return [
        _shown_step(number, step, types.get(step.action_type))
        for number, step in enumerate(plan.steps, start=1)
    ]


def words(plan: Plan, types: Catalogue) -> list[SafeString]:
    """The plan in words, a sentence a step, with what looks like a secret masked."""
    return _drawn(wording.sentences(_masked(plan), _titles(types)))


def brief(plan: Plan, types: Catalogue) -> list[SafeString]:
    """The plan in few words, for a line of a list."""
    return _drawn(wording.brief(_masked(plan), _titles(types)))


def _masked(plan: Plan) -> Plan:
    masked = tuple(replace(step, params=clean(step.params)) for step in plan.steps)
    return Plan(masked, plan.text)


def _titles(types: Catalogue) -> dict[str, str]:
    return {key: found.title for key, found in types.items()}


def _drawn(sentences: Iterable[str]) -> list[SafeString]:
    return [_sentence(clean_text(sentence)) for sentence in sentences]


def _sentence(text: str) -> SafeString:
    """A sentence with its `code` as such; nothing an agent wrote brings a backtick into it."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return visible(text)  # one without its other half: of a handler of somebody's own
    drawn = (
        format_html('<code class="ag-code">{}</code>', visible(part, edges=False))
        if number % 2
        else visible(part, edges=False)
        for number, part in enumerate(parts)
    )
    return format_html_join("", "{}", ((part,) for part in drawn))


def heading(plan: Plan, types: Catalogue) -> str:
    """What the plan does, in the catalogue's words rather than the agent's."""
    first = plan.steps[0].action_type
    title = types[first].title if first in types else first
    more = len(plan.steps) - 1
    if not more:
        return title
    return f"{title}, and {more} more step{'s' if more > 1 else ''}"


def carried(plan: Plan) -> str:
    """The plan as a form may carry it: canonical text in which what looks like a secret is masked.

    For showing what its reader had seen. It is not what the digest was made for.
    """
    return canonical_text(clean(plan.as_json()))


def grave_badges(found: ActionType) -> tuple[SafeString, SafeString]:
    """Complexity and reversibility; what cannot be taken back stands out."""
    complexity, reversibility = Complexity(found.complexity), Reversibility(found.reversibility)
    return (
        tag(complexity.label, _COMPLEXITY_TONES[complexity], "Complexity, 1 to 4"),
        tag(reversibility.label, _REVERSIBILITY_TONES[reversibility], "Can it be undone?"),
    )


def _shown_step(number: int, step: Step, found: ActionType | None) -> ShownStep:
    badges: tuple[SafeString, ...] = ()
    promise = ""
    if found is not None:
        effect = Effect(found.effect)
        badges = (*grave_badges(found), tag(f"{effect.value} effect", "plain", effect.label))
        promise = _CARRIERS[Mode(found.mode)]
        if found.mode == Mode.HANDLER:
            promise = f"{promise} {_PROMISES[effect]}"
    params = clean(step.params)
    return ShownStep(
        number=number,
        id=step.id,
        key=visible(step.action_type),
        found=found,
        badges=badges,
        promise=promise,
        when=visible(step.when or ""),
        when_words=_sentence(clean_text(wording.condition(step.when or ""))),
        params=tuple(_params(params, found.params_schema if found else {})),
        exact=visible_json(params),
        masked=params != step.params,
    )


def _params(params: Mapping[str, Json], schema: Mapping[str, Any]) -> Iterable[Param]:
    """In the order of the schema, then whatever else was sent."""
    properties = schema.get("properties", {})
    for key in dict.fromkeys([*(key for key in properties if key in params), *params]):
        described = properties.get(key, {})
        title = described.get("title") if isinstance(described, dict) else None
        yield _param(key, title if isinstance(title, str) else "", params[key])


def _param(key: str, title: str, value: Json) -> Param:
    kind = _KINDS[type(value)]
    if isinstance(value, str):
        layout, drawn = "text", visible(value)
    else:
        layout = "json" if isinstance(value, list | dict) else "literal"
        drawn = visible_json(value)
    return Param(visible(key), visible(title), kind, layout, drawn)


def keys_of(plan_text: str) -> list[str]:
    """The action types a stored plan names, each once, in order; for lists, which show no more."""
    return list(dict.fromkeys(step["action_type"] for step in json.loads(plan_text)))
