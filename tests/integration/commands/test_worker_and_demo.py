"""worker and demo."""

from __future__ import annotations

from governance.models import Agent, Canvas, Execution, LedgerEntry, Proposal, Run
from tests.factories import approved

MARKDOWN = {"kind": "markdown", "title": "Note", "markdown": "# Hello"}


def _approved_canvas(house) -> Proposal:
    return approved(house.proposal(action_type="canvas_present", params=MARKDOWN))


def test_drain_carries_out_what_is_ready(command, house):
    proposals = [_approved_canvas(house) for _ in range(3)]
    result = command("worker", "--drain", "--json")
    assert result.code == 0
    assert result.json["done"] == 3
    assert Canvas.objects.count() == 3
    for proposal in proposals:
        proposal.refresh_from_db()
        assert proposal.state == "executed"


def test_switched_off_it_all_waits_and_says_so(command, house, settings):
    settings.GOVERNANCE_EXECUTION_ENABLED = False
    proposal = _approved_canvas(house)
    result = command("worker", "--drain")
    assert result.code == 1
    assert "1 executions wait" in result.err
    proposal.refresh_from_db()
    assert (proposal.state, Execution.objects.get().state) == ("approved", "ready")
    assert Canvas.objects.count() == 0


def test_the_demo_tells_its_story_twice(command, db):
    first = command("demo", "--once")
    assert first.code == 0
    for word in (
        "A training of about 30 h waits",
        "A proposal waits",
        "approves it with an edit",
        "executed",
    ):
        assert word in first.out
    assert command("demo", "--once", "--json").json["workspace"] == "demo"
    assert sorted(Agent.objects.values_list("maturity", flat=True)) == [
        "autonomous",
        "intern",
        "student",
        "supervised",
        "supervised",  # the one whose run waits to be watched
    ]
    assert "begins once a supervisor is there" in first.out
    assert Run.objects.waiting_for_supervisor().count() == 1
    assert Canvas.objects.count() == 2
    # what waits from last time is not filed again, and the student's trigger joins its training
    assert Proposal.objects.filter(state="proposed", kind="action").count() == 4
    assert Proposal.objects.get(kind="training").training_plan.blocked.count() == 2
    assert Proposal.objects.filter(state="executed").count() == 2
    assert LedgerEntry.objects.filter(kind="proposal.edited").count() == 2
