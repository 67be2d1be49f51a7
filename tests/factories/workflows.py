"""Stored plans."""

from __future__ import annotations

import factory

from governance.models import Workflow
from governance.services import workflows
from tests.factories.base import ServiceFactory
from tests.factories.people import BY_SYSTEM

NOTE = {"kind": "markdown", "title": {"$param": "title"}, "markdown": "x"}
PLAN = [{"id": "show", "action_type": "canvas_present", "params": NOTE}]
SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string", "maxLength": 100}},
    "required": ["title"],
    "additionalProperties": False,
}


class WorkflowFactory(ServiceFactory):
    """The next version of one that shows a text with the title it is given."""

    class Meta:
        model = Workflow

    workspace = factory.SubFactory("tests.factories.workspaces.WorkspaceFactory")
    name = factory.Sequence(lambda n: f"workflow-{n}")

    @classmethod
    def make(
        cls, *, workspace, name, title="Show a note", plan=None, params_schema=None, by=BY_SYSTEM
    ):
        return workflows.define(
            workspace=workspace,
            name=name,
            title=title,
            plan=PLAN if plan is None else plan,
            params_schema=SCHEMA if params_schema is None else params_schema,
            by=by,
        )
