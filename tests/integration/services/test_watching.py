"""Watching: events in order and without gaps, what they hold, and what a hold means."""

from __future__ import annotations

import pytest
from django.db import transaction

from governance.domain.errors import RunHeld, StaleState
from governance.execution.registry import ActionFailed, ActionWaits
from governance.models import Execution, ExecutionStep, Proposal, Run
from governance.services import actions, forms, proposals, supervision, watching
from tests.factories import (
    CanvasFactory,
    QueuedRunFactory,
    SupervisionSessionFactory,
    abandoned,
    finished,
    held,
    let_go,
    make_spec,
    run_worker,
    terminated,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(house, registered):
    registered(make_spec("stamp", complexity=1), workspace=house.workspace)
    return SupervisionSessionFactory(run=QueuedRunFactory(agent=house.agent("supervised")))


def ask(session, **params):
    run = Run.objects.select_related("agent").get(pk=session.run_id)
    return actions.request(run=run, action_type="stamp", params=params, by=run.agent.actor)


def events(session) -> list[tuple[int, str]]:
    return list(session.events.order_by("sequence").values_list("sequence", "kind"))


# --- Events --------------------------------------------------------------------------------------


def test_what_happens_is_numbered_from_one_without_a_gap(session):
    ask(session)
    run_worker()
    finished(session.run)
    assert events(session) == [
        (1, "started"),
        (2, "action"),
        (3, "step"),
        (4, "execution"),
        (5, "run_ended"),
    ]
    session.refresh_from_db()
    assert session.last_sequence == 5


def test_what_is_rolled_back_leaves_no_gap(session):
    with transaction.atomic():
        watching.append(session, kind="tick", data={})
        transaction.set_rollback(True)
    with transaction.atomic():
        watching.append(session, kind="tock", data={})
    assert events(session)[1:] == [(2, "tock")]


def test_an_event_of_an_action_says_what_was_asked_and_what_came_of_it(session):
    answer = ask(session, amount=5)
    data = session.events.get(kind="action").data
    assert data == {
        "action_type": "stamp",
        "params": {"amount": 5},
        "reasoning": "",
        "decision": str(answer.decision.pk),
        "route": "execution",
        "execution": str(answer.execution.pk),
    }
    run_worker()
    assert session.events.get(kind="step").data == {
        "execution": str(answer.execution.pk),
        "step": "step1",
        "action_type": "stamp",
        "state": "done",
        "error": "",
    }
    assert session.events.get(kind="execution").data == {
        "execution": str(answer.execution.pk),
        "state": "done",
        "steps": 1,
    }


def test_what_looks_like_a_secret_is_masked(session):
    ask(session, password="hunter2-hunter2", url="https://u:hunter2-hunter2@example.com")
    assert "hunter2" not in str(session.events.get(kind="action").data)


def test_long_params_and_reasons_stay_out_of_what_everybody_is_sent(session):
    run = Run.objects.select_related("agent").get(pk=session.run_id)
    actions.request(
        run=run,
        action_type="stamp",
        params={"note": "x" * 4_000},
        reasoning="y" * 5_000,
        by=run.agent.actor,
    )
    data = session.events.get(kind="action").data
    assert "params" not in data
    assert len(data["reasoning"]) == 2_000


def test_a_run_nobody_watches_has_no_events(house, session):
    run = house.run("autonomous")
    actions.request(run=run, action_type="stamp", params={}, by=run.agent.actor)
    run_worker()
    finished(run)
    assert events(session) == [(1, "started")]


# --- Holds ---------------------------------------------------------------------------------------

#    what became of the session     require_free raises        a step that comes up
STANDING = (
    ("running", lambda session: None, None, None),
    ("paused", held, RunHeld, ActionWaits),
    ("let go", lambda session: let_go(held(session)), None, None),
    ("terminated", terminated, StaleState, ActionFailed),
    ("the run succeeded", lambda s: finished(s.run), StaleState, None),  # it may leave work
    ("the run failed", lambda s: finished(s.run, outcome="failed"), StaleState, ActionFailed),
    ("the run abandoned", lambda s: abandoned(s.run), StaleState, ActionFailed),
)


@pytest.mark.parametrize(
    ("bring", "refusal", "step"), [row[1:] for row in STANDING], ids=[row[0] for row in STANDING]
)
def test_what_may_go_on(session, bring, refusal, step):
    row = ExecutionStep.objects.select_related("execution__run").get(
        execution=ask(session).execution
    )
    bring(session)
    run = Run.objects.get(pk=session.run_id)
    assert raised(lambda: watching.require_free(run)) == refusal
    assert raised(lambda: watching.before_step(row)) == step


def raised(call) -> type[Exception] | None:
    try:
        with transaction.atomic():
            call()
    except (StaleState, ActionWaits, ActionFailed) as error:
        return type(error)
    return None


PLAN = [{"id": "step1", "action_type": "stamp", "params": {}}]


def test_nothing_is_proposed_in_a_run_that_is_held(session):
    held(session)
    run = Run.objects.select_related("agent").get(pk=session.run_id)

    def propose():
        return proposals.propose(agent=run.agent, run=run, plan=PLAN, by=run.agent.actor)

    assert raised(propose) is RunHeld
    assert not Proposal.objects.filter(run=run).exists()
    let_go(session)
    assert propose().state == "proposed"


def test_what_was_proposed_before_the_hold_is_still_found_under_its_key(session):
    run = Run.objects.select_related("agent").get(pk=session.run_id)
    body = {"agent": run.agent, "run": run, "plan": PLAN, "idempotency_key": "k1"}
    first = proposals.propose(**body, by=run.agent.actor)
    held(session)
    assert proposals.propose(**body, by=run.agent.actor) == first


# --- Guidance that nobody took -------------------------------------------------------------------


def test_guidance_after_the_last_action_is_told_to_those_who_watch(house, session):
    supervision.correct(session=session, seen=1, guidance="Slower.", by=house.by_governor)
    ask(session)
    late = supervision.correct(session=session, seen=1, guidance="Stop.", by=house.by_governor)
    finished(session.run)
    assert [kind for _, kind in events(session)][-2:] == ["guidance_lost", "run_ended"]
    assert session.events.get(kind="guidance_lost").data == {"interventions": [str(late.pk)]}


@pytest.mark.parametrize("end", [terminated, lambda s: finished(s.run, outcome="failed")])
def test_however_the_run_ends(house, session, end):
    supervision.correct(session=session, seen=1, guidance="Stop.", by=house.by_governor)
    end(session)
    assert session.events.filter(kind="guidance_lost").count() == 1


def test_nothing_is_said_of_guidance_that_arrived(house, session):
    supervision.correct(session=session, seen=1, guidance="Slower.", by=house.by_governor)
    ask(session)
    finished(session.run)
    assert not session.events.filter(kind="guidance_lost").exists()


FORM = {
    "kind": "form",
    "title": "How many?",
    "form": {"fields": [{"name": "n", "label": "How many?", "type": "number", "required": True}]},
}


@pytest.fixture
def waits_for_an_answer(house, session):
    """A plan in a watched run that waits for a form."""
    form = CanvasFactory(run=session.run, params=FORM)
    run = Run.objects.select_related("agent").get(pk=session.run_id)
    params = {"canvas": str(form.pk), "wait_minutes": 60}
    asked = actions.request(
        run=run, action_type="form_answer", params=params, by=session.agent.actor
    )
    run_worker()
    assert waits_for(asked.execution) == form.pk
    return form, asked.execution


def waits_for(execution):
    return Execution.objects.values_list("waiting_for", flat=True).get(pk=execution.pk)


def test_an_answer_does_not_get_a_plan_past_a_pause(house, session, waits_for_an_answer):
    form, execution = waits_for_an_answer
    held(session)
    forms.answer(canvas=form, answers={"n": 2}, by=house.by_reviewer)
    run_worker()
    assert waits_for(execution) == session.pk
    let_go(session)
    assert [(row.pk, row.state) for row in run_worker()] == [(execution.pk, "done")]


def test_resuming_does_not_get_a_plan_past_a_form(house, session, waits_for_an_answer):
    form, execution = waits_for_an_answer
    let_go(held(session))
    assert run_worker() == []
    assert waits_for(execution) == form.pk
    terminated(session)
    execution.refresh_from_db()
    assert (execution.state, execution.waiting_for) == ("cancelled", None)


def test_what_waits_waits_for_the_session(session):
    row = ExecutionStep.objects.select_related("execution__run").get(
        execution=ask(session).execution
    )
    held(session)
    with pytest.raises(ActionWaits) as wait, transaction.atomic():
        watching.before_step(row)
    assert wait.value.subject == session.pk


@pytest.mark.parametrize(
    ("bring", "nobody_yet", "waits"),
    [
        # A run that was told to wait for a supervisor to appear, and one that is paused.
        (lambda house: house.run("supervised"), True, True),
        (lambda house: house.run("supervised"), False, False),
        (lambda house: watched(house).run, True, False),
        (lambda house: watched(house).run, False, False),
        (lambda house: held(watched(house)).run, True, True),
        (lambda house: held(watched(house)).run, False, True),
        (lambda house: terminated(watched(house)).run, True, False),
        (lambda house: finished(house.run("supervised")), True, False),
    ],
)
def test_whether_a_program_has_to_wait_on(house, bring, nobody_yet, waits):
    run = bring(house)
    assert watching.is_held(run.pk, unwatched=nobody_yet) is waits


def watched(house):
    return SupervisionSessionFactory(run=QueuedRunFactory(agent=house.agent("supervised")))
