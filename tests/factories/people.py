"""Users and memberships, and the actors they are."""

from __future__ import annotations

import factory
from django.contrib.auth import get_user_model

from governance.domain.actors import Actor, system
from governance.domain.roles import Role
from governance.models import Membership, Workspace
from governance.services import memberships
from tests.factories.base import ServiceFactory

User = get_user_model()
BY_SYSTEM = system("tests")
PASSWORD = "correct horse battery"


class UserFactory(ServiceFactory):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"person{n}")

    @classmethod
    def make(
        cls, *, username, password=PASSWORD, is_staff=False, is_superuser=False, is_active=True
    ):
        return User.objects.create_user(
            username,
            password=password,
            is_staff=is_staff,
            is_superuser=is_superuser,
            is_active=is_active,
        )


class MembershipFactory(ServiceFactory):
    class Meta:
        model = Membership

    workspace = factory.SubFactory("tests.factories.workspaces.WorkspaceFactory")
    user = factory.SubFactory(UserFactory)

    @classmethod
    def make(cls, *, workspace, user, role=Role.VIEWER, by=BY_SYSTEM):
        return memberships.add(workspace=workspace, user=user, role=role, by=by)


def by(user) -> Actor:
    """A user as actor."""
    return memberships.person(user)


def member_of(workspace: Workspace, role: str = Role.GOVERNOR) -> Actor:
    """The first member with this role as actor; a new one when there is none."""
    found = Membership.objects.of(workspace.id).filter(role=role).order_by("id").first()
    return by((found or MembershipFactory(workspace=workspace, role=role)).user)
