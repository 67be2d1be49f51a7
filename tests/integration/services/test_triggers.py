"""Triggers: what asks an agent to start, and what becomes of it."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput, NotFound
from governance.models import ActionType, Agent, Decision, Proposal, Run, Trigger
from governance.services import triggers
from tests.factories import (
    BY_SYSTEM,
    AgentFactory,
    CeilingFactory,
    halted,
    paused,
    retired,
)
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db

AUTOMATED = ("data_sync", "workflow_engine", "ai_coordinator")


def fire(agent, *, source="data_sync", **values):
    values = {"type": "order.created", "by": BY_SYSTEM, **values}
    return triggers.fire(agent=agent, source=source, **values)


# maturity, route, the run's state, whether a proposal waits: to start it, or to train the agent
FROM_A_MACHINE = [
    ("student", "training", None, True),
    ("intern", "proposal", "queued", True),
    ("supervised", "supervision", "queued", False),
    ("autonomous", "execution", "running", False),
]


@pytest.mark.parametrize("source", AUTOMATED)
@pytest.mark.parametrize(("maturity", "route", "state", "waits"), FROM_A_MACHINE)
def test_an_automated_trigger(house, source, maturity, route, state, waits):
    agent = house.agent(maturity)
    started = fire(agent, source=source, context={"order": 7})
    trigger = Trigger.objects.get(pk=started.trigger.pk)
    assert (trigger.route, trigger.source, trigger.context) == (route, source, {"order": 7})
    assert (started.run and started.run.state) == state
    assert (started.proposal is not None) is waits
    decision = Decision.objects.get(trigger=trigger)
    assert (decision.kind, decision.route, decision.maturity) == ("trigger", route, maturity)
    assert decision.reasons == [f"{source} trigger, {maturity} agent"]
    assert decision.run == started.run


@pytest.mark.parametrize("maturity", ["student", "intern", "supervised", "autonomous"])
def test_a_manual_trigger_starts_the_run_and_warns_below_autonomous(house, maturity):
    started = fire(house.agent(maturity), source="manual", by=house.by_supervisor)
    assert (started.trigger.route, started.run.state) == ("execution", "running")
    assert started.decision.reasons[0] == "a person asked for it"
    warned = any(reason.startswith("warning: ") for reason in started.decision.reasons)
    assert warned is (maturity != "autonomous")


# what is wrong with the agent, why it is denied
BLOCKED = [
    (paused, "the agent is paused"),
    (retired, "the agent is retired"),
    (lambda agent: halted(agent.workspace) and agent, "the workspace is halted"),
]


@pytest.mark.parametrize("source", ["manual", "data_sync"])
@pytest.mark.parametrize(("block", "why"), BLOCKED)
def test_a_blocked_agent_does_not_start_and_the_denial_is_kept(house, source, block, why):
    agent = house.agent("autonomous")
    block(agent)
    with recorded() as entries:
        started = fire(agent, source=source)
    assert (started.run, started.proposal) == (None, None)
    assert (started.trigger.route, started.decision.reasons) == ("denied", [why])
    assert kinds(entries) == ["trigger.fired", "decision.denied"]


def test_a_ceiling_counts_for_the_start_as_well(house):
    agent = house.agent("autonomous")
    CeilingFactory(agent=agent, maturity="intern")
    started = fire(agent)
    assert (started.trigger.route, started.run.state) == ("proposal", "queued")
    assert started.decision.reasons == [
        "data_sync trigger, autonomous agent with a ceiling of intern"
    ]


ENTRIES = [
    (
        "student",
        ["trigger.fired", "proposal.proposed", "trigger.blocked", "decision.training"],
    ),
    (
        "intern",
        [
            "trigger.fired",
            "run.queued",
            "proposal.proposed",
            "decision.proposal",
        ],
    ),
    ("supervised", ["trigger.fired", "run.queued", "decision.supervision"]),
    ("autonomous", ["trigger.fired", "run.queued", "run.running"]),
]


@pytest.mark.parametrize(("maturity", "expected"), ENTRIES)
def test_the_ledger_holds_all_of_it(house, maturity, expected):
    agent = house.agent(maturity)
    with recorded() as entries:
        started = fire(agent, context={"secret": "not for the ledger"})
    assert kinds(entries) == expected
    first = entries[0]
    assert first.subject_id == started.trigger.id
    assert first.data["data"] == {
        "agent": str(agent.id),
        "source": "data_sync",
        "type": "order.created",
        "route": started.trigger.route,
    }


def test_the_proposal_to_start_names_the_run_and_is_the_systems(house):
    agent = house.agent("intern", name="returns")
    started = fire(agent)
    proposal = Proposal.objects.get(pk=started.proposal.pk)
    assert (proposal.title, proposal.run_id) == ("Start returns: order.created", started.run.id)
    assert proposal.reasoning == ""  # the agent said nothing; the gate's reasons are its decision's
    decision = proposal.decisions.get()
    assert (decision.kind, decision.route, decision.trigger) == (
        "trigger",
        "proposal",
        started.trigger,
    )
    assert decision.reasons == ["data_sync trigger, intern agent"]
    params = f'{{"run":"{started.run.id}"}}'
    assert proposal.plan == f'[{{"action_type":"run_start","id":"step1","params":{params}}}]'


def test_the_run_begins_with_what_the_agent_is_now(house):
    """The caller's copy of the agent may be old; a demotion holds from the next decision on."""
    seen = house.agent("autonomous")
    Agent.objects.filter(pk=seen.pk).update(maturity="intern", fingerprint="f" * 64)
    started = fire(seen)
    run = Run.objects.get(pk=started.run.pk)
    assert (run.state, run.maturity, run.fingerprint) == ("queued", "intern", "f" * 64)
    assert Proposal.objects.get(run=run).fingerprint == "f" * 64


BAD = [
    ({"source": "cron"}, "There is no trigger source 'cron'; use one of manual, data_sync"),
    ({"source": "Manual"}, "There is no trigger source"),
    ({"type": ""}, "trigger type is empty"),
    ({"type": "t" * 101}, "101 characters long"),
    ({"type": "a\x00"}, "cannot be stored"),
    ({"context": ["x"]}, "context must be a JSON object"),
    ({"context": {"x": "y" * 64_000}}, "at most 64,000 are accepted"),
    ({"context": {"x": 2**53}}, "use strings for whole numbers"),
    ({"context": {"x": "\x00"}}, r"character U\+0000"),
]


@pytest.mark.parametrize(("values", "says"), BAD)
def test_a_bad_trigger_is_refused(house, values, says):
    agent = house.agent("autonomous")
    with refused(InvalidInput, says):
        fire(agent, **values)


def test_deep_context_is_refused(house):
    agent = house.agent("autonomous")
    deep: dict = {}
    for _ in range(64):
        deep = {"x": deep}
    with refused(InvalidInput, "nested deeper than 64 levels"):
        fire(agent, context=deep)


def test_without_its_own_action_type_nothing_half_done_is_left():
    agent = AgentFactory(maturity="intern")
    ActionType.objects.filter(key="run_start").update(enabled=False)  # which no service does
    with refused(NotFound, "no enabled action type 'run_start'"):
        fire(agent)
