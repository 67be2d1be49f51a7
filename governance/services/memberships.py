"""Memberships: who may do what in a workspace. All of a person's rights come from here."""

from __future__ import annotations

import uuid

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from governance import ledger
from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import InvalidInput, NotAllowed
from governance.domain.roles import Right, Role
from governance.models import Membership, Workspace


def person(user: AbstractBaseUser) -> Actor:
    """A user as the `by` of a service."""
    return Actor(ActorKind.PERSON, str(user.pk), user.get_username())


def require(*, by: Actor, workspace_id: uuid.UUID, right: Right) -> None:
    """Raise NotAllowed unless `by` has the right here. Agents have none; the system has all.

    Superusers get nothing from being superusers.
    """
    if by.kind is ActorKind.SYSTEM:
        return
    if not Membership.objects.may(by=by, workspace_id=workspace_id, right=right):
        raise NotAllowed(
            f"{by.label} may not {right.label} here; a member with the right role can."
        )


def require_person(*, by: Actor, workspace_id: uuid.UUID, right: Right) -> int:
    """As `require`, but only a person will do; returns the user's key."""
    if by.kind is not ActorKind.PERSON:
        raise NotAllowed(f"Only a person may {right.label}, and this was asked by {by}.")
    require(by=by, workspace_id=workspace_id, right=right)
    return int(by.id)


def add(*, workspace: Workspace, user: AbstractBaseUser, role: str, by: Actor) -> Membership:
    """Make a person a member with a role, or change the role. Raises InvalidInput, NotAllowed."""
    if role not in Role.values:
        raise InvalidInput(f"There is no role {role!r}; use one of {', '.join(Role.values)}.")
    with transaction.atomic():
        require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        found = Membership.objects.of(workspace.id).filter(user_id=user.pk).first()
        if found is not None and found.role == role:
            return found
        before = found.role if found else None
        if before == Role.GOVERNOR:
            _require_another_governor(workspace, user_id=user.pk)
        membership, _ = Membership.objects.update_or_create(
            workspace=workspace, user_id=user.pk, defaults={"role": role}
        )
        ledger.append(
            kind="membership.set",
            by=by,
            workspace_id=workspace.id,
            subject_id=membership.id,
            data={"user": user.get_username(), "from": before, "to": role},
        )
    return membership


def _require_another_governor(workspace: Workspace, *, user_id: int) -> None:
    """Raise InvalidInput when nobody would be left to govern."""
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)  # one at a time
    others = Membership.objects.of(workspace.id).filter(role=Role.GOVERNOR, user__is_active=True)
    if not others.exclude(user_id=user_id).exists():
        raise InvalidInput("This is the last governor of the workspace; make another one first.")
