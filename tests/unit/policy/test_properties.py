"""What must hold for every agent, action, rule, grant and plan, not only for those in mind."""

from __future__ import annotations

import copy
import dataclasses
import datetime

from hypothesis import given
from hypothesis import strategies as st

from governance.domain.errors import InvalidInput
from governance.domain.values import canonical
from governance.domain.words import Route, TriggerSource
from governance.policy import plans
from governance.policy.gate import judge_action, judge_trigger
from tests.unit.policy.build import NOW, action, agent, grant, policy, question, rule

ORDER = ["execution", "supervision", "proposal", "training", "denied"]
MATURITIES = ["student", "intern", "supervised", "autonomous"]
# The design's matrix once more, by hand: rows of complexity 1..4.
MATRIX = {
    "student": ["execution", "training", "training", "training"],
    "intern": ["execution", "execution", "proposal", "proposal"],
    "supervised": ["execution", "execution", "supervision", "proposal"],
    "autonomous": ["execution", "execution", "execution", "execution"],
}


def strictness(route: Route) -> int:
    return ORDER.index(route.value)


conditions = st.sampled_from(
    [
        "true",
        "false",
        "params.amount > 5",
        "params.missing == 1",
        "agent.maturity == 'intern'",
        "params.amount >",  # a stored condition that no longer compiles
    ]
)
rules = st.builds(
    rule,
    st.sampled_from(ORDER[1:]),
    conditions,
    key=st.sampled_from("abc"),
    scope=st.sampled_from(["*", "pay_*", "pay_invoice", "read_*", "pay"]),
)
grants = st.builds(
    grant,
    st.sampled_from(ORDER[:3]),
    id=st.sampled_from(["g1", "g2", "g3"]),
    expires_at=st.sampled_from([NOW + datetime.timedelta(days=n) for n in (-1, 0, 1)]),
    condition=st.sampled_from([None, "true", "false", "params.amount > 5", "params.missing == 1"]),
    broken=st.booleans(),
)
agents = st.builds(
    agent,
    st.sampled_from(MATURITIES),
    state=st.sampled_from(["active"] * 4 + ["paused", "retired"]),
    ceiling=st.sampled_from([None, None, *MATURITIES]),
    workspace_halted=st.sampled_from([False] * 5 + [True]),
)
questions = st.builds(
    lambda who, complexity, granted, amount: dataclasses.replace(
        question(params={"amount": amount}, grants=tuple(granted)),
        agent=who,
        action=action(complexity),
    ),
    agents,
    st.integers(1, 4),
    st.lists(grants, max_size=3),
    st.integers(0, 10),
)
policies = st.lists(rules, max_size=4)


def blocked(asked) -> bool:
    return asked.agent.workspace_halted or asked.agent.state != "active"


def holds(given_grant, asked) -> bool:
    met = {
        None: True,
        "true": True,
        "false": False,
        "params.amount > 5": asked.params["amount"] > 5,
        "params.missing == 1": False,
    }
    condition = given_grant.condition.source if given_grant.condition else None
    return not given_grant.broken and given_grant.expires_at > NOW and met[condition]


@given(questions, policies)
def test_without_a_grant_the_gate_is_never_looser_than_the_matrix(asked, sources):
    asked = dataclasses.replace(asked, grants=())
    base = MATRIX[asked.agent.maturity][asked.action.complexity - 1]
    verdict = judge_action(asked, policy(*sources))
    assert strictness(verdict.route) >= ORDER.index(base)
    assert verdict.grant == ""


@given(questions, policies)
def test_the_gate_is_never_looser_than_what_grants_that_hold_allow(asked, sources):
    base = MATRIX[asked.agent.maturity][asked.action.complexity - 1]
    allowed = [strictness(g.route) for g in asked.grants if holds(g, asked)]
    loosest = min([ORDER.index(base), *allowed])
    verdict = judge_action(asked, policy(*sources))
    assert strictness(verdict.route) >= loosest
    assert not verdict.grant or any(g.id == verdict.grant and holds(g, asked) for g in asked.grants)


@given(questions, policies, rules, st.integers(0, 4))
def test_one_more_rule_never_loosens(asked, sources, added, position):
    more = [*sources[:position], added, *sources[position:]]
    before = judge_action(asked, policy(*sources)).route
    assert strictness(judge_action(asked, policy(*more)).route) >= strictness(before)


@given(questions, policies, st.sampled_from(MATURITIES))
def test_a_ceiling_never_loosens_an_action(asked, sources, ceiling):
    free = dataclasses.replace(asked, agent=dataclasses.replace(asked.agent, ceiling=None))
    capped = dataclasses.replace(
        asked, agent=agent(asked.agent.maturity, state=asked.agent.state, ceiling=ceiling)
    )
    if asked.agent.workspace_halted:
        return
    before, after = (judge_action(q, policy(*sources)).route for q in (free, capped))
    assert strictness(after) >= strictness(before)
    assert strictness(after) >= ORDER.index(MATRIX[ceiling][asked.action.complexity - 1])


@given(agents, st.sampled_from(list(TriggerSource)), st.sampled_from(MATURITIES))
def test_a_ceiling_never_loosens_a_trigger(who, source, ceiling):
    free = dataclasses.replace(who, ceiling=None)
    capped = agent(who.maturity, state=who.state, ceiling=ceiling)
    if not who.workspace_halted:
        before, after = (judge_trigger(a, source).route for a in (free, capped))
        assert strictness(after) >= strictness(before)


