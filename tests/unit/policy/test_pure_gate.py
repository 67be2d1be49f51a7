"""The gate's two questions, cell by cell, as the design (section 2) tabulates them."""

from __future__ import annotations

import datetime

import pytest

from governance.domain.words import Route, TriggerSource
from governance.policy.gate import judge_action, judge_trigger
from tests.unit.policy.build import NOW, agent, grant, policy, question, rule

MATURITIES = ["student", "intern", "supervised", "autonomous"]
SOURCES = ["manual", "data_sync", "workflow_engine", "ai_coordinator"]

TRIGGERS = """
                manual     data_sync    workflow_engine  ai_coordinator
    student     execution  training     training         training
    intern      execution  proposal     proposal         proposal
    supervised  execution  supervision  supervision      supervision
    autonomous  execution  execution    execution        execution
"""

ACTIONS = """
                1          2          3            4
    student     execution  training   training     training
    intern      execution  execution  proposal     proposal
    supervised  execution  execution  supervision  proposal
    autonomous  execution  execution  execution    execution
"""


def cells(table: str):
    head, *lines = [line.split() for line in table.strip().splitlines()]
    for row, *routes in lines:
        for column, route in zip(head, routes, strict=True):
            yield row, column, Route(route)


def start(maturity: str, source: str, **values):
    return judge_trigger(agent(maturity, **values), TriggerSource(source))


def act(maturity: str, complexity: int, *rules, **values):
    return judge_action(question(maturity, complexity, **values), policy(*rules))


# --- May it start? --------------------------------------------------------------------------------


@pytest.mark.parametrize(("maturity", "source", "route"), list(cells(TRIGGERS)))
def test_where_a_trigger_goes(maturity, source, route):
    verdict = start(maturity, source)
    assert verdict.route is route
    assert verdict.reasons
    assert not verdict.matches
    assert not verdict.grant


@pytest.mark.parametrize("maturity", MATURITIES)
def test_a_manual_trigger_warns_below_autonomous(maturity):
    reasons = " ".join(start(maturity, "manual").reasons)
    assert "a person asked for it" in reasons
    assert ("warning" in reasons) is (maturity != "autonomous")


# Rows: maturity. Columns: ceiling. The route of an automated trigger.
CEILING_TRIGGERS = """
                student   intern    supervised   autonomous
    student     training  training  training     training
    intern      training  proposal  proposal     proposal
    supervised  training  proposal  supervision  supervision
    autonomous  training  proposal  supervision  execution
"""


@pytest.mark.parametrize(("maturity", "ceiling", "route"), list(cells(CEILING_TRIGGERS)))
def test_a_ceiling_caps_automated_triggers(maturity, ceiling, route):
    for source in SOURCES[1:]:
        assert start(maturity, source, ceiling=ceiling).route is route
    assert start(maturity, "manual", ceiling=ceiling).route is Route.EXECUTION


def test_a_manual_trigger_warns_of_a_ceiling():
    reasons = " ".join(start("autonomous", "manual", ceiling="intern").reasons)
    assert "warning" in reasons
    assert "ceiling of intern" in reasons


BLOCKED = [
    ({"state": "paused"}, "the agent is paused"),
    ({"state": "retired"}, "the agent is retired"),
    ({"workspace_halted": True}, "the workspace is halted"),
    ({"workspace_halted": True, "state": "paused"}, "the workspace is halted"),
]


@pytest.mark.parametrize(("values", "reason"), BLOCKED)
@pytest.mark.parametrize("source", SOURCES)
def test_who_is_blocked_does_not_start_not_even_by_hand(values, reason, source):
    verdict = start("autonomous", source, **values)
    assert (verdict.route, verdict.reasons) == (Route.DENIED, (reason,))


# --- May it act? ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("maturity", "complexity", "route"), list(cells(ACTIONS)))
def test_where_an_action_goes(maturity, complexity, route):
    verdict = act(maturity, int(complexity))
    assert verdict.route is route
    assert verdict.reasons == (f"{maturity} agent, complexity {complexity}: {route.value}",)


@pytest.mark.parametrize(("values", "reason"), BLOCKED)
@pytest.mark.parametrize("complexity", [1, 2, 3, 4])
def test_who_is_blocked_may_do_nothing_granted_or_not(values, reason, complexity):
    verdict = act("autonomous", complexity, grants=(grant(),), **values)
    assert (verdict.route, verdict.reasons, verdict.grant) == (Route.DENIED, (reason,), "")


