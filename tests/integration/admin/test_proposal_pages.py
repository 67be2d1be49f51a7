"""The inbox and the decision page: who sees what, and that looking changes nothing."""

from __future__ import annotations

import datetime
import re

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from governance.domain.roles import Role
from governance.models import Proposal
from tests.factories import (
    House,
    MembershipFactory,
    ReviewFactory,
    UserFactory,
    WorkflowFactory,
    approved,
    by,
    cancelled,
    executed,
    expired,
    paused,
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

BUTTONS = ("Approve", "Edit, then approve", "Reject", "Abstain", "Cancel the proposal")


@pytest.fixture
def waiting(house):
    refund_type(house)
    return refund(house)


def text(response):
    return response.content.decode()


def buttons(response):
    """The labels of the buttons that decide."""
    return [label for label in BUTTONS if f">{label}</button>" in text(response)]


# --- Who sees it


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("viewer", 200),
        ("auditor", 200),
        ("reviewer", 200),
        ("supervisor", 200),
        ("governor", 200),
        ("member of another workspace", 404),
        ("nobody's member", 404),
        ("superuser", 404),
    ],
)
def test_only_members_of_its_workspace_see_a_proposal(client, house, waiting, who, status):
    others = {
        "member of another workspace": lambda: House.build(name="elsewhere").governor,
        "nobody's member": lambda: UserFactory(is_staff=True),
        "superuser": lambda: UserFactory(is_staff=True, is_superuser=True),
    }
    user = others[who]() if who in others else getattr(house, who)

    response = login(client, user).get(page(waiting))

    assert response.status_code == status


@pytest.mark.parametrize(
    ("who", "offered"),
    [
        ("viewer", []),
        ("auditor", []),
        ("reviewer", list(BUTTONS)),
        ("supervisor", list(BUTTONS)),
        ("governor", list(BUTTONS)),
    ],
)
def test_only_those_who_may_decide_are_offered_buttons(client, house, waiting, who, offered):
    response = login(client, getattr(house, who)).get(page(waiting))

    assert buttons(response) == offered
    assert ("<form" in text(response).split('id="decide"')[1]) is bool(offered)


def test_a_stranger_is_asked_to_log_in(client, waiting):
    response = client.get(page(waiting))

    assert response.status_code == 302
    assert response.url.startswith("/admin/login/")


@pytest.mark.parametrize(
    "address",
    [
        "/admin/governance/proposal/not-a-key/change/",
        "/admin/governance/proposal/00000000-0000-7000-8000-000000000000/change/",
        "/admin/governance/proposal/not-a-key/edit/",
    ],
)
def test_what_is_not_there_is_not_found(client, house, address):
    assert login(client, house.reviewer).get(address).status_code == 404


# --- Looking changes nothing


@pytest.mark.parametrize("part", ["change", "edit"])
def test_looking_changes_nothing(client, house, waiting, part):
    before = snapshot()

    assert login(client, house.reviewer).get(page(waiting, part)).status_code == 200
    assert login(client, house.reviewer).get(INBOX).status_code == 200

    assert snapshot() == before


@pytest.mark.parametrize("verb", ["approve", "reject", "abstain", "cancel"])
def test_nothing_is_decided_by_following_a_link(client, house, waiting, verb):
    before = snapshot()

    assert login(client, house.reviewer).get(page(waiting, verb)).status_code == 405

    assert snapshot() == before


def test_nobody_edits_a_proposal_by_hand(client, house, waiting):
    login(client, house.governor)
    before = snapshot()

    assert client.post(page(waiting), {"title": "x", "state": "approved"}).status_code == 405
    assert client.get("/admin/governance/proposal/add/").status_code == 403
    assert client.post(page(waiting, "delete"), {"post": "yes"}).status_code == 403
    assert client.post(INBOX, {"action": "delete_selected"}).status_code in {200, 302, 403}

    assert snapshot() == before


def test_a_form_without_its_token_is_refused(house, waiting):
    client = login(Client(enforce_csrf_checks=True), house.reviewer)

    assert client.post(page(waiting, "approve"), seen(waiting)).status_code == 403
    assert Proposal.objects.get().state == "proposed"


