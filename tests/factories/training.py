"""Trainings: what blocks, what is planned, how it goes. Each row comes from a blocked trigger."""

from __future__ import annotations

import factory

from governance.domain.actors import Actor
from governance.domain.roles import Role
from governance.domain.words import TriggerSource
from governance.models import (
    BlockedTrigger,
    TrainingPlan,
    TrainingSession,
    TrainingTask,
    TrainingTopic,
)
from governance.services import curricula, trainings
from tests.factories.agents import AgentFactory
from tests.factories.base import ServiceFactory
from tests.factories.moves import approved, run_worker
from tests.factories.people import BY_SYSTEM, member_of
from tests.factories.runs import TriggerFactory


class TrainingTopicFactory(ServiceFactory):
    """A row of the table, for agents of any category and any action type."""

    class Meta:
        model = TrainingTopic

    workspace = factory.SubFactory("tests.factories.workspaces.WorkspaceFactory")
    capability = factory.Sequence(lambda n: f"capability {n}")

    @classmethod
    def make(
        cls,
        *,
        workspace,
        capability,
        objective="Knows it.",
        tasks=("Read about it.", "Do it."),
        category="",
        action_type="",
        by=BY_SYSTEM,
    ):
        return curricula.define(
            workspace=workspace,
            capability=capability,
            objective=objective,
            tasks=list(tasks),
            category=category,
            action_type=action_type,
            by=by,
        )


class BlockedTriggerFactory(ServiceFactory):
    """An automated trigger of a student, which the gate sent to training."""

    class Meta:
        model = BlockedTrigger

    agent = factory.SubFactory(AgentFactory)

    @classmethod
    def make(cls, *, agent, source=TriggerSource.DATA_SYNC, type="test", context=None):  # noqa: A002
        trigger = TriggerFactory(agent=agent, source=source, type=type, context=context)
        return BlockedTrigger.objects.get(trigger=trigger)


class TrainingPlanFactory(ServiceFactory):
    """The plan of a blocked trigger; its proposal waits."""

    class Meta:
        model = TrainingPlan

    agent = factory.SubFactory(AgentFactory)

    @classmethod
    def make(cls, *, agent, context=None):
        return BlockedTriggerFactory(agent=agent, context=context).plan


class TrainingSessionFactory(ServiceFactory):
    """Scheduled: its plan is approved, and a worker has put it on the calendar."""

    class Meta:
        model = TrainingSession

    plan = factory.SubFactory(TrainingPlanFactory)

    @classmethod
    def make(cls, *, plan):
        approved(plan.proposal)
        run_worker()
        return TrainingSession.objects.get(plan=plan)


class TrainingTaskFactory(ServiceFactory):
    """The first task of a training that is under way."""

    class Meta:
        model = TrainingTask

    session = factory.SubFactory(TrainingSessionFactory)

    @classmethod
    def make(cls, *, session):
        return training_begun(session).tasks.earliest("position")


def training_begun(session: TrainingSession, *, by: Actor | None = None) -> TrainingSession:
    """By a supervisor of the workspace, unless somebody else is named; here and below."""
    trainings.start(session=session, by=by or _supervisor(session))
    return _again(session)


def training_completed(
    session: TrainingSession,
    *,
    score: float = 0.8,
    hours_spent: float = 20.0,
    errors: int = 0,
    feedback: str = "",
    by: Actor | None = None,
) -> TrainingSession:
    """Begun where it was not, and completed with this score for every objective."""
    session = _under_way(session)
    trainings.complete(
        session=session,
        scores={found["capability"]: score for found in session.plan.objectives},
        errors=errors,
        hours_spent=hours_spent,
        feedback=feedback,
        by=by or _supervisor(session),
    )
    return _again(session)


def training_failed(session: TrainingSession, *, by: Actor | None = None) -> TrainingSession:
    session = _under_way(session)
    trainings.fail(session=session, reason="for a test", by=by or _supervisor(session))
    return _again(session)


def training_cancelled(session: TrainingSession, *, by: Actor | None = None) -> TrainingSession:
    trainings.cancel(session=session, reason="for a test", by=by or _supervisor(session))
    return _again(session)


def _under_way(session: TrainingSession) -> TrainingSession:
    session = _again(session)
    return training_begun(session) if session.state == "scheduled" else session


def _supervisor(session: TrainingSession) -> Actor:
    return member_of(session.workspace, Role.SUPERVISOR)


def _again(session: TrainingSession) -> TrainingSession:
    return TrainingSession.objects.get(pk=session.pk)