# Rows: the base route (autonomous 1, supervised 3, intern 3, student 3). Columns: the rule's route.
TIGHTENED = """
                 supervision  proposal  training  denied
    execution    supervision  proposal  training  denied
    supervision  supervision  proposal  training  denied
    proposal     proposal     proposal  training  denied
    training     training     training  training  denied
"""
BASE = {
    "execution": ("autonomous", 1),
    "supervision": ("supervised", 3),
    "proposal": ("intern", 3),
    "training": ("student", 3),
}


@pytest.mark.parametrize(("base", "named", "route"), list(cells(TIGHTENED)))
def test_a_rule_only_tightens(base, named, route):
    verdict = act(*BASE[base], rule(named))
    assert verdict.route is route
    assert [match.rule for match in verdict.matches] == ["rule"]


def test_the_strictest_matching_rule_wins_whatever_the_order():
    rules = [
        rule("supervision", key="a"),
        rule("training", key="b"),
        rule("denied", "false", key="c"),
        rule("proposal", key="d"),
    ]
    for ordered in (rules, rules[::-1]):
        verdict = act("autonomous", 1, *ordered)
        assert verdict.route is Route.TRAINING
        assert {match.rule for match in verdict.matches} == {"a", "b", "d"}


def test_a_match_is_told_with_its_reason():
    verdict = act("autonomous", 1, rule("proposal", key="big", reason="too much money"))
    assert "rule big: proposal, too much money" in verdict.reasons


def test_a_rule_that_does_not_match_changes_nothing():
    verdict = act("autonomous", 4, rule("denied", "params.amount > 100"), params={"amount": 100})
    assert (verdict.route, verdict.matches) == (Route.EXECUTION, ())


@pytest.mark.parametrize(
    "condition",
    [
        "params.nowhere > 100",  # a missing key
        "params.text > 100",  # no such comparison
        "params.amount / 0 == 1",
        "params.huge > 100",  # beyond what CEL can hold
    ],
)
def test_a_rule_that_cannot_be_evaluated_counts_as_matched_and_says_so(condition):
    params = {"amount": 1, "text": "x", "huge": 10**30}
    verdict = act("autonomous", 1, rule("proposal", condition, key="broken"), params=params)
    assert verdict.route is Route.PROPOSAL
    (match,) = verdict.matches
    assert match.error
    assert any("counted as matched" in reason and "broken" in reason for reason in verdict.reasons)


def test_a_stored_rule_that_no_longer_compiles_denies_whatever_its_route():
    verdict = act("autonomous", 1, rule("supervision", "params.amount >"))
    assert verdict.route is Route.DENIED
    assert verdict.matches[0].error == "the condition does not compile"


@pytest.mark.parametrize(
    "condition",
    [
        "agent.name == 'Ada' && agent.category == 'finance' && agent.id == 'a1'",
        "agent.maturity == 'autonomous' && agent.state == 'active'",
        "agent.confidence_score == 0.6 && 'pay' in agent.capabilities",
        "action.key == 'pay_invoice' && action.complexity == 3",
        "action.reversibility == 'irreversible' && action.mode == 'handler'",
        "action.effect == 'keyed'",
        "params.amount == 7",
        "trigger.source == 'manual' && run.kind == 'live'",
        "now == timestamp('2026-03-04T12:00:00Z')",
    ],
)
def test_a_condition_sees_the_agent_the_action_the_params_the_trigger_the_run_and_now(condition):
    values = {"params": {"amount": 7}, "trigger": {"source": "manual"}, "run": {"kind": "live"}}
    verdict = act("autonomous", 3, rule("proposal", condition), **values)
    assert [match.error for match in verdict.matches] == [""]


# --- Whose rules ----------------------------------------------------------------------------------

SCOPES = [
    ("pay_invoice", "pay_invoice", True),
    ("*", "pay_invoice", True),
    ("pay_*", "pay_invoice", True),
    ("*_invoice", "pay_invoice", True),
    ("pay_?nvoice", "pay_invoice", True),
    ("pay_[hi]nvoice", "pay_invoice", True),
    # never by substring
    ("get", "widget_delete", False),
    ("pay", "pay_invoice", False),
    ("invoice", "pay_invoice", False),
    ("pay_", "pay_invoice", False),
    ("", "pay_invoice", False),
    # never by another case
    ("PAY_*", "pay_invoice", False),
    ("Pay_invoice", "pay_invoice", False),
    # a dot and a bracket are themselves
    ("a.b", "acb", False),
    ("a.b", "a.b", True),
    ("[", "[", True),
]