# --- What the page says


def test_the_page_says_what_then_why_then_what_the_agent_claims(client, house, waiting):
    shown = text(login(client, house.reviewer).get(page(waiting)))

    order = [
        shown.index(heading)
        for heading in (
            "What will be done",
            "Why the gate sent it here",
            "What the agent says about it",
            "Your decision",
        )
    ]
    assert order == sorted(order)
    for said in (
        '<code class="ag-code">refund</code> as step <code class="ag-code">step1</code>',
        "4 irreversible or costly",
        "Irreversible",
        "keyed effect",
        "The agent may carry it out once, by itself, and reports how it went.",
        '<div class="exact-text">pay_1</div>',
        '<code class="literal">148.5</code>',
        "intern agent, complexity 4: proposal",
        "policy version 1",
        "no rule matched",
        "Its own words, and nothing but its claim.",
        "The lamp was broken.",
        "0 of 1",
        waiting.digest,
    ):
        assert said in shown, said


def test_the_rule_that_sent_it_here_is_named(client, house):
    house.publish(
        rule("over-100", condition="params.amount > 100.0", route="proposal", reason="big money")
    )
    refund_type(house)

    shown = text(login(client, house.reviewer).get(page(refund(house))))

    assert "rule over-100: proposal, big money" in shown
    assert 'rule matched: <code class="ag-code">over-100</code>' in shown
    assert "policy version 2" in shown


def test_hostile_text_is_shown_and_not_obeyed(client, house):
    refund_type(house)
    attack = "<script>alert(1)</script>"
    proposal = refund(
        house,
        title=f"Routine {attack}",
        reasoning=f"{attack} pay\u202enow",
        params={"payment": f"pay\u200b_1{attack}", "amount": 1, "note": "\u202e" + "x" * 1990},
    )

    response = login(client, house.reviewer).get(page(proposal))

    shown = text(response)
    assert attack not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert 'pay<span class="invisible" title="ZERO WIDTH SPACE">U+200B</span>_1' in shown
    assert '<span class="invisible" title="RIGHT-TO-LEFT OVERRIDE">U+202E</span>' in shown
    assert "x" * 1990 in shown  # nothing is cut off

    inbox = text(login(client, house.reviewer).get(INBOX))
    assert attack not in inbox
    assert "Routine &lt;script&gt;" in inbox


def test_every_step_and_parameter_of_a_long_plan_is_shown(client, house, registered):
    house.run()
    params = {"kind": "markdown", "title": "t", "markdown": "first line\nlast line"}
    plan = [
        {"id": f"note{n}", "action_type": "canvas_present", "params": {**params, "title": f"t{n}"}}
        for n in range(1, 13)
    ]
    proposal = house.proposal(plan=plan)

    shown = text(login(client, house.reviewer).get(page(proposal)))

    assert "Present a canvas, and 11 more steps" in shown
    assert "The agent chose to ask people." in shown  # an intern may present canvases unasked
    assert shown.count('aria-label="Step ') == 12
    assert shown.count("first line\nlast line") == 12


def test_what_changed_since_it_was_filed_is_said_before_anything_else(client, house, waiting):
    paused(waiting.agent)
    house.publish(rule("any", condition="false", route="denied"))

    response = login(client, house.reviewer).get(page(waiting))

    shown = text(response)
    assert shown.index("Changed since it was filed") < shown.index("What will be done")
    assert "The agent is paused: the gate denies whatever it asks." in shown
    assert "Policy version 2 is in force now; the gate answered under version 1." in shown
    assert buttons(response) == ["Reject", "Abstain", "Cancel the proposal"]


@pytest.mark.parametrize(
    ("decided", "said"),
    [
        (approved, "This proposal is decided"),
        (rejected, "for a test"),
        (cancelled, "for a test"),
        (expired, "Nobody decided in time."),
        (executed, "This proposal is decided"),
    ],
)
def test_a_decided_proposal_offers_no_verdict(client, house, waiting, decided, said):
    proposal = decided(waiting)

    response = login(client, house.governor).get(page(proposal))

    assert said in text(response)
    # What is approved and not begun can still be taken back, and nothing else.
    assert buttons(response) == (["Cancel the proposal"] if decided is approved else [])


