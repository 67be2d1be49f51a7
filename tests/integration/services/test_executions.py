"""Executions in agent mode: claimed once, reported once, in doubt where nobody says how it went."""

from __future__ import annotations

import datetime

import pytest
import time_machine

from governance.domain.errors import (
    ExecutionDisabled,
    GateRefused,
    InvalidInput,
    LeaseLost,
    NotAllowed,
    NotFound,
    PlanChanged,
    StaleState,
)
from governance.models import Agent, Decision, Episode, Evidence, Execution
from governance.services import agents, executions
from tests.factories import (
    BY_SYSTEM,
    ExecutionFactory,
    ProposalFactory,
    approved,
    cancelled,
    claimed,
    executed,
    failed,
    halted,
    in_doubt,
    paused,
    resumed,
    rule,
)
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db

SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
def ready(house) -> Execution:
    """Approved, for an intern to carry out itself."""
    house.action_type("pay")
    return ExecutionFactory(proposal=ProposalFactory(run=house.run(), action_type="pay"))


def claim(execution, **values):
    values = {"digest": execution.digest, "by": execution.agent.actor, **values}
    return executions.claim(execution=execution, **values)


def report(execution, **values):
    values = {"token": 1, "outcome": "done", "by": execution.agent.actor, **values}
    return executions.report(execution=execution, **values)


def ending(execution) -> tuple[str, str, list[str]]:
    row = Execution.objects.select_related("proposal").get(pk=execution.pk)
    steps = row.steps.order_by("position").values_list("state", flat=True)
    return row.state, row.proposal.state, list(steps)


# --- Claiming -------------------------------------------------------------------------------------


def test_claim_gives_the_plan_a_token_and_a_lease(ready, settings):
    settings.GOVERNANCE_AGENT_LEASE_SECONDS = 600
    with recorded() as entries, time_machine.travel("2030-01-01T12:00Z", tick=False):
        given = claim(ready)
    assert given.token == 1
    assert [step.as_json() for step in given.plan.steps] == [
        {"id": "step1", "action_type": "pay", "params": {"amount": 5}}
    ]
    row = Execution.objects.get(pk=ready.pk)
    assert (row.state, row.fencing_token) == ("claimed", 1)
    assert row.claimed_by == f"agent {ready.agent.name}"
    assert row.lease_expires_at == datetime.datetime(2030, 1, 1, 12, 10, tzinfo=datetime.UTC)
    assert row.steps.get().state == "sent"
    assert kinds(entries) == ["execution.claimed", "execution_step.sent"]
    assert entries[0].data["data"] == {
        "from": "ready",
        "to": "claimed",
        "version": 2,
        "fencing_token": 1,
    }


ENDS = [executed, failed, in_doubt, cancelled]


def test_it_is_claimed_once(ready):
    claim(ready)
    with refused(StaleState, "The execution cannot become claimed"):
        claim(ready)


@pytest.mark.parametrize("move", ENDS, ids=lambda move: move.__name__)
def test_what_has_ended_cannot_be_claimed(ready, move):
    move(ready.proposal)
    with refused(StaleState, "The execution cannot become claimed"):
        claim(ready)


@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_another_digest_is_refused(ready, digest):
    with refused(PlanChanged, "not that of the approved plan"):
        claim(ready, digest=digest)


def test_an_agent_that_changed_since_the_approval_cannot_claim(house, ready):
    """People approved what another model, prompt or set of tools had asked for."""
    changes = {"configuration": {"model": "m-2"}}
    agents.update(agent=ready.agent, changes=changes, by=house.by_governor)
    with refused(PlanChanged, "model, prompt or tools changed after this was approved"):
        claim(ready)
    assert ending(ready) == ("ready", "approved", ["pending"])


def test_only_the_agent_it_was_cleared_for(house, ready):
    for by in (house.agent().actor, house.by_governor, BY_SYSTEM):
        with refused(NotAllowed, "Only the agent it was cleared for"):
            claim(ready, by=by)
    given = claim(ready)
    for by in (house.agent().actor, house.by_governor, BY_SYSTEM):
        with refused(NotAllowed, "Only the agent it was cleared for"):
            report(ready, token=given.token, by=by)


