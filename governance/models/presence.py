"""Presence: when a person was last active on the site, and what they said of themselves."""

from __future__ import annotations

import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from governance.domain.words import Availability
from governance.models.base import one_of

ONLINE_FOR = datetime.timedelta(minutes=5)
AWAY_FOR = datetime.timedelta(minutes=30)


class PresenceQuerySet(models.QuerySet["Presence"]):
    """Reads."""

    def online(self, *, now: datetime.datetime) -> PresenceQuerySet:
        """Those who can be given a run to watch."""
        active = Q(set_by_hand="", seen_at__gt=now - ONLINE_FOR)
        return self.filter(active | Q(set_by_hand=Availability.ONLINE))


class Presence(models.Model):
    """At most one of a user. `set_by_hand` is empty while activity alone decides."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="presence",
    )
    seen_at = models.DateTimeField(default=timezone.now)
    set_by_hand = models.CharField(
        max_length=20, choices=Availability.choices, blank=True, default=""
    )

    objects = PresenceQuerySet.as_manager()

    class Meta:
        constraints = (
            one_of("set_by_hand", ["", *Availability.values], name="presence_word_known"),
        )

    def __str__(self) -> str:
        return f"{self.user}: {self.set_by_hand or 'by activity'}"

    def availability(self, *, now: datetime.datetime) -> Availability:
        """Online within 5 minutes of the last activity, away within 30, offline after that."""
        if self.set_by_hand:
            return Availability(self.set_by_hand)
        silent = now - self.seen_at
        if silent < ONLINE_FOR:
            return Availability.ONLINE
        return Availability.AWAY if silent < AWAY_FOR else Availability.OFFLINE
