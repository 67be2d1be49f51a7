"""What happened in a session, in plain words. Whatever an agent wrote is shown, never obeyed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.admin.facts import badge
from governance.admin.rendering.visible import visible
from governance.domain.errors import InvalidInput
from governance.domain.values import Json
from governance.execution import wording
from governance.models import ActionType, SessionEvent
from governance.policy import plans
from governance.policy.redaction import clean_text

MOST_PARAMS, LONGEST_PARAM = 4, 120

Titles = Mapping[str, str]
"""Of action types, by key."""

NOTHING = SafeString("")


@dataclass(frozen=True, slots=True)
class Line:
    """One event, drawn. `tone`: whose doing it is, or how it went: see TONES.

    `said` are somebody's own words. `url` leads to the record of it.
    """

    sequence: int
    at: datetime
    tone: str
    text: SafeString
    detail: SafeString
    said: SafeString
    url: str


TONES = ("agent", "person", "system", "good", "bad")


def lines(events: Iterable[SessionEvent], titles: Titles) -> list[Line]:
    """The events in words, in their order; without those that another says already."""
    return [_line(event, titles) for event in events if not _is_said(event)]


def titles_of(workspace_id: uuid.UUID) -> dict[str, str]:
    """The catalogue's titles."""
    return dict(ActionType.objects.of(workspace_id).values_list("key", "title"))


def wish(data: Mapping[str, Json], titles: Titles) -> SafeString:
    """What an agent asks for: the handler's words, or else the catalogue's title."""
    key, params = str(data.get("action_type", "")), data.get("params")
    sentence = titles.get(key, key)
    if isinstance(params, dict):
        try:
            plan = plans.parse(plans.single(key, params))
            (sentence,) = wording.sentences(plan, titles)
        except InvalidInput:
            pass  # an event from before this was refused: its title has to do
    return visible(clean_text(sentence.removesuffix(".")))


@dataclass(frozen=True, slots=True)
class _Told:
    """What an event holds, read with care: it may be from another version of us."""

    data: Mapping[str, Json]
    titles: Titles

    def text(self, name: str) -> str:
        found = self.data.get(name, "")
        return found if isinstance(found, str) else str(found)

    def shown(self, name: str) -> SafeString:
        return visible(self.text(name))

    @property
    def by(self) -> Mapping[str, Json]:
        found = self.data.get("by")
        return found if isinstance(found, dict) else {}

    @property
    def by_a_person(self) -> bool:
        return self.by.get("kind") == "person"

    @property
    def who(self) -> SafeString:
        return visible(str(self.by.get("label", "somebody")))

    @property
    def wish(self) -> SafeString:
        return wish(self.data, self.titles)

    @property
    def params(self) -> SafeString:
        """The short ones among the params."""
        params = self.data.get("params")
        if not isinstance(params, dict):
            return SafeString("With params that are too long to show here.")
        # PostgreSQL keeps the members of an object in an order of its own.
        adding = sorted((key, value) for key, value in params.items() if self._adds(value))
        shown = [f"{key}: {_short(value)}" for key, value in adding]
        return visible(", ".join(shown[:MOST_PARAMS]))

    def _adds(self, value: Json) -> bool:
        """Whether a param can be shown in a line, and is not a text in the words already."""
        if isinstance(value, str):
            return visible(value) not in self.wish
        return isinstance(value, int | float | bool)

    @property
    def url(self) -> str:
        """The page of what came of it; of the decision, where nothing did."""
        for name in ("proposal", "execution", "decision"):
            if self.text(name):
                return reverse(f"admin:governance_{name}_change", args=[self.text(name)])
        return ""


def _short(value: Json) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_PARAM else f"{text[:LONGEST_PARAM]} …"


@dataclass(frozen=True, slots=True)
class _Words:
    tone: str
    text: SafeString
    detail: SafeString = NOTHING
    said: str = ""
    url: str = ""


def _is_said(event: SessionEvent) -> bool:
    """Whether it is the good end of a plan of one step, whose step says it."""
    found = event.data if isinstance(event.data, dict) else {}
    return event.kind == "execution" and found.get("state") == "done" and found.get("steps") == 1


