"""Running an agent's program: through its own gate, to its end, whatever the program does."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.utils import timezone

from governance.domain.errors import GateRefused, InvalidInput, NotAllowed
from governance.management.working import Sweeper
from governance.models import Execution, LedgerEntry, Proposal, Run, Trigger
from governance.services import agent_runs, programs, runs, triggers
from tests.agents import SECRET, execute
from tests.factories import (
    BY_SYSTEM,
    halted,
    make_spec,
    paused,
    retired,
)


def ledger_kinds() -> list[str]:
    return [entry.data["kind"] for entry in LedgerEntry.objects.order_by("id")]


# --- The gate of the agent itself -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("maturity", "route", "run_state", "proposals"),
    [
        ("student", "training", None, 1),
        ("intern", "proposal", "queued", 1),
        ("supervised", "supervision", "queued", 0),
    ],
)
def test_nothing_runs_where_its_own_gate_does_not_say_so(
    agent_of, maturity, route, run_state, proposals
):
    ran = execute(agent_of("Raises", maturity))
    assert (ran.ending, ran.started.trigger.route) == (None, route)
    assert (ran.started.run and ran.started.run.state) == run_state
    assert Proposal.objects.count() == proposals


@pytest.mark.parametrize("put_away", [paused, retired])
def test_a_paused_or_retired_agent_is_denied(agent_of, put_away):
    ran = execute(put_away(agent_of("Echo")))
    assert (ran.ending, ran.started.trigger.route) == (None, "denied")
    assert Run.objects.count() == 0


def test_a_halted_workspace_denies(agent_of):
    agent = agent_of("Echo")
    halted(agent.workspace)
    assert execute(agent).started.trigger.route == "denied"


def test_an_autonomous_agent_runs_and_succeeds(agent_of):
    ran = execute(agent_of("Echo"), "Say hello.", context={"acts": []})
    assert ran.ending.outcome == "succeeded"
    assert ran.ending.output == {"instruction": "Say hello.", "answers": []}
    run = Run.objects.get()
    assert (run.state, run.trigger.source) == ("succeeded", "ai_coordinator")
    assert run.trigger.context == {
        "instruction": "Say hello.",
        "context": {"acts": []},
        "agent_chain": [],
    }


def test_a_person_may_start_any_agent_by_hand_and_each_action_meets_the_gate(things, agent_of):
    agent = agent_of("Echo", "student")
    acts = {"acts": [["thing_read", {}], ["thing_change", {}]]}
    ran = execute(agent, context=acts, source="manual", by=things.by_supervisor)
    states = [answer["state"] for answer in ran.ending.output["answers"]]
    assert states == ["done", "blocked"]


def test_who_may_not_start_agents_may_not_run_them(house, agent_of):
    agent = agent_of("Echo")
    for by in (house.by_viewer, house.by_reviewer, agent.actor):
        with pytest.raises(NotAllowed):
            execute(agent, source="manual", by=by)
    assert Trigger.objects.count() == 0


# --- How runs end ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("class_name", "context", "outcome", "says"),
    [
        ("Raises", {}, "failed", "Its program raised ValueError; the log says where."),
        ("Exits", {}, "failed", "Its program raised SystemExit; the log says where."),
        ("Fails", {}, "failed", "There are no sales."),
        ("Garbage", {"value": "list"}, "failed", "It returned list, and must return"),
        ("Garbage", {"value": "object"}, "failed", "The output has no canonical JSON form"),
        ("Garbage", {}, "failed", "Its program raised KeyError"),
        ("Endless", {}, "abandoned", "It did not finish within 5 turns."),
        ("Hangs", {}, "abandoned", "It took longer than 0.5 s."),
    ],
)
def test_a_program_that_does_not_do_its_part(
    things, agent_of, settings, caplog, class_name, context, outcome, says
):
    settings.GOVERNANCE_AGENT_TURNS = 5
    if class_name == "Hangs":
        settings.GOVERNANCE_AGENT_RUN_SECONDS = 0.5
    ran = execute(agent_of(class_name), context=context)
    assert ran.ending.outcome == outcome
    assert ran.ending.note.startswith(says)
    assert ran.ending.output == {}
    run = Run.objects.get()
    assert (run.state, run.outcome) == (outcome, ran.ending.note)
    everything = [str(entry.data) for entry in LedgerEntry.objects.all()]
    assert not any(SECRET in text for text in [*everything, run.outcome, caplog.text])


def test_an_interrupted_run_is_abandoned_and_the_interrupt_goes_on(agent_of):
    with pytest.raises(KeyboardInterrupt):
        execute(agent_of("Interrupted"))
    assert Run.objects.get().state == "abandoned"


def test_a_run_that_somebody_ended_acts_no_more(house, agent_of, registered):
    def handler(context, params):
        run = Run.objects.get(pk=context.run_id)
        runs.finish(run=run, outcome="abandoned", by=house.by_supervisor, note="Enough.")
        return {}

    registered(make_spec("thing_read", handler=handler), workspace=house.workspace)
    ran = execute(agent_of("Endless"))
    assert (ran.ending.outcome, ran.ending.note) == ("abandoned", "Enough.")
    assert Execution.objects.count() == 1


def test_a_demotion_in_the_middle_is_felt_by_the_next_action(house, agent_of, registered):
    agent = agent_of("Echo")

    def handler(context, params):
        paused(agent)
        return {}

    registered(make_spec("thing_read", handler=handler), workspace=house.workspace)
    ran = execute(agent, context={"acts": [["thing_read", {}], ["thing_read", {}]]})
    states = [answer["state"] for answer in ran.ending.output["answers"]]
    assert states == ["done", "blocked"]
    assert ran.ending.output["answers"][1]["reasons"] == ["the agent is paused"]


def test_a_run_whose_process_died_is_abandoned_by_the_sweeper(house, agent_of):
    ours, by_hand = house.run("autonomous"), house.run("autonomous")
    assert programs.take(ours.pk)
    sweeper = Sweeper()
    sweeper.sweep()
    ours.refresh_from_db()
    assert ours.state == "running"
    with time_machine.travel(timezone.now() + datetime.timedelta(seconds=61), tick=False):
        sweeper.sweep()
    ours.refresh_from_db()
    by_hand.refresh_from_db()
    assert (ours.state, by_hand.state) == ("abandoned", "running")
    assert ours.outcome == "The process that ran its program died."
    assert sweeper.counts["runs_abandoned"] == 1


def test_everything_is_in_the_ledger(things, agent_of):
    execute(agent_of("Echo"), context={"acts": [["thing_read", {}]]}, chain=["a1"])
    kinds = ledger_kinds()
    wanted = ["trigger.fired", "run.queued", "run.running", "execution.ready", "execution.claimed"]
    wanted += ["execution_step.done", "execution.done", "run.succeeded"]
    assert [kind for kind in kinds if kind in wanted] == wanted
    fired = LedgerEntry.objects.get(subject_id=Trigger.objects.get().id)
    assert fired.data["data"]["chain"] == ["a1"]


# --- Chains ---------------------------------------------------------------------------------------


def test_an_agent_in_the_chain_is_not_run_again(agent_of):
    agent = agent_of("Echo")
    with pytest.raises(GateRefused, match="in a circle"):
        execute(agent, chain=[str(agent.id), "another"])
    assert Trigger.objects.count() == 0


def test_a_chain_may_be_so_long_and_no_longer(agent_of, settings):
    settings.GOVERNANCE_AGENT_DEPTH = 2
    agent = agent_of("Echo")
    assert execute(agent, chain=["1", "2"]).ending.outcome == "succeeded"
    with pytest.raises(GateRefused, match="2 deep at most"):
        execute(agent, chain=["1", "2", "3"])


def test_nobody_but_the_system_writes_a_chain(house, agent_of):
    agent = agent_of("Echo")
    with pytest.raises(InvalidInput, match="'agent_chain' is reserved"):
        triggers.fire(
            agent=agent, source="manual", type="t", context={"agent_chain": []}, by=BY_SYSTEM
        )
    ran = execute(agent, context={"agent_chain": ["forged"]}, chain=["1"])
    run_id = ran.started.run.id
    assert agent_runs.chain_of(agent_id=agent.id, run_id=run_id) == ("1", str(agent.id))


def test_without_a_run_of_its_own_an_agent_is_the_beginning_of_its_chain(agent_of):
    agent, other = agent_of("Echo"), agent_of("Echo")
    run_id = execute(other, chain=["1"]).started.run.id
    assert agent_runs.chain_of(agent_id=agent.id, run_id=None) == (str(agent.id),)
    assert agent_runs.chain_of(agent_id=agent.id, run_id=run_id) == (str(agent.id),)


# --- What cannot be run ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"module_path": ""}, "cannot be run from here"),
        ({"module_path": "tests.agents.Echo"}, "does not import"),
        ({"module_path": "tests.nowhere"}, "does not import"),
        ({"configuration": {"endpoint": "https://example.com/"}}, "keep one"),
        (
            {"module_path": "", "configuration": {"endpoint": ["https://example.com/"]}},
            "cannot be run from here",
        ),
    ],
)
def test_an_agent_without_a_way_to_it_is_refused_before_anything_is_written(agent_of, values, says):
    with pytest.raises(InvalidInput, match=says):
        execute(agent_of("Echo", **values))
    assert Trigger.objects.count() == 0


@pytest.mark.parametrize("instruction", ["", "  ", "x" * 10_001, "a\x00b"])
def test_an_instruction_is_needed_and_bounded(agent_of, instruction):
    with pytest.raises(InvalidInput, match="instruction"):
        execute(agent_of("Echo"), instruction)
