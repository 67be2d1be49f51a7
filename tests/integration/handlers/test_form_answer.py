"""form_answer: reads an answer, or waits for it without costing a worker or an attempt."""

from __future__ import annotations

import datetime
import json

import pytest
import time_machine
from django.utils import timezone

from governance.domain.actors import system
from governance.domain.errors import InvalidInput, StaleState
from governance.models import Canvas, Execution, LedgerEntry, Proposal
from governance.services import actions, executions, forms, proposals
from tests.factories import (
    CanvasFactory,
    House,
    ProposalFactory,
    approved,
    make_spec,
    paused,
    run_worker,
)

pytestmark = pytest.mark.django_db

WORKER = system("worker")
FORM = {
    "fields": [
        {
            "name": "what",
            "label": "What shall I do?",
            "type": "select",
            "options": ["photo", "location"],
            "required": True,
        },
        {"name": "note", "label": "Anything else?", "type": "text"},
    ]
}
ASK = {
    "id": "ask",
    "action_type": "canvas_present",
    "params": {"kind": "form", "title": "What next?", "form": FORM},
}
CANVAS = {"$cel": "steps.ask.output.canvas"}


def wait(minutes=60):
    params = {"canvas": CANVAS, "wait_minutes": minutes}
    return {"id": "answer", "action_type": "form_answer", "params": params}


def then(action_type, what):
    when = f'steps.answer.output.answers.what == "{what}"'
    return {"id": action_type, "action_type": action_type, "params": {}, "when": when}


def ready(house, *plan):
    return approved(ProposalFactory(run=house.run(), plan=list(plan))).execution


def step(execution, name="answer"):
    return execution.steps.get(step=name)


def states(execution):
    execution.refresh_from_db()
    found = execution.steps.order_by("position").values_list("state", flat=True)
    return execution.state, list(found)


def answer(house, **answers):
    return forms.answer(canvas=Canvas.objects.get(), answers=answers, by=house.by_reviewer)


@pytest.fixture
def acts(house, registered):
    """Stand-ins for a camera and a receiver; what they were asked, in order."""
    done = []
    for name in ("photo", "location"):

        def handle(context, params, name=name):
            done.append(name)
            return {}

        registered(make_spec(name, handler=handle), workspace=house.workspace)
    return done


# --- Without waiting ------------------------------------------------------------------------------


def read(run, **params):
    """What a worker makes of it: its state, and its output or its error."""
    asked = actions.request(run=run, action_type="form_answer", params=params, by=run.agent.actor)
    run_worker()
    [row] = asked.execution.steps.all()
    return row.state, json.loads(row.output) if row.output else row.error


@pytest.fixture
def form(house):
    return CanvasFactory(run=house.run(), params=ASK["params"])


def run_of(canvas):
    return canvas.step.execution.run


def test_without_an_answer_it_says_so(form):
    found = {"answered": False, "answers": {}}
    assert read(run_of(form), canvas=str(form.id)) == ("done", found)
    assert read(run_of(form), canvas=str(form.id), wait_minutes=0) == ("done", found)


@pytest.mark.parametrize("minutes", [0, 60])
def test_with_an_answer_it_is_read(house, form, minutes):
    given = answer(house, what="photo")
    assert read(run_of(form), canvas=str(form.id), wait_minutes=minutes) == (
        "done",
        {
            "answered": True,
            "answers": {"what": "photo", "note": None},
            "answered_by": house.reviewer.username,
            "at": given.created_at.isoformat(),
        },
    )


def test_a_student_may_read_it_too(house):
    # A student presents nothing; this one was demoted after it had asked.
    form = CanvasFactory(run=house.run(), params=ASK["params"])
    type(form.agent).objects.filter(pk=form.agent_id).update(maturity="student")
    assert read(run_of(form), canvas=str(form.id))[0] == "done"


def test_only_the_agents_own_forms_are_there(house, form):
    elsewhere = CanvasFactory(run=House.build().run(), params=ASK["params"])
    colleague = house.run()
    for run, canvas in ((colleague, form), (run_of(form), elsewhere)):
        says = f"This agent has presented no canvas {canvas.id}."
        assert read(run, canvas=str(canvas.id)) == ("failed", says)
    nowhere = "01a20000-0000-7000-8000-000000000000"
    assert read(colleague, canvas=nowhere) == (
        "failed",
        f"This agent has presented no canvas {nowhere}.",
    )


def test_a_canvas_that_is_no_form_has_no_answer(house):
    note = CanvasFactory(run=house.run())
    says = f"The canvas {note.id} is a markdown, and no form."
    assert read(run_of(note), canvas=str(note.id)) == ("failed", says)


BAD = [
    {},
    {"canvas": "not a key"},
    {"canvas": 5},
    {"canvas": "01a20000-0000-7000-8000-000000000000", "wait_minutes": -1},
    {"canvas": "01a20000-0000-7000-8000-000000000000", "wait_minutes": 10_081},
    {"canvas": "01a20000-0000-7000-8000-000000000000", "wait_minutes": 1.5},
    {"canvas": "01a20000-0000-7000-8000-000000000000", "more": 1},
]


