"""A form at once: one of two people answers, and a plan that begins to wait misses no answer."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from django.db import connection

from governance.domain.actors import system
from governance.domain.errors import StaleState
from governance.execution import steps
from governance.models import Canvas, Execution, FormAnswer, LedgerEntry
from governance.services import executions, forms
from tests.concurrency.harness import race
from tests.factories import House, ProposalFactory, approved, run_worker

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = system("worker")
FORM = {"fields": [{"name": "what", "label": "What?", "type": "text", "required": True}]}
ASK = {
    "id": "ask",
    "action_type": "canvas_present",
    "params": {"kind": "form", "title": "A question", "form": FORM},
}
WAIT = {
    "id": "answer",
    "action_type": "form_answer",
    "params": {"canvas": {"$cel": "steps.ask.output.canvas"}, "wait_minutes": 60},
}


@pytest.fixture
def house(transactional_db):
    return House.build()


def asked(house, count):
    """Forms that nobody has answered."""
    run = house.run()
    for _ in range(count):
        approved(ProposalFactory(run=run, plan=[ASK]))
    run_worker()
    return list(Canvas.objects.order_by("id"))


def started(call):
    """The call, under way in a thread of its own."""

    def run():
        try:
            call()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_of_two_people_at_once_one_answers_and_the_other_is_told(house):
    rows = asked(house, 40)
    ann, ben = house.by_reviewer, house.by_governor

    def answering(person, what):
        return lambda i: forms.answer(canvas=rows[i], answers={"what": what}, by=person)

    results = race(40, answering(ann, "a"), answering(ben, "b"))

    assert Counter(tuple(sorted(type(each).__name__ for each in pair)) for pair in results) == {
        ("FormAnswer", "StaleState"): 40
    }
    for pair in results:
        won = next(each for each in pair if isinstance(each, FormAnswer))
        told = next(each for each in pair if isinstance(each, StaleState))
        kept = FormAnswer.objects.select_related("answered_by").get(canvas=won.canvas)
        assert kept.answers == won.answers
        assert kept.answered_by.get_username() in str(told)
    assert LedgerEntry.objects.filter(kind="form.answered").count() == 40


def test_no_answer_is_missed_by_a_worker_that_looks_at_the_same_time(house):
    """Whoever comes first: afterwards nothing waits that was answered."""
    run = house.run()
    rounds = 30
    canvases = []

    def prepare(_):
        execution = approved(ProposalFactory(run=run, plan=[ASK, WAIT])).execution
        executions.run(execution_id=execution.id, by=WORKER)  # presents, and waits
        canvases.append(Canvas.objects.latest("id"))
        Execution.objects.filter(pk=execution.pk).update(waiting_for=None, not_before=None)

    results = race(
        rounds,
        lambda _: executions.run_next(by=WORKER),
        lambda i: forms.answer(canvas=canvases[i], answers={"what": "x"}, by=house.by_reviewer),
        prepare=prepare,
    )
    run_worker()

    assert all(isinstance(answer, FormAnswer) for _, answer in results)
    assert Counter(Execution.objects.values_list("state", flat=True)) == {"done": rounds}


def test_an_answer_that_comes_just_when_the_worker_lets_go_is_not_missed(house, monkeypatch):
    """What the handler did is rolled back, its lock on the form too; then somebody answers."""
    execution = approved(ProposalFactory(run=house.run(), plan=[ASK, WAIT])).execution
    wait, late = steps._wait, []

    def answer():
        canvas = Canvas.objects.get()
        forms.answer(canvas=canvas, answers={"what": "x"}, by=house.by_reviewer)

    def answered_meanwhile(*args):
        late.append(started(answer))
        late[-1].join(0.3)  # where the form is still locked, it waits for us
        wait(*args)

    monkeypatch.setattr(steps, "_wait", answered_meanwhile)
    executions.run(execution_id=execution.id, by=WORKER)
    for thread in late:
        thread.join(10)
    run_worker()

    execution.refresh_from_db()
    assert (len(late), execution.state) == (1, "done")