def test_what_a_worker_carries_out_is_not_the_agents(house):
    params = {"kind": "markdown", "title": "t", "markdown": "x"}
    execution = ExecutionFactory(
        proposal=house.proposal(action_type="canvas_present", params=params)
    )
    with refused(NotAllowed, "A worker carries this execution out"):
        claim(execution)
    with refused(NotAllowed, "A worker carries this execution out"):
        report(execution, token=0)


def test_an_execution_that_is_not_there(ready):
    ready.pk = ready.id = ready.agent_id
    with refused(NotFound, "There is no execution"):
        claim(ready)


def test_while_execution_is_off_nothing_is_claimed(ready, settings):
    settings.GOVERNANCE_EXECUTION_ENABLED = False
    with refused(ExecutionDisabled, "switched off"):
        claim(ready)
    settings.GOVERNANCE_EXECUTION_ENABLED = True
    assert claim(ready).token == 1


def test_in_a_halted_workspace_it_waits(house, ready):
    halted(house.workspace)
    with refused(StaleState, "The workspace is halted"):
        claim(ready)
    resumed(house.workspace)
    assert claim(ready).token == 1


# what happened since it was approved, the gate's answer
SINCE = [
    (
        lambda house, agent: Agent.objects.filter(pk=agent.pk).update(maturity="student"),
        "training: student agent, complexity 3: training",
    ),
    (lambda house, agent: paused(agent), "denied: the agent is paused"),
    (
        lambda house, agent: house.publish(rule("no")),
        "denied: intern agent, complexity 3: proposal; rule no: denied, for a test",
    ),
    (
        lambda house, agent: house.action_type("pay", enabled=False),
        "denied: there is no enabled action type 'pay'",
    ),
]


@pytest.mark.parametrize(("change", "says"), SINCE)
def test_the_gate_is_asked_again_and_a_stricter_answer_ends_it(house, ready, change, says):
    change(house, ready.agent)
    with recorded() as entries, pytest.raises(GateRefused) as told:
        claim(ready)
    assert str(told.value) == f"The gate now answers {says}. Nothing was sent."
    row = Execution.objects.get(pk=ready.pk)
    assert ending(ready) == ("failed", "failed", ["failed"])
    assert row.error == f"step step1: {told.value}"
    route = says.split(":", maxsplit=1)[0]
    assert kinds(entries) == [
        "execution.claimed",
        f"decision.{route}",
        "execution_step.failed",
        "execution.failed",
        "proposal.failed",
        "episode.closed",
    ]
    assert Episode.objects.get(source="proposal").outcome == "abandoned"
    assert not Evidence.objects.filter(kind="failure").exists()  # nothing of it was tried
    decision = Decision.objects.filter(execution=ready).get()
    assert (decision.route, decision.step) == (route, "step1")
    with refused(StaleState, "cannot become claimed"):
        claim(ready)


def test_what_people_approved_covers_the_answer_proposal(house, ready):
    house.publish(rule("look", route="proposal"))
    assert claim(ready).token == 1


# --- Reporting ------------------------------------------------------------------------------------


def test_report_done(ready):
    claim(ready)
    with recorded() as entries:
        row = report(ready, output={"b": 1, "a": None})
    assert ending(ready) == ("done", "executed", ["done"])
    assert (row.state, row.lease_expires_at, row.error) == ("done", None, "")
    step = row.steps.get()
    assert (step.output, step.error) == ('{"a":null,"b":1}', "")
    assert step.finished_at is not None
    assert kinds(entries) == [
        "execution_step.done",
        "execution.done",
        "proposal.executed",
        "episode.closed",
    ]
    assert {e.data["by"]["id"] for e in entries} == {str(ready.agent_id)}


def test_report_failed(ready):
    claim(ready)
    with recorded() as entries:
        row = report(ready, outcome="failed", error="The bank said no.")
    assert ending(ready) == ("failed", "failed", ["failed"])
    assert row.error == "step step1: The bank said no."
    assert row.steps.get().error == "The bank said no."
    assert kinds(entries) == [
        "execution_step.failed",
        "execution.failed",
        "proposal.failed",
        "episode.closed",
        "evidence.noted",
    ]


