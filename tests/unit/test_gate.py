"""The gate on the database: what it reads, for every decision anew, and what it keeps."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from governance import gate
from governance.domain.words import Route, TriggerSource
from governance.ledger import guards
from governance.models import Agent, Decision, LedgerEntry, PolicyVersion, Run
from tests.factories import (
    ActionTypeFactory,
    AgentFactory,
    CeilingFactory,
    EmptyWorkspaceFactory,
    GrantFactory,
    PolicyVersionFactory,
    WorkspaceFactory,
    halted,
    lifted,
    paused,
    publish_rules,
    resumed,
    retired,
    revoked,
    rule,
)
from tests.unit.elsewhere import run_elsewhere
from tests.unit.sql import execute, settle

pytestmark = pytest.mark.django_db


def act(agent, key="pay", params=None, **values):
    return gate.ask_to_act(agent_id=agent.id, action_type=key, params=params or {}, **values)


def start(agent, source="data_sync"):
    return gate.ask_to_start(agent_id=agent.id, source=TriggerSource(source))


@pytest.fixture
def pay(house):
    return house.action_type("pay")


# --- May it act? ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("maturity", "route"),
    [
        ("student", "training"),
        ("intern", "proposal"),
        ("supervised", "supervision"),
        ("autonomous", "execution"),
    ],
)
def test_the_answer_says_what_it_was_based_on(house, pay, maturity, route):
    answer = act(house.agent(maturity), params={"b": 1.0, "a": 2}, step="step7")
    assert answer.route is Route(route)
    assert (answer.kind, answer.maturity) == ("action", maturity)
    assert (answer.action_type, answer.step) == ("pay", "step7")
    assert answer.policy == PolicyVersion.objects.get(workspace=house.workspace)
    # printf '{"a":2,"b":1}' | sha256sum
    assert answer.params_digest == PARAMS_DIGEST


PARAMS_DIGEST = "d3626ac30a87e6f7a6428233b3c68299976865fa5508e4267c5415c76af7a772"


def test_an_unknown_action_type_is_denied(house, pay):
    agent = house.agent("autonomous")
    for key in ("nope", "", "PAY", "pa", "pay ", "p%", "pay_"):
        answer = act(agent, key)
        assert answer.route is Route.DENIED
        assert answer.verdict.reasons == (f"there is no enabled action type {key!r}",)


def test_a_disabled_action_type_is_denied(house):
    house.action_type("pay", enabled=False)
    assert act(house.agent("autonomous")).route is Route.DENIED


def test_an_action_type_of_another_workspace_is_unknown(house):
    ActionTypeFactory(key="pay", workspace=WorkspaceFactory())
    assert act(house.agent("autonomous")).route is Route.DENIED


def test_what_only_the_system_may_ask_for_is_denied_to_agents(house):
    agent = house.agent("autonomous")
    params = {"run": "0198c0de-0000-7000-8000-000000000000"}
    answer = act(agent, "run_start", params)
    assert answer.route is Route.DENIED
    assert answer.verdict.reasons == ("action type 'run_start' is reserved to the system",)
    assert act(agent, "run_start", params, by_system=True).route is Route.EXECUTION


def test_params_that_the_schema_refuses_are_denied_with_the_reason(house):
    schema = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}
    house.action_type("pay", params_schema=schema)
    agent = house.agent("autonomous")
    answer = act(agent, params={"to": 5})
    assert answer.route is Route.DENIED
    assert answer.verdict.reasons == (
        'invalid params: params/to: the value is not of type "string"',
    )
    assert act(agent, params={"to": "ada"}).route is Route.EXECUTION


# --- What is not known yet ------------------------------------------------------------------------

LATER = {"$cel": "steps.fetch.output.x"}
SCHEMA = {
    "type": "object",
    "properties": {
        "to": {"type": "string"},
        "amount": {"type": "integer", "maximum": 100},
        "lines": {"type": "array", "items": {"type": "string"}, "minItems": 2},
    },
    "additionalProperties": False,
}

# params, what the schema says of them while references stand for values nobody knows
UNRESOLVED = [
    ({"to": LATER, "amount": LATER, "lines": LATER}, None),
    ({"lines": [LATER, LATER]}, None),
    ({"lines": [LATER, "x"], "amount": 100}, None),
    # what is known is held to the schema all the same
    ({"lines": [LATER, 5]}, "params/lines/1"),
    ({"lines": [LATER]}, "params/lines"),
    ({"to": LATER, "amount": 101}, "params/amount"),
    ({"to": LATER, "more": 1}, "Additional properties"),
]


@pytest.mark.parametrize(("params", "says"), UNRESOLVED)
def test_a_schema_judges_what_is_known(house, params, says):
    house.action_type("pay", params_schema=SCHEMA)
    agent = house.agent("autonomous")
    answer = act(agent, params=params, unresolved=True)
    assert answer.route is (Route.DENIED if says else Route.EXECUTION)
    assert (says or "") in " ".join(answer.verdict.reasons)
    assert act(agent, params=params).route is Route.DENIED  # to the worker nothing is unknown


# a rule's condition, params in which references stand, whether the rule counts as matched
RULES_AND_REFERENCES = [
    ('params.to == "evil"', {"to": LATER}, True),
    ('params.to != "good"', {"to": LATER}, True),
    ('params.to in ["evil", "worse"]', {"to": LATER}, True),
    ('params.to.endsWith("evil")', {"to": LATER}, True),
    ("params.amount > 100", {"amount": LATER}, True),
    ("params.a.b > 100", {"a": {"b": LATER}}, True),
    ("params.lines[0] == 1", {"lines": [LATER, 2]}, True),
    ("params.lines[1] == 3", {"lines": [LATER, 2]}, True),  # without one it is another list
    ("size(params.lines) > 5", {"lines": LATER}, True),
    ("params.lines.exists(l, l.x == 1)", {"lines": [{"x": LATER}]}, True),
    # it does not depend on what is unknown
    ("params.amount > 100", {"amount": 5, "to": LATER}, False),
    ("params.amount > 100", {"amount": 101, "to": LATER}, True),
    ("params.a.c > 100", {"a": {"b": LATER, "c": 5}}, False),
    ('params.amount > 100 && params.to == "evil"', {"amount": 5, "to": LATER}, False),
    ('agent.maturity == "intern"', {"to": LATER}, False),
]


@pytest.mark.parametrize(("condition", "params", "matched"), RULES_AND_REFERENCES)
def test_a_rule_that_looks_at_what_is_not_known_counts_as_matched(
    house, pay, condition, params, matched
):
    house.publish(rule("look", condition=condition, route="proposal"))
    answer = act(house.agent("autonomous"), params=params, unresolved=True)
    assert answer.route is (Route.PROPOSAL if matched else Route.EXECUTION)


def test_a_grant_that_looks_at_what_is_not_known_is_absent(house, pay):
    agent = house.agent("intern")
    GrantFactory(agent=agent, action_type="pay", condition='params.to != "evil"')
    assert act(agent, params={"to": "good"}).route is Route.EXECUTION
    assert act(agent, params={"to": LATER}, unresolved=True).route is Route.PROPOSAL


def test_the_digest_of_a_decision_is_that_of_the_references(house, pay):
    agent = house.agent("autonomous")
    digests = {
        act(agent, params=params, unresolved=True).params_digest
        for params in ({}, {"to": LATER}, {"to": {"$cel": "steps.fetch.output.y"}})
    }
    assert len(digests) == 3


# --- Stopped --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (paused, "the agent is paused"),
        (retired, "the agent is retired"),
        (lambda agent: halted(agent.workspace), "the workspace is halted"),
    ],
    ids=["paused", "retired", "halted"],
)
def test_a_stopped_agent_is_denied_from_the_next_decision_on(house, pay, stop, reason):
    agent = house.agent("autonomous")
    assert act(agent).route is Route.EXECUTION
    stop(agent)
    for answer in (act(agent), start(agent), start(agent, "manual")):
        assert (answer.route, answer.verdict.reasons) == (Route.DENIED, (reason,))


def test_a_resumed_agent_and_workspace_may_again(house, pay):
    agent = house.agent("autonomous")
    resumed(paused(agent))
    resumed(halted(house.workspace))
    assert act(agent).route is Route.EXECUTION


def test_another_workspace_halted_stops_nobody_here(house, pay):
    halted(WorkspaceFactory())
    assert act(house.agent("autonomous")).route is Route.EXECUTION


# --- Which policy ---------------------------------------------------------------------------------


def test_without_a_published_policy_every_action_is_denied():
    agent = AgentFactory(workspace=EmptyWorkspaceFactory(), maturity="autonomous")
    ActionTypeFactory(workspace=agent.workspace, key="pay")
    PolicyVersionFactory(workspace=agent.workspace)  # a draft is not in force
    answer = act(agent)
    assert answer.route is Route.DENIED
    assert answer.verdict.reasons == ("no policy version is published",)
    assert answer.policy is None


def test_the_newest_published_version_is_in_force(house, pay):
    agent = house.agent("autonomous")
    for number, rules, route in [
        (2, [rule(route="proposal")], "proposal"),
        (3, [rule(route="denied", scope="other_*")], "execution"),
        (4, [rule(route="training")], "training"),
        (5, [], "execution"),
    ]:
        house.publish(*rules)
        answer = act(agent)
        assert (answer.policy.number, answer.route) == (number, Route(route))


def test_a_draft_and_another_workspaces_policy_are_not(house, pay):
    PolicyVersionFactory(workspace=house.workspace, rules=[rule()])
    publish_rules(WorkspaceFactory(), rule())
    assert act(house.agent("autonomous")).route is Route.EXECUTION


def test_a_rule_sees_the_run_and_its_trigger(house, pay):
    house.publish(rule(condition="trigger.source == 'manual' && run.kind == 'live'"))
    run = house.run("autonomous", context={"order": 7})
    assert act(run.agent, run=run).verdict.matches[0].error == ""
    house.publish(rule(condition="trigger.context.order == 8"))
    assert act(run.agent, run=run).route is Route.EXECUTION
    # without a run it cannot be evaluated, and so it counts as matched
    assert act(run.agent).route is Route.DENIED


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE governance_policyrule SET condition = 'false'",
        "UPDATE governance_policyrule SET route = 'supervision'",
        "UPDATE governance_policyrule SET scope = 'elsewhere'",
        "DELETE FROM governance_policyrule",
        "UPDATE governance_policyversion SET digest = 'x' WHERE number = 2",
    ],
)
def test_a_policy_that_is_not_what_was_published_denies(house, pay, change):
    agent = house.agent("autonomous")
    house.publish(rule(route="proposal"))
    settle()
    guards.remove(connection)
    execute(change)
    settle()
    guards.install(connection)
    answer = act(agent)
    assert answer.route is Route.DENIED
    assert answer.verdict.reasons == (
        "policy version 2 does not match the digest it was published with",
    )


# --- Grants and ceilings --------------------------------------------------------------------------


def test_a_grant_holds_until_it_expires(house, pay):
    agent = house.agent("intern")
    expires_at = timezone.now() + datetime.timedelta(hours=1)
    given = GrantFactory(agent=agent, action_type="pay", expires_at=expires_at)
    answer = act(agent)
    assert (answer.route, answer.verdict.grant) == (Route.EXECUTION, str(given.id))
    with time_machine.travel(expires_at, tick=False):
        assert act(agent).route is Route.PROPOSAL


def test_a_grant_is_for_exactly_one_agent_and_one_action_type(house, pay):
    house.action_type("pay_more")
    agent, other = house.agent("intern"), house.agent("intern")
    GrantFactory(agent=agent, action_type="pay")
    assert act(agent, "pay_more").route is Route.PROPOSAL
    assert act(other).route is Route.PROPOSAL


def test_a_revoked_grant_is_gone_at_once(house, pay):
    agent = house.agent("intern")
    given = GrantFactory(agent=agent, action_type="pay")
    assert act(agent).route is Route.EXECUTION
    revoked(given)
    assert act(agent).route is Route.PROPOSAL


def test_a_grant_whose_condition_fails_is_absent(house, pay):
    agent = house.agent("intern")
    GrantFactory(agent=agent, action_type="pay", condition="params.amount < 10")
    assert act(agent, params={"amount": 9}).route is Route.EXECUTION
    assert act(agent, params={"amount": 10}).route is Route.PROPOSAL
    assert act(agent).route is Route.PROPOSAL


def test_a_ceiling_holds_until_it_is_lifted(house, pay):
    agent = house.agent("autonomous")
    ceiling = CeilingFactory(agent=agent, maturity="intern")
    assert (act(agent).route, start(agent).route) == (Route.PROPOSAL, Route.PROPOSAL)
    lifted(ceiling)
    assert (act(agent).route, start(agent).route) == (Route.EXECUTION, Route.EXECUTION)


# --- Now means now --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_demotion_by_another_process_holds_for_the_very_next_decision(house, pay):
    agent = house.agent("autonomous")
    assert (act(agent).route, start(agent).route) == (Route.EXECUTION, Route.EXECUTION)
    run_elsewhere(
        "from governance.models import Agent\n"
        f"assert Agent.objects.filter(pk='{agent.id}').update(maturity='student') == 1"
    )
    assert agent.maturity == "autonomous"  # in hand it still is what it was
    assert (act(agent).route, start(agent).route) == (Route.TRAINING, Route.TRAINING)


@pytest.mark.django_db(transaction=True)
def test_what_another_process_publishes_holds_for_the_very_next_decision(house, pay):
    agent = house.agent("autonomous")
    assert act(agent).route is Route.EXECUTION
    run_elsewhere(
        "from governance.models import Workspace\n"
        "from tests.factories import publish_rules, rule\n"
        f"publish_rules(Workspace.objects.get(pk='{house.workspace.id}'), rule(route='proposal'))"
    )
    assert act(agent).route is Route.PROPOSAL


@pytest.mark.parametrize(("rules", "grants"), [(0, 0), (100, 20)])
def test_a_decision_takes_five_reads_however_much_there_is(
    house, pay, django_assert_num_queries, rules, grants
):
    agent = house.agent("intern")
    house.publish(*(rule(f"r{n}", condition=f"params.amount > {n}") for n in range(rules)))
    for _ in range(grants):
        GrantFactory(agent=agent, action_type="pay")
    act(agent, params={"amount": 0})  # compiles the policy
    with django_assert_num_queries(5):
        assert act(agent, params={"amount": 0}).route in {Route.PROPOSAL, Route.EXECUTION}
    with django_assert_num_queries(3):
        start(agent)


# --- record ---------------------------------------------------------------------------------------


def test_a_plain_execution_is_kept_as_a_decision_only(house, pay):
    run = house.run("autonomous")
    before = LedgerEntry.objects.count()
    answer = act(run.agent, params={"a": 1}, run=run, step="step1")
    decision = gate.record(answer, agent=run.agent, by=run.agent.actor, run=run)
    assert LedgerEntry.objects.count() == before
    row = Decision.objects.get(pk=decision.pk)
    assert (row.kind, row.route, row.action_type, row.step) == (
        "action",
        "execution",
        "pay",
        "step1",
    )
    assert (row.agent, row.run, row.maturity) == (run.agent, run, "autonomous")
    assert row.reasons == ["autonomous agent, complexity 3: execution"]
    assert row.policy.number == 1
    assert row.params_digest == answer.params_digest
    assert row.workspace == house.workspace


@pytest.mark.parametrize("route", ["supervision", "proposal", "training", "denied"])
def test_every_other_decision_is_in_the_ledger_as_well(house, pay, route):
    house.publish(rule("strict", route=route, reason="a reason"))
    agent = house.agent("autonomous")
    decision = gate.record(act(agent), agent=agent, by=agent.actor)
    entry = LedgerEntry.objects.filter(kind=f"decision.{route}").get()
    assert entry.subject_id == agent.id
    assert entry.data["by"] == {"kind": "agent", "id": str(agent.id), "label": agent.name}
    data = entry.data["data"]
    assert data["decision"] == str(decision.id)
    assert (data["question"], data["route"], data["action_type"]) == ("action", route, "pay")
    assert data["matched_rules"] == [
        {"rule": "strict", "route": route, "reason": "a reason", "error": ""}
    ]
    assert data["policy"] == str(decision.policy_id)
    assert data["maturity"] == "autonomous"


def test_the_grant_that_loosened_is_kept(house, pay):
    agent = house.agent("intern")
    given = GrantFactory(agent=agent, action_type="pay")
    decision = gate.record(act(agent), agent=agent, by=agent.actor)
    assert decision.grant_id == str(given.id)


def test_a_trigger_decision_names_its_trigger(house):
    run = Run.objects.get(pk=house.run("intern").pk)
    decision = run.decisions.get()
    assert (decision.kind, decision.trigger, decision.action_type) == ("trigger", run.trigger, "")


@pytest.mark.django_db(transaction=True)
def test_a_decision_and_its_entry_are_kept_together_or_not_at_all(house, pay):
    agent = house.agent("intern")
    before = Decision.objects.count(), LedgerEntry.objects.count()
    try:
        gate.record(act(agent), agent=agent, by=agent.actor)
    except Exception:  # noqa: BLE001  whether it refuses or not, both or neither
        after = Decision.objects.count(), LedgerEntry.objects.count()
        assert after == before
    else:
        after = Decision.objects.count(), LedgerEntry.objects.count()
        assert after == (before[0] + 1, before[1] + 1)


def test_asking_writes_nothing(house, pay):
    agent = house.agent("intern")
    before = Decision.objects.count(), LedgerEntry.objects.count()
    act(agent), act(agent, "nope"), start(agent)
    assert (Decision.objects.count(), LedgerEntry.objects.count()) == before
    assert Agent.objects.get(pk=agent.pk).version == 1
