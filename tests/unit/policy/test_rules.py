from __future__ import annotations

import dataclasses

import pytest

from governance.domain.errors import InvalidInput
from governance.domain.words import Route
from governance.policy.rules import RuleSource, changes, check_rule, seal
from tests.unit.policy.build import facts, policy, rule

BIG = RuleSource("big", "pay_*", "params.amount > 100", "proposal", "large payments")


@pytest.mark.parametrize("route", ["supervision", "proposal", "training", "denied"])
def test_a_rule_may_name_a_route_that_tightens(route):
    check_rule(dataclasses.replace(BIG, route=route))


@pytest.mark.parametrize("route", ["execution", "", "Denied", "allow", "denied "])
def test_a_rule_may_name_no_other_route(route):
    with pytest.raises(InvalidInput, match="Rule big: the route must be one of supervision"):
        check_rule(dataclasses.replace(BIG, route=route))


@pytest.mark.parametrize("condition", ["", "params.amount", "amount > 1", "params.amount >"])
def test_a_rule_with_a_bad_condition_is_refused_by_name(condition):
    with pytest.raises(InvalidInput, match="Rule big: The condition"):
        check_rule(dataclasses.replace(BIG, condition=condition))


def rules_for(key, *sources):
    return [found.key for found in policy(*sources).rules_for(key)]


def test_only_the_rules_that_can_touch_an_action_type_are_kept_in_order():
    sources = [
        rule(key="all", scope="*"),
        rule(key="pay", scope="pay_*"),
        rule(key="read", scope="read_*"),
        rule(key="exact", scope="pay_invoice"),
    ]
    assert rules_for("pay_invoice", *sources) == ["all", "pay", "exact"]
    assert rules_for("pay_invoice", *sources[::-1]) == ["exact", "pay", "all"]
    assert rules_for("read_file", *sources) == ["all", "read"]
    assert rules_for("unheard_of", *sources) == ["all"]


def test_a_second_look_finds_the_same_rules():
    compiled = policy(rule(key="pay", scope="pay_*"))
    assert compiled.rules_for("pay_x") is compiled.rules_for("pay_x")


def first(source: RuleSource):
    return policy(source).rules_for("pay_invoice")[0]


def test_a_match_says_which_rule_where_to_and_why():
    match = first(BIG).match(facts({"amount": 101}))
    assert match is not None
    assert match.as_json() == {
        "rule": "big",
        "route": "proposal",
        "reason": "large payments",
        "error": "",
    }


def test_no_match():
    assert first(BIG).match(facts({"amount": 100})) is None


def test_a_condition_that_fails_counts_as_matched_with_its_error():
    match = first(BIG).match(facts({}))
    assert match is not None
    assert match.route is Route.PROPOSAL
    assert "amount" in match.error


@pytest.mark.parametrize(
    "stored",
    [
        dataclasses.replace(BIG, condition="params.amount >"),
        dataclasses.replace(BIG, condition=""),
        dataclasses.replace(BIG, condition="params.amount"),
        dataclasses.replace(BIG, route="somewhere"),
    ],
    ids=["syntax", "empty", "not boolean", "unknown route"],
)
def test_a_stored_rule_that_cannot_be_compiled_tightens_all_the_way(stored):
    match = first(stored).match(facts({"amount": 1}))
    assert match is not None
    assert (match.route, match.error) == (Route.DENIED, "the condition does not compile")


# --- Seals ----------------------------------------------------------------------------------------

# printf '[{"condition":"params.amount > 100","key":"big","reason":"large payments",
# "route":"proposal","scope":"pay_*"}]' | sha256sum, on one line
SEAL_OF_BIG = "43125e93a1731c3f453f3467c663b964f8f383004caf3ca19d831d097643eff3"
# printf '[]' | sha256sum
SEAL_OF_NONE = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"


def test_a_seal_is_sha_256_over_the_rules():
    assert seal([]) == SEAL_OF_NONE
    assert seal([BIG]) == SEAL_OF_BIG


@pytest.mark.parametrize("field", ["key", "scope", "condition", "route", "reason"])
def test_a_seal_covers_every_field(field):
    assert seal([dataclasses.replace(BIG, **{field: "x"})]) != SEAL_OF_BIG


def test_a_seal_covers_the_order():
    other = dataclasses.replace(BIG, key="other")
    assert seal([BIG, other]) != seal([other, BIG])


# --- What publishing changes ----------------------------------------------------------------------

AS_JSON = {
    "key": "big",
    "scope": "pay_*",
    "condition": "params.amount > 100",
    "route": "proposal",
    "reason": "large payments",
}


def test_nothing_changes_when_nothing_did():
    assert changes([], []) == []
    assert changes([BIG], [dataclasses.replace(BIG)]) == []


def test_added_removed_and_changed_rules_by_key():
    old, new = rule(key="old"), rule(key="new")
    stricter = dataclasses.replace(BIG, route="denied")
    assert changes([old, BIG], [new, stricter]) == [
        {
            "rule": "big",
            "change": "changed",
            "before": AS_JSON,
            "after": {**AS_JSON, "route": "denied"},
        },
        {"rule": "new", "change": "added", "before": None, "after": new.as_json()},
        {"rule": "old", "change": "removed", "before": old.as_json(), "after": None},
    ]


def test_a_first_publication_adds_everything():
    assert changes([], [BIG]) == [
        {"rule": "big", "change": "added", "before": None, "after": AS_JSON}
    ]


@pytest.mark.parametrize("scope", ["ONE", "one ", " one", "one\n", "оne", "{one,two}", "one,mail"])  # noqa: RUF001  the Cyrillic letter is the case
def test_a_scope_that_can_match_nothing_is_refused(scope):
    with pytest.raises(InvalidInput, match="the scope can match no action type"):
        check_rule(RuleSource("night", scope, "true", "denied", "because"))
