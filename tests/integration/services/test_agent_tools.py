"""The tools of a live run: each action meets the agent's own gate, and is carried out at once."""

from __future__ import annotations

import contextlib

import pytest

from governance.domain.words import Effect
from governance.models import Decision, Execution, Proposal, SupervisionSession
from governance.runtimes.base import Stopped
from governance.services import agent_tools, executions, forms, programs
from tests.agents import SECRET, execute
from tests.factories import (
    CanvasFactory,
    InterventionFactory,
    PresenceFactory,
    RunFactory,
    SupervisionSessionFactory,
    approved,
    held,
    let_go,
    make_spec,
    rule,
    run_worker,
    terminated,
)


@pytest.mark.parametrize(
    ("maturity", "expected"),
    [
        # read, change, burn, unknown, invalid key
        ("autonomous", ["done", "done", "done", "blocked"]),
        ("supervised", ["done", "done", "waiting", "blocked"]),  # somebody is there to watch
        ("intern", ["done", "waiting", "waiting", "blocked"]),
        ("student", ["done", "blocked", "blocked", "blocked"]),
    ],
)
def test_each_action_meets_the_agents_own_gate(things, agent_of, maturity, expected):
    PresenceFactory(user=things.supervisor)
    keys = ["thing_read", "thing_change", "thing_burn", "thing_unknown"]
    ran = execute(
        agent_of("Echo", maturity),
        context={"acts": [[key, {"n": 1}] for key in keys]},
        source="manual",
        by=things.by_supervisor,
    )
    answers = ran.ending.output["answers"]
    assert [answer["state"] for answer in answers] == expected
    done = [answer["output"] for answer in answers if answer["state"] == "done"]
    assert done == [{"n": 1}] * len(done)
    assert len(ran.waiting) == expected.count("waiting") == Proposal.objects.count()
    assert Execution.objects.filter(state="done").count() == len(done)
    assert Decision.objects.filter(kind="action").count() == 4


def test_what_an_intern_changes_waits_and_is_carried_out_after_approval(things, agent_of):
    ran = execute(
        agent_of("Echo", "intern"),
        context={"acts": [["thing_change", {"n": 7}]]},
        source="manual",
        by=things.by_supervisor,
    )
    proposal = Proposal.objects.get()
    assert ran.waiting == (str(proposal.id),)
    assert Execution.objects.count() == 0
    approved(proposal)
    run_worker()
    proposal.refresh_from_db()
    assert proposal.state == "executed"


def test_what_waits_for_a_person_does_not_hold_the_run(things, agent_of):
    agent = agent_of("Echo")
    fields = [{"name": "why", "label": "Why?", "type": "text"}]
    form = CanvasFactory(
        run=RunFactory(agent=agent),
        params={"kind": "form", "title": "A question", "form": {"fields": fields}},
    )
    acts = [["form_answer", {"canvas": str(form.id), "wait_minutes": 60}], ["thing_read", {}]]
    ran = execute(agent, context={"acts": acts})
    waiting, done = ran.ending.output["answers"]
    assert (waiting["state"], done["state"]) == ("waiting", "done")
    assert waiting["reasons"][-1] == "the execution is ready, and not ended yet"
    assert ran.ending.outcome == "succeeded"

    forms.answer(canvas=form, answers={"why": "because"}, by=things.by_reviewer)
    run_worker()
    assert set(Execution.objects.values_list("state", flat=True)) == {"done"}


def test_what_cannot_even_be_asked_is_an_answer(things, agent_of):
    acts = [["thing_read", {"n": 2**60}], ["", {}], ["thing_read", "x"]]
    ran = execute(agent_of("Echo"), context={"acts": [acts[1], acts[2]]})
    answers = ran.ending.output["answers"]
    assert [answer["state"] for answer in answers] == ["blocked", "blocked"]
    assert Execution.objects.count() == 0


def test_a_failing_handler_is_told(house, registered, agent_of):
    def handler(context, params):
        raise ValueError(SECRET)

    registered(
        make_spec("thing_read", handler=handler, effect=Effect.UNKEYED), workspace=house.workspace
    )
    ran = execute(agent_of("Echo"), context={"acts": [["thing_read", {}]]})
    (answer,) = ran.ending.output["answers"]
    assert answer["state"] == "waiting"  # nobody knows whether it took effect
    assert "ValueError" in " ".join(answer["reasons"])
    assert SECRET not in str(answer)
    assert Execution.objects.get().state == "in_doubt"


