"""Agents, their grants and their ceilings."""

from __future__ import annotations

import datetime

import factory
from django.utils import timezone

from governance.domain.words import Maturity, Route
from governance.models import Agent, Ceiling, Grant
from governance.services import agents, grants
from tests.factories.base import ServiceFactory
from tests.factories.catalogue import ActionTypeFactory
from tests.factories.people import BY_SYSTEM, UserFactory, member_of
from tests.factories.workspaces import WorkspaceFactory


class AgentFactory(ServiceFactory):
    """An active student, unless a maturity is named."""

    class Meta:
        model = Agent

    workspace = factory.SubFactory(WorkspaceFactory)
    name = factory.Sequence(lambda n: f"agent {n}")
    owner = factory.SubFactory(UserFactory)

    @classmethod
    def make(
        cls,
        *,
        workspace,
        name,
        owner,
        maturity=Maturity.STUDENT,
        category="",
        description="",
        module_path="",
        class_name="",
        configuration=None,
        by=BY_SYSTEM,
    ):
        return agents.register(
            workspace=workspace,
            name=name,
            owner=owner,
            maturity=maturity,
            category=category,
            description=description,
            module_path=module_path,
            class_name=class_name,
            configuration=configuration,
            by=by,
        )


class GrantFactory(ServiceFactory):
    """A day's grant to execution. `action_type` is a key; without one, a new action type's."""

    class Meta:
        model = Grant

    agent = factory.SubFactory(AgentFactory)

    @classmethod
    def make(
        cls,
        *,
        agent,
        action_type=None,
        expires_at=None,
        reason="for a test",
        route=Route.EXECUTION,
        condition="",
        by=None,
    ):
        return grants.give(
            agent=agent,
            action_type=action_type or ActionTypeFactory(workspace=agent.workspace).key,
            expires_at=expires_at or timezone.now() + datetime.timedelta(days=1),
            reason=reason,
            route=route,
            condition=condition,
            by=by or member_of(agent.workspace),
        )


class CeilingFactory(ServiceFactory):
    class Meta:
        model = Ceiling

    agent = factory.SubFactory(AgentFactory, maturity=Maturity.AUTONOMOUS)

    @classmethod
    def make(cls, *, agent, maturity=Maturity.INTERN, reason="for a test", by=None):
        return grants.set_ceiling(
            agent=agent, maturity=maturity, reason=reason, by=by or member_of(agent.workspace)
        )
