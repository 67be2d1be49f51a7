"""Workspaces: the kill switch. Memberships: who has which role."""

from __future__ import annotations

import pytest

from governance.models import Membership
from tests.factories import UserFactory, halted
from tests.integration.admin.visits import (
    buttons,
    newest_entry,
    opened,
    refusals,
    said,
    send,
    signed_in,
    trail,
    url,
)

ADD = "/admin/governance/membership/add/"
ADVICE = "Change what advice may do"


@pytest.fixture
def browser(house):
    return signed_in(house.governor)


def membership(house, person):
    return Membership.objects.get(workspace=house.workspace, user=person)


def test_halt_and_resume(browser, house):
    workspace = house.workspace
    address = url("workspace", "change", workspace)
    assert buttons(browser.get(address)) == ["Halt everything", ADVICE, "Ledger"]
    assert send(browser, url("workspace", "halt", workspace), reason="Fire.").url == address
    workspace.refresh_from_db()
    assert workspace.state == "halted"
    assert newest_entry(workspace)["data"]["reason"] == "Fire."
    assert buttons(browser.get(address)) == ["Resume", ADVICE, "Ledger"]
    send(browser, url("workspace", "resume", workspace), reason="It is out.")
    workspace.refresh_from_db()
    assert workspace.state == "active"
    assert newest_entry(workspace)["data"]["reason"] == "It is out."


def test_halting_twice(browser, house):
    hidden = opened(browser, url("workspace", "halt", house.workspace))
    halted(house.workspace)
    answer = browser.post(url("workspace", "halt", house.workspace), {**hidden, "reason": "x"})
    assert answer.status_code == 409
    assert trail(house.workspace).count("workspace.halted") == 1


def test_a_governor_lets_advice_approve_and_stops_it(browser, house):
    workspace = house.workspace
    page, switch = url("workspace", "change", workspace), url("workspace", "advice", workspace)
    assert "May advice approve by itself? No" in said(browser.get(page))
    text = said(browser.get(switch))
    assert "only where every step is reversible, of complexity 1 or 2" in text
    assert "never a start or a training" in text

    seen = opened(browser, switch)
    assert send(browser, switch, allowed="on").url == page
    workspace.refresh_from_db()
    assert workspace.advice_may_approve
    assert newest_entry(workspace)["data"] == {"allowed": True}
    assert "May advice approve by itself? Yes" in said(browser.get(page))

    # Whoever looked before that is told, and nothing is switched.
    assert browser.post(switch, seen).status_code == 409
    send(browser, switch)  # the box is empty
    workspace.refresh_from_db()
    assert not workspace.advice_may_approve


def test_nobody_else_lets_advice_approve(house):
    for person in (house.viewer, house.auditor, house.reviewer, house.supervisor):
        answer = signed_in(person).post(
            url("workspace", "advice", house.workspace), {"seen": "False", "allowed": "on"}
        )
        assert answer.status_code == 403
    house.workspace.refresh_from_db()
    assert not house.workspace.advice_may_approve


def test_the_page_of_a_workspace(browser, house):
    text = said(browser.get(url("workspace", "change", house.workspace)))
    assert f"Name {house.workspace.name} State active Policy in force policy version 1" in text
    assert f"{house.auditor.username} auditor {house.governor.username} governor" in text


def test_add_a_member(browser, house):
    user = UserFactory(username="ada")
    answer = send(browser, ADD, username="ada", role="reviewer")
    found = membership(house, user)
    assert answer.url == url("membership", "change", found)
    assert found.role == "reviewer"
    assert newest_entry(found)["data"] == {"user": "ada", "from": None, "to": "reviewer"}


@pytest.mark.parametrize(
    ("username", "role", "complaint"),
    [
        ("nobody", "viewer", "There is no active user 'nobody'; check the spelling."),
        ("left", "viewer", "There is no active user 'left'; check the spelling."),
        ("ada", "emperor", "Select a valid choice. emperor is not one of"),
        ("", "viewer", "This field is required."),
    ],
)
def test_what_is_wrong_with_a_new_member(browser, house, username, role, complaint):
    UserFactory(username="ada")
    UserFactory(username="left", is_active=False)
    answer = send(browser, ADD, username=username, role=role)
    assert answer.status_code == 400
    assert complaint in said(answer)
    assert answer.context["form"]["username"].value() == username
    assert Membership.objects.count() == 5


def test_adding_never_changes_a_role(browser, house):
    answer = send(browser, ADD, username=house.viewer.username, role="governor")
    assert answer.status_code == 409
    assert "is a member already, as viewer" in refusals(answer)[0]
    assert membership(house, house.viewer).role == "viewer"


def test_accounts_are_not_listed(browser, house):
    UserFactory(username="somebody-else")
    assert "somebody-else" not in browser.get(ADD).content.decode()


def test_change_a_role(browser, house):
    row = membership(house, house.viewer)
    assert send(browser, url("membership", "role", row), role="supervisor").status_code == 302
    row.refresh_from_db()
    assert row.role == "supervisor"
    assert newest_entry(row)["data"]["from"] == "viewer"


def test_a_role_that_changed_meanwhile(browser, house):
    row = membership(house, house.viewer)
    hidden = opened(browser, url("membership", "role", row))
    assert hidden["seen"] == "viewer"
    send(browser, url("membership", "role", row), role="auditor")
    answer = browser.post(url("membership", "role", row), {**hidden, "role": "governor"})
    assert answer.status_code == 409
    row.refresh_from_db()
    assert row.role == "auditor"


def test_the_page_and_the_list_of_memberships(browser, house):
    house.reviewer.is_staff = False
    house.reviewer.save()
    row = membership(house, house.reviewer)
    text = said(browser.get(url("membership", "change", row)))
    assert "Role reviewer May decide proposals read what the workspace holds" in text
    assert "May sign in here No" in text
    listed = said(browser.get(url("membership", "changelist")))
    assert f"{house.auditor.username} auditor {house.workspace.name}" in listed
