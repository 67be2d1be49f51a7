"""Whole stories, each with the complete trail it leaves in the ledger."""

from __future__ import annotations

import json

import pytest

from governance.domain.actors import system
from governance.domain.errors import LeaseLost, PlanChanged, StaleState
from governance.models import Canvas, Decision, Execution, LedgerEntry, Proposal, Run
from governance.services import actions, executions, proposals, reviews, runs, triggers

pytestmark = pytest.mark.django_db

DATA_SYNC = system("data sync")
WORKER = system("worker")
CHART = {"type": "bar", "labels": ["May", "June"], "series": [{"name": "orders", "values": [3, 5]}]}


@pytest.fixture
def trail(house):
    """What the workspace's ledger holds: what happened, and who did it."""

    def read() -> list[tuple[str, str]]:
        entries = LedgerEntry.objects.of(house.workspace.id).order_by("id")
        return [(entry.kind, entry.data["by"]["label"]) for entry in entries]

    return read


def work() -> None:
    while executions.run_next(by=WORKER) is not None:
        pass


def canvas_plan(title: str, name: str = "step1") -> list[dict]:
    params = {"kind": "chart", "title": title, "chart": CHART}
    return [{"id": name, "action_type": "canvas_present", "params": params}]


def test_from_a_trigger_over_an_edited_approval_to_a_canvas(house, trail):
    """The agent wants to show its data, a person corrects the heading, a worker shows it."""
    house.action_type("canvas_present", mode="handler", effect="local", complexity=3)
    agent = house.agent("intern", name="reporter")
    before = len(trail())

    started = triggers.fire(
        agent=agent, source="manual", type="orders", context={"rows": 2}, by=house.by_supervisor
    )
    answer = actions.request(
        run=started.run,
        action_type="canvas_present",
        params=canvas_plan("Odrers")[0]["params"],
        reasoning="Two months of orders arrived.",
        by=agent.actor,
    )
    assert (answer.route, answer.execution, answer.claim) == ("proposal", None, None)
    proposal = Proposal.objects.get(pk=answer.proposal.pk)
    work()
    assert Canvas.objects.count() == 0  # it waits for a person

    approved = reviews.approve(
        proposal=proposal,
        digest=proposal.digest,
        edited_plan=canvas_plan("Orders"),
        comment="A typing mistake.",
        by=house.by_reviewer,
    )
    assert approved.edit == [{"path": "/0/params/title", "before": "Odrers", "after": "Orders"}]
    work()
    runs.finish(run=started.run, outcome="succeeded", by=agent.actor)

    canvas = Canvas.objects.get()
    assert (canvas.title, canvas.content, canvas.agent) == ("Orders", {"chart": CHART}, agent)
    proposal.refresh_from_db()
    assert (proposal.state, json.loads(proposal.plan)) == ("executed", canvas_plan("Odrers"))
    assert Run.objects.get(pk=started.run.pk).state == "succeeded"

    supervisor, reviewer = house.supervisor.username, house.reviewer.username
    assert trail()[before:] == [
        ("trigger.fired", supervisor),
        ("run.queued", supervisor),
        ("run.running", supervisor),
        ("proposal.proposed", "reporter"),
        ("decision.proposal", "reporter"),
        ("decision.proposal", reviewer),
        ("proposal.edited", reviewer),
        ("review.approve", reviewer),
        ("proposal.approved", reviewer),
        ("execution.ready", reviewer),
        ("execution.claimed", "worker"),
        ("canvas.presented", "worker"),
        ("execution_step.done", "worker"),
        ("execution.done", "worker"),
        ("proposal.executed", "worker"),
        ("episode.closed", "worker"),
        ("run.succeeded", "reporter"),
        ("episode.closed", "reporter"),
    ]
    # Plain executions (the manual start) are decisions too, but not in the ledger.
    routes = Decision.objects.order_by("id").values_list("kind", "route", "action_type")
    assert list(routes) == [
        ("trigger", "execution", ""),
        ("action", "proposal", "canvas_present"),
        ("action", "proposal", "canvas_present"),
    ]


