"""Forms: a person answers once, it is kept and sealed, and what waits for it goes on."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from governance.domain.actors import system
from governance.domain.errors import InvalidInput, NotAllowed, StaleState
from governance.domain.values import digest
from governance.models import Canvas, Execution, FormAnswer
from governance.services import actions, forms
from tests.factories import (
    BY_SYSTEM,
    CanvasFactory,
    House,
    MembershipFactory,
    UserFactory,
    by,
    run_worker,
)
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db

FORM = {
    "fields": [
        {"name": "what", "label": "What?", "type": "select", "options": ["photo", "location"]},
        {"name": "hours", "label": "Hours", "type": "number", "required": True},
        {"name": "day", "label": "Day", "type": "date"},
        {"name": "again", "label": "Again?", "type": "checkbox"},
        {"name": "note", "label": "Note", "type": "text"},
    ]
}
GIVEN = {"what": "photo", "hours": 1.5, "day": "2026-01-31", "again": True, "note": "a\nb"}


@pytest.fixture
def form(house):
    return CanvasFactory(
        run=house.run(), params={"kind": "form", "title": "Questions", "form": FORM}
    )


def test_an_answer_is_kept_and_the_ledger_has_its_digest_and_no_value(house, form):
    with recorded() as entries:
        found = forms.answer(canvas=form, answers=GIVEN, by=house.by_reviewer)
    row = FormAnswer.objects.get()
    assert row == found
    assert (row.canvas, row.workspace, row.answered_by) == (form, house.workspace, house.reviewer)
    assert row.answers == GIVEN
    assert kinds(entries) == ["form.answered"]
    [entry] = entries
    assert (entry.workspace_id, entry.subject_id) == (house.workspace.id, form.id)
    assert entry.data["by"]["label"] == house.reviewer.username
    assert entry.data["data"] == {
        "answer": str(row.id),
        "fields": ["what", "hours", "day", "again", "note"],
        "answers": digest(GIVEN),
    }


def test_what_is_left_out_is_null(house, form):
    found = forms.answer(canvas=form, answers={"hours": 2}, by=house.by_reviewer)
    assert found.answers == {
        "what": None,
        "hours": 2,
        "day": None,
        "again": False,
        "note": None,
    }


def test_what_looks_like_a_secret_is_masked(house, form):
    note = "it is Bearer abcdefgh12345678"
    found = forms.answer(canvas=form, answers={"hours": 2, "note": note}, by=house.by_reviewer)
    assert found.answers["note"] == "it is Bearer [redacted]"


# --- Who may --------------------------------------------------------------------------------------

WHO = [
    ("viewer", False),
    ("auditor", False),
    ("reviewer", True),
    ("supervisor", True),
    ("governor", True),
    ("a governor elsewhere", False),
    ("a governor who left", False),
    ("a superuser without membership", False),
    ("the agent", False),
    ("the system", False),
]


@pytest.mark.parametrize(("who", "may"), WHO)
def test_who_may_answer(house, form, who, may):
    gone = UserFactory(is_active=False)
    MembershipFactory(workspace=house.workspace, role="governor", user=gone)
    actors = {
        "a governor elsewhere": House.build().by_governor,
        "a governor who left": by(gone),
        "a superuser without membership": by(UserFactory(is_superuser=True, is_staff=True)),
        "the agent": form.agent.actor,
        "the system": BY_SYSTEM,
    }
    actor = actors.get(who) or getattr(house, f"by_{who}")
    if may:
        forms.answer(canvas=form, answers={"hours": 2}, by=actor)
        assert FormAnswer.objects.get().answered_by_id == int(actor.id)
    else:
        with refused(NotAllowed, "may not decide proposals here|Only a person may"):
            forms.answer(canvas=form, answers={"hours": 2}, by=actor)


# --- What is refused ------------------------------------------------------------------------------

WRONG = [
    (None, "The answers must be a JSON object"),
    ([], "The answers must be a JSON object"),
    ({}, "^hours: This has to be answered.$"),
    ({"hours": "2"}, "^hours: Write a number"),
    ({"hours": 2, "what": "video"}, "^what: Choose one of the options.$"),
    ({"hours": 2, "day": "tomorrow"}, "^day: Write a date as year, month and day"),
    ({"hours": 2, "again": "yes"}, "^again: Answer with true or false.$"),
    ({"hours": 2, "note": "x" * 4_001}, "^note: The text is 4,001 characters long"),
    ({"hours": 2, "more": 1}, "^more: The form has no such field; leave it out.$"),
    ({"hours": 2, "note": "x" * 100_000}, "the set of answers has 100,0.. bytes; at most 100,000"),
    ({"hours": 2, "note": "a\x00b"}, "holds the character U\\+0000"),
    ({"hours": 2, "note": "\ud800"}, "no canonical JSON form"),
    ({"hours": float("nan")}, "no canonical JSON form"),
]


@pytest.mark.parametrize(("answers", "says"), WRONG)
def test_wrong_answers_name_the_field_and_nothing_is_written(house, form, answers, says):
    with refused(InvalidInput, says):
        forms.answer(canvas=form, answers=answers, by=house.by_reviewer)


def test_a_form_is_answered_once_and_the_second_person_is_told(house, form):
    forms.answer(canvas=form, answers={"hours": 1}, by=house.by_reviewer)
    with refused(StaleState, f"^{house.reviewer.username} has answered this form already"):
        forms.answer(canvas=form, answers={"hours": 2}, by=house.by_governor)
    with refused(StaleState, "has answered this form already"):
        forms.answer(canvas=form, answers={"hours": 1}, by=house.by_reviewer)


def test_a_canvas_that_is_no_form_cannot_be_answered(house):
    note = CanvasFactory(run=house.run())
    with refused(InvalidInput, "This canvas is a markdown, and no form."):
        forms.answer(canvas=note, answers={}, by=house.by_reviewer)


@pytest.mark.parametrize("content", [{}, {"form": None}, {"form": {"fields": []}}, [], "x"])
def test_a_form_that_cannot_be_read_cannot_be_answered(house, form, content):
    Canvas.objects.filter(pk=form.pk).update(content=content)
    with refused(InvalidInput, "^form"):
        forms.answer(canvas=form, answers={"hours": 1}, by=house.by_reviewer)


def test_the_database_too_keeps_one_answer(house, form):
    found = forms.answer(canvas=form, answers={"hours": 1}, by=house.by_reviewer)
    with pytest.raises(IntegrityError), transaction.atomic():
        FormAnswer.objects.create(
            workspace=house.workspace, canvas=form, answers={}, answered_by=house.governor
        )
    assert FormAnswer.objects.get() == found


# --- What waits -----------------------------------------------------------------------------------


def waits_for(canvas):
    """An execution of the same agent that a worker has put back until somebody answers."""
    answer = actions.request(
        run=canvas.step.execution.run,
        action_type="form_answer",
        params={"canvas": str(canvas.pk), "wait_minutes": 60},
        by=canvas.agent.actor,
    )
    run_worker()
    return answer.execution


def test_only_what_waits_for_this_form_goes_on(house, form):
    other = CanvasFactory(run=house.run(), params={"kind": "form", "title": "Others", "form": FORM})
    waiting = {canvas.pk: waits_for(canvas) for canvas in (form, other)}
    forms.answer(canvas=form, answers={"hours": 1}, by=house.by_reviewer)
    assert [execution.id for execution in house.work()] == [waiting[form.pk].id]
    left = Execution.objects.get(pk=waiting[other.pk].id)
    assert (left.state, left.waiting_for) == ("ready", other.pk)


def test_forms_are_found_by_whether_they_are_answered(house, form):
    CanvasFactory(run=house.run())
    assert list(Canvas.objects.forms(answered=False)) == [form]
    assert not Canvas.objects.forms(answered=True).exists()
    forms.answer(canvas=form, answers={"hours": 1}, by=house.by_reviewer)
    assert not Canvas.objects.forms(answered=False).exists()
    assert list(Canvas.objects.forms(answered=True)) == [form]


def test_the_worker_is_no_person(house, form):
    with refused(NotAllowed, "Only a person may decide proposals, and this was asked by system"):
        forms.answer(canvas=form, answers={"hours": 1}, by=system("worker"))