@pytest.mark.parametrize("params", BAD)
def test_what_the_schema_refuses(house, params):
    run = house.run()
    asked = actions.request(run=run, action_type="form_answer", params=params, by=run.agent.actor)
    assert asked.route == "denied"
    assert asked.reasons[0].startswith("invalid params: params")


# --- Waiting, end to end --------------------------------------------------------------------------


def test_a_plan_waits_for_a_person_and_does_what_they_chose(house, acts):
    execution = ready(house, ASK, wait(), then("photo", "photo"), then("location", "location"))
    run_worker()

    assert states(execution) == ("ready", ["done", "pending", "pending", "pending"])
    canvas = Canvas.objects.get()
    assert execution.waiting_for == canvas.id
    assert execution.not_before == canvas.created_at + datetime.timedelta(minutes=60)
    assert executions.run_next(by=WORKER) is None

    answer(house, what="location", note="at the door")
    run_worker()

    assert states(execution) == ("done", ["done", "done", "skipped", "done"])
    assert acts == ["location"]
    assert json.loads(step(execution).output)["answers"] == {
        "what": "location",
        "note": "at the door",
    }
    assert Proposal.objects.get().state == "executed"


def test_waiting_is_no_attempt_and_no_lapse_and_is_in_the_ledger(house, acts):
    execution = ready(house, ASK, wait())
    for _ in range(3):
        run_worker()
        # As a sweeper that comes too early, or a person who only looks, would have it.
        Execution.objects.filter(pk=execution.pk).update(waiting_for=None, not_before=None)
    execution.refresh_from_db()
    row = step(execution)
    assert (row.attempts, row.error, execution.lapses) == (0, "", 0)
    entries = LedgerEntry.objects.filter(subject_id=execution.id, kind="execution.ready")
    assert [entry.data["data"].get("why") for entry in entries.order_by("id")] == [
        None,
        *["step answer waits: for the answer to a form"] * 3,
    ]


def test_patience_ends(house, acts):
    execution = ready(house, ASK, wait(minutes=90), then("photo", "photo"))
    run_worker()
    until = Canvas.objects.get().created_at + datetime.timedelta(minutes=90)

    with time_machine.travel(until - datetime.timedelta(seconds=1), tick=False):
        assert executions.run_next(by=WORKER) is None
    with time_machine.travel(until, tick=False):
        assert executions.redeliver() == 1
        run_worker()

    assert states(execution) == ("failed", ["done", "failed", "not_run"])
    assert step(execution).error == "Nobody answered within 90 minutes."
    assert acts == []


def test_an_answer_after_all_patience_is_kept_and_changes_nothing(house, acts):
    execution = ready(house, ASK, wait(minutes=1), then("photo", "photo"))
    run_worker()
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=2), tick=False):
        run_worker()
        answer(house, what="photo")
        run_worker()
    assert states(execution)[0] == "failed"
    assert acts == []


def test_an_answer_in_the_last_moment_counts(house, acts):
    """It came before the worker looked, although patience had ended by then."""
    execution = ready(house, ASK, wait(minutes=1), then("photo", "photo"))
    run_worker()
    answer(house, what="photo")
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=2), tick=False):
        run_worker()
    assert states(execution) == ("done", ["done", "done", "done"])


def test_a_condition_on_an_answer_that_is_not_there_stops_the_plan(house, acts):
    execution = ready(house, ASK, wait(minutes=0), then("photo", "photo"))
    run_worker()
    assert states(execution) == ("failed", ["done", "done", "failed"])
    assert "cannot be evaluated" in step(execution, "photo").error
    assert acts == []


def test_the_gate_is_asked_again_after_the_wait(house, acts):
    execution = ready(house, ASK, wait(), then("photo", "photo"))
    run_worker()
    paused(execution.agent)
    answer(house, what="photo")
    run_worker()
    assert states(execution) == ("failed", ["done", "failed", "not_run"])
    assert step(execution).error.startswith("The gate now answers denied: the agent is paused")


def test_what_waits_can_be_cancelled_and_its_form_wants_no_answer_then(house, acts):
    execution = ready(house, ASK, wait(), then("photo", "photo"))
    run_worker()
    proposals.cancel(proposal=execution.proposal, reason="never mind", by=house.by_governor)
    with pytest.raises(StaleState, match="no answer is wanted any more"):
        answer(house, what="photo")
    run_worker()
    assert states(execution) == ("cancelled", ["done", "not_run", "not_run"])
    assert acts == []


def test_a_form_that_cannot_be_answered_is_not_presented(house):
    twice = {"fields": [FORM["fields"][1], FORM["fields"][1]]}
    params = {"kind": "form", "title": "t", "form": twice}
    execution = ready(house, {**ASK, "params": params}, wait())
    run_worker()
    assert states(execution) == ("failed", ["failed", "not_run"])
    assert step(execution, "ask").error == (
        "The form has two fields named note; make names unique."
    )
    assert not Canvas.objects.exists()


def test_a_plan_cannot_wait_for_a_form_that_comes_later(house):
    with pytest.raises(InvalidInput, match="only earlier steps may be named"):
        ProposalFactory(run=house.run(), plan=[wait(), ASK])