def test_an_agent_proposes_claims_and_reports(house, trail):
    """In agent mode an approval is a permission for one act, and for nothing but that act."""
    house.action_type("refund", complexity=4, required_approvals=2)
    run = house.run()
    agent = run.agent
    before = len(trail())

    [step] = [{"id": "step1", "action_type": "refund", "params": {"order": "A-7", "amount": 90}}]
    proposal = proposals.propose(
        agent=agent, run=run, plan=[step], reasoning="It arrived broken.", by=agent.actor
    )
    seen = {"proposal": proposal, "digest": proposal.digest}
    reviews.approve(**seen, by=house.by_reviewer)
    assert Execution.objects.count() == 0
    reviews.approve(**seen, by=house.by_governor)
    execution = Execution.objects.get()

    with pytest.raises(PlanChanged):
        executions.claim(execution=execution, digest="0" * 64, by=agent.actor)
    claim = executions.claim(execution=execution, digest=proposal.digest, by=agent.actor)
    assert [found.as_json() for found in claim.plan.steps] == [step]
    with pytest.raises(StaleState):
        executions.claim(execution=execution, digest=proposal.digest, by=agent.actor)
    executions.report(
        execution=execution,
        token=claim.token,
        outcome="done",
        output={"refund": "R-1"},
        by=agent.actor,
    )
    with pytest.raises(LeaseLost):
        executions.report(
            execution=execution, token=claim.token, outcome="failed", error="no", by=agent.actor
        )
    proposal.refresh_from_db()
    assert (proposal.state, execution.steps.get().output) == ("executed", '{"refund":"R-1"}')

    reviewer, governor = house.reviewer.username, house.governor.username
    assert trail()[before:] == [
        ("proposal.proposed", agent.name),
        ("decision.proposal", agent.name),
        ("decision.proposal", reviewer),
        ("review.approve", reviewer),
        ("decision.proposal", governor),
        ("review.approve", governor),
        ("proposal.approved", governor),
        ("execution.ready", governor),
        ("execution.claimed", agent.name),
        ("execution_step.sent", agent.name),
        ("execution_step.done", agent.name),
        ("execution.done", agent.name),
        ("proposal.executed", agent.name),
        ("episode.closed", agent.name),
    ]


def test_an_intern_starts_on_its_own_when_a_person_says_so(house, trail):
    agent = house.agent("intern", name="returns")
    before = len(trail())
    started = triggers.fire(agent=agent, source="data_sync", type="new.return", by=DATA_SYNC)
    assert (started.run.state, started.run.started_at) == ("queued", None)
    work()
    assert Run.objects.get(pk=started.run.pk).state == "queued"

    proposal = started.proposal
    reviews.approve(proposal=proposal, digest=proposal.digest, by=house.by_reviewer)
    work()
    run = Run.objects.get(pk=started.run.pk)
    assert run.state == "running"
    assert run.started_at is not None
    proposal.refresh_from_db()
    assert proposal.state == "executed"
    assert (
        actions.request(
            run=run,
            action_type="canvas_present",
            params=canvas_plan("t")[0]["params"],
            by=agent.actor,
        ).execution
        is not None
    )

    reviewer = house.reviewer.username
    assert trail()[before:] == [
        ("trigger.fired", "data sync"),
        ("run.queued", "data sync"),
        ("proposal.proposed", "data sync"),
        ("decision.proposal", "data sync"),
        ("review.approve", reviewer),
        ("proposal.approved", reviewer),
        ("execution.ready", reviewer),
        ("execution.claimed", "worker"),
        ("run.running", "worker"),
        ("execution_step.done", "worker"),
        ("execution.done", "worker"),
        ("proposal.executed", "worker"),
        ("execution.ready", "returns"),
    ]


def test_an_intern_that_is_not_let_start_does_nothing(house, trail):
    agent = house.agent("intern", name="returns")
    before = len(trail())
    started = triggers.fire(agent=agent, source="data_sync", type="new.return", by=DATA_SYNC)
    proposal = started.proposal
    reviews.reject(
        proposal=proposal, digest=proposal.digest, reason="Not today.", by=house.by_reviewer
    )
    work()
    run = Run.objects.get(pk=started.run.pk)
    assert (run.state, run.started_at) == ("abandoned", None)
    assert run.outcome == "The proposal to start it was rejected."
    with pytest.raises(StaleState, match="not running"):
        actions.request(run=run, action_type="canvas_present", params={}, by=agent.actor)
    assert Execution.objects.count() == 0

    reviewer = house.reviewer.username
    assert trail()[before:] == [
        ("trigger.fired", "data sync"),
        ("run.queued", "data sync"),
        ("proposal.proposed", "data sync"),
        ("decision.proposal", "data sync"),
        ("review.reject", reviewer),
        ("proposal.rejected", reviewer),
        ("run.abandoned", reviewer),
        ("episode.closed", reviewer),
    ]
