"""Workspaces: ready to work in, or empty."""

from __future__ import annotations

import itertools

import factory

from governance.domain.actors import Actor
from governance.models import Workspace
from governance.services import action_types, constitutions, maturity, workspaces
from tests.factories.base import ServiceFactory
from tests.factories.people import BY_SYSTEM
from tests.factories.policies import publish_rules
from tests.factories.remembered import Remembered

_NUMBERS = itertools.count()


def _new_name() -> str:
    return f"workspace-{next(_NUMBERS)}"


class EmptyWorkspaceFactory(ServiceFactory):
    """No action types, no policy, no members."""

    class Meta:
        model = Workspace

    name = factory.LazyFunction(_new_name)

    @classmethod
    def make(cls, *, name, by=BY_SYSTEM):
        return workspaces.create(name=name, by=by)


class WorkspaceFactory(ServiceFactory):
    """With the built-in action types, policy version 1 in force, which has no rules, the default
    constitution and the default criteria.

    Where it matters neither how it is called nor who made it, a test's first is in every test
    the same one.
    """

    class Meta:
        model = Workspace

    @classmethod
    def make(cls, *, name=None, by=None):
        if name is None and by is None:
            return _FIRST.get()
        return _furnished(name=name or _new_name(), by=by or BY_SYSTEM)


def _furnished(*, name: str, by: Actor) -> Workspace:
    workspace = EmptyWorkspaceFactory(name=name, by=by)
    action_types.install_builtin(workspace=workspace, by=by)
    publish_rules(workspace)
    maturity.install(workspace=workspace, by=by)
    constitutions.install(workspace=workspace, by=by)
    return workspace


_FIRST = Remembered(lambda: _furnished(name=_new_name(), by=BY_SYSTEM))
