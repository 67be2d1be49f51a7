"""Every kind of event in plain words; and whatever is in it, no event breaks the page."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from governance.admin import supervision_words
from governance.models import SessionEvent

TITLES = {"pay": "Pay an invoice", "canvas_present": "Present a canvas"}
ANN = {"by": {"kind": "person", "id": "1", "label": "ann"}}
GATE = {"by": {"kind": "system", "id": "gate", "label": "gate"}}
KEY = "01a20000-0000-7000-8000-000000000000"
PAGE = "/admin/governance/{}/01a20000-0000-7000-8000-000000000000/change/"


def line(kind, data):
    event = SessionEvent(sequence=3, kind=kind, data=data, created_at=timezone.now())
    (found,) = supervision_words.lines([event], TITLES)
    return found


def plain(markup) -> str:
    return " ".join(re.sub("<[^>]*>", " ", markup).split())


def pay(**more):
    return {"action_type": "pay", "params": {"amount": 5}, "reasoning": "Due.", **more}


CHART = {"kind": "chart", "title": "Sales", "chart": {"type": "bar", "labels": [], "series": []}}

#    kind, data, tone, words, detail, said
WORDS = (
    ("started", {**ANN, "supervisor": "ann"}, "person", "ann began to watch.", "", ""),
    ("started", {**GATE, "supervisor": "ann"}, "system", "It was given to ann to watch.", "", ""),
    (
        "action",
        pay(route="execution"),
        "agent",
        "It asked: Pay an invoice cleared",
        "amount: 5",
        "Due.",
    ),
    (
        "action",
        pay(route="supervision"),
        "agent",
        "It asked: Pay an invoice cleared under supervision",
        "amount: 5",
        "Due.",
    ),
    (
        "action",
        pay(route="proposal"),
        "agent",
        "It asked: Pay an invoice waits for a decision",
        "amount: 5",
        "Due.",
    ),
    (
        "action",
        pay(route="training"),
        "agent",
        "It asked: Pay an invoice refused: training",
        "amount: 5",
        "Due.",
    ),
    (
        "action",
        pay(route="denied"),
        "agent",
        "It asked: Pay an invoice denied",
        "amount: 5",
        "Due.",
    ),
    (
        "action",
        {"action_type": "canvas_present", "params": CHART, "reasoning": "", "route": "execution"},
        "agent",
        "It asked: Show a bar chart titled “Sales” cleared",
        "",
        "",
    ),
    (
        "action",
        {"action_type": "gone", "reasoning": "", "route": "denied"},
        "agent",
        "It asked: gone denied",
        "With params that are too long to show here.",
        "",
    ),
    ("held", pay(), "agent", "It asks: Pay an invoice waits", "amount: 5", "Due."),
    (
        "held",
        {"action_type": "pay", "step": "step1", "execution": KEY},
        "agent",
        "Its next step waits: Pay an invoice",
        "",
        "",
    ),
    ("proposed", {"title": "Refund Ms Ada"}, "agent", "It proposed: Refund Ms Ada", "", ""),
    ("step", {"action_type": "pay", "state": "sent"}, "agent", "Under way: Pay an invoice", "", ""),
    ("step", {"action_type": "pay", "state": "done"}, "good", "Done: Pay an invoice", "", ""),
    (
        "step",
        {"action_type": "pay", "state": "failed", "error": "No money."},
        "bad",
        "Failed: Pay an invoice",
        "No money.",
        "",
    ),
    ("step", {"action_type": "x", "state": "in_doubt"}, "bad", "In doubt: x", "", ""),
    (
        "step",
        {"action_type": "pay", "state": "skipped"},
        "agent",
        "Skipped: Pay an invoice",
        "",
        "",
    ),
    (
        "guidance_lost",
        {"interventions": [KEY]},
        "bad",
        "The last guidance was never handed over: the agent asked for nothing after it.",
        "",
        "",
    ),
    ("execution", {"state": "done"}, "good", "All of that is done.", "", ""),
    ("execution", {"state": "failed"}, "bad", "That did not work.", "", ""),
    (
        "execution",
        {"state": "in_doubt"},
        "bad",
        "Nobody knows whether that took effect; a person has to look.",
        "",
        "",
    ),
    ("intervention", {**ANN, "kind": "pause", "text": ""}, "person", "ann paused it.", "", ""),
    ("intervention", {**ANN, "kind": "resume", "text": ""}, "person", "ann let it go on.", "", ""),
    (
        "intervention",
        {**ANN, "kind": "correct", "text": "Slower."},
        "person",
        "ann corrected it.",
        "",
        "Slower.",
    ),
    (
        "intervention",
        {**ANN, "kind": "terminate", "text": "Enough."},
        "person",
        "ann terminated it.",
        "",
        "Enough.",
    ),
    (
        "intervention",
        {**GATE, "kind": "pause", "text": "Nobody has watched for 300 s."},
        "system",
        "The system paused it.",
        "Nobody has watched for 300 s.",
        "",
    ),
    (
        "guidance_delivered",
        {"interventions": [KEY]},
        "agent",
        "The agent was handed the guidance, with its answer.",
        "",
        "",
    ),
    (
        "run_ended",
        {"state": "succeeded", "note": ""},
        "good",
        "The run is over: the agent says that it has succeeded.",
        "",
        "",
    ),
    ("run_ended", {"state": "failed", "note": "Oh."}, "bad", "The run has failed.", "Oh.", ""),
    (
        "run_ended",
        {"state": "abandoned", "note": "Terminated."},
        "bad",
        "The run is over: it was not brought to its end.",
        "Terminated.",
        "",
    ),
    (
        "completed",
        {**ANN, "rating": 4, "boost": 0.075},
        "person",
        "ann rated it 4 of 5.",
        "The agent’s confidence rose by 0.075.",
        "",
    ),
    ("from the future", {"x": 1}, "system", "Something happened.", "", ""),
)


@pytest.mark.parametrize(("kind", "data", "tone", "words", "detail", "said"), WORDS)
def test_in_words(kind, data, tone, words, detail, said):
    found = line(kind, data)
    assert (found.tone, plain(found.text)) == (tone, words)
    assert (plain(found.detail), plain(found.said)) == (detail, said)
    assert found.sequence == 3


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"state": "done", "steps": 1}, 0),  # its one step says it
        ({"state": "done", "steps": 2}, 1),
        ({"state": "failed", "steps": 1}, 1),
        ({"state": "done"}, 1),
    ],
)
def test_what_another_event_says_is_not_said_twice(data, shown):
    event = SessionEvent(sequence=1, kind="execution", data=data, created_at=timezone.now())
    assert len(supervision_words.lines([event], TITLES)) == shown


@pytest.mark.parametrize(
    ("data", "page"),
    [
        ({"decision": KEY}, "decision"),
        ({"decision": KEY, "execution": KEY}, "execution"),
        ({"decision": KEY, "proposal": KEY}, "proposal"),
    ],
)
def test_where_the_record_is(data, page):
    assert line("action", pay(route="execution", **data)).url == PAGE.format(page)
    assert line("action", pay(route="execution")).url == ""


KINDS = tuple(dict.fromkeys(kind for kind, *_ in WORDS))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        None,
        {"by": "ann", "params": [1], "state": None, "kind": 4, "text": {}, "rating": []},
        {"action_type": "a b" * 500, "params": {"$cel": "nowhere"}, "route": "sideways"},
        {"action_type": "pay", "params": {"<b>": "<script>"}, "title": "<i>", "text": "<script>"},
    ],
)
def test_nothing_in_an_event_breaks_or_forges_the_page(kind, data):
    found = line(kind, data)
    for markup in (found.text, found.detail, found.said):
        assert "<script" not in markup
        assert "<i>" not in markup
        assert "<b>" not in markup
    assert found.tone in supervision_words.TONES
