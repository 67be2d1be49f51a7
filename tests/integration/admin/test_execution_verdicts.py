"""Settling a doubt and cancelling on the page of an execution: who may, and what is said."""

from __future__ import annotations

import pytest
from django.test import Client

from governance.domain.states import StepState
from governance.domain.words import Effect
from governance.execution.registry import ActionInDoubt
from governance.models import Execution, LedgerEntry, Proposal
from governance.services import executions
from tests.factories import (
    CanvasFactory,
    House,
    UserFactory,
    approved,
    by,
    cancelled,
    claimed,
    executed,
    in_doubt,
    make_spec,
)
from tests.integration.admin.browsing import login, page, refund, refund_type, snapshot
from tests.integration.admin.visits import said

pytestmark = pytest.mark.django_db

LIST = "/admin/governance/execution/"
NOTE = {"note": "It is on the statement."}


@pytest.fixture
def waiting(house):
    refund_type(house)
    return refund(house)


@pytest.fixture
def doubtful(waiting):
    """In doubt, with one step that was sent and nothing behind it."""
    return in_doubt(waiting).execution


@pytest.fixture
def half(house, registered):
    """In doubt at the first of two steps."""

    def vanish(context, params):
        raise ActionInDoubt("Nobody answered.")

    registered(
        make_spec("vanish", handler=vanish, effect=Effect.UNKEYED), workspace=house.workspace
    )
    registered(make_spec("print_it"), workspace=house.workspace)
    plan = [
        {"id": "pay", "action_type": "vanish", "params": {"to": "Ann", "password": "hunter22"}},
        {"id": "note", "action_type": "print_it", "params": {}},
    ]
    execution = approved(house.proposal(plan=plan)).execution
    house.work()
    return Execution.objects.get(pk=execution.pk)


def at(execution, part="change"):
    return f"{LIST}{execution.pk}/{part}/"


def state(execution):
    row = Execution.objects.get(pk=execution.pk)
    return row.state, row.proposal.state if row.proposal else None


# --- Who may

PEOPLE = {
    "viewer": 403,
    "auditor": 403,
    "reviewer": 302,
    "supervisor": 302,
    "governor": 302,
    "outsider": 404,
    "superuser": 404,
    "nobody": 302,
}


def browser_of(house, who):
    others = {
        "outsider": lambda: House.build(name="elsewhere").governor,
        "superuser": lambda: UserFactory(is_staff=True, is_superuser=True),
    }
    browser = Client()
    if who != "nobody":
        browser.force_login(others[who]() if who in others else getattr(house, who))
    return browser


@pytest.mark.parametrize(("who", "status"), PEOPLE.items())
def test_who_may_settle_a_doubt(house, doubtful, who, status):
    response = browser_of(house, who).post(at(doubtful, "reconcile"), {"outcome": "done", **NOTE})

    assert response.status_code == status
    settled = status == 302 and who != "nobody"
    assert state(doubtful) == (("done", "executed") if settled else ("in_doubt", "in_doubt"))


@pytest.mark.parametrize(("who", "status"), PEOPLE.items())
def test_who_may_cancel(house, waiting, who, status):
    execution = approved(waiting).execution

    response = browser_of(house, who).post(at(execution, "cancel"), {"reason": "Not needed."})

    assert response.status_code == status
    gone = status == 302 and who != "nobody"
    assert state(execution) == (("cancelled", "cancelled") if gone else ("ready", "approved"))


@pytest.mark.parametrize(
    ("who", "offered"),
    [("viewer", False), ("auditor", False), ("reviewer", True), ("supervisor", True)],
)
def test_others_read_why_there_is_no_form(client, house, doubtful, who, offered):
    text = said(login(client, getattr(house, who)).get(at(doubtful)))

    assert ("Settle it" in text) is offered
    assert ("takes the role of reviewer, supervisor or governor" in text) is not offered


