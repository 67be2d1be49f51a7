"""Presence: who is there, by activity on the site or by their own word."""

from __future__ import annotations

import datetime
import uuid

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Count, Q
from django.utils import timezone

from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import InvalidInput, NotAllowed
from governance.domain.roles import RIGHTS, Right
from governance.domain.words import Availability
from governance.models import Membership, Presence
from governance.models.supervision import SUPERVISION_OPEN

TOUCH_SECONDS = 30
"""Activity is written down at most this often."""


def touch(user: AbstractBaseUser) -> None:
    """The person is active now. Cheap: one read, and at most one write in 30 s."""
    now = timezone.now()
    found = Presence.objects.filter(user_id=user.pk).values_list("seen_at", flat=True).first()
    if found is None:
        Presence.objects.get_or_create(user_id=user.pk, defaults={"seen_at": now})
    elif now - found >= datetime.timedelta(seconds=TOUCH_SECONDS):
        Presence.objects.filter(user_id=user.pk).update(seen_at=now)


def set_by_hand(*, user: AbstractBaseUser, to: str, by: Actor) -> Presence:
    """A person says whether they can be given runs; empty: activity decides again.

    Only for oneself. Raises InvalidInput, NotAllowed.
    """
    if to and to not in Availability.values:
        raise InvalidInput(
            f"There is no availability {to!r}; use one of {', '.join(Availability.values)}."
        )
    if by.kind is not ActorKind.PERSON or by.id != str(user.pk):
        raise NotAllowed("Everybody sets their own availability, and nobody else's.")
    row, _ = Presence.objects.update_or_create(user_id=user.pk, defaults={"set_by_hand": to})
    return row


def available_supervisor(*, workspace_id: uuid.UUID, first: int) -> int | None:
    """The key of a user who can watch a run now: `first` if available, else who watches least."""
    roles = [role for role, rights in RIGHTS.items() if Right.SUPERVISE in rights]
    online = Presence.objects.online(now=timezone.now()).values("user_id")
    open_sessions = Count(
        "user__supervision_sessions",
        filter=Q(user__supervision_sessions__state__in=sorted(SUPERVISION_OPEN)),
    )
    found = (
        Membership.objects.of(workspace_id)
        .filter(role__in=roles, user__is_active=True, user__in=online)
        .annotate(watching=open_sessions)
        .order_by("watching", "user_id")
        .values_list("user_id", flat=True)
    )
    keys = list(found)
    if first in keys:
        return first
    return keys[0] if keys else None
