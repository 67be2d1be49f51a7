"""Edit and approve: a form, a preview that writes nothing, and the approval of what was shown."""

from __future__ import annotations

import json

import pytest
from django.contrib.messages import get_messages

from governance.admin import proposal_page
from governance.admin.rendering.visible import json_escaped
from governance.models import Proposal, Review
from governance.policy import plans
from tests.factories import QueuedRunFactory, ReviewFactory, expired, paused, rule
from tests.integration.admin.browsing import (
    inputs,
    login,
    page,
    refund,
    refund_type,
    seen,
    snapshot,
)

pytestmark = pytest.mark.django_db

AMOUNT, PAYMENT, NOTE = "plan/step1/amount", "plan/step1/payment", "plan/step1/note"


@pytest.fixture
def waiting(house):
    refund_type(house)
    return refund(house)


@pytest.fixture
def reviewer(client, house):
    return login(client, house.reviewer)


def text(response):
    return response.content.decode()


def opened(reviewer, proposal, **typed):
    """The edit form, with some of it typed over."""
    response = reviewer.get(page(proposal, "edit"))
    assert response.status_code == 200
    return {**inputs(response), **typed}


def previewed(reviewer, proposal, **typed):
    """The form of the preview of an edit."""
    form = {**opened(reviewer, proposal, **typed), "do": "preview"}
    return inputs(reviewer.post(page(proposal, "edit"), form)) | {"do": "approve"}


def params(proposal):
    return json.loads(proposal.plan_in_force)[0]["params"]


# --- The form


def test_the_form_is_drawn_from_the_schema_and_holds_the_plan(reviewer, waiting):
    form = opened(reviewer, waiting)

    assert form[PAYMENT] == "pay_1"
    assert form[AMOUNT] == "148.5"
    assert form[f"{NOTE}:include"] == "off"  # an optional one that is not there
    assert (form["digest"], form["version"]) == (waiting.digest, "1")
    assert form["seen_plan"] == waiting.plan


def test_a_comment_typed_before_comes_along(reviewer, waiting):
    before = snapshot()

    response = reviewer.post(page(waiting, "edit"), seen(waiting, comment="half of it"))

    assert response.status_code == 200
    assert inputs(response)["comment"] == "half of it"
    assert snapshot() == before


def test_the_enter_key_previews_and_never_approves(reviewer, waiting):
    form = {**opened(reviewer, waiting), AMOUNT: "70", "do": "preview"}
    shown = text(reviewer.post(page(waiting, "edit"), form))

    inside = shown.split('class="edit-form"')[1]
    assert inside.index('value="preview"') < inside.index('value="approve"')


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("auditor", 403), ("governor", 200)])
def test_only_those_who_may_decide_get_the_form(client, house, waiting, who, status):
    login(client, getattr(house, who))

    assert client.get(page(waiting, "edit")).status_code == status
    form = {"digest": waiting.digest, "version": "1", "do": "preview"}
    if status == 403:
        assert client.post(page(waiting, "edit"), form).status_code == status


def test_what_cannot_be_approved_cannot_be_edited(reviewer, waiting):
    paused(waiting.agent)

    response = reviewer.get(page(waiting, "edit"))

    assert response.status_code == 409
    assert "The agent is paused" in text(response)


def test_an_expired_one_has_no_form(reviewer, waiting):
    response = reviewer.get(page(expired(waiting), "edit"))

    assert response.status_code == 409
    assert 'class="edit-form"' not in text(response)


def test_what_the_system_filed_has_nothing_to_edit(reviewer, house):
    run = QueuedRunFactory(agent=house.agent("intern"))
    proposal = Proposal.objects.get(run=run)

    assert ">Edit, then approve</button>" not in text(reviewer.get(page(proposal)))
    response = reviewer.get(page(proposal, "edit"))
    assert response.status_code == 400
    assert "there is nothing in it to edit" in text(response)


# --- The preview


def test_the_preview_shows_the_difference_and_writes_nothing(reviewer, waiting):
    form = {**opened(reviewer, waiting), AMOUNT: "70", "do": "preview", "comment": "only half"}
    before = snapshot()

    response = reviewer.post(page(waiting, "edit"), form)

    assert response.status_code == 200
    shown = text(response)
    assert '<code class="ag-code">/0/params/amount</code>' in shown
    assert '<pre class="exact">148.5</pre>' in shown
    assert '<pre class="exact">70</pre>' in shown
    assert "intern agent, complexity 4: proposal" in shown
    assert ">Approve with this edit</button>" in shown
    again = inputs(response)
    assert json.loads(again["edited_plan"])[0]["params"] == {"amount": 70, "payment": "pay_1"}
    assert (again["comment"], again[AMOUNT]) == ("only half", "70")
    assert snapshot() == before


def test_adding_what_was_not_there_shows_as_such(reviewer, waiting):
    typed = {f"{NOTE}:include": "on", NOTE: "Sorry!\r\nYours", "do": "preview"}

    shown = text(reviewer.post(page(waiting, "edit"), opened(reviewer, waiting) | typed))

    assert "/0/params/note" in shown
    assert "not there" in shown
    assert "&quot;Sorry!\\nYours&quot;" in shown


