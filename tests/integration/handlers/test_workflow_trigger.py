"""workflow_trigger: written out before a plan is filed, so that a worker never meets one."""

from __future__ import annotations

import json

import pytest

from governance.execution.registry import ActionFailed
from governance.handlers import workflow_trigger
from governance.models import Canvas, Execution
from tests.factories import ProposalFactory, approved, run_worker
from tests.factories.workflows import WorkflowFactory

pytestmark = pytest.mark.django_db

TRIGGER = {
    "id": "sync",
    "action_type": "workflow_trigger",
    "params": {"workflow": "notes", "params": {"title": "Monday"}},
}


def test_what_a_worker_meets_are_the_steps_of_the_stored_plan(house):
    WorkflowFactory(workspace=house.workspace, name="notes")
    execution = approved(ProposalFactory(run=house.run(), plan=[TRIGGER])).execution
    assert [row.action_type for row in execution.steps.all()] == ["canvas_present"]
    run_worker()
    assert Canvas.objects.get().title == "Monday"


def test_one_that_came_round_the_services_does_nothing(house):
    """Only a row that was changed behind our back holds one."""
    WorkflowFactory(workspace=house.workspace, name="notes")
    execution = approved(ProposalFactory(run=house.run(), plan=[TRIGGER])).execution
    step = execution.steps.get()
    plan = json.dumps([{**TRIGGER, "id": step.step}])
    Execution.objects.filter(pk=execution.pk).update(plan=plan)
    run_worker()
    execution.refresh_from_db()
    assert (execution.state, execution.steps.get().state) == ("failed", "failed")
    assert "A workflow's steps must be written out before a plan is filed." in execution.error
    assert not Canvas.objects.exists()


def test_its_handler_refuses(db):
    with pytest.raises(ActionFailed, match="must be written out"):
        workflow_trigger.handle(None, {"workflow": "notes"})