@given(questions, policies)
def test_denied_exactly_when_blocked_or_by_a_rule_that_denies(asked, sources):
    matched = {
        "true": True,
        "false": False,
        "params.amount > 5": asked.params["amount"] > 5,
        "params.missing == 1": True,
        "agent.maturity == 'intern'": asked.agent.maturity == "intern",
        "params.amount >": True,
    }
    denying = any(
        (source.route == "denied" and matched[source.condition])
        or source.condition == "params.amount >"
        for source in sources
        if source.scope in {"*", "pay_*", "pay_invoice"}
    )
    verdict = judge_action(asked, policy(*sources))
    assert (verdict.route is Route.DENIED) is (blocked(asked) or denying)


@given(questions, policies, st.randoms(use_true_random=False))
def test_neither_the_order_of_rules_nor_of_grants_matters(asked, sources, chance):
    shuffled, granted = list(sources), list(asked.grants)
    chance.shuffle(shuffled)
    chance.shuffle(granted)
    other = dataclasses.replace(asked, grants=tuple(granted))
    before = judge_action(asked, policy(*sources))
    assert judge_action(other, policy(*shuffled)).route is before.route


@given(questions, policies)
def test_every_verdict_says_why_and_asking_changes_nothing(asked, sources):
    compiled = policy(*sources)
    verdict = judge_action(asked, compiled)
    assert verdict.reasons
    assert all(verdict.reasons)
    assert judge_action(asked, compiled) == verdict


# --- Plans ----------------------------------------------------------------------------------------

# Whole numbers of 2**53 and more that come as floats are another test's business.
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(
    allow_nan=False, allow_infinity=False
).filter(lambda x: abs(x) < 2**53 or abs(x) >= 1e21)
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6
).filter(lambda text: text != "$cel")
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
steps = st.fixed_dictionaries(
    {
        "id": st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True),
        "action_type": st.text("abc_", min_size=1, max_size=5),
        "params": st.dictionaries(texts, values, max_size=3),
    }
)
plan_data = st.lists(steps, min_size=1, max_size=4, unique_by=lambda step: step["id"])


@given(plan_data)
def test_a_plan_read_back_from_its_own_text_is_the_same_plan(data):
    plan = plans.parse(data)
    assert plans.parse_text(plan.text) == plan
    assert plans.parse(plan.as_json()) == plan
    assert plan.text.encode() == canonical(plan.as_json())


@given(plan_data, plan_data)
def test_seals_are_equal_exactly_when_canonical_texts_are(one, other):
    sealed = [
        plans.seal(plan=plans.parse(data), agent_id="a", fingerprint="f", policy_version=1)
        for data in (one, other)
    ]
    assert (sealed[0] == sealed[1]) is (canonical(one) == canonical(other))


def respelled(value):
    """The same JSON in other words: members in another order, whole numbers as floats."""
    if isinstance(value, dict):
        return {key: respelled(child) for key, child in reversed(value.items())}
    if isinstance(value, list):
        return [respelled(child) for child in value]
    return float(value) if type(value) is int else value


@given(plan_data)
def test_the_same_plan_in_other_words_has_the_same_text_and_no_difference(data):
    plan, other = plans.parse(data), plans.parse(respelled(data))
    assert other.text == plan.text
    assert plans.difference(data, respelled(data)) == []


@given(values, values)
def test_a_difference_is_empty_exactly_when_canonical_texts_are_equal(before, after):
    assert (plans.difference(before, after) == []) is (canonical(before) == canonical(after))
    assert plans.difference(before, before) == []


@given(values, values)
def test_applying_a_difference_gives_what_it_was_made_from(before, after):
    changed = apply(before, plans.difference(before, after))
    assert canonical(changed) == canonical(after)


def apply(document, changes):
    """Apply a difference by JSON Pointer; removals from the end, so that indices stay right."""
    document = copy.deepcopy(document)
    for change in sorted(changes, key=lambda c: "after" not in c):
        if change["path"] == "":
            return change["after"]
        if "after" in change:
            put(document, change["path"], change["after"])
    for change in reversed(changes):
        if "after" not in change:
            remove(document, change["path"])
    return document


def tokens(path: str) -> list[str]:
    return [token.replace("~1", "/").replace("~0", "~") for token in path.split("/")[1:]]


def parent_of(document, path: str):
    *above, last = tokens(path)
    for token in above:
        document = document[int(token) if isinstance(document, list) else token]
    return document, last


def put(document, path: str, value) -> None:
    inside, last = parent_of(document, path)
    if isinstance(inside, dict):
        inside[last] = value
    elif int(last) < len(inside):
        inside[int(last)] = value
    else:
        inside.append(value)


def remove(document, path: str) -> None:
    inside, last = parent_of(document, path)
    del inside[int(last) if isinstance(inside, list) else last]


@given(st.recursive(values | st.sampled_from([float("nan"), 2**53, "\ud800", "\x00"]), st.lists))
def test_whatever_is_sent_is_a_plan_or_a_refusal(data):
    for sent in (data, [data], [{"id": "a", "action_type": "x", "params": {"p": data}}]):
        assert text_or_refusal(sent)


def text_or_refusal(sent) -> str:
    try:
        return plans.parse(sent).text
    except InvalidInput as refusal:
        return str(refusal)