@pytest.mark.parametrize(("scope", "key", "covered"), SCOPES)
def test_a_scope_is_a_glob_over_whole_keys(scope, key, covered):
    verdict = act("autonomous", 1, rule(scope=scope), key=key)
    assert (verdict.route is Route.DENIED) is covered


# --- Grants ---------------------------------------------------------------------------------------

# Rows: the base route. Columns: the grant's route.
LOOSENED = """
                 execution  supervision  proposal
    execution    execution  execution    execution
    supervision  execution  supervision  supervision
    proposal     execution  supervision  proposal
    training     execution  supervision  proposal
"""


@pytest.mark.parametrize(("base", "granted", "route"), list(cells(LOOSENED)))
def test_a_grant_loosens_the_base_route_and_never_tightens_it(base, granted, route):
    verdict = act(*BASE[base], grants=(grant(granted),))
    assert verdict.route is route
    assert verdict.grant == ("" if route.value == base else "g1")


@pytest.mark.parametrize("named", ["supervision", "proposal", "training", "denied"])
def test_a_grant_does_not_loosen_a_rule(named):
    verdict = act("student", 4, rule(named), grants=(grant(),))
    assert verdict.route is Route(named)
    assert verdict.grant == "g1"


def test_the_loosest_grant_that_holds_counts():
    grants = (grant("proposal", id="p"), grant("execution", id="e"), grant("supervision", id="s"))
    verdict = act("student", 4, grants=grants)
    assert (verdict.route, verdict.grant) == (Route.EXECUTION, "e")


@pytest.mark.parametrize(
    "absent",
    [
        grant(expires_at=NOW),
        grant(expires_at=NOW - datetime.timedelta(microseconds=1)),
        grant(broken=True),
        grant(condition="false"),
        grant(condition="params.amount > 100"),
        grant(condition="params.nowhere == 1"),
        grant(condition="params.huge == 1"),
    ],
    ids=["expires now", "expired", "broken", "false", "not met", "missing key", "too large"],
)
def test_a_grant_that_has_ended_or_fails_is_absent(absent):
    params = {"amount": 100, "huge": 10**30}
    verdict = act("intern", 4, grants=(absent,), params=params)
    assert (verdict.route, verdict.grant) == (Route.PROPOSAL, "")
    # and it does not stop one that holds
    verdict = act("intern", 4, grants=(absent, grant(id="good")), params=params)
    assert (verdict.route, verdict.grant) == (Route.EXECUTION, "good")


def test_a_grant_holds_until_the_instant_it_expires():
    last = grant(expires_at=NOW + datetime.timedelta(microseconds=1))
    assert act("intern", 4, grants=(last,)).grant == "g1"


def test_a_grant_with_a_condition_that_is_met_holds():
    held = grant(condition="params.amount <= 100 && agent.category == 'finance'")
    verdict = act("intern", 4, grants=(held,), params={"amount": 100})
    assert (verdict.route, verdict.grant) == (Route.EXECUTION, "g1")


# --- Ceilings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ceiling", "complexity", "route"), list(cells(ACTIONS)))
def test_a_ceiling_caps_an_autonomous_agent_at_that_maturity(ceiling, complexity, route):
    assert act("autonomous", int(complexity), ceiling=ceiling).route is route


@pytest.mark.parametrize(("maturity", "complexity", "route"), list(cells(ACTIONS)))
def test_a_ceiling_never_raises(maturity, complexity, route):
    assert act(maturity, int(complexity), ceiling="autonomous").route is route


@pytest.mark.parametrize(("ceiling", "complexity", "route"), list(cells(ACTIONS)))
def test_a_ceiling_caps_grants(ceiling, complexity, route):
    verdict = act("autonomous", int(complexity), ceiling=ceiling, grants=(grant(),))
    assert verdict.route is route


def test_a_ceiling_says_so_when_it_caps_and_only_then():
    capped = act("student", 3, ceiling="intern", grants=(grant(),))
    assert capped.route is Route.PROPOSAL
    assert "the agent's ceiling is intern: proposal" in capped.reasons
    assert not any("ceiling" in reason for reason in act("intern", 3, ceiling="intern").reasons)


def test_a_rule_stricter_than_the_ceiling_stands():
    assert act("autonomous", 3, rule("denied"), ceiling="supervised").route is Route.DENIED
