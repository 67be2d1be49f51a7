"""Triggers and the runs they start."""

from __future__ import annotations

import factory

from governance.domain.states import RunState
from governance.domain.words import Maturity, TriggerSource
from governance.models import Run, Trigger
from governance.services import triggers
from tests.factories.agents import AgentFactory
from tests.factories.base import ServiceFactory
from tests.factories.people import BY_SYSTEM, member_of


class TriggerFactory(ServiceFactory):
    """A manual trigger comes from the workspace's governor, any other from the system."""

    class Meta:
        model = Trigger

    agent = factory.SubFactory(AgentFactory)

    @classmethod
    def make(cls, *, agent, source=TriggerSource.DATA_SYNC, type="test", context=None, by=None):  # noqa: A002
        if by is None:
            by = member_of(agent.workspace) if source == TriggerSource.MANUAL else BY_SYSTEM
        return triggers.fire(agent=agent, source=source, type=type, context=context, by=by).trigger


class RunFactory(ServiceFactory):
    """A running run, started by hand. The agent is an intern unless another is given."""

    class Meta:
        model = Run

    agent = factory.SubFactory(AgentFactory, maturity=Maturity.INTERN)

    @classmethod
    def make(cls, *, agent, type="test", context=None, by=None):  # noqa: A002
        trigger = TriggerFactory(
            agent=agent, source=TriggerSource.MANUAL, type=type, context=context, by=by
        )
        run = Run.objects.select_related("agent__workspace").get(trigger=trigger)
        assert run.state == RunState.RUNNING
        return run


class QueuedRunFactory(ServiceFactory):
    """A run that waits: for a supervisor (supervised agent) or a decision (intern)."""

    class Meta:
        model = Run

    agent = factory.SubFactory(AgentFactory, maturity=Maturity.SUPERVISED)

    @classmethod
    def make(cls, *, agent, type="test", context=None):  # noqa: A002
        trigger = TriggerFactory(agent=agent, type=type, context=context)
        run = Run.objects.select_related("agent__workspace").get(trigger=trigger)
        assert run.state == RunState.QUEUED
        return run
