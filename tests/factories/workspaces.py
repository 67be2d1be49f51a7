"""Workspaces: ready to work in, or empty."""

from __future__ import annotations

import factory

from governance.models import Workspace
from governance.services import action_types, workspaces
from tests.factories.base import ServiceFactory
from tests.factories.people import BY_SYSTEM
from tests.factories.policies import publish_rules


class EmptyWorkspaceFactory(ServiceFactory):
    """No action types, no policy, no members."""

    class Meta:
        model = Workspace

    name = factory.Sequence(lambda n: f"workspace-{n}")

    @classmethod
    def make(cls, *, name, by=BY_SYSTEM):
        return workspaces.create(name=name, by=by)


class WorkspaceFactory(EmptyWorkspaceFactory):
    """With the built-in action types, and policy version 1 in force, which has no rules."""

    @classmethod
    def make(cls, *, name, by=BY_SYSTEM):
        workspace = super().make(name=name, by=by)
        action_types.install_builtin(workspace=workspace, by=by)
        publish_rules(workspace)
        return workspace
