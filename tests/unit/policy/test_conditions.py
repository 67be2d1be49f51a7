from __future__ import annotations

import datetime

import pytest

from governance.domain.errors import InvalidInput
from governance.policy.conditions import MAX_LENGTH, Condition, check_members
from tests.unit.policy.build import facts


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "does not compile"),
        ("   ", "does not compile"),
        ("params.amount >", "syntax error"),
        ("params.amount > 1 extra", "syntax error"),
        ("amount > 1", "undeclared reference to 'amount'"),
        ("steps.fetch.output == 1", "undeclared reference"),
        ("'a'.shout() == 'A'", "undeclared reference to 'shout'"),
        ("params.amount", "this gives dyn"),
        ("1 + 1", "this gives int"),
        ("'true'", "this gives string"),
        ("now", "this gives timestamp"),
        ("null", "this gives null"),
        ("(" * 500 + "true" + ")" * 500, "does not compile"),
        pytest.param(
            "agent.name == '\ud800'",
            "does not compile",
        ),
    ],
)
def test_what_is_no_condition_is_refused_when_it_is_written(source, says):
    with pytest.raises(InvalidInput, match="The condition") as refusal:
        Condition(source)
    assert says in str(refusal.value)


def test_a_condition_is_bounded():
    assert MAX_LENGTH == 2_000
    padding = " " * (2_000 - len("true"))
    assert Condition(padding + "true").evaluate(facts()).true
    with pytest.raises(InvalidInput, match="2,001 characters long; at most 2,000"):
        Condition(padding + " true")


@pytest.mark.parametrize(
    ("source", "params", "true"),
    [
        ("params.amount > 100", {"amount": 101}, True),
        ("params.amount > 100", {"amount": 100}, False),
        ("params.amount > 100", {"amount": 100.5}, True),
        ("params.amount == 1", {"amount": 1.0}, True),
        ("params.amount == 1", {"amount": "1"}, False),
        ("params.amount == 1", {"amount": True}, False),
        ("params.amount == null", {"amount": None}, True),
        ("has(params.amount)", {}, False),
        ("has(params.amount)", {"amount": None}, True),
        ("params.amount > 1 || true", {}, True),
        ("has(params.amount) && params.amount > 1", {}, False),
        ("params.to.exists(x, x.endsWith('@example.com'))", {"to": ["a@example.com"]}, True),
        ("'b' in params.tags", {"tags": ["a"]}, False),
        ("params.name.matches('^[a-z]+$')", {"name": "ada"}, True),
        ("size(params) == 2", {"a": 1, "b": {"c": [None]}}, True),
        ("params['a b'] == 'é'", {"a b": "é"}, True),
        ("now.getHours() == 12", {}, True),
        ("now < timestamp('2026-03-05T00:00:00Z')", {}, True),
    ],
)
def test_a_condition_is_true_or_false(source, params, true):
    outcome = Condition(source).evaluate(facts(params))
    assert (outcome.true, outcome.error) == (true, "")


@pytest.mark.parametrize(
    ("source", "params"),
    [
        ("params.missing > 1", {}),
        ("params.missing == 1", {}),
        ("params.a.b.c == 1", {"a": {"b": {}}}),
        ("params.a > 1", {"a": "x"}),
        ("params.a > 1", {"a": None}),
        ("params.a > 1", {"a": True}),
        ("params.a > 1", {"a": []}),
        ("params.a / 0 == 1", {"a": 1}),
        ("params.a + 9223372036854775807 > 0", {"a": 1}),
        ("params.a ? true : false", {"a": 1}),
        ("params.list[5] == 1", {"list": []}),
        ("timestamp(params.a) < now", {"a": "yesterday"}),
        ("params.a.matches('(')", {"a": "x"}),
        # what JSON cannot hold, and CEL neither
        ("params.a > 1", {"a": 2**64}),
        ("params.a > 1", {"a": -(2**63) - 1}),
        ("params.a > 1", {"a": 10**400}),
        ("params.a == 1", {"a": {1, 2}}),
        ("params.a == 1", {"a": {None: 1}}),
        ("params.a == 'x'", {"a": "\ud800"}),
        ("params.a == 1", {"a": ...}),
        ("params.a == 1", {"a": datetime.date(2026, 1, 1)}),
    ],
)
def test_what_cannot_be_evaluated_is_an_error_and_never_true(source, params):
    outcome = Condition(source).evaluate(facts(params))
    assert outcome.true is False
    assert outcome.error


def test_one_set_of_facts_serves_many_conditions():
    seen = facts({"a": 5})
    answers = [Condition(f"params.a > {n}").evaluate(seen).true for n in (3, 4, 5, 6)]
    assert answers == [True, True, False, False]
    assert Condition("params.a > 3").evaluate(seen).true


def test_one_condition_serves_many_facts():
    condition = Condition("params.a > 3")
    assert [condition.evaluate(facts({"a": n})).true for n in (3, 4)] == [False, True]


def test_a_condition_keeps_its_source():
    assert Condition("params.a > 3").source == "params.a > 3"


@pytest.mark.parametrize(
    "source", ["agent.maturty == 'x'", "action.keyy == 'x'", "run . nope == 1"]
)
def test_a_misspelt_member_is_refused_when_it_is_written(source):
    with pytest.raises(
        InvalidInput, match=r"The condition names (agent.maturty|action.keyy|run.nope)"
    ):
        check_members(source)


@pytest.mark.parametrize(
    "source", ["agent.maturity == 'agent.maturty'", "params.agent.x == 1", r"'it\'s agent.x' == ''"]
)
def test_what_only_looks_like_a_misspelt_member_is_not(source):
    assert check_members(source) is None