def test_what_is_tried_again_is_waited_for(house, registered, agent_of):
    tried = []

    def handler(context, params):
        tried.append(context.idempotency_key)
        if len(tried) == 1:
            raise OSError("busy")
        return {"tries": len(tried)}

    registered(make_spec("thing_read", handler=handler), workspace=house.workspace)
    ran = execute(agent_of("Echo"), context={"acts": [["thing_read", {}]]})
    (answer,) = ran.ending.output["answers"]
    assert (answer["state"], answer["output"]) == ("done", {"tries": 2})


def test_where_a_worker_is_faster_its_outcome_is_waited_for(things, agent_of, monkeypatch):
    def faster(*, execution_id, by):
        run_worker()

    monkeypatch.setattr(executions, "run", faster)
    ran = execute(agent_of("Echo"), context={"acts": [["thing_read", {"n": 1}]]})
    assert ran.ending.output["answers"][0]["output"] == {"n": 1}


def test_what_is_not_carried_out_in_time_still_waits(things, agent_of, monkeypatch, settings):
    settings.GOVERNANCE_AGENT_RUN_SECONDS = 0.3
    monkeypatch.setattr(programs, "deadline", lambda seconds: contextlib.nullcontext())
    monkeypatch.setattr(executions, "run", lambda *, execution_id, by: None)
    ran = execute(agent_of("Echo"), context={"acts": [["thing_read", {}]]})
    (answer,) = ran.ending.output["answers"]
    assert answer["state"] == "waiting"
    assert answer["reasons"][-1] == "the execution is ready, and not ended yet"


def test_with_execution_switched_off_everything_waits(things, agent_of, settings):
    settings.GOVERNANCE_EXECUTION_ENABLED = False
    ran = execute(agent_of("Echo"), context={"acts": [["thing_read", {}], ["thing_do", {}]]})
    states = [answer["state"] for answer in ran.ending.output["answers"]]
    assert states == ["waiting", "waiting"]
    assert Execution.objects.filter(state="ready").count() == 2


def test_an_action_in_agent_mode_is_claimed_and_reported_once(things, agent_of):
    ran = execute(agent_of("Does"), context={"report": {"outcome": "done", "output": {"ok": 1}}})
    output = ran.ending.output
    assert output["claim"] == ["thing_do", {"amount": 5}]
    assert output["told"] == {"state": "done", "reasons": [], "output": {"ok": 1}}
    assert output["again"]["state"] == "blocked"
    assert Execution.objects.get().state == "done"


@pytest.mark.parametrize(
    ("context", "told", "execution"),
    [
        ({"report": {"outcome": "failed", "error": "No."}}, "failed", "failed"),
        ({"report": {"outcome": "failed"}}, "blocked", "done"),  # no error: reported again
        ({"report": {"outcome": "perhaps"}}, "blocked", "done"),
        ({"claim": "other", "report": {"outcome": "done"}}, "blocked", "done"),
    ],
)
def test_reports_that_cannot_be_taken_may_be_made_again(things, agent_of, context, told, execution):
    ran = execute(agent_of("Does"), context=context)
    assert ran.ending.output["told"]["state"] == told
    assert Execution.objects.get().state == execution


def test_what_was_done_is_recorded_though_the_run_was_ended_meanwhile(things, agent_of):
    context = {"ended": True, "report": {"outcome": "done", "output": {"ok": 1}}}
    ran = execute(agent_of("Does"), context=context)
    assert (ran.ending.outcome, ran.ending.note) == ("abandoned", "Enough.")
    assert Execution.objects.get().state == "done"


def test_reports_of_nothing_are_counted(things, agent_of, settings):
    settings.GOVERNANCE_AGENT_TURNS = 1
    ran = execute(agent_of("Does"), context={"claim": "other", "report": {"outcome": "done"}})
    assert (ran.ending.outcome, ran.ending.note) == (
        "abandoned",
        "It did not finish within 1 turns.",
    )


