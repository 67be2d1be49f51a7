"""agent_execute: through proposal, approval and worker, under the gate of the agent that is run."""

from __future__ import annotations

import json

import pytest

from governance.domain.words import Complexity, TriggerSource
from governance.execution import wording
from governance.models import Execution, LedgerEntry, Proposal, Run, Trigger
from governance.policy import plans
from governance.services import action_types, agent_runs, allowed_hosts
from tests.agents import SECRET, http_agent
from tests.factories import (
    BY_SYSTEM,
    House,
    ProposalFactory,
    approved,
    make_spec,
    paused,
    retired,
    run_worker,
)


@pytest.fixture
def agent_of(house):
    def make(name, class_name="Delegates", maturity="autonomous", **values):
        values = {"module_path": "tests.agents", "class_name": class_name, **values}
        return house.agent(maturity, name=name, **values)

    return make


def ask(house, name, *, context=None) -> Execution:
    """An intern proposes to run the agent; a reviewer approves; a worker carries it out."""
    params = {"agent": name, "instruction": "Do it."} | ({"context": context} if context else {})
    proposal = ProposalFactory(run=house.run(), action_type="agent_execute", params=params)
    assert proposal.route == "proposal"
    execution = approved(proposal).execution
    run_worker()
    return Execution.objects.get(pk=execution.pk)


def step_of(execution):
    return execution.steps.get()


def output_of(execution) -> dict:
    return json.loads(step_of(execution).output)


def test_an_approved_run_of_another_agent_is_carried_out(house, agent_of):
    agent_of("helper")
    execution = ask(house, "helper")
    assert (execution.state, execution.proposal.state) == ("done", "executed")
    run = Run.objects.get(agent__name="helper")
    assert output_of(execution) == {
        "run": str(run.id),
        "outcome": "succeeded",
        "output": {"did": "Do it."},
    }
    assert (run.state, run.trigger.source) == ("succeeded", TriggerSource.AI_COORDINATOR)
    assert run.trigger.context["agent_chain"] == [str(execution.agent_id)]
    assert LedgerEntry.objects.filter(subject_id=run.id).count() == 3  # queued, running, succeeded


def test_an_http_agent_is_run_as_well(house):
    with http_agent(
        lambda asked: {"finish": {"outcome": "succeeded", "output": {"turn": asked["turn"]}}}
    ) as server:
        allowed_hosts.add(
            workspace=house.workspace,
            host="127.0.0.1",
            port=server.port,
            allow_private=True,
            by=house.by_governor,
        )
        house.agent("autonomous", name="remote", configuration={"endpoint": server.url})
        execution = ask(house, "remote", context={"year": 2024})
    assert execution.state == "done"
    assert output_of(execution)["output"] == {"turn": 1}
    assert server.seen[0]["task"]["context"] == {"year": 2024}


@pytest.mark.parametrize(
    ("maturity", "says", "to_come"),
    [
        ("student", "answers training", "Its training is proposal {proposal}."),
        ("intern", "answers proposal", "Proposal {proposal} to start it waits for people."),
        ("supervised", "answers supervision", "Its run {run} waits, and begins by itself once"),
    ],
)
def test_nothing_runs_where_the_other_agents_gate_does_not_say_so(
    house, agent_of, maturity, says, to_come
):
    agent_of("helper", maturity=maturity)
    execution = ask(house, "helper")
    assert execution.state == "failed"
    error = step_of(execution).error
    assert says in error
    assert "Nothing ran." in error
    proposal = Proposal.objects.filter(agent__name="helper").first()
    run = Run.objects.filter(agent__name="helper").first()
    found = {"proposal": proposal and proposal.pk, "run": run and run.pk}
    assert to_come.format(**found) in error
    assert run is None or run.state == "queued"


@pytest.mark.parametrize("put_away", [paused, retired])
def test_a_paused_or_retired_agent_is_refused(house, agent_of, put_away):
    put_away(agent_of("helper"))
    execution = ask(house, "helper")
    assert execution.state == "failed"
    assert f"the agent is {put_away.__name__}" in step_of(execution).error


def test_an_agent_of_another_workspace_does_not_exist(house, agent_of):
    House.build().agent("autonomous", name="elsewhere")
    execution = ask(house, "elsewhere")
    assert execution.state == "failed"
    assert "There is no agent 'elsewhere' here" in step_of(execution).error
    assert not Trigger.objects.filter(agent__name="elsewhere").exists()


