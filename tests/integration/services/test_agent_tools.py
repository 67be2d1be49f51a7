"""The tools of a live run: each action meets the agent's own gate, and is carried out at once."""

from __future__ import annotations

import contextlib

import pytest

from governance.domain.words import Effect
from governance.models import Decision, Execution, Proposal
from governance.services import executions, forms, programs
from tests.agents import SECRET, execute
from tests.factories import (
    CanvasFactory,
    PresenceFactory,
    RunFactory,
    approved,
    make_spec,
    rule,
    run_worker,
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
