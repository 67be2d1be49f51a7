"""Plans in words: every built-in handler has some, and no text of an agent passes for ours."""

from __future__ import annotations

import pytest

from governance.execution import registry, wording
from governance.policy import plans

CANVAS = "01a20000-0000-7000-8000-000000000000"


def says(action_type, params, **more):
    plan = plans.parse([{"id": "step1", "action_type": action_type, "params": params, **more}])
    return wording.sentences(plan, {"own": "File a ticket"})


CHART = {"type": "bar", "labels": ["a"], "series": [{"name": "s", "values": [1]}]}
FORM = {"fields": [{"name": "why", "label": "Why?", "type": "text"}]}

# action type, params, the sentence
WORDS = [
    (
        "canvas_present",
        {"kind": "chart", "title": "T", "chart": CHART},
        "Show a bar chart titled “T”.",
    ),
    ("canvas_present", {"kind": "sheet", "title": "T", "sheet": {}}, "Show a sheet titled “T”."),
    (
        "canvas_present",
        {"kind": "form", "title": "T", "form": FORM},
        "Show a form to fill in titled “T”.",
    ),
    ("canvas_present", {"kind": "markdown", "title": "T"}, "Show a text titled “T”."),
    (
        "canvas_present",
        {"kind": "orchestration", "title": "T", "orchestration": {}},
        "Show a board of steps titled “T”.",
    ),
    (
        "canvas_present",
        {"kind": "markdown", "title": {"$cel": "'a' + 'b'"}},
        "Show a text titled `'a' + 'b'`.",
    ),
    ("canvas_present", {"kind": "poem", "title": "T"}, "Canvas_present."),
    ("form_answer", {"canvas": CANVAS}, f"Read the answer to the form {CANVAS}, if there is one."),
    (
        "form_answer",
        {"canvas": CANVAS, "wait_minutes": 1},
        f"Wait up to 1 minute for the answer to the form {CANVAS}.",
    ),
    (
        "form_answer",
        {"canvas": CANVAS, "wait_minutes": 90},
        f"Wait up to 90 minutes for the answer to the form {CANVAS}.",
    ),
    (
        "form_answer",
        {"canvas": CANVAS, "wait_minutes": 120},
        f"Wait up to 2 hours for the answer to the form {CANVAS}.",
    ),
    (
        "form_answer",
        {"canvas": CANVAS, "wait_minutes": 10_080},
        f"Wait up to 7 days for the answer to the form {CANVAS}.",
    ),
    ("run_start", {"run": CANVAS}, f"Let the run {CANVAS} begin."),
    (
        "workflow_trigger",
        {"workflow": "report", "params": {}},
        "Carry out the workflow “report”.",
    ),
    (
        "agent_execute",
        {"agent": "helper", "instruction": "Show the sales"},
        "Ask the agent “helper”: “Show the sales”.",
    ),
    (
        "device_command",
        {"device": "phone", "kind": "camera"},
        "Take a photo with the device “phone”.",
    ),
    ("own", {}, "File a ticket."),
    ("unheard_of", {}, "Unheard_of."),
]


@pytest.mark.parametrize(("action_type", "params", "sentence"), WORDS)
def test_a_step_in_words(action_type, params, sentence):
    assert says(action_type, params) == [sentence]


# a condition, in words; none for what is more than one comparison
CONDITIONS = [
    ("steps.ask.output.answers.what == 'photo'", "`answers.what` of step `ask` is “photo”"),
    ('steps.ask.state != "skipped"', "the state of step `ask` is not “skipped”"),
    (" steps.a.output.n >= -1.5 ", "`n` of step `a` is at least -1.5"),
    ("steps.a.output.ok == true", "`ok` of step `a` is true"),
    ("steps.a.output.n > 1 || true", ""),
    ("!(steps.a.output.n > 1)", ""),
    ("steps.a.output.n > steps.b.output.n", ""),
    ("size(steps.a.output.rows) > 1", ""),
    ("steps.a.output.s == 'x' + 'y'", ""),
    ("steps.a.output.s == 'a\\'b'", ""),
    ("", ""),
]


@pytest.mark.parametrize(("source", "words"), CONDITIONS)
def test_a_comparison_in_words(source, words):
    assert wording.condition(source) == words


def brief(*steps):
    return wording.brief(plans.parse(list(steps)), {"own": "File a ticket"})


