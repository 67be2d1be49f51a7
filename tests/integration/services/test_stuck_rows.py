"""What one bad row, one person who left, or one lost approval must not do to the others."""

from __future__ import annotations

from governance.domain.actors import system
from governance.models import Execution, Membership, Proposal, Run
from governance.services import executions, reviews, triggers
from tests.factories import approved, paused

NOTE = {"kind": "markdown", "title": "Note", "markdown": "# Hello"}
WORKER = system("worker")


def test_an_execution_that_cannot_be_read_fails_and_others_are_carried_out(house):
    bad, good = (
        approved(house.proposal(action_type="canvas_present", params=NOTE)) for _ in range(2)
    )
    Execution.objects.filter(proposal=bad).update(plan="[]")
    while executions.run_next(by=WORKER) is not None:
        pass
    states = {row.proposal_id: row.state for row in Execution.objects.all()}
    assert states == {bad.pk: "failed", good.pk: "done"}
    assert Proposal.objects.get(pk=bad.pk).state == "failed"
    assert Execution.objects.get(proposal=bad).error.startswith("It cannot be carried out")


def test_a_start_that_failed_abandons_its_run(house):
    agent = house.agent("intern")
    started = triggers.fire(agent=agent, source="data_sync", type="x", by=system("sync"))
    approved(started.proposal)
    paused(agent)
    executions.run_next(by=WORKER)
    assert Run.objects.get(pk=started.run.pk).state == "abandoned"
    assert Proposal.objects.get(pk=started.proposal.pk).state == "failed"


def test_the_approval_of_who_may_no_longer_decide_does_not_count(house):
    house.action_type("pay", required_approvals=2)
    proposal = house.proposal(action_type="pay", params={})
    reviews.approve(proposal=proposal, digest=proposal.digest, by=house.by_reviewer)
    Membership.objects.filter(user=house.reviewer).update(role="viewer")
    row = reviews.approve(proposal=proposal, digest=proposal.digest, by=house.by_supervisor)
    assert row.state == "proposed"
    row = reviews.approve(proposal=proposal, digest=proposal.digest, by=house.by_governor)
    assert row.state == "approved"


def test_more_approvals_asked_for_meanwhile_are_needed(house):
    action_type = house.action_type("pay")
    proposal = house.proposal(action_type="pay", params={})
    type(action_type).objects.filter(pk=action_type.pk).update(required_approvals=2)
    row = reviews.approve(proposal=proposal, digest=proposal.digest, by=house.by_reviewer)
    assert row.state == "proposed"