def _line(event: SessionEvent, titles: Titles) -> Line:
    told = _Told(event.data if isinstance(event.data, dict) else {}, titles)
    words = _DRAW[event.kind](told) if event.kind in _DRAW else _PLAIN.get(event.kind, _OTHER)
    return Line(
        event.sequence,
        event.created_at,
        words.tone,
        words.text,
        words.detail,
        visible(words.said),
        words.url,
    )


# --- One of each kind


def _started(told: _Told) -> _Words:
    watcher = told.shown("supervisor")
    if told.by_a_person:
        return _Words("person", format_html("{} began to watch.", watcher))
    return _Words("system", format_html("It was given to {} to watch.", watcher))


def _action(told: _Told) -> _Words:
    route = told.text("route")
    answer = badge(route, _ANSWERED.get(route, route))
    text = format_html("It asked: <strong>{}</strong> {}", told.wish, answer)
    return _Words("agent", text, told.params, told.text("reasoning"), told.url)


def _held(told: _Told) -> _Words:
    if told.text("step"):
        text = format_html("Its next step waits: <strong>{}</strong>", told.wish)
        return _Words("agent", text, url=told.url)
    text = format_html("It asks: <strong>{}</strong> {}", told.wish, badge("paused", "waits"))
    return _Words("agent", text, told.params, told.text("reasoning"))


def _proposed(told: _Told) -> _Words:
    text = format_html("It proposed: <strong>{}</strong>", told.shown("title"))
    return _Words("agent", text, url=told.url)


def _step(told: _Told) -> _Words:
    state, key = told.text("state"), told.text("action_type")
    how, tone = _STEPS.get(state, (state, "agent"))
    text = format_html("{}: {}", how, visible(told.titles.get(key, key)))
    return _Words(tone, text, told.shown("error"), url=told.url)


def _execution(told: _Told) -> _Words:
    text, tone = _EXECUTIONS.get(told.text("state"), ("It goes on.", "agent"))
    return _Words(tone, SafeString(text), url=told.url)


def _intervention(told: _Told) -> _Words:
    if not told.by_a_person:
        return _Words("system", SafeString("The system paused it."), told.shown("text"))
    verb = _VERBS.get(told.text("kind"), "did something to it")
    return _Words("person", format_html("{} {}.", told.who, verb), said=told.text("text"))


def _run_ended(told: _Told) -> _Words:
    text, tone = _RUNS.get(told.text("state"), ("The run is over.", "agent"))
    return _Words(tone, SafeString(text), told.shown("note"))


def _completed(told: _Told) -> _Words:
    text = format_html("{} rated it {} of 5.", told.who, told.shown("rating"))
    detail = format_html("The agent’s confidence rose by {}.", told.shown("boost"))
    return _Words("person", text, detail)


_DRAW: Mapping[str, Callable[[_Told], _Words]] = {
    "started": _started,
    "action": _action,
    "held": _held,
    "proposed": _proposed,
    "step": _step,
    "execution": _execution,
    "intervention": _intervention,
    "run_ended": _run_ended,
    "completed": _completed,
}
_PLAIN = {
    "guidance_delivered": _Words(
        "agent", SafeString("The agent was handed the guidance, with its answer.")
    ),
    "guidance_lost": _Words(
        "bad",
        SafeString(
            "The last guidance was never handed over: the agent asked for nothing after it."
        ),
    ),
}
_OTHER = _Words("system", SafeString("Something happened."))

_ANSWERED = {
    "execution": "cleared",
    "supervision": "cleared under supervision",
    "proposal": "waits for a decision",
    "training": "refused: training",
    "denied": "denied",
}
_VERBS = {
    "pause": "paused it",
    "resume": "let it go on",
    "correct": "corrected it",
    "terminate": "terminated it",
}
_STEPS = {
    "sent": ("Under way", "agent"),
    "done": ("Done", "good"),
    "failed": ("Failed", "bad"),
    "skipped": ("Skipped", "agent"),
    "in_doubt": ("In doubt", "bad"),
    "not_run": ("Not run", "agent"),
}
_EXECUTIONS = {
    "done": ("All of that is done.", "good"),
    "failed": ("That did not work.", "bad"),
    "in_doubt": ("Nobody knows whether that took effect; a person has to look.", "bad"),
}
_RUNS = {
    "succeeded": ("The run is over: the agent says that it has succeeded.", "good"),
    "failed": ("The run has failed.", "bad"),
    "abandoned": ("The run is over: it was not brought to its end.", "bad"),
}