def test_one_that_ran_out_unnoticed_offers_nothing_either(client, house, waiting):
    later = waiting.expires_at + datetime.timedelta(seconds=1)
    with time_machine.travel(later, tick=False):
        login(client, house.reviewer)
        response = client.get(page(waiting))
        inbox, history = client.get(INBOX), client.get(f"{INBOX}?show=history")

    assert Proposal.objects.get().state == "proposed"
    assert buttons(response) == []
    assert "Nobody decided in time." in text(response)
    assert "Refund for the lamp" not in text(inbox)
    assert "Refund for the lamp" in text(history)


def test_reviews_so_far_are_shown_and_ones_own_verdict_ends_the_buttons(client, house):
    refund_type(house, required_approvals=3)
    proposal = refund(house)
    ReviewFactory(proposal=proposal, comment="Looks right <b>", by=house.by_supervisor)
    ReviewFactory(proposal=proposal, verdict="abstain", comment="", by=house.by_reviewer)
    abstained = login(client, house.reviewer).get(page(proposal))
    assert ">Approve (2 of 3)</button>" in text(abstained)

    mine = login(client, house.supervisor).get(page(proposal))
    others = login(client, house.governor).get(page(proposal))

    assert "1 of 3" in text(mine)
    assert "Looks right &lt;b&gt;" in text(mine)
    assert "You have given your verdict (approve)." in text(mine)
    assert buttons(mine) == ["Cancel the proposal"]
    assert ">Approve (2 of 3)</button>" in text(others)


# --- Where it stands among what waits


def test_the_page_says_which_of_how_many_it_is(client, house):
    refund_type(house, required_approvals=2)
    first, second, third = (refund(house, title=title) for title in "abc")
    ReviewFactory(proposal=first, by=house.by_reviewer)  # has done its part there
    login(client, house.reviewer)

    assert "<strong>1 of 2</strong> waiting for you" in text(client.get(page(second)))
    last = text(client.get(page(third)))
    assert "<strong>2 of 2</strong> waiting for you" in last
    assert f'rel="prev" href="{page(second)}"' in last
    assert 'rel="next"' not in last


def test_a_person_in_two_workspaces_sees_both_and_decides_where_they_may(client, house):
    other = House.build(name="elsewhere")
    MembershipFactory(workspace=other.workspace, user=house.reviewer, role=Role.VIEWER)
    refund_type(other)
    theirs = refund(other, title="over there")
    login(client, house.reviewer)

    assert "over there" in text(client.get(INBOX))
    assert "Nothing waits for you." in text(client.get(INBOX))
    assert buttons(client.get(page(theirs))) == []
    assert client.post(page(theirs, "approve"), seen(theirs)).status_code == 403
    assert by(house.reviewer).label == house.reviewer.get_username()


def test_what_we_called_it_is_not_what_the_agent_says(client, house):
    refund_type(house)
    own, ours = refund(house, title="For the lamp"), refund(house, title="")
    login(client, house.reviewer)
    words = re.compile(r'<dt>Title</dt>\s*<dd class="exact-text">(.*?)</dd>')
    assert words.findall(text(client.get(page(own)))) == ["For the lamp"]
    assert words.findall(text(client.get(page(ours)))) == ["It gave none."]


def test_the_workflow_a_plan_came_from_is_named_with_its_version(client, house):
    WorkflowFactory(workspace=house.workspace, name="report")
    version = WorkflowFactory(workspace=house.workspace, name="report")
    params = {"workflow": "report", "params": {"title": "t"}}
    plan = [{"id": "weekly", "action_type": "workflow_trigger", "params": params}]
    proposal = house.proposal(plan=plan)
    WorkflowFactory(workspace=house.workspace, name="report")
    shown = text(login(client, house.reviewer).get(page(proposal)))
    address = reverse("admin:governance_workflow_change", args=[version.pk])
    assert f'<a class="ag-link" href="{address}">report version 2</a>: as its step' in shown
    assert '<code class="ag-code">weekly</code> stands <code class="ag-code">weekly_show<' in shown
