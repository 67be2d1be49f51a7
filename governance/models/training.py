"""TrainingTopic, TrainingPlan, TrainingSession: what a student must learn, and how it went."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.domain import states
from governance.domain.states import ProposalState, TrainingState
from governance.models.agent import Agent
from governance.models.base import (
    Record,
    RecordQuerySet,
    Stateful,
    set_exactly_in,
    state_check,
)
from governance.models.proposal import Proposal
from governance.models.run import Trigger

TRAINING_ENDED = frozenset({TrainingState.COMPLETED, TrainingState.FAILED, TrainingState.CANCELLED})


class TrainingTopic(Record):
    """A row of the table from which training plans are made; governors edit it.

    It applies to an agent of `category` (empty: of any) whose blocked trigger concerns
    `action_type` (empty: any). `capability` is what the agent lacks until it is among its
    capabilities. `tasks`: what to work through, a list of strings.
    """

    category = models.CharField(max_length=100, blank=True)
    action_type = models.CharField(max_length=100, blank=True)
    capability = models.CharField(max_length=100)
    objective = models.CharField(max_length=300)
    tasks = models.JSONField(default=list)

    objects = RecordQuerySet["TrainingTopic"].as_manager()

    class Meta:
        ordering = ("category", "action_type", "capability")
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "category", "action_type", "capability"),
                name="training_topic_once",
            ),
            models.CheckConstraint(
                condition=~Q(capability="") & ~Q(objective=""), name="training_topic_says_what"
            ),
        )

    def __str__(self) -> str:
        return self.capability


class TrainingPlanQuerySet(RecordQuerySet["TrainingPlan"]):
    """Reads."""

    def open_for(self, agent_id: uuid.UUID) -> TrainingPlan | None:
        """The plan that further blocked triggers of this agent join: undecided, or under way."""
        waiting = Q(proposal__state__in=[ProposalState.PROPOSED, ProposalState.APPROVED])
        under_way = Q(session__state__in=[TrainingState.SCHEDULED, TrainingState.IN_PROGRESS])
        return self.filter(waiting | under_way, agent_id=agent_id).order_by("-created_at").first()


class TrainingPlan(Record):
    """What a training proposal proposes. Never changed once written.

    `gaps`: capabilities. `objectives`: `[{"capability", "objective", "tasks"}]`. `reasoning`: the
    parts of the estimate, as `policy.training.Part` gives them. Hours in hours; `confidence` of the
    estimate 0.5 to 0.9.
    """

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="training_plans")
    proposal = models.OneToOneField(
        Proposal, on_delete=models.PROTECT, related_name="training_plan"
    )
    gaps = models.JSONField()
    objectives = models.JSONField()
    hours = models.FloatField()
    hours_low = models.FloatField()
    hours_high = models.FloatField()
    confidence = models.FloatField()
    reasoning = models.JSONField()
    hours_a_day = models.FloatField()

    objects = TrainingPlanQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="training_plan_list"),
            models.Index(fields=("agent", "-created_at", "-id"), name="training_plan_of_agent"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(hours__gt=0, hours_low__gt=0, hours_high__gt=0, hours_a_day__gt=0),
                name="training_plan_hours_positive",
            ),
        )

    def __str__(self) -> str:
        return f"training of {self.agent}"


class BlockedTriggerQuerySet(RecordQuerySet["BlockedTrigger"]):
    """Reads."""

    def waiting(self, agent_id: uuid.UUID) -> BlockedTriggerQuerySet:
        """What an agent was asked to start on and is still not trained for; oldest first."""
        return self.filter(trigger__agent_id=agent_id, resolved_at__isnull=True)


class BlockedTrigger(Record):
    """A trigger that waits for a training. `resolved_at`: when the training was completed."""

    trigger = models.OneToOneField(Trigger, on_delete=models.PROTECT, related_name="blocked")
    plan = models.ForeignKey(TrainingPlan, on_delete=models.PROTECT, related_name="blocked")
    resolved_at = models.DateTimeField(null=True, editable=False)
    retried_as = models.OneToOneField(
        Trigger, on_delete=models.PROTECT, null=True, editable=False, related_name="retry_of"
    )

    objects = BlockedTriggerQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="blocked_trigger_list"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(retried_as__isnull=True) | Q(resolved_at__isnull=False),
                name="blocked_trigger_retried_when_resolved",
            ),
        )

    def __str__(self) -> str:
        return str(self.trigger)


class TrainingSession(Stateful, Record):
    """A training as it goes. `days`: its schedule. `scores`: by capability, 0 to 1.

    `hours_spent`, `performance` (the mean of the scores) and `gain` (what it added to the agent's
    confidence) are known once it is completed.
    """

    LIFECYCLE: ClassVar = states.TRAINING

    plan = models.OneToOneField(TrainingPlan, on_delete=models.PROTECT, related_name="session")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="training_sessions")
    state = models.CharField(
        max_length=20,
        choices=TrainingState.choices,
        default=states.TRAINING.initial,
        editable=False,
    )
    hours = models.FloatField()
    hours_a_day = models.FloatField()
    days = models.JSONField()
    started_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    scores = models.JSONField(null=True, editable=False)
    errors = models.PositiveIntegerField(null=True, editable=False)
    feedback = models.TextField(max_length=2_000, blank=True, editable=False)
    hours_spent = models.FloatField(null=True, editable=False)
    performance = models.FloatField(null=True, editable=False)
    gain = models.FloatField(null=True, editable=False)

    objects = RecordQuerySet["TrainingSession"].as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="training_list"),
            models.Index(fields=("agent", "-created_at", "-id"), name="training_of_agent"),
        )
        constraints = (
            state_check(states.TRAINING, name="training_state_known"),
            set_exactly_in(TRAINING_ENDED, "ended_at", name="training_ended_pairs"),
            set_exactly_in(
                {TrainingState.COMPLETED},
                "scores",
                "errors",
                "hours_spent",
                "performance",
                "gain",
                name="training_completed_pairs",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["in_progress", "completed", "failed"])
                | Q(started_at__isnull=False),
                name="training_started_pairs",
            ),
            models.CheckConstraint(
                condition=Q(performance__isnull=True) | Q(performance__gte=0, performance__lte=1),
                name="training_performance_0_to_1",
            ),
        )

    def __str__(self) -> str:
        return f"training of {self.agent} ({self.get_state_display().lower()})"


class TrainingTask(Record):
    """Something to work through, ticked off by a person."""

    session = models.ForeignKey(TrainingSession, on_delete=models.PROTECT, related_name="tasks")
    position = models.PositiveSmallIntegerField()
    capability = models.CharField(max_length=100)
    title = models.CharField(max_length=300)
    done_at = models.DateTimeField(null=True, editable=False)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )

    objects = RecordQuerySet["TrainingTask"].as_manager()

    class Meta:
        ordering = ("session", "position")
        constraints = (
            models.UniqueConstraint(
                fields=("session", "position"), name="training_task_position_once"
            ),
            models.CheckConstraint(
                condition=Q(done_at__isnull=True, done_by__isnull=True)
                | Q(done_at__isnull=False, done_by__isnull=False),
                name="training_task_done_pairs",
            ),
        )

    def __str__(self) -> str:
        return self.title
