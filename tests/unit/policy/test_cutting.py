"""Cases cut from what was recorded."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput
from governance.policy import exams
from governance.policy.cutting import Recorded, cut
from governance.policy.exams import Call, Ending

LOOKED = Recorded("find", {"id": 1}, {"name": "Ada"})
PAID = Recorded("pay", {"sum": 5}, {"paid": True})
TRIED = Recorded("pay", {"sum": 9}, error="Not so much.")
CHANGING = frozenset({"pay", "burn"})


def cut_of(*recorded, **values):
    return cut(
        **{
            "instruction": "Pay it.",
            "context": {"a": 1},
            "recorded": recorded,
            "changing": CHANGING,
            **values,
        }
    )


def test_the_whole_of_a_case():
    assert cut_of(LOOKED, TRIED, PAID) == {
        "task": {"instruction": "Pay it.", "context": {"a": 1}},
        "tools": [
            {"action_type": "find", "params": {"id": 1}, "output": {"name": "Ada"}},
            {"action_type": "pay", "params": {"sum": 9}, "error": "Not so much."},
            {"action_type": "pay", "params": {"sum": 5}, "output": {"paid": True}},
        ],
        "required": [{"action_type": "pay", "params": {"sum": 5}}],
        "forbidden": [
            {"action_type": "burn"},
            {"action_type": "pay", "may_fail": [{"sum": 9}]},
        ],
        "expectation": "true",
    }


def test_where_nothing_was_changed_nothing_may_be_and_the_agent_must_look():
    found = cut_of(LOOKED)
    assert found["required"] == []
    assert found["forbidden"] == [{"action_type": "burn"}, {"action_type": "pay"}]
    assert found["expectation"] == "calls.size() > 0"


def test_where_nothing_was_done_there_is_no_case():
    with pytest.raises(InvalidInput, match="Nothing was done in this episode"):
        cut_of()


def test_what_should_have_been_done_takes_the_place_of_what_was():
    found = cut_of(LOOKED, PAID, expected=[("pay", {"sum": 7}), ("find", {"id": 2})])
    assert found["required"] == [{"action_type": "pay", "params": {"sum": 7}}]
    assert found["tools"][-1] == {"action_type": "pay", "params": {"sum": 7}, "output": {}}


def test_what_should_have_been_done_does_not_fail_again():
    failed = Recorded("pay", {"sum": 7}, error="The machine was down.")
    found = cut_of(failed, expected=[("pay", {"sum": 7})])
    assert found["tools"] == [{"action_type": "pay", "params": {"sum": 7}, "output": {}}]


def test_expecting_no_change_is_an_expectation():
    found = cut_of(LOOKED, PAID, expected=[])
    assert (found["required"], found["expectation"]) == ([], "calls.size() > 0")


def test_an_instruction_is_cut_where_cases_end():
    assert len(cut_of(LOOKED, instruction="x" * 20_000)["task"]["instruction"]) == 10_000


@pytest.mark.parametrize(
    ("recorded", "replayed", "passes"),
    [
        ([LOOKED, PAID], [LOOKED, PAID], True),
        ([LOOKED, TRIED, PAID], [LOOKED, TRIED, PAID], True),
        ([LOOKED, TRIED, PAID], [PAID], True),
        ([LOOKED, PAID], [LOOKED], False),
        ([LOOKED, PAID], [LOOKED, TRIED, PAID], False),
        ([LOOKED, PAID], [LOOKED, PAID, PAID], False),
        ([LOOKED], [LOOKED], True),
        ([LOOKED], [], False),
        ([LOOKED], [LOOKED, PAID], False),
        # the same call, which first failed and then worked
        ([Recorded("pay", {"sum": 5}, error="Busy."), PAID], [PAID, PAID], True),
        ([Recorded("pay", {"sum": 5}, error="Busy."), PAID], [PAID], False),
    ],
)
def test_replaying_a_cut_case(recorded, replayed, passes):
    case = exams.read(**cut_of(*recorded))
    simulation, calls = case.simulation(), []
    for each in replayed:
        answer = simulation.answer(each.action_type, each.params, [])
        state = "failed" if answer.error else "done"
        calls.append(Call(each.action_type, each.params, state, answer.output, answer.error))
    assert (exams.judge(case, calls, Ending(succeeded=True)) == ()) is passes
