"""The sample programs that replay."""

from __future__ import annotations

import pytest

from governance.exams.tools import SimulatedTools
from governance.policy.simulations import Simulation, Tool
from governance.runtimes.base import Task, TaskFailed
from governance.runtimes.samples import Replayer, Unsteady

CALLS = [
    {"action_type": "find", "params": {"id": 1}},
    {"action_type": "pay", "params": {"sum": 5}},
]


def tools():
    known = Simulation([Tool(action_type="find", output={"name": "Ada"})])
    return SimulatedTools(known, reasons=lambda key: (), turns=10)


def test_a_replayer_makes_the_calls_of_its_instruction_in_order():
    given = tools()
    program = Replayer({"replays": {"Pay.": CALLS}})
    assert program.run(Task("r", "Pay."), given) == {"ended": ["done", "failed"]}
    assert [(c.action_type, c.params) for c in given.calls] == [
        ("find", {"id": 1}),
        ("pay", {"sum": 5}),
    ]


def test_without_a_recording_it_fails():
    with pytest.raises(TaskFailed, match="Nothing is recorded"):
        Replayer({"replays": {}}).run(Task("r", "Pay."), tools())


@pytest.mark.parametrize(("chance", "lengths"), [(0, {1}), (1, {2}), (0.5, {1, 2})])
def test_an_unsteady_one_does_all_of_it_only_sometimes(chance, lengths):
    program = Unsteady({"replays": {"Pay.": CALLS}, "chance": chance, "seed": 7})
    tasks = [Task(f"run-{n}", "Pay.") for n in range(40)]
    found = [len(program.run(task, tools())["ended"]) for task in tasks]
    assert set(found) == lengths
    assert found == [len(program.run(task, tools())["ended"]) for task in tasks]