def test_no_change_is_no_edit(reviewer, waiting):
    response = reviewer.post(page(waiting, "edit"), opened(reviewer, waiting) | {"do": "preview"})

    assert "Nothing: this is the plan as it is." in text(response)
    assert ">Approve with this edit</button>" not in text(response)


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        (AMOUNT, "a lot", "Write a number in digits, such as 12 or -1.50."),
        (AMOUNT, "5000", "the value is greater than the maximum of 2000"),
        (AMOUNT, "9007199254740993", "use strings for whole numbers"),
        (PAYMENT, "", "the value is shorter than 1 character"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused_and_kept(reviewer, waiting, field, typed, said):
    form = opened(reviewer, waiting) | {field: typed, "do": "preview", "comment": "my words"}
    before = snapshot()

    response = reviewer.post(page(waiting, "edit"), form)

    assert response.status_code == 400
    assert said in text(response)
    assert ">Approve with this edit</button>" not in text(response)
    again = inputs(response)
    assert (again[field], again["comment"]) == (typed, "my words")
    assert snapshot() == before


def test_an_edit_the_gate_would_deny_is_told_before_it_is_tried(reviewer, house):
    refund_type(house)
    house.publish(
        rule("high", condition="params.amount > 500.0", route="denied", reason="too much")
    )
    proposal = refund(house)

    response = reviewer.post(
        page(proposal, "edit"), opened(reviewer, proposal) | {AMOUNT: "900", "do": "preview"}
    )

    assert response.status_code == 200
    assert "rule high: denied, too much" in text(response)
    assert ">Approve with this edit</button>" not in text(response)
    assert inputs(response)[AMOUNT] == "900"


def test_hostile_text_stays_text_in_the_form_and_in_the_difference(reviewer, house):
    refund_type(house)
    attack = '"><script>alert(1)</script>'
    proposal = refund(house, params={"payment": f"{attack}\u200b", "amount": 1})

    shown = text(
        reviewer.post(
            page(proposal, "edit"),
            opened(reviewer, proposal) | {PAYMENT: f"x{attack}", "do": "preview"},
        )
    )

    assert "<script>alert(1)" not in shown
    assert 'title="ZERO WIDTH SPACE">U+200B</span>' in shown


def test_a_plan_of_more_inputs_than_a_form_may_have_is_edited_as_json(reviewer, house):
    names = [f"field{n}" for n in range(300)]
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    house.action_type("wide", params_schema=schema)
    proposal = house.proposal(action_type="wide", params=dict.fromkeys(names, "x"))

    form = opened(reviewer, proposal)
    edited = json.loads(form["plan/step1"]) | {"field7": "y"}
    response = reviewer.post(
        page(proposal, "edit"), form | {"plan/step1": json.dumps(edited), "do": "preview"}
    )

    assert response.status_code == 200
    assert "/0/params/field7" in text(response)


# --- The approval


def test_approving_the_preview_approves_exactly_that(reviewer, house, waiting):
    form = previewed(reviewer, waiting, **{AMOUNT: "70", "comment": "only half"})

    response = reviewer.post(page(waiting, "edit"), form)

    assert response.status_code == 302
    proposal = Proposal.objects.get()
    assert (proposal.state, params(proposal)) == ("approved", {"amount": 70, "payment": "pay_1"})
    assert proposal.execution.plan == proposal.edited_plan
    review = Review.objects.get()
    assert (review.edited, review.comment) == (True, "only half")
    shown = text(reviewer.get(page(waiting)))
    assert "What the edit changed" in shown
    assert "with an edit" in shown


def test_an_edit_that_others_must_approve_too_is_told_as_such(reviewer, house):
    refund_type(house, required_approvals=2)
    proposal = refund(house)
    form = previewed(reviewer, proposal, **{AMOUNT: "70"})

    response = reviewer.post(page(proposal, "edit"), form)

    assert Proposal.objects.get().state == "proposed"
    told = str(next(iter(get_messages(response.wsgi_request))))
    assert told.endswith("is recorded: 1 of the 2 it needs.")


def test_the_plan_alone_is_enough_to_approve_an_edit(reviewer, waiting):
    form = previewed(reviewer, waiting, **{AMOUNT: "70"})
    bare = {name: value for name, value in form.items() if not name.startswith("plan/")}

    assert reviewer.post(page(waiting, "edit"), bare).status_code == 302
    assert params(Proposal.objects.get())["amount"] == 70


def test_what_was_changed_after_the_preview_is_previewed_again(reviewer, waiting):
    form = previewed(reviewer, waiting, **{AMOUNT: "70"}) | {AMOUNT: "90"}
    before = snapshot()

    response = reviewer.post(page(waiting, "edit"), form)

    assert response.status_code == 409
    assert "You changed something after the preview" in text(response)
    assert '<pre class="exact">90</pre>' in text(response)
    assert json.loads(inputs(response)["edited_plan"])[0]["params"]["amount"] == 90
    assert snapshot() == before


def test_what_cannot_be_read_after_the_preview_is_marked(reviewer, waiting):
    form = previewed(reviewer, waiting, **{AMOUNT: "70"}) | {AMOUNT: "lots"}

    response = reviewer.post(page(waiting, "edit"), form)

    assert response.status_code == 400
    assert inputs(response)[AMOUNT] == "lots"
    assert Proposal.objects.get().state == "proposed"


def test_the_same_approval_sent_twice_counts_once(reviewer, waiting):
    form = previewed(reviewer, waiting, **{AMOUNT: "70"})

    assert reviewer.post(page(waiting, "edit"), form).status_code == 302
    after = snapshot()
    again = reviewer.post(page(waiting, "edit"), form)

    assert again.status_code == 409
    assert "already approved by" in text(again)
    assert snapshot() == after


def test_a_plan_that_was_tampered_with_in_the_form_meets_schema_and_gate(reviewer, waiting):
    form = previewed(reviewer, waiting, **{AMOUNT: "70"})
    bare = {name: value for name, value in form.items() if not name.startswith("plan/")}
    other = [{"id": "step1", "action_type": "refund", "params": {"payment": "p", "amount": 9999}}]
    before = snapshot()

    for plan, status in (
        (json.dumps(other), 400),
        (json.dumps([{**other[0], "action_type": "unheard_of"}]), 409),
        ("[]", 400),
        ("no json", 400),
        ("", 400),
    ):
        response = reviewer.post(page(waiting, "edit"), {**bare, "edited_plan": plan})
        assert response.status_code == status, plan

    assert snapshot() == before


def test_a_gate_that_became_stricter_after_the_preview_refuses_and_nothing_is_lost(
    reviewer, house, waiting
):
    form = previewed(reviewer, waiting, **{AMOUNT: "70", "comment": "my words"})
    house.publish(rule("closed", route="denied", reason="closed today"))

    response = reviewer.post(page(waiting, "edit"), form)

    assert response.status_code == 409
    assert "rule closed: denied, closed today" in text(response)
    again = inputs(response)
    assert (again[AMOUNT], again["comment"]) == ("70", "my words")
    assert Proposal.objects.get().state == "proposed"


def test_an_edit_of_a_plan_that_changed_meanwhile_is_shown_beside_it(reviewer, house):
    refund_type(house, required_approvals=2)
    proposal = refund(house)
    form = previewed(reviewer, proposal, **{AMOUNT: "70", "comment": "my words"})
    other = [{"id": "step1", "action_type": "refund", "params": {"payment": "p2", "amount": 1}}]
    ReviewFactory(proposal=proposal, edited_plan=other, by=house.by_supervisor)

    response = reviewer.post(page(proposal, "edit"), form)

    assert response.status_code == 409
    shown = text(response)
    assert "What you had read, and what is there now" in shown
    assert "/0/params/payment" in shown
    assert "Your edit, which was not saved" in shown
    assert '<pre class="exact">70</pre>' in shown
    assert "my words</textarea>" in shown
    assert Review.objects.count() == 1


def test_an_unreadable_edit_of_a_plan_that_changed_meanwhile_is_kept_as_typed(reviewer, house):
    refund_type(house, required_approvals=2)
    proposal = refund(house)
    form = opened(reviewer, proposal) | {AMOUNT: "about <b>70</b>", "do": "preview"}
    other = [{"id": "step1", "action_type": "refund", "params": {"payment": "p2", "amount": 1}}]
    ReviewFactory(proposal=proposal, edited_plan=other, by=house.by_supervisor)

    shown = text(reviewer.post(page(proposal, "edit"), form))

    assert "What you had typed, which was not saved" in shown
    assert "about &lt;b&gt;70&lt;/b&gt;" in shown


# --- Hidden characters


def test_no_hidden_character_stands_in_a_page_and_none_is_lost(house, reviewer):
    refund_type(house)
    proposal = refund(house, params={"payment": "pay_1", "amount": 1, "note": "a\u202eb\U000e0041"})
    before = params(proposal)
    form = opened(reviewer, proposal, **{AMOUNT: "2"})
    preview = reviewer.post(page(proposal, "edit"), {**form, "do": "preview"})
    for shown in (reviewer.get(page(proposal)), reviewer.get(page(proposal, "edit")), preview):
        assert not {"\u202e", "\U000e0041"} & set(text(shown))
    reviewer.post(page(proposal, "edit"), inputs(preview) | {"do": "approve"})
    proposal.refresh_from_db()
    assert proposal.state == "approved"
    assert params(proposal) == {**before, "amount": 2}


def test_a_plan_full_of_hidden_characters_is_carried_whole():
    full = plans.parse(plans.single("pay", {"note": "\u00a0" * 120_000}))
    assert proposal_page.parsed(json_escaped(full.text)) == full
