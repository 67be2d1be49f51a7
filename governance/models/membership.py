"""Membership: a person's role in one workspace. All of a person's rights come from here."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models

from governance.domain.actors import Actor, ActorKind
from governance.domain.roles import RIGHTS, Right, Role
from governance.models.base import Record, RecordQuerySet, one_of


class MembershipQuerySet(RecordQuerySet["Membership"]):
    """Reads."""

    def may(self, *, by: Actor, workspace_id: uuid.UUID, right: Right) -> bool:
        """Whether this person is an active user whose role in the workspace has the right."""
        if by.kind is not ActorKind.PERSON or not by.id.isdecimal():
            return False
        roles = [role for role, rights in RIGHTS.items() if right in rights]
        return (
            self.of(workspace_id)
            .filter(user_id=int(by.id), user__is_active=True, role__in=roles)
            .exists()
        )

    def deciders(self, workspace_id: uuid.UUID) -> models.QuerySet[Any, int]:
        """The keys of the users who may decide proposals here now."""
        roles = [role for role, rights in RIGHTS.items() if Right.DECIDE in rights]
        found = self.of(workspace_id).filter(user__is_active=True, role__in=roles)
        return found.values_list("user_id", flat=True)


class Membership(Record):
    """One person in one workspace, with one role."""

    workspace = models.ForeignKey(
        "governance.Workspace", on_delete=models.PROTECT, related_name="memberships"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships"
    )
    role = models.CharField(max_length=20, choices=Role.choices)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ("workspace", "user")
        constraints = (
            models.UniqueConstraint(fields=("workspace", "user"), name="membership_once"),
            one_of("role", Role.values, name="membership_role_known"),
        )

    def __str__(self) -> str:
        return f"{self.user} as {self.role}"
