"""Approve, reject, abstain, cancel: who may, what is told, and what answers a stale page."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.contrib.messages import get_messages

from governance.domain.roles import Role
from governance.models import Execution, Proposal, Review
from governance.services import agents
from tests.factories import (
    BY_SYSTEM,
    House,
    MembershipFactory,
    ReviewFactory,
    UserFactory,
    approved,
    by,
    claimed,
    executed,
    rejected,
    rule,
)
from tests.integration.admin.browsing import (
    INBOX,
    login,
    page,
    refund,
    refund_type,
    seen,
    snapshot,
)

pytestmark = pytest.mark.django_db

VERBS = ("approve", "reject", "abstain", "cancel")


@pytest.fixture
def waiting(house):
    refund_type(house)
    return refund(house)


def text(response):
    return response.content.decode()


def told(response):
    """What the next page will say."""
    return [str(message) for message in get_messages(response.wsgi_request)]


# --- Who may


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("viewer", 403),
        ("auditor", 403),
        ("reviewer", 302),
        ("supervisor", 302),
        ("governor", 302),
        ("member of another workspace", 404),
        ("nobody's member", 404),
        ("superuser", 404),
    ],
)
def test_the_permission_table_of_every_verdict(client, house, waiting, verb, who, status):
    others = {
        "member of another workspace": lambda: House.build(name="elsewhere").governor,
        "nobody's member": lambda: UserFactory(is_staff=True),
        "superuser": lambda: UserFactory(is_staff=True, is_superuser=True),
    }
    login(client, others[who]() if who in others else getattr(house, who))
    before = snapshot()

    response = client.post(page(waiting, verb), seen(waiting, comment="because"))

    assert response.status_code == status
    assert (snapshot() == before) is (status != 302)


def test_a_stranger_decides_nothing(client, waiting):
    before = snapshot()

    response = client.post(page(waiting, "approve"), seen(waiting))

    assert response.url.startswith("/admin/login/")
    assert snapshot() == before


def test_a_viewer_who_posts_is_told_why_not(client, house, waiting):
    response = login(client, house.viewer).post(
        page(waiting, "approve"), seen(waiting, comment="my words")
    )

    assert "may not decide proposals here; a member with the right role can." in text(response)
    assert "my words" in text(response)


# --- What happens


def test_approving_writes_the_execution_and_goes_on_to_the_next(client, house, waiting):
    following = refund(house, title="the next one")

    response = login(client, house.reviewer).post(
        page(waiting, "approve"), seen(waiting, comment="fine by me")
    )

    assert response.status_code == 302
    assert response.url == page(following)
    proposal = Proposal.objects.get(pk=waiting.pk)
    assert (proposal.state, proposal.decided_by) == ("approved", house.reviewer)
    assert proposal.execution.plan == waiting.plan
    assert Review.objects.get().comment == "fine by me"
    shown = text(client.get(response.url))
    assert f'Approved: <a class="ag-link" href="{page(waiting)}">Refund for the lamp</a>' in shown


def test_after_the_last_one_the_inbox_says_that_nothing_waits(client, house, waiting):
    response = login(client, house.reviewer).post(page(waiting, "approve"), seen(waiting))

    assert response.url == INBOX
    assert told(response)[1] == "Nothing else waits for you."


def test_after_the_newest_one_the_oldest_is_next(client, house):
    refund_type(house)
    oldest, newest = refund(house, title="oldest"), refund(house, title="newest")

    response = login(client, house.reviewer).post(page(newest, "approve"), seen(newest))

    assert response.url == page(oldest)


def test_the_first_of_two_approvals_is_told_as_such(client, house):
    refund_type(house, required_approvals=2)
    proposal = refund(house)

    response = login(client, house.reviewer).post(page(proposal, "approve"), seen(proposal))

    assert Proposal.objects.get().state == "proposed"
    assert told(response)[0].endswith("is recorded: 1 of the 2 it needs.")


def test_rejecting_keeps_the_reason(client, house, waiting):
    response = login(client, house.reviewer).post(
        page(waiting, "reject"), seen(waiting, comment="Too much.\r\nAsk again.")
    )

    proposal = Proposal.objects.get()
    assert (proposal.state, proposal.closing_reason) == ("rejected", "Too much.\nAsk again.")
    assert told(response)[0].startswith("Rejected: ")
    assert not Execution.objects.exists()


def test_abstaining_leaves_it_to_others(client, house, waiting):
    response = login(client, house.reviewer).post(page(waiting, "abstain"), seen(waiting))

    assert Proposal.objects.get().state == "proposed"
    assert Review.objects.get().verdict == "abstain"
    assert told(response)[0].startswith("You abstained from: ")


def test_what_is_approved_and_not_begun_can_be_cancelled(client, house, waiting):
    proposal = approved(waiting)

    response = login(client, house.supervisor).post(
        page(proposal, "cancel"), seen(proposal, comment="wrong card")
    )

    assert response.status_code == 302
    proposal.refresh_from_db()
    assert (proposal.state, proposal.closing_reason) == ("cancelled", "wrong card")
    assert proposal.execution.state == "cancelled"


def test_the_title_in_the_message_is_not_obeyed(client, house):
    refund_type(house)
    first = refund(house, title="<script>alert(1)</script>\u200b")
    second = refund(house, title="next")

    login(client, house.reviewer).post(page(first, "approve"), seen(first))
    shown = text(client.get(page(second)))

    assert "<script>alert(1)" not in shown
    assert 'title="ZERO WIDTH SPACE">U+200B</span>' in shown


# --- What is refused, and what it says


@pytest.mark.parametrize(("verb", "noun"), [("reject", "reason"), ("cancel", "reason")])
@pytest.mark.parametrize("blank", ["", "  \r\n "])
def test_no_reason_no_rejection(client, house, waiting, verb, noun, blank):
    before = snapshot()

    response = login(client, house.reviewer).post(page(waiting, verb), seen(waiting, comment=blank))

    assert response.status_code == 400
    assert f"The {noun} is empty; it is required." in text(response)
    assert "Your decision" in text(response)
    assert snapshot() == before


def test_a_reason_that_is_too_long_is_refused_and_kept(client, house, waiting):
    response = login(client, house.reviewer).post(
        page(waiting, "reject"), seen(waiting, comment="x" * 2001)
    )

    assert response.status_code == 400
    assert "2,001 characters long" in text(response)
    assert "x" * 2001 in text(response)
    assert Proposal.objects.get().state == "proposed"


def test_the_same_form_sent_twice_counts_once(client, house, waiting):
    login(client, house.reviewer)
    form = seen(waiting)

    first = client.post(page(waiting, "approve"), form)
    after = snapshot()
    second = client.post(page(waiting, "approve"), form)

    assert (first.status_code, second.status_code) == (302, 409)
    assert "Nothing was done" in text(second)
    assert f"already approved by {house.reviewer.get_username()}" in text(second)
    assert snapshot() == after


def test_the_same_first_approval_of_two_sent_twice_counts_once(client, house):
    refund_type(house, required_approvals=2)
    proposal = refund(house)
    login(client, house.reviewer)

    client.post(page(proposal, "approve"), seen(proposal))
    second = client.post(page(proposal, "approve"), seen(proposal))

    assert second.status_code == 409
    assert "You have already reviewed this proposal" in text(second)
    assert Review.objects.count() == 1


@pytest.mark.parametrize(
    ("decided", "word"),
    [(approved, "already approved by"), (rejected, "already rejected by")],
)
@pytest.mark.parametrize("verb", VERBS)
def test_one_that_somebody_else_decided_is_shown_as_it_is_now(
    client, house, waiting, decided, word, verb
):
    form = seen(waiting, comment="my words")
    decided(waiting, by=house.by_supervisor)
    before = snapshot()

    response = login(client, house.reviewer).post(page(waiting, verb), form)

    assert response.status_code == 409
    shown = text(response)
    assert f"{word} {house.supervisor.get_username()}; nothing was changed." in shown
    assert "my words" in shown
    assert ">Approve</button>" not in shown
    assert snapshot() == before


def test_a_plan_edited_meanwhile_is_shown_with_the_difference(client, house):
    refund_type(house, required_approvals=2)
    proposal = refund(house)
    form = seen(proposal, comment="I had read it")
    edit = [{"id": "step1", "action_type": "refund", "params": {"payment": "pay_1", "amount": 20}}]
    ReviewFactory(proposal=proposal, edited_plan=edit, by=house.by_supervisor)

    response = login(client, house.reviewer).post(page(proposal, "approve"), form)

    assert response.status_code == 409
    shown = text(response)
    assert "The plan changed after you read it" in shown
    assert "What you had read, and what is there now" in shown
    assert "/0/params/amount" in shown
    assert '<pre class="exact">148.5</pre>' in shown
    assert '<pre class="exact">20</pre>' in shown
    assert "I had read it</textarea>" in shown  # and the form can be sent again, for the new plan
    assert f'name="digest" value="{Proposal.objects.get().digest}"' in shown
    assert Review.objects.count() == 1


def test_a_wrong_version_is_stale_even_under_the_right_digest(client, house, waiting):
    before = snapshot()

    response = login(client, house.reviewer).post(
        page(waiting, "approve"), seen(waiting, version="7")
    )

    assert response.status_code == 409
    assert snapshot() == before


@pytest.mark.parametrize("missing", ["digest", "version"])
def test_a_form_that_does_not_say_what_was_read_is_refused(client, house, waiting, missing):
    form = seen(waiting)
    del form[missing]

    response = login(client, house.reviewer).post(page(waiting, "approve"), form)

    assert response.status_code == 400
    assert "The form did not say what you had read" in text(response)
    assert Proposal.objects.get().state == "proposed"


def test_a_seen_plan_that_is_none_does_no_harm(client, house, waiting):
    response = login(client, house.reviewer).post(
        page(waiting, "approve"), seen(waiting, digest="0" * 64, seen_plan='[{"id": NaN')
    )

    assert response.status_code == 409
    assert "What you had read" not in text(response)


def test_an_expired_one_is_decided_no_more(client, house, waiting):
    with time_machine.travel(waiting.expires_at + datetime.timedelta(seconds=1), tick=False):
        response = login(client, house.reviewer).post(page(waiting, "approve"), seen(waiting))

    assert response.status_code == 409
    assert "This proposal has expired; the agent has to propose it again." in text(response)
    assert not Review.objects.exists()


def test_an_agent_that_changed_can_only_be_rejected(client, house, waiting):
    agents.update(agent=waiting.agent, changes={"configuration": {"model": "b"}}, by=BY_SYSTEM)
    login(client, house.reviewer)

    response = client.post(page(waiting, "approve"), seen(waiting, comment="so be it"))
    assert response.status_code == 409
    assert "reject it, and let the agent propose again" in text(response)
    assert ">Approve</button>" not in text(response)
    assert "so be it</textarea>" in text(response)

    assert client.post(page(waiting, "reject"), seen(waiting, comment="no")).status_code == 302
    assert Proposal.objects.get().state == "rejected"


def test_a_gate_that_has_become_stricter_refuses_and_says_why(client, house, waiting):
    house.publish(rule("no-refunds", scope="refund", route="denied", reason="not this month"))

    response = login(client, house.reviewer).post(page(waiting, "approve"), seen(waiting))

    assert response.status_code == 409
    assert "rule no-refunds: denied, not this month" in text(response)
    assert "It was asked again later (1 answer)" in text(response)
    assert Proposal.objects.get().state == "proposed"


def test_what_is_under_way_cannot_be_cancelled(client, house, waiting):
    proposal = approved(waiting)
    claimed(proposal.execution)

    response = login(client, house.governor).post(
        page(proposal, "cancel"), seen(proposal, comment="stop")
    )

    assert response.status_code == 409
    assert "The execution is claimed, and step step1 was sent already" in text(response)
    assert "what was sent cannot be cancelled" in text(response)
    assert ">Cancel the proposal</button>" not in text(response)
    assert Proposal.objects.get().state == "approved"


def test_what_has_run_cannot_be_cancelled(client, house, waiting):
    proposal = executed(waiting)

    response = login(client, house.governor).post(
        page(proposal, "cancel"), seen(proposal, comment="stop")
    )

    assert response.status_code == 409
    assert Proposal.objects.get().state == "executed"


def test_a_right_taken_away_meanwhile_counts(client, house, waiting):
    login(client, house.reviewer)
    client.get(page(waiting))
    MembershipFactory(workspace=house.workspace, user=house.reviewer, role=Role.VIEWER)

    response = client.post(page(waiting, "approve"), seen(waiting))

    assert response.status_code == 403
    assert Proposal.objects.get().state == "proposed"
    assert by(house.reviewer).label in text(response)