def test_what_an_intern_changes_in_its_run_becomes_a_proposal(house, agent_of, registered):
    """A person may start an intern by hand; it may not then get another to act in its place."""
    registered(make_spec("thing_change", complexity=Complexity.CHANGE), workspace=house.workspace)
    intern = agent_of("helper", "Echo", maturity="intern")
    acts = {
        "acts": [["thing_change", {"n": 1}], ["agent_execute", {"agent": "x", "instruction": "y"}]]
    }
    agent_runs.execute(agent=intern, instruction="Go.", context=acts, by=house.by_supervisor)
    assert [p.route for p in Proposal.objects.order_by("id")] == ["proposal", "proposal"]
    assert Execution.objects.count() == 0


@pytest.mark.parametrize(
    ("class_name", "outcome", "says"),
    [
        ("Raises", "failed", "Its program raised ValueError"),
        ("Fails", "failed", "There are no sales."),
        ("Hangs", "abandoned", "It took longer than 0.4 s."),
        ("Endless", "abandoned", "It did not finish within 3 turns."),
    ],
)
def test_a_run_that_did_not_succeed_never_reads_as_executed(
    house, agent_of, settings, class_name, outcome, says
):
    settings.GOVERNANCE_AGENT_TURNS = 3
    if class_name == "Hangs":
        settings.GOVERNANCE_AGENT_RUN_SECONDS = 0.4
    agent_of("helper", class_name)
    execution = ask(house, "helper")
    assert (execution.state, execution.proposal.state) == ("failed", "failed")
    error = step_of(execution).error
    assert f"of helper {outcome}: {says}" in error
    assert SECRET not in error
    assert Run.objects.get(agent__name="helper").state == outcome


def test_the_handlers_own_deadline_ends_the_run_too(house, agent_of):
    agent_of("helper", "Hangs")
    action_types.define(
        workspace=house.workspace,
        key="agent_execute",
        values={"timeout_seconds": 1},
        by=BY_SYSTEM,
    )
    execution = ask(house, "helper")
    assert execution.state == "failed"
    assert "It took longer than" in step_of(execution).error
    assert Run.objects.get(agent__name="helper").state == "abandoned"


# --- Agents that run agents -----------------------------------------------------------------------


def delegating(agent_of, *names: str) -> None:
    """Each asks the next; the last does it itself."""
    for name, other in zip(names, [*names[1:], None], strict=True):
        agent_of(name, configuration={"delegate": other} if other else {})


def test_an_agent_runs_another_which_runs_another(house, agent_of):
    delegating(agent_of, "a", "b", "c")
    execution = ask(house, "a")
    assert execution.state == "done"
    assert output_of(execution)["output"] == {"got": {"got": {"did": "Do it."}}}
    chains = [trigger.context.get("agent_chain") for trigger in Trigger.objects.order_by("id")]
    lengths = [None if chain is None else len(chain) for chain in chains]
    assert lengths == [None, 1, 2, 3]
    assert set(Run.objects.exclude(agent=execution.agent).values_list("state", flat=True)) == {
        "succeeded"
    }


def test_four_deep_is_too_deep(house, agent_of):
    delegating(agent_of, "a", "b", "c", "d")
    execution = ask(house, "a")
    assert execution.state == "failed"
    assert "3 deep at most" in step_of(execution).error
    assert not Trigger.objects.filter(agent__name="d").exists()


def test_a_circle_is_refused(house, agent_of):
    agent_of("a", configuration={"delegate": "b"})
    agent_of("b", configuration={"delegate": "a"})
    execution = ask(house, "a")
    assert execution.state == "failed"
    assert "a is already at work on this" in step_of(execution).error
    assert Run.objects.filter(agent__name="a").count() == 1


def test_an_agent_does_not_run_itself(house, agent_of):
    agent = agent_of("a", configuration={"delegate": "a"})
    ran = agent_runs.execute(agent=agent, instruction="Do it.", by=house.by_supervisor)
    assert ran.ending.outcome == "failed"
    assert "a is already at work on this" in ran.ending.note


def test_it_is_said_in_words():
    params = {"agent": "helper", "instruction": "Show the sales"}
    plan = plans.parse(plans.single("agent_execute", params))
    assert wording.sentences(plan, {}) == ["Ask the agent “helper”: “Show the sales”."]
