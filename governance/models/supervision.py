"""SupervisionSession, its events and interventions: a person watching a run."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from governance.domain import states
from governance.domain.states import SupervisionState
from governance.domain.words import InterventionKind
from governance.models.agent import Agent
from governance.models.base import (
    Record,
    RecordQuerySet,
    Stateful,
    one_of,
    set_exactly_in,
    state_check,
)
from governance.models.decision import Decision
from governance.models.run import RUN_ENDED, Run

SUPERVISION_OPEN = frozenset({SupervisionState.RUNNING, SupervisionState.PAUSED})
SUPERVISION_ENDED = frozenset(set(SupervisionState) - SUPERVISION_OPEN)


class SupervisionSessionQuerySet(RecordQuerySet["SupervisionSession"]):
    """Reads."""

    def open(self) -> SupervisionSessionQuerySet:
        """Running or paused."""
        return self.filter(state__in=sorted(SUPERVISION_OPEN))

    def live(self) -> SupervisionSessionQuerySet:
        """Open, over a run that has not ended."""
        return self.open().exclude(run__state__in=sorted(RUN_ENDED))

    def of_run(self, run_id: uuid.UUID) -> SupervisionSession | None:
        """The session under which a run stands now, if somebody watches it."""
        return self.open().filter(run_id=run_id).select_related("supervisor").first()

    def unwatched(self, *, since: datetime) -> SupervisionSessionQuerySet:
        """Running, over a run that has not ended, and nobody has looked since then."""
        running = self.filter(state=SupervisionState.RUNNING, watched_at__lte=since)
        return running.exclude(run__state__in=sorted(RUN_ENDED))


class SupervisionSession(Stateful, Record):
    """At most one open session of a run.

    `last_sequence`: how many events it has. `watched_at`: when its supervisor's console was last
    there. `boost`: what completing it added to the agent's confidence.
    """

    LIFECYCLE: ClassVar = states.SUPERVISION

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="supervision_sessions")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="supervision_sessions")
    supervisor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="supervision_sessions"
    )
    state = models.CharField(
        max_length=20,
        choices=SupervisionState.choices,
        default=states.SUPERVISION.initial,
        editable=False,
    )
    last_sequence = models.PositiveIntegerField(default=0, editable=False)
    watched_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    rating = models.PositiveSmallIntegerField(null=True, editable=False)
    feedback = models.TextField(max_length=2_000, blank=True, editable=False)
    boost = models.FloatField(null=True, editable=False)

    objects = SupervisionSessionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="supervision_list"),
            models.Index(fields=("agent", "-created_at", "-id"), name="supervision_of_agent"),
            models.Index(
                fields=("supervisor",),
                condition=Q(state__in=["running", "paused"]),
                name="supervision_open",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("run",),
                condition=Q(state__in=["running", "paused"]),
                name="supervision_one_open_a_run",
            ),
            state_check(states.SUPERVISION, name="supervision_state_known"),
            set_exactly_in(SUPERVISION_ENDED, "ended_at", name="supervision_ended_pairs"),
            set_exactly_in(
                {SupervisionState.COMPLETED}, "rating", "boost", name="supervision_rated_pairs"
            ),
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__gte=1, rating__lte=5),
                name="supervision_rating_1_to_5",
            ),
        )

    def __str__(self) -> str:
        return f"supervision of {self.agent} by {self.supervisor} ({self.state})"


class SessionEvent(Record):
    """One thing that happened in a session. `sequence` counts from 1, without gaps."""

    session = models.ForeignKey(SupervisionSession, on_delete=models.PROTECT, related_name="events")
    sequence = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    data = models.JSONField(default=dict)

    objects = RecordQuerySet["SessionEvent"].as_manager()

    class Meta:
        ordering = ("session", "sequence")
        constraints = (
            models.UniqueConstraint(
                fields=("session", "sequence"), name="session_event_sequence_once"
            ),
            models.CheckConstraint(
                condition=Q(sequence__gte=1), name="session_event_sequence_positive"
            ),
        )

    def __str__(self) -> str:
        return f"{self.sequence}: {self.kind}"


class Intervention(Record):
    """What somebody did to a run they watched.

    `by` is null for the system, which pauses what nobody watches. `delivered_at`: when the agent
    was handed the guidance. `followed_by`: the first decision about the agent afterwards.
    """

    session = models.ForeignKey(
        SupervisionSession, on_delete=models.PROTECT, related_name="interventions"
    )
    kind = models.CharField(max_length=20, choices=InterventionKind.choices)
    guidance = models.TextField(max_length=2_000, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    delivered_at = models.DateTimeField(null=True, editable=False)
    followed_by = models.ForeignKey(
        Decision, on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )

    objects = RecordQuerySet["Intervention"].as_manager()

    class Meta:
        ordering = ("created_at", "id")
        indexes = (
            models.Index(fields=("session", "created_at", "id"), name="intervention_of_session"),
        )
        constraints = (
            one_of("kind", InterventionKind.values, name="intervention_kind_known"),
            models.CheckConstraint(
                condition=~Q(kind=InterventionKind.CORRECT) | ~Q(guidance=""),
                name="intervention_correct_says_how",
            ),
            models.CheckConstraint(
                condition=Q(delivered_at__isnull=True) | Q(kind=InterventionKind.CORRECT),
                name="intervention_guidance_delivered",
            ),
            models.CheckConstraint(
                condition=Q(by__isnull=False) | Q(kind=InterventionKind.PAUSE),
                name="intervention_by_a_person",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.session}"
