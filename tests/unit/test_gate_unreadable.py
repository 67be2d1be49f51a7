"""The gate where the database holds what it should refuse: denied, with the reason."""

from __future__ import annotations

import pytest

from governance import gate
from governance.domain.words import Route, TriggerSource
from tests.factories import CeilingFactory, GrantFactory
from tests.unit.sql import tamper

pytestmark = pytest.mark.django_db

UNREADABLE = ("the agent's state cannot be read",)


def act(agent):
    return gate.ask_to_act(agent_id=agent.id, action_type="pay", params={})


def start(agent, source="data_sync"):
    return gate.ask_to_start(agent_id=agent.id, source=TriggerSource(source))


@pytest.fixture
def pay(house):
    return house.action_type("pay")


@pytest.mark.parametrize(
    ("constraint", "columns"),
    [
        ("agent_maturity_known", {"maturity": "wizard"}),
        ("agent_maturity_known", {"maturity": "Autonomous"}),
        ("agent_maturity_known", {"maturity": ""}),
        ("agent_state_known", {"state": "asleep"}),
        ("agent_state_known", {"configuration": []}),
        ("agent_state_known", {"configuration": {"capabilities": 5}}),
    ],
)
def test_an_agent_that_cannot_be_read_is_denied(house, pay, constraint, columns):
    agent = house.agent("autonomous")
    tamper(agent, constraint, **columns)
    for answer in (act(agent), start(agent), start(agent, "manual")):
        assert (answer.route, answer.verdict.reasons) == (Route.DENIED, UNREADABLE)


def test_a_ceiling_that_cannot_be_read_denies(house, pay):
    agent = house.agent("autonomous")
    tamper(CeilingFactory(agent=agent), "ceiling_maturity_known", maturity="wizard")
    assert act(agent).verdict.reasons == UNREADABLE
    assert start(agent).verdict.reasons == UNREADABLE


def test_a_workspace_in_an_unknown_state_counts_as_halted(house, pay):
    tamper(house.workspace, "workspace_state_known", state="asleep")
    assert act(house.agent("autonomous")).verdict.reasons == ("the workspace is halted",)


def test_an_action_type_that_cannot_be_read_is_denied(house, pay):
    tamper(pay, "action_type_complexity_known", complexity=9)
    assert act(house.agent("autonomous")).route is Route.DENIED


def test_a_schema_that_cannot_be_read_denies(house, pay):
    type(pay).objects.filter(pk=pay.pk).update(params_schema={"type": "object", "properties": 5})
    answer = act(house.agent("autonomous"))
    assert answer.route is Route.DENIED
    assert answer.verdict.reasons[0].startswith("invalid params: The params_schema is not a usable")


def test_a_grant_whose_route_cannot_be_read_is_absent(house, pay):
    agent = house.agent("intern")
    tamper(GrantFactory(agent=agent, action_type="pay"), "grant_route_loosens", route="free")
    assert act(agent).route is Route.PROPOSAL


def test_a_grant_whose_condition_cannot_be_read_is_absent(house, pay):
    agent = house.agent("intern")
    given = GrantFactory(agent=agent, action_type="pay", condition="true")
    type(given).objects.filter(pk=given.pk).update(condition="params.amount >")
    assert act(agent).route is Route.PROPOSAL
