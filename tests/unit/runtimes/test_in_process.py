"""Programs in this process: which load, and what they may return."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput
from governance.runtimes.base import Misbehaved, Task
from governance.runtimes.in_process import InProcess, load
from tests import agents


def test_a_program_loads_by_its_module_and_class():
    assert load("tests.agents", "Echo") is agents.Echo


@pytest.mark.parametrize(
    ("module", "name", "says"),
    [
        ("tests.no_such_module", "Echo", "there is no module tests.no_such_module"),
        ("no_such_package.at_all", "Echo", "there is no module no_such_package"),
        ("tests.agents", "Missing", "has no class Missing that is an AgentProgram"),
        ("tests.agents", "NoProgram", "has no class NoProgram that is an AgentProgram"),
        ("tests.agents", "SECRET", "has no class SECRET that is an AgentProgram"),
        ("tests.agents", "Abstract", "does not define `run`"),
        ("tests.agents", "", "do not name a class"),
        ("tests/agents.py", "Echo", "do not name a class"),
        ("..agents", "Echo", "do not name a class"),
    ],
)
def test_what_does_not_load_says_what_to_put_right(module, name, says):
    with pytest.raises(InvalidInput, match=says):
        load(module, name)


def test_a_module_that_raises_is_refused_without_its_words(tmp_path, monkeypatch):
    (tmp_path / "broken_agent.py").write_text("raise RuntimeError('password=hunter2')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidInput, match="it raised RuntimeError") as refused:
        load("broken_agent", "Agent")
    assert "hunter2" not in str(refused.value)


def test_each_run_has_an_instance_and_a_configuration_of_its_own():
    seen = []

    class Keeps(agents.AgentProgram):
        def run(self, task, tools):
            seen.append(self)
            self.configuration["list"].append(1)
            return {"list": self.configuration["list"]}

    runtime = InProcess(Keeps, {"list": []})
    for _ in range(2):
        assert runtime.run(Task("r", "do"), None).output == {"list": [1]}
    assert seen[0] is not seen[1]


@pytest.mark.parametrize("value", ["none", "list", "object", "nan", "large"])
def test_garbage_is_told_from_an_output(value):
    with pytest.raises(Misbehaved):
        InProcess(agents.Garbage, {}).run(Task("r", "do", {"value": value}), None)
