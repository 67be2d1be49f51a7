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
    # references among the stored steps follow their new names; others are left alone
    (
        trigger(),
        [
            step("a"),
            step(
                "b",
                {"x": {"$cel": "steps.a.output.n + steps.ab.output.n"}},
                when="steps.a.output.n > 0",
            ),
        ],
        [
            {"id": "sync_a", "action_type": "do_a", "params": {}},
            {
                "id": "sync_b",
                "action_type": "do_b",
                "params": {"x": {"$cel": "steps.sync_a.output.n + steps.ab.output.n"}},
                "when": "(steps.sync_a.output.n > 0)",
            },
        ],
    ),
    # the trigger's condition holds for every step, beside the step's own
    (
        trigger(when="steps.ask.output.go"),
        [step("a"), step("b", when="steps.a.output.n > 0 || true")],
        [
            {
                "id": "sync_a",
                "action_type": "do_a",
                "params": {},
                "when": "(steps.ask.output.go)",
            },
            {
                "id": "sync_b",
                "action_type": "do_b",
                "params": {},
                "when": "(steps.ask.output.go) && (steps.sync_a.output.n > 0 || true)",
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
    assert expansion.expand(outer, stored) == expected


def test_what_was_expanded_is_a_plan_in_its_place():
    stored = [step("a"), step("b", {"x": {"$cel": "steps.a.output.n"}})]
    before, after = step("ask"), step("end", {"x": {"$cel": "steps.sync_b.output.n"}})
    whole = [before, *expansion.expand(trigger(when="steps.ask.output.go == true"), stored), after]
    assert [found.id for found in plans.parse(whole).steps] == ["ask", "sync_a", "sync_b", "end"]


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
