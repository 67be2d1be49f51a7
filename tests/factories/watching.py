"""Sessions of people who watch runs, what happened in them, and who is there."""

from __future__ import annotations

import factory

from governance.domain.roles import Role
from governance.domain.states import RunState
from governance.domain.words import InterventionKind
from governance.models import Intervention, Presence, SessionEvent, SupervisionSession
from governance.services import presence, supervision
from tests.factories.base import ServiceFactory
from tests.factories.moves import finished
from tests.factories.people import UserFactory, member_of
from tests.factories.people import by as actor
from tests.factories.runs import QueuedRunFactory

WHY = "for a test"


class SupervisionSessionFactory(ServiceFactory):
    """Running: a supervisor of the workspace takes a run that was queued for one."""

    class Meta:
        model = SupervisionSession

    run = factory.SubFactory(QueuedRunFactory)

    @classmethod
    def make(cls, *, run, by=None):
        return supervision.start(run=run, by=by or member_of(run.workspace, Role.SUPERVISOR))


class SessionEventFactory(ServiceFactory):
    """The newest event of a session: that it began, in a new one."""

    class Meta:
        model = SessionEvent

    session = factory.SubFactory(SupervisionSessionFactory)

    @classmethod
    def make(cls, *, session):
        return session.events.latest("sequence")


class InterventionFactory(ServiceFactory):
    """A correction, unless another kind is named, by a supervisor of the workspace."""

    class Meta:
        model = Intervention

    session = factory.SubFactory(SupervisionSessionFactory)

    @classmethod
    def make(cls, *, session, kind=InterventionKind.CORRECT, guidance=WHY, by=None):
        by = by or member_of(session.workspace, Role.SUPERVISOR)
        session = SupervisionSession.objects.get(pk=session.pk)
        steer(session, kind, guidance, by=by)
        return session.interventions.latest("created_at", "id")


class PresenceFactory(ServiceFactory):
    """Somebody who was active just now; `to` is what they said by hand."""

    class Meta:
        model = Presence

    user = factory.SubFactory(UserFactory)

    @classmethod
    def make(cls, *, user, to=None):
        presence.touch(user)
        if to is not None:
            return presence.set_by_hand(user=user, to=to, by=actor(user))
        return Presence.objects.get(user_id=user.pk)


def steer(session, kind, text, *, by):
    """Do to the session, as it is now, what a person would."""
    seen = {"session": session, "seen": session.version, "by": by}
    if kind == InterventionKind.CORRECT:
        supervision.correct(guidance=text, **seen)
    elif kind == InterventionKind.TERMINATE:
        supervision.terminate(reason=text, **seen)
    elif kind == InterventionKind.PAUSE:
        supervision.pause(reason=text, **seen)
    else:
        supervision.resume(reason=text, **seen)


def held(session: SupervisionSession) -> SupervisionSession:
    """Paused by a supervisor of the workspace."""
    return _steered(session, InterventionKind.PAUSE)


def let_go(session: SupervisionSession) -> SupervisionSession:
    """Resumed."""
    return _steered(session, InterventionKind.RESUME)


def terminated(session: SupervisionSession) -> SupervisionSession:
    """Ended by a supervisor, and its run with it."""
    return _steered(session, InterventionKind.TERMINATE)


def rated(session: SupervisionSession, *, rating: int = 4) -> SupervisionSession:
    """Its run ended, where it had not, and a supervisor rated it."""
    if session.run.state == RunState.RUNNING:
        finished(session.run)
    session = SupervisionSession.objects.get(pk=session.pk)
    by = member_of(session.workspace, Role.SUPERVISOR)
    return supervision.complete(session=session, seen=session.version, rating=rating, by=by)


def _steered(session: SupervisionSession, kind: InterventionKind) -> SupervisionSession:
    session = SupervisionSession.objects.get(pk=session.pk)
    steer(session, kind, WHY, by=member_of(session.workspace, Role.SUPERVISOR))
    return SupervisionSession.objects.get(pk=session.pk)
