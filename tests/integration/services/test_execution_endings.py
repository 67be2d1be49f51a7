"""Executions that a person ends: doubts are settled, and what nobody has in hand is cancelled."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from governance.domain.errors import InvalidInput, LeaseLost, NotAllowed, NotFound, StaleState
from governance.execution import claims
from governance.execution.registry import ActionFailed
from governance.models import Execution
from governance.services import executions, triggers
from tests.factories import (
    BY_SYSTEM,
    ExecutionFactory,
    House,
    MembershipFactory,
    approved,
    by,
    cancelled,
    claimed,
    executed,
    failed,
    halted,
    in_doubt,
    make_spec,
    run_worker,
)
from tests.integration.execution.carrying import WORKER, ending, ready, row_of, step
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db

SEEN = "It is on the statement."


@pytest.fixture
def handle(house, registered):
    def register(key, function=None, **values):
        registered(make_spec(key, handler=function, **values), workspace=house.workspace)

    return register


@pytest.fixture
def lost(handle):
    """A step of the type `send` is sent, and nobody knows what became of it."""

    def send(context, params):
        raise TimeoutError

    handle("send", send, effect="unkeyed")


def reconcile(house, execution, outcome="done", **values):
    values = {"note": SEEN, "by": house.by_reviewer, **values}
    return executions.reconcile(execution=execution, outcome=outcome, **values)


# --- Reconciled -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("outcome", "proposal"), [("done", "executed"), ("failed", "failed")])
def test_what_a_person_found_is_what_happened(house, lost, outcome, proposal):
    execution = ready(house, step("send"))
    run_worker()
    with recorded() as entries:
        row = reconcile(house, execution, outcome)
    assert ending(execution) == (outcome, proposal, [outcome])
    found = f"{house.reviewer.username} found: {SEEN}"
    settled = row_of(execution)
    assert (settled.error, settled.output) == (found, "")
    assert (row.finished_at is not None, row.lease_expires_at) == (True, None)
    assert row.error == ("" if outcome == "done" else f"step step1: {found}")
    assert kinds(entries) == [
        f"execution_step.{outcome}",
        f"execution.{outcome}",
        f"proposal.{proposal}",
        "episode.closed",
        *(["evidence.noted"] if outcome == "failed" else []),
    ]
    assert {entry.data["by"]["id"] for entry in entries} == {str(house.reviewer.pk)}
    assert entries[1].data["data"]["note"] == found
    assert executions.finding(row) == found


# the plan's actions, what was found, how it ends, what becomes of the steps. What comes after a
# doubt is not carried out, whatever was found: people approved the whole, and may again.
PLANS = [
    (["note", "send"], "done", "done", ["done", "done"]),
    (["note", "send"], "failed", "failed", ["done", "failed"]),
    (["send", "note"], "done", "failed", ["done", "not_run"]),
    (["send", "note"], "failed", "failed", ["failed", "not_run"]),
    (["note", "send", "note", "note"], "done", "failed", ["done", "done", "not_run", "not_run"]),
]


@pytest.mark.parametrize(("actions", "outcome", "state", "steps"), PLANS)
def test_what_becomes_of_the_other_steps(house, handle, lost, actions, outcome, state, steps):
    handle("note")
    plan = [step(action, f"s{number}") for number, action in enumerate(actions)]
    execution = ready(house, *plan)
    run_worker()
    reconcile(house, execution, outcome)
    proposal = {"done": "executed", "failed": "failed"}[state]
    assert ending(execution) == (state, proposal, steps)
    execution.refresh_from_db()
    if (outcome, state) == ("done", "failed"):
        assert execution.error == "Not every step was run."
    assert run_worker() == []


def test_what_a_skipped_step_leaves_out_does_not_count(house, handle, lost):
    handle("note")
    execution = ready(house, step("note", "none", when="false"), step("send", "send"))
    run_worker()
    reconcile(house, execution)
    assert ending(execution) == ("done", "executed", ["skipped", "done"])


def test_what_no_worker_survived_is_settled_by_what_its_steps_say(house, handle):
    """Nothing of it is in doubt: the one step was not run, so it was not done."""
    handle("note")
    execution = ready(house, step("note"))
    Execution.objects.filter(pk=execution.pk).update(lapses=19)
    claims.claim_next(by=WORKER, lease=datetime.timedelta())
    assert executions.sweep(by=WORKER) == {"ready": 0, "in_doubt": 1}
    reconcile(house, execution, "done")
    assert ending(execution) == ("failed", "failed", ["not_run"])


def test_an_agents_own_doubt_is_settled_and_its_late_report_is_not_heard(house):
    execution = in_doubt(house.proposal()).execution
    reconcile(house, execution, "failed")
    assert ending(execution) == ("failed", "failed", ["failed"])
    with refused(LeaseLost, "never held under this token"):
        executions.report(execution=execution, token=1, outcome="done", by=execution.agent.actor)


def test_a_start_that_failed_does_not_keep_its_run_waiting(house, monkeypatch):
    started = triggers.fire(
        agent=house.agent("intern"), source="data_sync", type="x", by=house.by_governor
    )
    execution = approved(started.proposal).execution
    Execution.objects.filter(pk=execution.pk).update(lapses=19)
    claims.claim_next(by=WORKER, lease=datetime.timedelta())
    executions.sweep(by=WORKER)
    reconcile(house, execution, "failed")
    started.run.refresh_from_db()
    assert started.run.state == "abandoned"


def test_a_doubt_can_be_settled_while_everything_stands_still(house, lost, settings):
    execution = ready(house, step("send"))
    run_worker()
    halted(house.workspace)
    settings.GOVERNANCE_EXECUTION_ENABLED = False
    reconcile(house, execution)
    assert ending(execution) == ("done", "executed", ["done"])


@pytest.mark.parametrize("role", ["reviewer", "supervisor", "governor"])
def test_who_may_decide_may_settle(house, role):
    execution = in_doubt(house.proposal()).execution
    reconcile(house, execution, by=getattr(house, f"by_{role}"))
    assert ending(execution)[0] == "done"


# who, what they are told
OTHERS = [
    (lambda house, row: house.by_viewer, "may not decide proposals here"),
    (lambda house, row: house.by_auditor, "may not decide proposals here"),
    (lambda house, row: House.build().by_governor, "may not decide proposals here"),
    (lambda house, row: by(MembershipFactory(role="governor").user), "may not decide"),
    (lambda house, row: row.agent.actor, "Only a person may decide proposals"),
    (lambda house, row: BY_SYSTEM, "Only a person may decide proposals"),
    (lambda house, row: WORKER, "Only a person may decide proposals"),
]


@pytest.mark.parametrize(("who", "says"), OTHERS, ids=range(len(OTHERS)))
def test_nobody_else_may(house, who, says):
    execution = in_doubt(house.proposal()).execution
    actor = who(house, execution)
    with refused(NotAllowed, says):
        reconcile(house, execution, by=actor)


@pytest.mark.parametrize("outcome", ["", "in_doubt", "executed", "skipped", "not_run", "DONE"])
def test_it_is_done_or_failed(house, outcome):
    execution = in_doubt(house.proposal()).execution
    with refused(InvalidInput, "The outcome must be done or failed"):
        reconcile(house, execution, outcome)


@pytest.mark.parametrize(
    ("note", "says"),
    [
        ("", "The note is empty"),
        (" \n", "The note is empty"),
        ("x" * 2_001, "2,001 characters long"),
        ("\x00", "cannot be stored"),
    ],
)
def test_it_takes_a_note(house, note, says):
    execution = in_doubt(house.proposal()).execution
    with refused(InvalidInput, says):
        reconcile(house, execution, note=note)


NOT_IN_DOUBT = [
    (approved, "The execution is ready; only one in doubt"),
    (lambda proposal: claimed(ExecutionFactory(proposal=proposal)), "The execution is claimed"),
    (executed, "The execution is done; only one in doubt"),
    (failed, "The execution is failed; only one in doubt"),
    (lambda proposal: cancelled(approved(proposal)), "The execution is cancelled"),
]


@pytest.mark.parametrize(("move", "says"), NOT_IN_DOUBT, ids=range(len(NOT_IN_DOUBT)))
def test_what_is_not_in_doubt_is_not_settled(house, move, says):
    proposal = house.proposal()
    move(proposal)
    execution = Execution.objects.get()
    with refused(StaleState, says):
        reconcile(house, execution)


def test_the_second_is_told_what_the_first_found(house):
    execution = in_doubt(house.proposal()).execution
    reconcile(house, execution, by=house.by_governor)
    says = f"The execution is done; .* {house.governor.username} found: {SEEN}"
    with refused(StaleState, says):
        reconcile(house, execution, "failed")


def test_an_execution_that_is_not_there(house):
    execution = in_doubt(house.proposal()).execution
    execution.pk = execution.id = execution.agent_id
    with refused(NotFound, "There is no execution"):
        reconcile(house, execution)


# --- Cancelled ------------------------------------------------------------------------------------


def cancel(execution, **values):
    with transaction.atomic():
        executions.cancel(
            execution=Execution.objects.get(pk=execution.pk), reason="never mind", by=WORKER
        )


def steps_of(execution):
    return list(execution.steps.order_by("position").values_list("state", flat=True))


def test_what_nobody_has_in_hand_is_cancelled_and_its_steps_are_not_run(house, handle):
    handle("note")
    execution = ready(house, step("note", "a"), step("note", "b"))
    with recorded() as entries:
        cancel(execution)
    execution.refresh_from_db()
    assert (execution.state, steps_of(execution)) == ("cancelled", ["not_run", "not_run"])
    assert execution.finished_at is not None
    assert kinds(entries) == [
        "execution.cancelled",
        "execution_step.not_run",
        "execution_step.not_run",
    ]
    assert (entries[0].data["data"]["reason"], entries[0].data["data"]["done"]) == (
        "never mind",
        [],
    )
    assert run_worker() == []


def test_what_was_carried_out_stays_so(house, handle):
    def busy(context, params):
        raise OSError("busy")

    handle("note")
    handle("busy", busy)
    execution = ready(house, step("note", "a"), step("busy", "b"), step("note", "c"))
    run_worker()
    with recorded() as entries:
        cancel(execution)
    assert steps_of(execution) == ["done", "not_run", "not_run"]
    assert entries[0].data["data"]["done"] == ["a"]


def sent_and_due_again(house, handle):
    def busy(context, params):
        raise OSError("busy")

    handle("send", busy, effect="keyed")
    execution = ready(house, step("send"))
    run_worker()
    return execution


def in_the_hands_of_a_worker(house, handle):
    handle("note")
    execution = ready(house, step("note"))
    claims.claim_next(by=WORKER, lease=datetime.timedelta(minutes=1))
    return execution


def ended(house, handle, *, error=None):
    def act(context, params):
        if error:
            raise error
        return {}

    handle("send", act, effect="unkeyed")
    execution = ready(house, step("send"))
    run_worker()
    return execution


SENT = "what was sent cannot be cancelled. Its page shows what becomes of it."

# what there is, what is said of cancelling it
UNCANCELLABLE = [
    (sent_and_due_again, "The execution is ready, and step step1 was sent already: "),
    (in_the_hands_of_a_worker, "The execution is claimed, and it may have been sent already: "),
    (ended, "The execution is done, and it may have been sent already: "),
    (
        lambda house, handle: ended(house, handle, error=ActionFailed("no")),
        "The execution is failed, and it may have been sent already: ",
    ),
    (
        lambda house, handle: ended(house, handle, error=TimeoutError()),
        "The execution is in doubt, and it may have been sent already: ",
    ),
]


@pytest.mark.parametrize(("make", "says"), UNCANCELLABLE, ids=range(len(UNCANCELLABLE)))
def test_what_was_sent_cannot_be_cancelled_and_says_so(house, handle, make, says):
    execution = make(house, handle)
    with refused(StaleState, f"{says}{SENT}"):
        cancel(execution)
    assert executions.uncancellable(Execution.objects.get()).startswith(says)


def test_what_an_agent_holds_cannot_be_cancelled(house):
    execution = claimed(ExecutionFactory(proposal=house.proposal()))
    with refused(StaleState, "The execution is claimed, and step step1 was sent already"):
        cancel(execution)


def test_what_a_dead_worker_left_ready_can_be_cancelled_unless_it_was_sent(house, handle):
    handle("note")
    execution = ready(house, step("note"))
    claims.claim_next(by=WORKER, lease=datetime.timedelta(minutes=1))
    with time_machine.travel(timezone.now() + datetime.timedelta(hours=1), tick=False):
        executions.sweep(by=WORKER)
    cancel(execution)
    assert steps_of(execution) == ["not_run"]


# --- Execution switched off -----------------------------------------------------------------------


def test_while_execution_is_off_workers_do_nothing_and_people_may_still_cancel(
    house, handle, settings
):
    handle("note")
    first, second = ready(house, step("note")), ready(house, step("note"))
    settings.GOVERNANCE_EXECUTION_ENABLED = False
    assert executions.run_next(by=WORKER) is None
    assert executions.run(execution_id=first.pk, by=WORKER) is None
    assert executions.redeliver() == 0
    cancel(first)
    assert ending(second) == ("ready", "approved", ["pending"])
    settings.GOVERNANCE_EXECUTION_ENABLED = True
    assert executions.run(execution_id=first.pk, by=WORKER) is None
    assert executions.run(execution_id=second.pk, by=WORKER) == second
