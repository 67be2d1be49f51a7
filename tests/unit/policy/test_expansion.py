"""Expansion: a step that triggers a stored plan becomes that plan's steps."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput
from governance.policy import expansion, plans


def trigger(params=None, **more):
    params = {"workflow": "w", "params": params or {}}
    return {"id": "sync", "action_type": "workflow_trigger", "params": params, **more}


def step(name, params=None, **more):
    return {"id": name, "action_type": f"do_{name}", "params": params or {}, **more}


# the trigger, the stored steps, what stands in its place
EXPANDED = [
    # renamed after the trigger
    (trigger(), [step("fetch")], [{"id": "sync_fetch", "action_type": "do_fetch", "params": {}}]),
    # params are bound, whatever their type, and however deep
    (
        trigger({"rows": [1, {"a": None}], "on": True}),
        [step("fetch", {"n": {"$param": "rows"}, "deep": [{"x": {"$param": "on"}}], "plain": 1})],
        [
            {
                "id": "sync_fetch",
                "action_type": "do_fetch",
                "params": {"n": [1, {"a": None}], "deep": [{"x": True}], "plain": 1},
            }
        ],
    ),
    # references among the stored steps follow their new names
    (
        trigger(),
        [
            step("a"),
            step(
                "b",
                {"x": {"$cel": "steps.a.output.n + 1"}},
                when="steps.a.output.n > 0",
            ),
        ],
        [
            {"id": "sync_a", "action_type": "do_a", "params": {}},
            {
                "id": "sync_b",
                "action_type": "do_b",
                "params": {"x": {"$cel": "steps.sync_a.output.n + 1"}},
                "when": "(steps.sync_a.output.n > 0)",
            },
        ],
    ),
    # the trigger's condition holds for every step, beside the step's own
    (
        trigger(when="steps.ask.output.go == 1"),
        [step("a"), step("b", when="steps.a.output.n > 0 || true")],
        [
            {
                "id": "sync_a",
                "action_type": "do_a",
                "params": {},
                "when": "(steps.ask.output.go == 1)",
            },
            {
                "id": "sync_b",
                "action_type": "do_b",
                "params": {},
                "when": "(steps.ask.output.go == 1) && (steps.sync_a.output.n > 0 || true)",
            },
        ],
    ),
    # a reference given as a param is one to the plan outside, also where the names are the same
    (
        trigger({"n": {"$cel": "steps.a.output.n"}}),
        [step("a"), step("b", {"n": {"$param": "n"}})],
        [
            {"id": "sync_a", "action_type": "do_a", "params": {}},
            {"id": "sync_b", "action_type": "do_b", "params": {"n": {"$cel": "steps.a.output.n"}}},
        ],
    ),
    # what is given is a value, and no stored plan: nothing in it is bound again
    (
        trigger({"n": {"$param": "n"}}),
        [step("a", {"n": {"$param": "n"}})],
        [{"id": "sync_a", "action_type": "do_a", "params": {"n": {"$param": "n"}}}],
    ),
]


@pytest.mark.parametrize(("outer", "stored", "expected"), EXPANDED)
def test_the_stored_steps_stand_in_the_place_of_the_trigger(outer, stored, expected):
    assert expansion.expand(outer, stored, earlier=("ask", "a")) == expected


def test_what_was_expanded_is_a_plan_in_its_place():
    stored = [step("a"), step("b", {"x": {"$cel": "steps.a.output.n"}})]
    before, after = step("ask"), step("end", {"x": {"$cel": "steps.sync_b.output.n"}})
    outer = trigger(when="steps.ask.output.go == true")
    whole = [before, *expansion.expand(outer, stored, earlier=("ask",)), after]
    assert [found.id for found in plans.parse(whole).steps] == ["ask", "sync_a", "sync_b", "end"]


# as it is stored, as it stands after the trigger `sync`
RENAMED = [
    ("steps.a.output.ok == 1", "steps.sync_a.output.ok == 1"),
    ("steps . a.output.ok == 1", "steps . sync_a.output.ok == 1"),
    ("steps\n.\ta.output.ok == 1", "steps\n.\tsync_a.output.ok == 1"),
    ("(steps.a.state)==steps.a.state", "(steps.sync_a.state)==steps.sync_a.state"),
    # a member of that name is none of the plan's steps
    ("steps.a.output.steps.a == 1", "steps.sync_a.output.steps.a == 1"),
    ("steps.a.output . steps . a == 1", "steps.sync_a.output . steps . a == 1"),
    # nor is what stands in a literal, of any kind
    ("'steps.a' == \"steps.a\"", "'steps.a' == \"steps.a\""),
    ("'\\' steps.a' != 'x'", "'\\' steps.a' != 'x'"),
    ("'''it's steps.a''' != 'x'", "'''it's steps.a''' != 'x'"),
    ('""" "steps.a" """ != "x"', '""" "steps.a" """ != "x"'),
    ("r'\\d' + steps.a.state == 'x'", "r'\\d' + steps.sync_a.state == 'x'"),
    ("R'''steps.a\\d''' != 'x'", "R'''steps.a\\d''' != 'x'"),
    ("b'steps.a' != b\"steps.a\"", "b'steps.a' != b\"steps.a\""),
    ("br'steps.a\\d' != b''", "br'steps.a\\d' != b''"),
    ("'' + steps.a.state + '' == ''", "'' + steps.sync_a.state + '' == ''"),
    ("'https://x.test' != steps.a.state", "'https://x.test' != steps.sync_a.state"),
    # nor a longer name
    ("[1].exists(my_steps, my_steps == 1)", "[1].exists(my_steps, my_steps == 1)"),
]


@pytest.mark.parametrize(("source", "expected"), RENAMED)
def test_references_are_renamed_and_nothing_else(source, expected):
    stored = [step("a"), step("b", {"x": [{"$cel": source}]}, when=source)]
    placed = expansion.expand(trigger(), stored)
    assert placed[1]["when"] == f"({expected})"
    assert placed[1]["params"] == {"x": [{"$cel": expected}]}
    assert plans.parse(placed)


# what a stored step says, what is said about it
NOT_STORED = [
    ("true // always", "comment"),
    ("true //", "comment"),
    ("steps // in between\n.a.output.n == 1", "comment"),
    ("true) || (true", "does not compile"),
    ("steps.ask.output.n == 1", "does not compile"),
    ("steps . ask.output.n == 1", "does not compile"),
    ("steps.b.output.n == 1", "does not compile"),
    (".steps.a.output.n == 1", "does not compile"),
    ("1 in .steps.a.output", "does not compile"),
    ("[{'ask': 1}].exists(steps, steps.ask == 1)", "otherwise than a step of the workflow"),
    ("[1].exists(steps, steps == 1)", "otherwise than a step of the workflow"),
]


@pytest.mark.parametrize(("source", "says"), NOT_STORED)
def test_a_stored_expression_that_is_refused(source, says):
    for second in (step("b", when=source), step("b", {"x": {"$cel": source}})):
        stored = [step("a"), second]
        with pytest.raises(InvalidInput, match=f"(?s)Step b: .*{says}"):
            expansion.check(stored)
        with pytest.raises(InvalidInput, match=says):
            expansion.expand(trigger(), stored, earlier=("ask",))


def test_a_reference_that_is_not_renamed_meets_no_step_that_was():
    # `.steps.sync_a` would be the new name of `a`, and not of the step that is called so.
    stored = [step("a"), step("sync_a"), step("b", when=".steps.sync_a.output.n == 1")]
    with pytest.raises(InvalidInput, match="does not compile"):
        expansion.expand(trigger(), stored)


# what the trigger says, what is said about it
NOT_OUTSIDE = [
    ("true) || (true", "does not compile"),
    ("true // comment", "comment"),
    ("steps.later.output.n == 1", "does not compile"),
    ("steps.sync_a.output.n == 1", "does not compile"),
    ("steps.ask.output.n", "the condition must be true or false"),
    ("'open", "does not compile"),
]


@pytest.mark.parametrize(("condition", "says"), NOT_OUTSIDE)
def test_a_condition_of_the_trigger_that_is_refused(condition, says):
    stored = [step("a"), step("b", when="false")]
    with pytest.raises(InvalidInput, match=says):
        expansion.expand(trigger(when=condition), stored, earlier=("ask",))


def test_a_param_names_no_step_of_the_workflow_it_is_given_to():
    outer = trigger({"n": {"$cel": "steps.sync_a.output.n"}})
    with pytest.raises(InvalidInput, match="does not compile"):
        expansion.expand(outer, [step("a"), step("b", {"n": {"$param": "n"}})], earlier=("ask",))


def test_a_param_that_was_not_given():
    with pytest.raises(InvalidInput, match="the param 'rows' was not given"):
        expansion.expand(trigger(), [step("a", {"n": {"$param": "rows"}})])


PARAMETERS = [
    ({}, set()),
    ([], set()),
    ("$param", set()),
    ({"a": {"$param": "x"}, "b": [{"$param": "y"}, {"c": {"$param": "x"}}]}, {"x", "y"}),
]


@pytest.mark.parametrize(("value", "names"), PARAMETERS)
def test_the_params_a_value_uses(value, names):
    assert expansion.parameters(value) == names


@pytest.mark.parametrize("value", [{"$param": "x", "more": 1}, {"$param": 5}, [{"$param": None}]])
def test_an_object_that_names_a_param_and_something_else(value):
    with pytest.raises(InvalidInput, match="names one param, and nothing else"):
        expansion.parameters(value)
