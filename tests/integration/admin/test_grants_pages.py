"""Grants and ceilings: giving, revoking, setting, lifting."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.utils import timezone

from governance.models import Ceiling, Grant
from tests.factories import (
    AgentFactory,
    CeilingFactory,
    GrantFactory,
    WorkspaceFactory,
    lifted,
    retired,
    revoked,
)
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

GIVE, SET = "/admin/governance/grant/add/", "/admin/governance/ceiling/add/"


@pytest.fixture
def browser(house):
    return signed_in(house.governor)


@pytest.fixture
def agent(house):
    house.action_type("refund")
    return house.agent(name="clerk")


def typed(agent, /, **values):
    tomorrow = timezone.now() + datetime.timedelta(days=1)
    return {
        "agent": str(agent.pk),
        "action_type": "refund",
        "route": "execution",
        "condition": "params.amount < 100",
        "expires_at": tomorrow.strftime("%Y-%m-%dT%H:%M"),
        "reason": "A month without a fault.",
        **values,
    }


def test_give(browser, house, agent):
    with time_machine.travel(datetime.datetime(2030, 1, 31, 12, 0, tzinfo=datetime.UTC)):
        browser = signed_in(house.governor)
        answer = send(browser, GIVE, **typed(agent, expires_at="2030-02-28T18:30"))
    grant = Grant.objects.get()
    assert answer.url == url("grant", "change", grant)
    assert (grant.agent, grant.action_type, grant.route) == (agent, "refund", "execution")
    assert grant.condition == "params.amount < 100"
    assert grant.expires_at == datetime.datetime(2030, 2, 28, 18, 30, tzinfo=datetime.UTC)
    assert grant.given_by == house.governor
    assert newest_entry(grant)["data"]["reason"] == "A month without a fault."


@pytest.mark.parametrize(
    ("values", "field", "complaint"),
    [
        ({"condition": "params.amount <"}, "condition", "The condition does not compile"),
        ({"condition": "params.amount"}, "condition", "The condition must be true or false"),
        ({"condition": "nobody.knows == 1"}, "condition", "The condition does not compile"),
        ({"route": "denied"}, "route", "Select a valid choice"),
        ({"action_type": "unheard_of"}, "action_type", "Select a valid choice"),
        ({"action_type": "run_start"}, "action_type", "Select a valid choice"),
        ({"expires_at": "soon"}, "expires_at", "Enter a valid date/time."),
        ({"reason": " "}, "reason", "This field is required."),
        ({"agent": ""}, "agent", "This field is required."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(browser, agent, values, field, complaint):
    answer = send(browser, GIVE, **typed(agent, **values))
    assert answer.status_code == 400
    form = answer.context["form"]
    assert list(form.errors) == [field]
    assert form.errors[field][0].startswith(complaint)
    assert form["reason"].value() == values.get("reason", "A month without a fault.")
    assert not Grant.objects.exists()


@pytest.mark.parametrize("expiry", ["2020-01-01T00:00", "2999-01-01T00:00"])
def test_what_the_service_refuses_is_said_above(browser, agent, expiry):
    answer = send(browser, GIVE, **typed(agent, expires_at=expiry))
    assert answer.status_code == 400
    assert refusals(answer) == ["The expiry must lie in the future, and at most 366 days ahead."]
    assert answer.context["form"]["condition"].value() == "params.amount < 100"
    assert not Grant.objects.exists()


def test_only_living_agents_of_governed_workspaces_are_offered(browser, house, agent):
    retired(house.agent(name="gone"))
    AgentFactory(workspace=WorkspaceFactory(), name="theirs")
    offered = [label for _, label in browser.get(GIVE).context["form"].fields["agent"].choices]
    assert offered == ["Choose an agent", f"clerk (intern, {house.workspace.name})"]


def test_the_address_may_name_the_agent(browser, agent):
    answer = browser.get(f"{GIVE}?agent={agent.pk}")
    assert answer.context["form"]["agent"].value() == str(agent.pk)
    assert f'value="{agent.pk}" selected' in answer.content.decode()
    assert browser.get(f"{GIVE}?agent=nonsense").status_code == 200


def test_revoke(browser, house, agent):
    grant = GrantFactory(agent=agent)
    answer = send(browser, url("grant", "revoke", grant), reason="It went wrong.")
    assert answer.url == url("grant", "change", grant)
    grant.refresh_from_db()
    assert grant.state == "revoked"
    assert grant.revoked_at is not None
    assert newest_entry(grant)["data"]["reason"] == "It went wrong."
    assert buttons(browser.get(url("grant", "change", grant))) == ["Ledger"]


def test_revoking_twice(browser, agent):
    grant = GrantFactory(agent=agent)
    hidden = opened(browser, url("grant", "revoke", grant))
    revoked(grant)
    answer = browser.post(url("grant", "revoke", grant), {**hidden, "reason": "mine"})
    assert answer.status_code == 409
    assert trail(grant) == ["grant.active", "grant.revoked"]


def test_a_grant_whose_time_is_over_is_shown_as_expired(house, agent):
    grant = GrantFactory(agent=agent, action_type="refund", reason="For a day.")
    with time_machine.travel(grant.expires_at + datetime.timedelta(seconds=1)):
        browser = signed_in(house.governor)
        assert "clerk refund execution expired" in said(browser.get(url("grant", "changelist")))
        text = said(browser.get(url("grant", "change", grant)))
    assert "State expired" in text
    assert "Reason For a day." in text


def test_set_and_replace_a_ceiling(browser, house, agent):
    send(browser, SET, agent=str(agent.pk), maturity="student", reason="New model.")
    first = Ceiling.objects.get()
    assert (first.agent, first.maturity, first.set_by) == (agent, "student", house.governor)
    send(browser, SET, agent=str(agent.pk), maturity="intern", reason="Better.")
    states = list(Ceiling.objects.order_by("id").values_list("maturity", "state"))
    assert states == [("student", "lifted"), ("intern", "active")]


@pytest.mark.parametrize(("maturity", "reason"), [("boss", "x"), ("intern", ""), ("", "x")])
def test_a_bad_ceiling(browser, agent, maturity, reason):
    answer = send(browser, SET, agent=str(agent.pk), maturity=maturity, reason=reason)
    assert answer.status_code == 400
    assert not Ceiling.objects.exists()


def test_lift(browser, agent):
    ceiling = CeilingFactory(agent=agent, maturity="student")
    address = url("ceiling", "change", ceiling)
    assert buttons(browser.get(address)) == ["Lift", "Ledger"]
    assert send(browser, url("ceiling", "lift", ceiling), reason="Passed.").url == address
    ceiling.refresh_from_db()
    assert ceiling.state == "lifted"
    assert newest_entry(ceiling)["data"]["reason"] == "Passed."
    assert buttons(browser.get(address)) == ["Ledger"]


def test_lifting_a_ceiling_that_was_replaced_lifts_nothing(browser, agent):
    old = CeilingFactory(agent=agent, maturity="student")
    hidden = opened(browser, url("ceiling", "lift", old))
    new = CeilingFactory(agent=agent, maturity="intern")
    answer = browser.post(url("ceiling", "lift", old), {**hidden, "reason": "mine"})
    assert answer.status_code == 409
    new.refresh_from_db()
    assert new.state == "active"


def test_the_list_of_ceilings(browser, house, agent):
    lifted(CeilingFactory(agent=agent, maturity="student"))
    CeilingFactory(agent=agent, maturity="intern")
    text = said(browser.get(url("ceiling", "changelist")))
    assert "clerk intern active" in text
    assert "clerk student lifted" in text
    other = house.agent(name="other")
    cl = browser.get(f"{url('ceiling', 'changelist')}?agent={other.pk}").context["cl"]
    assert list(cl.result_list) == []
