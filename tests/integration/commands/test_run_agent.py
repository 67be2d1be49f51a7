"""run_agent: one run of a program, from the command line."""

from __future__ import annotations

import pytest

from governance.models import Proposal, Run, Trigger


@pytest.fixture
def who(house) -> tuple[str, ...]:
    return ("--instruction", "Do it.", "--by", house.supervisor.username)


def program(house, class_name, maturity="autonomous"):
    return house.agent(maturity, name="bot", module_path="tests.agents", class_name=class_name)


def test_a_run_that_succeeds(command, house, who):
    program(house, "Echo", "intern")
    context = '{"acts": [["agent_execute", {"agent": "x", "instruction": "y"}]]}'
    result = command("run_agent", "bot", *who, "--context", context, "--json")
    assert result.code == 0, result
    proposal = Proposal.objects.get()
    assert result.json["outcome"] == "succeeded"
    assert result.json["run"] == str(Run.objects.get().id)
    assert result.json["waiting"] == [str(proposal.id)]
    assert result.json["output"]["answers"][0]["state"] == "waiting"


def test_people_read_plain_lines(command, house, who):
    program(house, "Echo", "intern")
    context = '{"acts": [["agent_execute", {"agent": "x", "instruction": "y"}]]}'
    lines = command("run_agent", "bot", *who, "--context", context).out.splitlines()
    assert lines[lines.index("output:") + 1] == "  instruction: Do it."
    [answers] = [line for line in lines if line.startswith("  answers: {")]
    assert '"state": "waiting"' in answers
    assert not any("'" in line or "None" in line for line in lines), lines


def test_a_run_that_fails_ends_with_one(command, house, who):
    program(house, "Fails")
    result = command("run_agent", "bot", *who, "--json")
    assert (result.code, result.json["outcome"]) == (1, "failed")
    assert result.err == "The run failed: There are no sales."


def test_nothing_runs_where_the_gate_says_otherwise(command, house, who):
    program(house, "Echo", "student")
    result = command("run_agent", "bot", *who, "--source", "data_sync", "--json")
    assert (result.code, result.json["route"], result.json["outcome"]) == (1, "training", None)
    assert result.err.startswith("Nothing ran. training: ")
    assert (Trigger.objects.count(), Run.objects.count()) == (1, 0)


def test_what_cannot_be_run_is_refused(refused, house, who):
    house.agent(name="bot")
    refused("cannot be run from here", "run_agent", "bot", *who)
    refused("There is no agent 'other' here", "run_agent", "other", *who)
    viewer = ("--instruction", "Do it.", "--by", house.viewer.username)
    program_of = house.agent(name="p", module_path="tests.agents", class_name="Echo")
    refused("may not start an agent by hand", "run_agent", program_of.name, *viewer)