def test_a_program_cannot_change_what_rules_look_at(things, agent_of):
    things.publish(
        rule(condition="trigger.context.context.amount > 100", scope="thing_read", route="denied")
    )
    ran = execute(agent_of("Mutates"), context={"amount": 500})
    assert ran.ending.output["state"] == "blocked"


# --- Held by whoever watches ---------------------------------------------------------------------


@pytest.fixture
def watched_echo(things, agent_of, monkeypatch):
    """Runs Echo under supervision; `when(n)` says what happens in the n-th wait of its tools."""

    def run(*acts, when, seconds=300.0, before=None):
        run = RunFactory(agent=agent_of("Echo", "supervised"), context={"acts": list(acts)})
        session = SupervisionSessionFactory(run=run)
        waits = []

        def sleep(slept):
            waits.append(slept)
            assert len(waits) < 20, "it waits for ever"
            when(session, len(waits))

        monkeypatch.setattr(agent_tools.time, "sleep", sleep)
        if before is not None:
            before(session)
        tools = agent_tools.LiveTools(run, turns=10, seconds=seconds)
        return session, tools, waits

    return run


def test_a_held_action_waits_and_then_goes_on_with_its_guidance(watched_echo):
    def when(session, number):
        if number == 2:
            InterventionFactory(session=session, guidance="Slower.")
        if number == 3:
            let_go(session)

    _, tools, waits = watched_echo(when=when, before=held)
    result = tools.act("thing_change", {"n": 1})
    assert (result.state, result.output, result.guidance) == ("done", {"n": 1}, "Slower.")
    assert waits == [agent_tools.HELD_SECONDS] * 3
    assert Decision.objects.filter(kind="action").count() == 1  # it was asked of the gate once


def test_while_it_is_held_its_clock_stands_still(watched_echo, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(agent_tools.time, "monotonic", lambda: clock[0])

    def when(session, number):
        clock[0] += 3_600
        if number == 2:
            let_go(session)

    _, tools, _ = watched_echo(when=when, before=held, seconds=10.0)
    assert tools.act("thing_read", {}).state == "done"
    clock[0] += 9.9
    assert tools.act("thing_read", {}).state == "done"
    clock[0] += 0.2
    with pytest.raises(Stopped, match="It did not finish within 10 s"):
        tools.act("thing_read", {})


def test_what_is_terminated_while_it_is_held_is_stopped(watched_echo):
    _, tools, _ = watched_echo(when=lambda session, number: terminated(session), before=held)
    with pytest.raises(Stopped, match="The run is not running"):
        tools.act("thing_read", {})


def test_a_step_that_is_held_in_the_middle_of_its_action_waits_too(watched_echo, monkeypatch):
    """Paused after the gate has cleared it, and before it is carried out."""
    run, paused_once = executions.run, []

    def pauses_first(*, execution_id, by):
        if not paused_once:
            paused_once.append(held(SupervisionSession.objects.get()))
        return run(execution_id=execution_id, by=by)

    monkeypatch.setattr(executions, "run", pauses_first)
    _, tools, waits = watched_echo(when=lambda session, number: let_go(session))
    result = tools.act("thing_change", {"n": 1})
    assert (result.state, result.output) == ("done", {"n": 1})
    assert waits == [agent_tools.HELD_SECONDS]


def test_an_action_that_needs_a_supervisor_waits_until_one_appears(things, agent_of, monkeypatch):
    run = RunFactory(agent=agent_of("Echo", "supervised"))
    waits = []

    def sleep(slept):
        waits.append(slept)
        if len(waits) == 2:
            PresenceFactory(user=things.supervisor)

    monkeypatch.setattr(agent_tools.time, "sleep", sleep)
    tools = agent_tools.LiveTools(run, turns=10, seconds=300)
    assert tools.act("thing_change", {"n": 1}).state == "done"
    assert len(waits) == 2
    assert SupervisionSession.objects.get().supervisor == things.supervisor
    routes = Decision.objects.filter(kind="action").values_list("route", flat=True)
    assert list(routes) == ["supervision"] * 2  # when it was held, and when it went on