BAD = [
    ({"outcome": "in_doubt"}, "must be done or failed, not 'in_doubt'"),
    ({"outcome": ""}, "must be done or failed"),
    ({"output": ["x"]}, "output must be a JSON object"),
    ({"output": {"x": "y" * 256_000}}, "at most 256,000 are accepted"),
    ({"output": {"x": float("nan")}}, "only finite numbers"),
    ({"output": {"x": "\x00"}}, r"character U\+0000"),
    ({"outcome": "failed"}, "The error is empty"),
    ({"outcome": "failed", "error": "e" * 2_001}, "error is 2,001 characters long"),
    ({"outcome": "failed", "error": "\x00"}, "cannot be stored"),
    # What is not asked for is stored all the same, so it is held to the same limits.
    ({"outcome": "done", "error": "e" * 2_001}, "error"),
    ({"outcome": "done", "error": "\x00"}, "error"),
    ({"outcome": "failed", "error": "no", "output": {"x": "y" * 256_000}}, "output"),
    ({"outcome": "failed", "error": "no", "output": ["x"]}, "output"),
    ({"outcome": "failed", "error": "no", "output": {"x": "\x00"}}, "output"),
]


@pytest.mark.parametrize(("values", "says"), BAD)
def test_a_bad_report_is_refused_and_the_claim_stays(ready, values, says):
    claim(ready)
    with refused(InvalidInput, says):
        report(ready, **values)
    report(ready)
    assert ending(ready) == ("done", "executed", ["done"])


def test_a_report_needs_the_token_in_force(ready):
    with refused(LeaseLost, "never held under this token"):
        report(ready, token=0)
    claim(ready)
    for token in (0, 2, -1):
        with refused(LeaseLost, "never held under this token"):
            report(ready, token=token)
    report(ready)
    with refused(LeaseLost, "never held under this token"):
        report(ready)


def test_a_report_after_the_lease_is_not_heard(ready):
    claim(ready)
    ready.refresh_from_db()
    with time_machine.travel(ready.lease_expires_at - SECOND, tick=False):
        assert executions.sweep(by=BY_SYSTEM) == {"ready": 0, "in_doubt": 0}
    with time_machine.travel(ready.lease_expires_at, tick=False):
        with refused(LeaseLost, "a person will have to say what happened"):
            report(ready)
        with recorded() as entries:
            assert executions.sweep(by=BY_SYSTEM) == {"ready": 0, "in_doubt": 1}
        with refused(LeaseLost, "a person will have to say what happened"):
            report(ready)
    assert ending(ready) == ("in_doubt", "in_doubt", ["in_doubt"])
    assert kinds(entries) == [
        "execution.in_doubt",
        "execution_step.in_doubt",
        "proposal.in_doubt",
    ]
    assert entries[0].data["data"]["why"] == "the lease ran out"
    step = ready.steps.get()
    assert step.error == "The lease ran out before an outcome was reported."


def test_a_report_in_the_last_second_is_heard_and_nothing_is_swept(ready):
    claim(ready)
    ready.refresh_from_db()
    with time_machine.travel(ready.lease_expires_at - SECOND, tick=False):
        report(ready)
    with time_machine.travel(ready.lease_expires_at + SECOND, tick=False):
        assert executions.sweep(by=BY_SYSTEM) == {"ready": 0, "in_doubt": 0}
    assert ending(ready) == ("done", "executed", ["done"])


def test_reports_are_heard_while_execution_is_off_or_the_workspace_is_halted(
    house, ready, settings
):
    """What was sent was sent; its outcome must not be lost."""
    claim(ready)
    halted(house.workspace)
    settings.GOVERNANCE_EXECUTION_ENABLED = False
    report(ready)
    assert ending(ready) == ("done", "executed", ["done"])


def test_an_agent_that_was_paused_may_still_say_how_it_went(ready):
    claimed(ready)
    paused(ready.agent)
    report(ready, outcome="failed", error="stopped half-way")
    assert ending(ready) == ("failed", "failed", ["failed"])


def test_without_a_proposal_there_is_none_to_settle(house):
    house.action_type("pay")
    proposal = approved(ProposalFactory(run=house.run(), action_type="pay"))
    assert Execution.objects.of_proposal(proposal.pk).proposal == proposal
