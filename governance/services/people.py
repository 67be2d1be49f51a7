"""People: user accounts for those who work in a workspace."""

from __future__ import annotations

import secrets

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from governance import ledger
from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import InvalidInput, NotAllowed, NotFound
from governance.models import Membership, Workspace
from governance.services import memberships
from governance.services.validation import cleaned


def named(username: str) -> AbstractBaseUser:
    """The active user of this name; raises NotFound."""
    found = get_user_model().objects.filter(username=username, is_active=True).first()
    if found is None:
        raise NotFound(f"There is no active user {username!r}.")
    return found


def generate_password() -> str:
    """A password with about 120 bits of chance in it."""
    return secrets.token_urlsafe(15)


def create(
    *,
    workspace: Workspace,
    username: str,
    password: str,
    role: str,
    by: Actor,
    administrator: bool = False,
) -> AbstractBaseUser:
    """Create a user who may sign in, as a member of a workspace.

    `administrator` may also manage user accounts. Raises InvalidInput, NotAllowed.
    """
    if administrator and by.kind is not ActorKind.SYSTEM:
        raise NotAllowed("Only the system may create an administrator of accounts.")
    user = get_user_model()(username=username, is_staff=True, is_superuser=administrator)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(f"The password is too weak: {' '.join(error.messages)}") from error
    user.set_password(password)
    with transaction.atomic():
        cleaned(user)
        user.save()
        memberships.add(workspace=workspace, user=user, role=role, by=by)
    return user


def reset_password(*, user: AbstractBaseUser, password: str, by: Actor) -> None:
    """Give a user another password, which ends their sessions; every workspace of theirs notes it.

    Raises NotAllowed unless the system asks: people use the account pages.
    """
    if by.kind is not ActorKind.SYSTEM:
        raise NotAllowed("Only the system may reset a password here; use the account pages.")
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        for membership in Membership.objects.filter(user_id=user.pk):
            ledger.append(
                kind="membership.password_reset",
                by=by,
                workspace_id=membership.workspace_id,
                subject_id=membership.id,
                data={"user": user.get_username()},
            )
