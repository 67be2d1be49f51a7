"""Grants loosen one action type of one agent for a while; a ceiling caps an agent."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.utils import timezone

from governance import gate
from governance.domain.errors import InvalidInput, NotFound, StaleState
from governance.models import Ceiling, Grant
from governance.services import grants
from tests.factories import GrantFactory, revoked, rule
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def agent(house):
    """An intern, which has to propose `pay` (complexity 3)."""
    house.action_type("pay")
    house.action_type("refund")
    return house.agent("intern")


def give(house, agent, **values):
    values = {
        "action_type": "pay",
        "expires_at": timezone.now() + HOUR,
        "reason": "it has shown it can",
        "by": house.by_governor,
        **values,
    }
    return grants.give(agent=agent, **values)


def route(agent, action_type="pay", params=None) -> str:
    answer = gate.ask_to_act(agent_id=agent.id, action_type=action_type, params=params or {})
    return answer.route.value


def test_give_writes_the_grant_and_its_entry(house, agent):
    with recorded() as entries:
        grant = give(house, agent, condition="params.amount < 10")
    grant = Grant.objects.get(pk=grant.pk)
    assert (grant.state, grant.route, grant.given_by) == ("active", "execution", house.governor)
    [entry] = entries
    assert (entry.kind, entry.subject_id) == ("grant.active", grant.id)
    assert entry.data["data"] == {
        "from": None,
        "to": "active",
        "version": 1,
        "agent": str(agent.id),
        "action_type": "pay",
        "route": "execution",
        "condition": "params.amount < 10",
        "reason": "it has shown it can",
        "expires_at": grant.expires_at.isoformat(),
    }


def test_it_loosens_this_action_type_of_this_agent_only(house, agent):
    twin = house.agent("intern")
    give(house, agent)
    assert [route(agent), route(agent, "refund"), route(twin)] == [
        "execution",
        "proposal",
        "proposal",
    ]


# grant's route, condition, params, what the gate answers an intern on complexity 3
LOOSENED = [
    ("execution", "", {}, "execution"),
    ("supervision", "", {}, "supervision"),
    ("proposal", "", {}, "proposal"),
    ("execution", "params.amount < 10", {"amount": 5}, "execution"),
    ("execution", "params.amount < 10", {"amount": 50}, "proposal"),
    ("execution", "params.amount < 10", {}, "proposal"),  # it fails, so it counts as absent
]


@pytest.mark.parametrize(("to", "condition", "params", "expected"), LOOSENED)
def test_what_a_grant_comes_to(house, agent, to, condition, params, expected):
    give(house, agent, route=to, condition=condition)
    assert route(agent, params=params) == expected


def test_it_ends_when_it_expires_or_is_revoked(house, agent):
    grant = give(house, agent)
    with time_machine.travel(grant.expires_at - datetime.timedelta(seconds=1), tick=False):
        assert route(agent) == "execution"
    with time_machine.travel(grant.expires_at, tick=False):
        assert route(agent) == "proposal"
    with recorded() as entries:
        grants.revoke(grant=grant, reason="odd refunds", by=house.by_governor)
    assert route(agent) == "proposal"
    [entry] = entries
    assert (entry.kind, entry.data["data"]["reason"]) == ("grant.revoked", "odd refunds")
    assert Grant.objects.get(pk=grant.pk).revoked_at is not None


def test_it_loosens_no_rule(house, agent):
    give(house, agent)
    house.publish(rule(scope="pay", route="training"))
    assert route(agent) == "training"


FAR = timezone.now() + datetime.timedelta(days=366, hours=1)
BAD = [
    ({"reason": ""}, "reason is empty"),
    ({"reason": "r" * 501}, "501 characters long"),
    ({"expires_at": datetime.datetime(2030, 1, 1)}, "needs a time zone"),  # noqa: DTZ001  the point
    ({"expires_at": timezone.now() - HOUR}, "must lie in the future"),
    ({"expires_at": FAR}, "at most 366 days ahead"),
    ({"condition": "params."}, "condition does not compile"),
    ({"condition": "params.amount"}, "must be true or false"),
    ({"route": "training"}, "route: "),
    ({"route": "denied"}, "route: "),
    ({"route": "anything"}, "route: "),
]


@pytest.mark.parametrize(("values", "says"), BAD)
def test_a_bad_grant_is_refused(house, agent, values, says):
    with refused(InvalidInput, says):
        give(house, agent, **values)


@pytest.mark.parametrize("key", ["unheard_of", "pay_", "PAY", "pa", ""])
def test_the_action_type_must_be_there_exactly(house, agent, key):
    with refused(NotFound, "no enabled action type"):
        give(house, agent, action_type=key)


def test_the_action_type_must_be_of_the_agents_workspace(agent):
    other = GrantFactory(action_type=None)  # of another workspace, with an action type of its own
    assert other.workspace_id != agent.workspace_id
    with refused(NotFound, "no enabled action type"):
        GrantFactory(agent=agent, action_type=other.action_type)


def test_revoke_needs_a_reason_and_an_active_grant(house, agent):
    grant = give(house, agent)
    with refused(InvalidInput, "reason is empty"):
        grants.revoke(grant=grant, reason="", by=house.by_governor)
    grant = revoked(grant)
    with refused(StaleState, "cannot become revoked"):
        grants.revoke(grant=grant, reason="again", by=house.by_governor)


def test_a_ceiling_caps_maturity_and_grants(house):
    house.action_type("pay")
    agent = house.agent("autonomous")
    give(house, agent)
    with recorded() as entries:
        grants.set_ceiling(agent=agent, maturity="intern", reason="new", by=house.by_governor)
    assert route(agent) == "proposal"
    [entry] = entries
    assert entry.kind == "ceiling.active"
    assert entry.data["data"] == {
        "from": None,
        "to": "active",
        "version": 1,
        "agent": str(agent.id),
        "maturity": "intern",
        "reason": "new",
    }


def test_another_ceiling_replaces_the_first(house, agent):
    for maturity in ("autonomous", "student"):
        with recorded() as entries:
            grants.set_ceiling(agent=agent, maturity=maturity, reason="so", by=house.by_governor)
    assert kinds(entries) == ["ceiling.lifted", "ceiling.active"]
    assert entries[0].data["data"]["reason"] == "replaced: so"
    rows = Ceiling.objects.filter(agent=agent).order_by("id").values_list("maturity", "state")
    assert list(rows) == [("autonomous", "lifted"), ("student", "active")]
    assert route(agent) == "training"


def test_lift_ceiling(house, agent):
    grants.set_ceiling(agent=agent, maturity="student", reason="so", by=house.by_governor)
    with recorded() as entries:
        grants.lift_ceiling(agent=agent, reason="fine again", by=house.by_governor)
    assert [(e.kind, e.data["data"]["reason"]) for e in entries] == [
        ("ceiling.lifted", "fine again")
    ]
    assert route(agent) == "proposal"
    with refused(StaleState, "has no ceiling"):
        grants.lift_ceiling(agent=agent, reason="fine again", by=house.by_governor)


def test_a_bad_ceiling_is_refused(house, agent):
    with refused(InvalidInput, "use one of student, intern, supervised, autonomous"):
        grants.set_ceiling(agent=agent, maturity="expert", reason="so", by=house.by_governor)
    with refused(InvalidInput, "reason is empty"):
        grants.set_ceiling(agent=agent, maturity="intern", reason="", by=house.by_governor)
    with refused(InvalidInput, "reason is empty"):
        grants.lift_ceiling(agent=agent, reason="", by=house.by_governor)


@pytest.mark.parametrize("length", [490, 500])
def test_replacing_a_ceiling_with_the_longest_reason(house, agent, length):
    for _ in range(2):
        grants.set_ceiling(
            agent=agent, maturity="intern", reason="r" * length, by=house.by_governor
        )
    assert Ceiling.objects.filter(agent=agent, state="active").count() == 1