def test_in_a_list_the_params_stand_for_a_step_without_words():
    step = {"id": "a", "action_type": "own"}
    ref = {"$cel": "steps.a.output"}
    found = brief(
        {**step, "params": {"to": "x”. `y`", "n": 1, "deep": {"a": [True, None]}}},
        {**step, "id": "b", "params": {"ref": ref, "long": "w" * 99}},
        {**step, "id": "c", "params": {}},
    )
    assert found == [
        'File a ticket: `deep` {"a": [true, null]}, `n` 1, `to` “x". \'y\'”.',
        f"File a ticket: `long` “{'w' * 39}…”, `ref` `steps.a.output`.",
        "And 1 more step.",
    ]


def test_in_a_list_sentences_and_params_are_cut_short():
    many = {f"p{n}": "v" * 30 for n in range(9)}
    [own] = brief({"id": "a", "action_type": "own", "params": many})
    assert own.endswith(", 5 more params.")
    assert len(own) < wording.BRIEF + 40
    note = {"kind": "markdown", "title": "t" * 190, "markdown": "x"}
    [sentence] = brief({"id": "a", "action_type": "canvas_present", "params": note})
    assert len(sentence) == wording.BRIEF
    assert sentence.endswith("…")


def test_every_built_in_handler_has_words():
    built_in = [
        spec for spec in registry.known() if "governance.handlers" in spec.handler.__module__
    ]
    assert len(built_in) >= 8
    assert [spec.key for spec in built_in if spec.phrase is None] == []


def test_a_reference_to_an_earlier_step_and_a_condition_stay_code():
    ask = {"id": "ask", "action_type": "own", "params": {}}
    answer = {
        "id": "answer",
        "action_type": "form_answer",
        "params": {"canvas": {"$cel": "steps.ask.output.canvas"}, "wait_minutes": 60},
    }
    photo = {
        "id": "photo",
        "action_type": "device_command",
        "params": {"device": "phone", "kind": "camera"},
        "when": 'steps.answer.output.answers.what == "photo"',
    }
    note = {
        "id": "note",
        "action_type": "canvas_present",
        "params": {"kind": "markdown", "title": "N", "markdown": "x"},
        "when": "size(steps.ask.output.rows) > 0",
    }
    assert wording.sentences(plans.parse([ask, answer, photo, note]), {}) == [
        "Own.",
        "Wait up to 1 hour for the answer to the form `steps.ask.output.canvas`.",
        'If `steps.answer.output.answers.what == "photo"`: take a photo with the device “phone”.',
        "If `size(steps.ask.output.rows) > 0`: show a text titled “N”.",
    ]


# a value, in a sentence
VALUES = [
    ("plain", "“plain”"),
    (5, "5"),
    ({"$cel": "steps.a.output.b"}, "`steps.a.output.b`"),
    ({"$param": "rows"}, "`$param rows`"),
    ({"$secret": "slack"}, "`$secret slack`"),
    ("x”, then delete “everything", '“x", then delete "everything”'),
    ("x.\n2. Do nothing", r"“x.\n2. Do nothing”"),
    ("a`b`", "“a'b'”"),
    ("a\u202eb\u200bc\u2028d", r"“a\u202eb\u200bc\u2028d”"),
    ("y" * 201, f"“{'y' * 199}…”"),
    ({"$cel": "'`' + steps.a.output.b"}, "`''' + steps.a.output.b`"),
]


@pytest.mark.parametrize(("value", "shown"), VALUES)
def test_nothing_an_agent_wrote_closes_its_quotes_or_begins_a_line(value, shown):
    assert wording.value(value) == shown


# an address, in a sentence
ADDRESSES = [
    ("https://x.test/a?b=c&d=%20", "https://x.test/a?b=c&d=%20"),
    ("ann@example.com", "ann@example.com"),
    ("https://x.test/ and then some", "“https://x.test/ and then some”"),
    ("https://x.test/”", '“https://x.test/"”'),
    ("https://\u0435x.test/", "“https://\u0435x.test/”"),
    ({"$cel": "steps.a.output.url"}, "`steps.a.output.url`"),
    ("https://" + "y" * 300, f"“https://{'y' * 191}…”"),
]


@pytest.mark.parametrize(("value", "shown"), ADDRESSES)
def test_an_address_needs_no_quotes_where_it_is_one_plain_word(value, shown):
    assert wording.address(value) == shown
