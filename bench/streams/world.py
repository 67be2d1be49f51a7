"""Runs that somebody watches, through the real services; and the cookie of who watches them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.test import Client

from governance.domain.actors import system
from governance.domain.roles import Role
from governance.domain.words import Maturity, TriggerSource
from governance.models import Workspace
from governance.services import (
    agents,
    memberships,
    people,
    supervision,
    triggers,
    workspaces,
)

BY = system("streams")


def watched_sessions(count: int) -> tuple[Any, list[str]]:
    """A supervisor, and the keys of the sessions they watch."""
    workspaces.install(name="streams", by=BY)
    workspace = Workspace.objects.named("streams")
    user = people.create(
        workspace=workspace,
        username="supervisor",
        password=people.generate_password(),
        role=Role.GOVERNOR,
        by=BY,
    )
    agent = agents.register(
        workspace=workspace, name="watched", owner=user, maturity=Maturity.SUPERVISED, by=BY
    )
    keys = []
    for _ in range(count):
        started = triggers.fire(agent=agent, source=TriggerSource.DATA_SYNC, type="x", by=BY)
        assert started.run is not None
        session = supervision.start(run=started.run, by=memberships.person(user))
        keys.append(str(session.pk))
    return user, keys


def cookie(user: Any) -> str:
    """What a browser in which `user` is signed in sends along."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"