def test_a_form_without_its_token_is_refused(house, doubtful):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(house.reviewer)

    response = browser.post(at(doubtful, "reconcile"), {"outcome": "done", **NOTE})

    assert response.status_code == 403
    assert state(doubtful) == ("in_doubt", "in_doubt")


# --- Settling


def test_the_form_says_what_was_sent_when_and_under_which_key(client, house, half):
    step = half.steps.get(step="pay")

    text = said(login(client, house.reviewer).get(at(half)))

    doubt = text[text.index("In doubt: what became of it?") : text.index("Settle it")]
    for words in (
        "Step 1. Vanish.",
        "Nobody answered.",
        f"Sent {step.sent_at:%Y-%m-%d %H:%M:%S} UTC",
        f"Idempotency key {half.pk}:pay",
        '{ "password": "[redacted]", "to": "Ann" }',
        "It does not go on: the step that follows will not be run.",
    ):
        assert words in doubt, words
    assert "hunter22" not in text


def test_it_is_settled_with_a_note_and_both_are_in_the_ledger(client, house, doubtful):
    login(client, house.reviewer)

    response = client.post(
        at(doubtful, "reconcile"), {"outcome": "done", "note": "Seen.\r\nTwice."}, follow=True
    )

    assert response.redirect_chain == [(at(doubtful), 302)]
    name = house.reviewer.get_username()
    assert "Settled: the execution is done." in said(response)
    assert f"{name} found: Seen. Twice." in said(response)
    assert "Settle it" not in said(response)
    part = said(response).split("refund as step step1")[1].split("What was asked for")[0]
    assert "Settled 2" in part
    assert "Took" not in part  # that would be the time until somebody looked
    step = doubtful.steps.get()
    assert (step.state, step.error) == ("done", f"{name} found: Seen.\nTwice.")
    assert state(doubtful) == ("done", "executed")
    for row, kind in (
        (doubtful, "execution.done"),
        (step, "execution_step.done"),
        (doubtful.proposal, "proposal.executed"),
    ):
        entry = LedgerEntry.objects.about(row.pk).last()
        assert entry.kind == kind
        assert entry.data["by"]["label"] == name
    note = LedgerEntry.objects.about(doubtful.pk).last().data["data"]["note"]
    assert note == f"{name} found: Seen.\nTwice."


OUTCOMES = [
    # what was found, then of the execution, its proposal, and both steps
    ("done", "failed", "failed", ["done", "not_run"]),
    ("failed", "failed", "failed", ["failed", "not_run"]),
]


@pytest.mark.parametrize(("outcome", "execution", "proposal", "steps"), OUTCOMES)
def test_what_follows_a_doubt_is_not_run(client, house, half, outcome, execution, proposal, steps):
    login(client, house.governor)

    response = client.post(at(half, "reconcile"), {"outcome": outcome, **NOTE}, follow=True)

    assert state(half) == (execution, proposal)
    assert list(half.steps.order_by("position").values_list("state", flat=True)) == steps
    house.work()
    assert half.steps.get(step="note").state == StepState.NOT_RUN
    assert "It is on the statement." in said(response)
    why = {
        "done": "Not run: a step before it was in doubt",
        "failed": "Not run: step 1 (pay) failed, and the plan stops there.",
    }
    assert why[outcome] in said(response)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"outcome": "", "note": "I looked"}, "Choose what you found"),
        ({"outcome": "perhaps", "note": "I looked"}, "The outcome must be done or failed"),
        ({"outcome": "failed", "note": "  "}, "The note is empty; it is required."),
        ({"outcome": "failed", "note": "x" * 2001}, "at most 2,000 are accepted"),
    ],
)
def test_what_cannot_be_settled_is_said_and_kept_as_typed(client, house, doubtful, form, words):
    before = snapshot()

    response = login(client, house.reviewer).post(at(doubtful, "reconcile"), form)

    assert response.status_code == 400
    assert words in said(response)
    markup = response.content.decode()
    assert f"\n{form['note'].strip()}" in markup[markup.index('name="note"') :]
    assert (' value="failed" required aria-describedby="means-failed" checked' in markup) is (
        form["outcome"] == "failed"
    )
    assert snapshot() == before


