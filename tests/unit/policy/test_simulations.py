"""What simulated tools answer, and to which calls."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput
from governance.policy.simulations import Answer, Simulation, Tool, same, shown

FOUND = {"action_type": "find", "params": {"id": 1}, "output": {"name": "Ada"}}


def simulation(*tools) -> Simulation:
    return Simulation([Tool.model_validate(tool) for tool in tools])


UNKNOWN = Answer(error="no such record", known=False)


@pytest.mark.parametrize(
    ("action_type", "params", "answer"),
    [
        ("find", {"id": 1}, Answer({"name": "Ada"})),
        ("find", {"id": 1.0}, Answer({"name": "Ada"})),  # one number in canonical JSON
        ("find", {"id": 2}, UNKNOWN),
        ("find", {"id": "1"}, UNKNOWN),
        ("find", {"id": True}, UNKNOWN),
        ("find", {"id": 1, "more": None}, UNKNOWN),
        ("find", {}, UNKNOWN),
        ("finds", {"id": 1}, UNKNOWN),
        ("fin", {"id": 1}, UNKNOWN),
        ("FIND", {"id": 1}, UNKNOWN),
    ],
)
def test_a_record_answers_its_own_call_and_no_other(action_type, params, answer):
    assert simulation(FOUND).answer(action_type, params, []) == answer


def test_members_have_no_order_and_items_have():
    tool = {"action_type": "find", "params": {"a": 1, "b": [1, 2]}, "output": {"ok": 1}}
    assert simulation(tool).answer("find", {"b": [1, 2], "a": 1}, []).output == {"ok": 1}
    assert simulation(tool).answer("find", {"b": [2, 1], "a": 1}, []).known is False


def test_records_of_the_same_call_are_given_in_order_and_the_last_one_again():
    found = simulation(
        {"action_type": "find", "params": {}, "output": {"n": 1}},
        {"action_type": "find", "params": {}, "error": "too many"},
        {"action_type": "find", "params": {}, "output": {"n": 3}},
    )
    answers = [found.answer("find", {}, []) for _ in range(4)]
    assert [(a.output, a.error, a.known) for a in answers] == [
        ({"n": 1}, "", True),
        ({}, "too many", True),
        ({"n": 3}, "", True),
        ({"n": 3}, "", True),
    ]


def test_a_stub_answers_what_no_record_does_the_first_that_holds():
    found = simulation(
        FOUND,
        {"action_type": "find", "when": "params.id > 100", "error": "out of range"},
        {"action_type": "find", "when": "params.id > 10", "cel": "{'twice': params.id * 2}"},
        {"action_type": "find", "output": {"name": "somebody"}},
    )
    told = {n: found.answer("find", {"id": n}, []) for n in (1, 11, 101, 2)}
    assert told[1].output == {"name": "Ada"}
    assert told[11].output == {"twice": 22}
    assert (told[101].error, told[101].known) == ("out of range", True)
    assert told[2].output == {"name": "somebody"}


def test_a_stub_sees_the_calls_before_and_which_action_it_is():
    found = simulation(
        {
            "action_type": "pay",
            "when": "calls.exists(c, c.action_type == 'find' && c.state == 'done')",
            "cel": "{'paid': params.sum, 'as': action.key, 'calls': calls.size()}",
        }
    )
    before = [{"action_type": "find", "state": "done", "params": {}}]
    assert found.answer("pay", {"sum": 5}, []) == UNKNOWN
    assert found.answer("pay", {"sum": 5}, before).output == {"paid": 5, "as": "pay", "calls": 1}


@pytest.mark.parametrize(
    ("stub", "fault"),
    [
        ({"when": "params.missing > 1", "output": {}}, "cannot be evaluated"),
        ({"cel": "params.missing"}, "cannot be evaluated"),
        ({"cel": "1 + 1"}, "must give a map"),
        ({"cel": "{'at': timestamp('2026-01-01T00:00:00Z')}"}, "no canonical JSON form"),
    ],
)
def test_a_stub_that_is_broken_is_answered_as_unknown_and_says_so(stub, fault):
    answer = simulation({"action_type": "find", **stub}).answer("find", {"id": 1}, [])
    assert (answer.error, answer.known) == ("no such record", False)
    assert fault in answer.fault


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        ({"action_type": "find"}, "exactly one of"),
        ({"action_type": "find", "output": {}, "error": "x"}, "exactly one of"),
        ({"action_type": "find", "params": {}, "cel": "{}"}, "neither when nor cel"),
        ({"action_type": "find", "params": {}, "when": "true", "output": {}}, "neither when"),
        ({"action_type": "", "output": {}}, "at least 1 character"),
        ({"action_type": "find", "output": []}, "valid dictionary"),
        ({"action_type": "find", "output": {}, "more": 1}, "Extra inputs"),
        ({"action_type": "find", "error": ""}, "at least 1 character"),
    ],
)
def test_a_tool_has_one_shape(tool, says):
    with pytest.raises(ValueError, match=says):
        Tool.model_validate(tool)


@pytest.mark.parametrize(
    ("stub", "says"),
    [
        ({"when": "params.x >"}, "does not compile"),
        ({"when": "agent.name == 'x'"}, "does not compile"),
        ({"when": "1 + 1"}, "true or false"),
        ({"when": "true" + " " * 2_000}, "longer than 2,000"),
    ],
)
def test_what_does_not_compile_is_refused_when_it_is_prepared(stub, says):
    with pytest.raises(InvalidInput, match=says) as refused:
        simulation(FOUND, {"action_type": "find", "output": {}, **stub})
    assert str(refused.value).startswith("tools/1 (find): ")


def test_each_sitting_has_records_of_its_own():
    tools = [
        {"action_type": "find", "params": {}, "output": {"n": 1}},
        {"action_type": "find", "params": {}, "output": {"n": 2}},
    ]
    for _ in range(2):
        assert simulation(*tools).answer("find", {}, []).output == {"n": 1}


def test_the_same_arguments():
    assert same({"a": 1, "b": [3.0]}, {"b": [3], "a": 1.0})
    assert not same({"a": 1}, {"a": 1, "b": None})
    assert not same({"a": "1"}, {"a": 1})


def test_a_call_in_a_sentence_is_cut():
    assert shown("pay", {"b": 1, "a": "x"}) == 'pay {"a":"x","b":1}'
    assert shown("pay", {"a": "x" * 500}) == f'pay {{"a":"{"x" * 294}...'
