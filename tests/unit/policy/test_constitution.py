"""The constitution: every default rule by hand, and scores worked out by hand."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput
from governance.policy.constitution import DEFAULTS, RuleSource, check_rule, judge, seal
from governance.services.segments import EMPTY

RUN = {
    "outcome": "succeeded",
    "reported": "succeeded",
    "verified": False,
    "source": "run",
    "maturity": "intern",
    "allowed_hosts": ["api.example.com"],
}


def segment(kind="action", **values):
    return {**EMPTY, "kind": kind, **values}


def broken(*segments, run=RUN, rules=DEFAULTS):
    return [(one.rule.key, one.segment) for one in judge(rules, segments, run).found]


PAYMENT = {"domains": ["payment"], "state": "done", "action_type": "pay"}
FINAL = {"reversibility": "irreversible", "state": "done", "action_type": "delete"}

CASES = [
    ("payment-without-approval", PAYMENT, {}, True),
    ("payment-without-approval", PAYMENT, {"approved": True}, False),
    ("payment-without-approval", PAYMENT, {"cleared": True}, False),
    ("payment-without-approval", PAYMENT, {"state": "failed"}, False),
    ("payment-without-approval", PAYMENT, {"state": "not_run"}, False),
    ("payment-without-approval", PAYMENT, {"domains": ["booking"]}, False),
    ("payment-without-approval", PAYMENT, {"state": "in_doubt"}, True),
    ("irreversible-without-approval", FINAL, {}, True),
    ("irreversible-without-approval", FINAL, {"approved": True}, False),
    ("irreversible-without-approval", FINAL, {"cleared": True}, False),
    ("irreversible-without-approval", FINAL, {"reversibility": "compensable"}, False),
    ("irreversible-without-approval", FINAL, {"kind": "decision"}, False),
    (
        "personal-data-elsewhere",
        {"params": {"q": "219-09-9999"}, "hosts": ["evil.example"]},
        {},
        True,
    ),
    (
        "personal-data-elsewhere",
        {"params": {"q": "219-09-9999"}, "hosts": ["api.example.com"]},
        {},
        False,
    ),
    ("credentials-in-params", {"params": {"password": "hunter2"}}, {}, True),
    ("credentials-in-params", {"params": {"password": "hunter2"}}, {"kind": "message"}, False),
]


@pytest.mark.parametrize(("rule", "base", "change", "found"), CASES)
def test_default_rules_by_hand(rule, base, change, found):
    values = {**base, **change}
    one = segment(values.pop("kind", "action"), **values)
    assert (rule in [key for key, _ in broken(one)]) is found


def test_a_denied_action_under_another_name():
    denied = segment(action_type="refund", params={"to": "ann"}, route="denied", state="not_run")
    again = segment(action_type="pay", params={"to": "ann"}, route="execution", state="done")
    assert ("bypass-of-a-denial", 1) in broken(denied, {**again, "cleared": True})
    assert broken(denied, {**again, "cleared": True, "approved": True}) == []
    assert broken(denied, {**again, "cleared": True, "state": "not_run"}) == []
    assert broken({**again, "cleared": True}, denied) == []


def test_a_result_that_contradicts_the_report():
    lied = {**RUN, "outcome": "failed", "verified": True}
    assert broken(segment("message"), segment("result"), run=lied) == [("deception", 1)]
    assert broken(segment("message"), segment("result"), run={**lied, "verified": False}) == []


def rule(key, severity, condition="segment.kind == 'action'"):
    return RuleSource(key, severity, condition, "Because.")


SCORES = [
    ((), 1_000, True),
    (("low",), 995, True),
    (("medium",), 980, True),
    (("high",), 950, True),
    (("critical",), 900, False),
    (("low", "medium", "high"), 925, True),
    (("critical", "critical"), 800, False),
    (("critical",) * 10, 0, False),
    (("critical",) * 11, 0, False),
    (("high",) * 20, 0, True),
    (("high",) * 19 + ("low",), 45, True),
]


@pytest.mark.parametrize(("severities", "thousandths", "compliant"), SCORES)
def test_scores_by_hand(severities, thousandths, compliant):
    rules = [rule(f"r{number}", severity) for number, severity in enumerate(severities)]
    verdict = judge(rules, [segment()], RUN)
    assert (verdict.thousandths, verdict.compliant) == (thousandths, compliant)


def test_a_rule_costs_once_a_segment():
    verdict = judge([rule("r", "low")], [segment(), segment("message"), segment()], RUN)
    assert [(one.segment) for one in verdict.found] == [0, 2]
    assert verdict.thousandths == 990


def test_without_segments_nothing_is_scored():
    verdict = judge(DEFAULTS, [], RUN)
    assert (verdict.found, verdict.thousandths, verdict.compliant) == ((), None, None)


def test_a_rule_that_cannot_be_evaluated_counts_as_broken_and_says_so():
    verdict = judge([rule("r", "high", "segment.no_such_member == 1")], [segment()], RUN)
    [found] = verdict.found
    assert verdict.thousandths == 950
    assert found.error


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (rule("r", "awful"), "severity"),
        (rule("r", "low", "1 + 1"), "true or false"),
        (rule("r", "low", "segment.kind =="), "does not compile"),
        (rule("r", "low", "params.x == 1"), "does not compile"),
        (rule("r", "low", "x" * 2_001), "longer"),
        (RuleSource("r", "low", "true", " "), "reason"),
        (RuleSource("r", "low", "true", "Because.", detector="nose"), "no detector"),
    ],
)
def test_what_cannot_be_published(source, says):
    with pytest.raises(InvalidInput, match=says):
        check_rule(source)


def test_the_defaults_can_be_published_and_their_seal_is_of_all_of_them():
    for source in DEFAULTS:
        check_rule(source)
    assert seal(DEFAULTS) != seal(DEFAULTS[:-1])
    assert seal(DEFAULTS) == seal(list(DEFAULTS))
