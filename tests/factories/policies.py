"""Policy versions, with their rules."""

from __future__ import annotations

import factory

from governance.models import PolicyVersion, Workspace
from governance.policy.rules import RuleSource
from governance.services import policies
from tests.factories.base import ServiceFactory
from tests.factories.people import BY_SYSTEM


def rule(
    key: str = "rule",
    *,
    scope: str = "*",
    condition: str = "true",
    route: str = "denied",
    reason: str = "for a test",
) -> RuleSource:
    """A rule as a governor writes it."""
    return RuleSource(key, scope, condition, route, reason)


class PolicyVersionFactory(ServiceFactory):
    """A draft with exactly these rules."""

    class Meta:
        model = PolicyVersion

    workspace = factory.SubFactory("tests.factories.workspaces.EmptyWorkspaceFactory")

    @classmethod
    def make(cls, *, workspace, rules=(), note="", by=BY_SYSTEM):
        version = policies.draft(workspace=workspace, note=note, by=by)
        policies.set_rules(version=version, rules=rules, by=by)
        return version


def publish_rules(workspace: Workspace, *rules: RuleSource) -> PolicyVersion:
    """Put exactly these rules in force, as the workspace's next policy version."""
    newest = PolicyVersion.objects.newest(workspace.id)
    version = PolicyVersionFactory(workspace=workspace, rules=rules)
    replaces = newest.number if newest else None
    return policies.publish(version=version, replaces=replaces, by=BY_SYSTEM)
