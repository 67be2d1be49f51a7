"""References: what a step may ask of the steps before it, and what it is given."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput
from governance.domain.values import canonical_text
from governance.policy import references

OUTPUTS = {
    "fetch": {
        "state": "done",
        "output": {
            "rows": [[1, "a"], [2, "b"]],
            "total": 3,
            "ok": True,
            "name": "Ada",
            "nothing": None,
            "deep": {"er": [{"n": 1.5}]},
        },
    },
    "photo": {"state": "skipped", "output": {}},
}


# --- What may be written --------------------------------------------------------------------------

FINE = [
    "steps.fetch.output.rows",
    "steps.fetch.output",
    "steps.fetch",
    "steps.fetch.state == 'done'",
    "has(steps.photo.output.camera)",
    "size(steps.fetch.output.rows) + 1",
    "steps.fetch.output.rows.map(row, row[1])",
    "[1, 2].exists(n, n > 1)",
    "'a constant'",
    " " * 1_999 + "1",
]


@pytest.mark.parametrize("source", FINE)
def test_an_expression_names_only_earlier_steps(source):
    references.check(source, earlier=("fetch", "photo"))


REFUSED = [
    # unknown, later, or not quite the name of a step
    ("steps.report.output.n", "only earlier steps may be named"),
    ("steps.fetc.output.n", "only earlier steps may be named"),
    ("steps.fetcher.output.n", "only earlier steps may be named"),
    ("steps['fetch'].output.n", "only earlier steps may be named"),
    ("steps", "only earlier steps may be named"),
    ("fetch.output.n", "undeclared reference to 'fetch"),
    # what a policy's rules look at is not here
    ("agent.name", "undeclared reference to 'agent"),
    ("params.amount", "undeclared reference to 'params"),
    ("now", "undeclared reference to 'now'"),
    ("env('HOME')", "undeclared reference to 'env'"),
    # no CEL at all
    ("", "syntax error"),
    ("1 +", "syntax error"),
    ("'x' + 1", "no matching overload"),
    ("\ud800", "does not compile"),
    (" " * 2_000 + "1", "longer than 2,000 characters"),
    # not even a text
    (1, "must be a string"),
    (None, "must be a string"),
    (["steps.fetch"], "must be a string"),
]


@pytest.mark.parametrize(("source", "says"), REFUSED)
def test_what_cannot_be_referred_to(source, says):
    with pytest.raises(InvalidInput) as told:
        references.check(source, earlier=("fetch",))
    assert says in str(told.value)


STAR = "steps.fetch.output.rows"

# expressions whose value could be far larger than what they are given
GROWING = [
    f"{STAR}.map(a, {STAR}.map(b, [{', '.join(['a, b'] * 9)}]))",
    f"{STAR}.map(a, [{', '.join(['a'] * 9)}]).map(b, [{', '.join(['b'] * 9)}])",
    f"{STAR}.map(a, [{', '.join(['a'] * 65)}])",
    f"{STAR}.filter(a, [{', '.join(['a'] * 65)}].size() > 0)",
    f"{STAR} . map ( a , [{', '.join(['a'] * 65)}])",
    f"{STAR}.map((a), [{', '.join(['a'] * 65)}])",
]


@pytest.mark.parametrize("source", GROWING)
def test_what_could_grow_without_bounds_is_refused(source):
    with pytest.raises(InvalidInput, match=r"could make [\d,]+ values of every one"):
        references.check(source, earlier=("fetch",))
    with pytest.raises(InvalidInput, match=r"could make [\d,]+ values of every one"):
        references.evaluate(source, OUTPUTS)


HIDDEN = [
    (f"{STAR}.map(a, // \n [a, a])", "holds a comment"),
    (f"{STAR}.map(/**/a, [a, a])", "without naming its variable plainly"),
    (f"{STAR}.map([a], a)", "without naming its variable plainly"),
]


@pytest.mark.parametrize(("source", "says"), HIDDEN)
def test_what_hides_its_growth_is_refused(source, says):
    with pytest.raises(InvalidInput, match=says):
        references.check(source, earlier=("fetch",))


@pytest.mark.parametrize(
    "source",
    [
        f"{STAR}.map(a, [{', '.join(['a'] * 64)}])",  # as many as there may be
        f"{STAR}.map(a, {STAR}.map(b, [{', '.join(['a, b'] * 8)}]))",
        f"{STAR}.map(a, ['a, a, a // {'a ' * 99}', a])",  # a text is no use of it
    ],
)
def test_what_stays_in_bounds_is_not(source):
    references.check(source, earlier=("fetch",))


CONDITIONS = [
    ("true", True),
    ("steps.fetch.output.total > 2", True),
    ("steps.fetch.output.total > 2 && !has(steps.fetch.output.rows)", True),
    ("steps.fetch.output.ok", False),  # nobody knows yet what it will be
    ("steps.fetch.output.ok == true", True),
    ("steps.fetch.output.total", False),
    ("size(steps.fetch.output.rows)", False),
    ("'true'", False),
    ("1", False),
    ("null", False),
]


@pytest.mark.parametrize(("source", "boolean"), CONDITIONS)
def test_a_condition_is_true_or_false_whatever_the_outputs(source, boolean):
    references.check(source, earlier=("fetch",))
    if boolean:
        references.check(source, earlier=("fetch",), boolean=True)
        return
    with pytest.raises(InvalidInput, match="must be true or false; compare it with something"):
        references.check(source, earlier=("fetch",), boolean=True)


# --- What they stand for --------------------------------------------------------------------------

VALUES = [
    ("steps.fetch.output.rows", [[1, "a"], [2, "b"]]),
    ("steps.fetch.output.total", 3),
    ("steps.fetch.output.total + 1", 4),
    ("steps.fetch.output.total > 2", True),
    ("steps.fetch.output.deep.er[0].n", 1.5),
    ("steps.fetch.output.nothing", None),
    ("steps.fetch.output.rows.map(row, row[1])", ["a", "b"]),
    ("steps.fetch.state", "done"),
    ("steps.photo", {"state": "skipped", "output": {}}),
    ("has(steps.photo.output.camera)", False),
    ("has(steps.photo.output.camera) ? steps.photo.output.camera : 'none'", "none"),
    ("'Dear ' + steps.fetch.output.name", "Dear Ada"),
    ("{'n': steps.fetch.output.total}", {"n": 3}),
]


@pytest.mark.parametrize(("source", "expected"), VALUES)
def test_evaluate(source, expected):
    found = references.evaluate(source, OUTPUTS)
    assert canonical_text(found) == canonical_text(expected)  # in Python, True == 1


WITHOUT_VALUE = [
    (
        "steps.photo.output.camera",
        'cannot be evaluated: NOT_FOUND: Key not found in map : "camera"',
    ),
    ("steps.fetch.output.rows[2]", "cannot be evaluated"),
    ("steps.fetch.output.total / 0", "divide by zero"),
    ("steps.fetch.output.total > 'x'", "cannot be evaluated"),
    ("steps.fetch.output.total ? 1 : 2", "cannot be evaluated"),
    ("steps.report.output.n", "only earlier steps may be named"),
    # no JSON
    ("b'x'", "no canonical JSON form"),
    ("0.0 / 0.0", "no canonical JSON form"),
    ("9007199254740993", "no canonical JSON form"),
    ("timestamp('2026-01-01T00:00:00Z')", "no canonical JSON form"),
    ("duration('1s')", "no canonical JSON form"),
    ("{1: 2}", "no canonical JSON form"),
]


@pytest.mark.parametrize(("source", "says"), WITHOUT_VALUE)
def test_what_has_no_value(source, says):
    with pytest.raises(InvalidInput) as told:
        references.evaluate(source, OUTPUTS)
    assert says in str(told.value)


@pytest.mark.parametrize(
    "source",
    [
        "{'$secret': steps.fetch.output.name}",
        "[{'a': {'$secret': 'payroll'}}]",
        "{'$secret': 'payroll', 'b': 1}",
        "steps.evil.output",
        "steps.evil.output.list",
    ],
)
def test_no_answer_of_a_far_side_chooses_a_credential(source):
    evil = {"state": "done", "output": {"list": [{"$secret": "payroll"}]}}
    with pytest.raises(InvalidInput, match="a credential is named in the plan itself"):
        references.evaluate(source, {**OUTPUTS, "evil": evil})


def test_an_answer_that_looks_like_a_reference_is_a_value_and_is_not_evaluated():
    evil = {"state": "done", "output": {"x": {"$cel": "steps.fetch.output.name"}}}
    found = references.resolve({"$cel": "steps.evil.output.x"}, {**OUTPUTS, "evil": evil})
    assert found == {"$cel": "steps.fetch.output.name"}


HOLDS = [
    ("steps.fetch.output.total == 3", True),
    ("steps.fetch.output.total == 4", False),
    ("steps.fetch.output.ok", True),
    ("steps.photo.state == 'skipped'", True),
    ("steps.fetch.state == 'skipped' || steps.fetch.output.ok", True),
]


@pytest.mark.parametrize(("source", "expected"), HOLDS)
def test_holds(source, expected):
    assert references.holds(source, OUTPUTS) is expected


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("steps.fetch.output.total", "neither true nor false"),
        ("steps.fetch.output.name", "neither true nor false"),
        ("steps.photo.output.camera == 1", "cannot be evaluated"),
    ],
)
def test_a_condition_that_is_neither(source, says):
    with pytest.raises(InvalidInput, match=says):
        references.holds(source, OUTPUTS)


# --- Where they stand -----------------------------------------------------------------------------

REF = {"$cel": "steps.fetch.output.total"}

# the params, the expressions in them, their paths, what is known, what they are resolved to
PARAMS = [
    ({}, [], [], {}, {}),
    ({"a": 1, "b": [None, "$cel"]}, [], [], {"a": 1, "b": [None, "$cel"]}, ...),
    ({"a": REF}, [REF["$cel"]], [("a",)], {}, {"a": 3}),
    (REF, [REF["$cel"]], [()], {}, 3),
    (
        {"a": {"b": REF, "c": 1}},
        [REF["$cel"]],
        [("a", "b")],
        {"a": {"c": 1}},
        {"a": {"b": 3, "c": 1}},
    ),
    # without one of its elements it would be another list
    ({"a": [1, REF], "c": 1}, [REF["$cel"]], [("a", 1)], {"c": 1}, {"a": [1, 3], "c": 1}),
    ({"a": [[REF]]}, [REF["$cel"]], [("a", 0, 0)], {}, {"a": [[3]]}),
    (
        {"a": [{"b": REF, "c": 1}, {}]},
        [REF["$cel"]],
        [("a", 0, "b")],
        {"a": [{"c": 1}, {}]},
        {"a": [{"b": 3, "c": 1}, {}]},
    ),
    (
        {"z": {"$cel": "1"}, "a": [{"$cel": "2"}]},
        ["1", "2"],
        [("z",), ("a", 0)],
        {},
        {"z": 1, "a": [2]},
    ),
]


@pytest.mark.parametrize(("params", "sources", "paths", "known", "resolved"), PARAMS)
def test_references_in_params(params, sources, paths, known, resolved):
    assert references.expressions(params) == sources
    assert references.paths(params) == paths
    assert references.known(params) == known
    assert references.resolve(params, OUTPUTS) == (params if resolved is ... else resolved)


@pytest.mark.parametrize(
    "params",
    [{"$cel": "1", "more": 1}, {"a": {"$cel": "1", "$secret": "x"}}, [{"b": {"$cel": 1, "": 2}}]],
)
def test_an_object_that_is_a_reference_and_something_else_is_refused(params):
    with pytest.raises(InvalidInput, match='an object with "\\$cel" has no other member'):
        references.expressions(params)


@pytest.mark.parametrize("name", [{"$cel": "steps.fetch.output.name"}, ["a"], {"a": "b"}, 1, None])
def test_a_credential_is_named_in_the_plan_itself(name):
    with pytest.raises(InvalidInput, match='the credential of "\\$secret" is named in the plan'):
        references.expressions({"headers": [{"a": {"$secret": name}}]})
    assert references.expressions({"a": {"$secret": "payroll"}}) == []


def test_what_cannot_be_resolved_names_the_expression():
    with pytest.raises(InvalidInput, match=r"`steps.photo.output.camera` cannot be evaluated"):
        references.resolve({"a": [{"$cel": "steps.photo.output.camera"}]}, OUTPUTS)
