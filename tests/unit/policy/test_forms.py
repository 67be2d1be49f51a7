"""Forms: which can be asked, and what answers each kind of field."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput
from governance.policy import forms

TEXT = {"name": "why", "label": "Why?", "type": "text"}


def read(*fields):
    return forms.read({"fields": list(fields)})


def test_a_form_is_read():
    [why, where] = read(
        {**TEXT, "required": True},
        {"name": "where", "label": "Where?", "type": "select", "options": ["here", "there"]},
    )
    assert (why.name, why.label, why.type, why.required, why.options) == (
        "why",
        "Why?",
        "text",
        True,
        (),
    )
    assert (where.type, where.required, where.options) == ("select", False, ("here", "there"))


# a form, what is said of it
NO_FORMS = [
    (None, "form: "),
    ({}, "form/fields: Field required."),
    ({"fields": []}, "form/fields: List should have at least 1 item"),
    ({"fields": [TEXT] * 51}, "form/fields: List should have at most 50 items"),
    ({"fields": [TEXT], "more": 1}, "form/more: Extra inputs are not permitted."),
    ({"fields": [{**TEXT, "hint": "x"}]}, "form/fields/0/hint: Extra inputs"),
    ({"fields": [{**TEXT, "name": "Why"}]}, "form/fields/0/name: String should match pattern"),
    ({"fields": [{**TEXT, "name": "why\n"}]}, "form/fields/0/name: String should match pattern"),
    ({"fields": [{**TEXT, "label": ""}]}, "form/fields/0/label: String should have at least 1"),
    ({"fields": [{**TEXT, "type": "poem"}]}, "form/fields/0/type: Input should be 'text', "),
    ({"fields": [{**TEXT, "required": "yes"}]}, "form/fields/0/required: Input should be a valid"),
    ({"fields": [TEXT, TEXT]}, "The form has two fields named why; make names unique."),
    ({"fields": [{**TEXT, "type": "select"}]}, "The select why has no options; list them."),
    (
        {"fields": [{**TEXT, "type": "select", "options": ["a", "a"]}]},
        "The select why has an option twice; list each once.",
    ),
    (
        {"fields": [{**TEXT, "type": "select", "options": [str(n) for n in range(101)]}]},
        "form/fields/0/options: Tuple should have at most 100 items",
    ),
    ({"fields": [{**TEXT, "name": "password"}]}, "A form may not have a field password: "),
    ({"fields": [{**TEXT, "name": "api_key"}]}, "A form may not have a field api_key: "),
]


@pytest.mark.parametrize(("form", "says"), NO_FORMS)
def test_what_nobody_could_answer_or_should_is_no_form(form, says):
    with pytest.raises(InvalidInput) as refused:
        forms.read(form)
    assert str(refused.value).startswith(says)


DATE = "Write a date as year, month and day: 2026-01-31."
NUMBER = "Write a number, such as 12 or -1.50."
LARGE = "This number is too large to be kept exactly."
MISSING = "This has to be answered."
CHOOSE = "Choose one of the options."

# type, required, value, what is said (nothing: it is right)
ANSWERS = [
    ("text", False, "because", ""),
    ("text", False, "x" * 4_000, ""),
    ("text", False, "x" * 4_001, "The text is 4,001 characters long; at most 4,000 are accepted."),
    ("text", False, "a\x00b", "The text holds a character that cannot be stored; remove it."),
    ("text", False, 5, "Write a text."),
    ("text", False, None, ""),
    ("text", True, None, MISSING),
    ("text", True, "", MISSING),
    ("text", True, " \n", MISSING),
    ("number", False, 12, ""),
    ("number", False, -1.5, ""),
    ("number", False, 0, ""),
    ("number", True, 0, ""),
    ("number", False, 2**53 - 1, ""),
    ("number", False, 2**53, LARGE),
    ("number", False, -(2**53), LARGE),
    ("number", False, 1e300, LARGE),
    ("number", False, float("nan"), "Write a finite number."),
    ("number", False, float("inf"), "Write a finite number."),
    ("number", False, True, NUMBER),
    ("number", False, "12", NUMBER),
    ("number", False, [1], NUMBER),
    ("number", True, None, MISSING),
    ("date", False, "2026-02-28", ""),
    ("date", False, "2024-02-29", ""),
    ("date", False, "2026-02-29", DATE),
    ("date", False, "2026-13-01", DATE),
    ("date", False, "20260131", DATE),
    ("date", False, "2026-W05-6", DATE),
    ("date", False, "2026-01-31T10:00", DATE),
    ("date", False, "2026-01-31\n", DATE),
    ("date", False, "٢٠٢٦-01-31", DATE),
    ("date", False, 20260131, DATE),
    ("date", True, "", MISSING),
    ("checkbox", False, True, ""),
    ("checkbox", False, False, ""),
    ("checkbox", False, None, ""),
    ("checkbox", False, "on", "Answer with true or false."),
    ("checkbox", False, 1, "Answer with true or false."),
    ("checkbox", True, True, ""),
    ("checkbox", True, False, "This box has to be ticked."),
    ("checkbox", True, None, "This box has to be ticked."),
    ("select", False, "here", ""),
    ("select", False, None, ""),
    ("select", False, "Here", CHOOSE),
    ("select", False, "elsewhere", CHOOSE),
    ("select", False, ["here"], CHOOSE),
    ("select", False, {"here": 1}, CHOOSE),
    ("select", True, None, MISSING),
]


@pytest.mark.parametrize(("kind", "required", "value", "says"), ANSWERS)
def test_what_answers_a_field(kind, required, value, says):
    options = {"options": ["here", "there"]} if kind == "select" else {}
    fields = read({"name": "it", "label": "It", "type": kind, "required": required, **options})
    assert forms.problems(fields, {"it": value}) == ({"it": says} if says else {})


def test_every_field_that_is_wrong_is_named_and_so_is_what_was_not_asked():
    fields = read({**TEXT, "required": True}, {"name": "n", "label": "N", "type": "number"})
    assert forms.problems(fields, {"n": "x", "more": 1}) == {
        "more": "The form has no such field; leave it out.",
        "why": MISSING,
        "n": NUMBER,
    }
    with pytest.raises(InvalidInput) as refused:
        forms.complete(fields, {"n": "x"})
    assert str(refused.value) == f"why: {MISSING} n: {NUMBER}"


def test_a_long_name_that_was_not_asked_is_cut_short():
    with pytest.raises(InvalidInput) as refused:
        forms.complete(read(TEXT), {"x" * 1_000: 1})
    assert str(refused.value) == f"{'x' * 60}: The form has no such field; leave it out."


def test_the_answers_have_a_member_for_every_field():
    fields = read(
        TEXT,
        {"name": "n", "label": "N", "type": "number"},
        {"name": "ok", "label": "OK", "type": "checkbox"},
        {"name": "day", "label": "Day", "type": "date"},
    )
    assert forms.complete(fields, {"day": "", "why": "  "}) == {
        "why": None,
        "n": None,
        "ok": False,
        "day": None,
    }
    given = {"why": " x ", "n": 1.5, "ok": True, "day": "2026-01-31"}
    assert forms.complete(fields, given) == given