def test_of_two_people_the_second_is_told_what_the_first_found(client, house, doubtful):
    executions.reconcile(
        execution=doubtful, outcome="failed", note="The bank has none.", by=by(house.governor)
    )
    before = snapshot()

    response = login(client, house.reviewer).post(
        at(doubtful, "reconcile"), {"outcome": "done", "note": "my own words"}
    )

    assert response.status_code == 409
    text = said(response)
    assert "Nothing was done The execution is failed; only one in doubt can be reconciled." in text
    assert f"{house.governor.get_username()} found: The bank has none." in text
    assert "What you had written my own words" in text
    assert snapshot() == before


def test_a_secret_in_a_note_is_masked(client, house, doubtful):
    login(client, house.reviewer)
    note = "curl -H 'Authorization: Bearer abcdefgh1234' said so"

    response = client.post(
        at(doubtful, "reconcile"), {"outcome": "failed", "note": note}, follow=True
    )

    assert "Authorization: Bearer [redacted]" in said(response)
    entries = [bytes(body).decode() for body in LedgerEntry.objects.values_list("body", flat=True)]
    assert not any("abcdefgh1234" in each for each in entries)


# --- Cancelling


def test_what_nobody_has_in_hand_is_cancelled_with_its_reason(client, house, waiting):
    execution = approved(waiting).execution
    login(client, house.reviewer)
    assert "Cancel it" in said(client.get(at(execution)))

    response = client.post(at(execution, "cancel"), {"reason": "Ann called."}, follow=True)

    assert response.redirect_chain == [(at(execution), 302)]
    text = said(response)
    assert "Cancelled, and so is its proposal." in text
    assert "Not run: the execution was cancelled before its turn." in text
    assert "Cancel it" not in text
    assert Proposal.objects.get().closing_reason == "Ann called."
    entry = LedgerEntry.objects.about(execution.pk).last()
    assert (entry.kind, entry.data["data"]["reason"]) == ("execution.cancelled", "Ann called.")


def test_cancelling_needs_a_reason(client, house, waiting):
    execution = approved(waiting).execution

    response = login(client, house.reviewer).post(at(execution, "cancel"), {"reason": " "})

    assert response.status_code == 400
    assert "The reason is empty" in said(response)
    assert '<details class="cancel" data-key="cancel" open>' in response.content.decode()
    assert state(execution) == ("ready", "approved")


def test_what_was_sent_says_that_it_cannot_be_cancelled(client, house, waiting):
    execution = claimed(approved(waiting).execution)
    login(client, house.governor)
    sentence = "step step1 was sent already: what was sent cannot be cancelled."

    text = said(client.get(at(execution)))
    assert sentence in text
    assert "Cancel it" not in text
    assert sentence in said(client.get(page(waiting)))
    response = client.post(at(execution, "cancel"), {"reason": "stop"})

    assert response.status_code == 409
    assert sentence in said(response)
    assert state(execution) == ("claimed", "approved")


@pytest.mark.parametrize("move", [executed, in_doubt, lambda p: cancelled(approved(p))])
def test_what_has_ended_offers_nothing_to_cancel(client, house, waiting, move):
    execution = move(waiting).execution
    before = state(execution)

    login(client, house.governor)
    assert "Cancel it" not in said(client.get(at(execution)))
    assert client.post(at(execution, "cancel"), {"reason": "stop"}).status_code == 409
    assert state(execution) == before


def test_what_the_gate_cleared_by_itself_is_not_cancelled_here(client, house):
    execution = CanvasFactory(run=house.run()).step.execution

    login(client, house.governor)
    assert "Cancel it" not in said(client.get(at(execution)))
    assert client.post(at(execution, "cancel"), {"reason": "stop"}).status_code == 409
