"""Execution and ExecutionStep: the durable record of carrying out a cleared plan."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from governance.domain import states
from governance.domain.states import ExecutionState, StepState, WorkspaceState
from governance.domain.words import Effect, Mode, Route
from governance.models.agent import Agent
from governance.models.base import (
    Record,
    RecordQuerySet,
    Stateful,
    one_of,
    set_exactly_in,
    state_check,
)
from governance.models.proposal import Proposal
from governance.models.run import Run

EXECUTION_ENDED = frozenset({ExecutionState.DONE, ExecutionState.FAILED, ExecutionState.CANCELLED})
STEP_ENDED = frozenset({StepState.DONE, StepState.FAILED, StepState.SKIPPED, StepState.NOT_RUN})


class ExecutionQuerySet(RecordQuerySet["Execution"]):
    """Reads."""

    def ready_for_workers(self, *, now: datetime) -> ExecutionQuerySet:
        """What a worker may claim, oldest first; a halted workspace's work waits.

        What failed and will be tried again waits until its `not_before`.
        """
        return self.filter(
            Q(not_before__isnull=True) | Q(not_before__lte=now),
            state=ExecutionState.READY,
            mode=Mode.HANDLER,
            workspace__state=WorkspaceState.ACTIVE,
        ).order_by("created_at", "id")

    def undelivered(self, *, now: datetime) -> ExecutionQuerySet:
        """Ready for workers, and no worker came although its delivery is overdue; longest first."""
        return self.ready_for_workers(now=now).filter(deliver_at__lte=now).order_by("deliver_at")

    def waiting_for(self, subject_id: uuid.UUID) -> ExecutionQuerySet:
        """Those that go on when this row changes."""
        return self.filter(state=ExecutionState.READY, waiting_for=subject_id)

    def expired(self, *, now: datetime) -> ExecutionQuerySet:
        """Claimed, with a lease that ran out."""
        return self.filter(state=ExecutionState.CLAIMED, lease_expires_at__lte=now)

    def under_key(self, *, agent_id: uuid.UUID, idempotency_key: str) -> Execution | None:
        """The agent's execution that was cleared at once under this idempotency key, if any."""
        return self.filter(agent_id=agent_id, idempotency_key=idempotency_key).first()

    def of_proposal(self, proposal_id: uuid.UUID) -> Execution | None:
        """The one execution of a proposal, if it was approved."""
        return self.filter(proposal_id=proposal_id).first()


class Execution(Stateful, Record):
    """`cleared_route`: the strictest gate answer that what happened so far covers.

    `execution` when the gate itself said so, `proposal` when people approved. The gate is asked
    again before anything is sent, and a stricter answer than this stops it.

    `not_before`: while it is ready, no worker claims it earlier: the next attempt's time, or the
    end of its patience while it waits for somebody. `waiting_for` is then the key of the row that
    it waits for. `deliver_at`: while it is ready, when the sweeper asks the task engine to run it
    (again). `lapses`: how many claims ran out.
    """

    LIFECYCLE: ClassVar = states.EXECUTION

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="executions")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, related_name="executions")
    proposal = models.OneToOneField(
        Proposal, on_delete=models.PROTECT, null=True, related_name="execution"
    )
    mode = models.CharField(max_length=20, choices=Mode.choices)
    cleared_route = models.CharField(max_length=20, choices=Route.choices)
    plan = models.TextField()
    digest = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=200, null=True)  # noqa: DJ001  null: none given; UNIQUE ignores nulls
    body_digest = models.CharField(max_length=64, blank=True)
    state = models.CharField(
        max_length=20,
        choices=ExecutionState.choices,
        default=states.EXECUTION.initial,
        editable=False,
    )
    fencing_token = models.PositiveIntegerField(default=0, editable=False)
    lapses = models.PositiveSmallIntegerField(default=0, editable=False)
    claimed_by = models.CharField(max_length=200, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, editable=False)
    not_before = models.DateTimeField(null=True, editable=False)
    waiting_for = models.UUIDField(null=True, editable=False)
    deliver_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    error = models.TextField(blank=True, editable=False)

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="execution_list"),
            models.Index(
                fields=("created_at", "id"),
                condition=Q(state=ExecutionState.READY),
                name="execution_ready",
            ),
            models.Index(
                fields=("workspace", "-created_at", "-id"),
                condition=Q(state=ExecutionState.IN_DOUBT),
                name="execution_in_doubt",
            ),
            models.Index(
                fields=("deliver_at",),
                condition=Q(state=ExecutionState.READY),
                name="execution_deliveries",
            ),
            models.Index(
                fields=("waiting_for",),
                condition=Q(state=ExecutionState.READY, waiting_for__isnull=False),
                name="execution_waiting",
            ),
            models.Index(
                fields=("lease_expires_at",),
                condition=Q(state=ExecutionState.CLAIMED),
                name="execution_leases",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=("agent", "idempotency_key"), name="execution_key_once"),
            one_of("mode", Mode.values, name="execution_mode_known"),
            one_of("cleared_route", Route.values, name="execution_route_known"),
            state_check(states.EXECUTION, name="execution_state_known"),
            set_exactly_in(
                {ExecutionState.CLAIMED}, "lease_expires_at", name="execution_lease_pairs"
            ),
            set_exactly_in(EXECUTION_ENDED, "finished_at", name="execution_finished_pairs"),
            models.CheckConstraint(
                condition=Q(waiting_for__isnull=True)
                | Q(state=ExecutionState.READY, not_before__isnull=False),
                name="execution_waiting_pairs",
            ),
            models.CheckConstraint(
                condition=~Q(state=ExecutionState.FAILED) | ~Q(error=""),
                name="execution_failed_says_why",
            ),
        )

    def __str__(self) -> str:
        return f"execution {self.id} ({self.state})"


class ExecutionStep(Stateful, Record):
    """One step. `idempotency_key` goes to the far side and never changes between attempts."""

    LIFECYCLE: ClassVar = states.STEP

    execution = models.ForeignKey(Execution, on_delete=models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField()
    step = models.CharField(max_length=50)
    action_type = models.CharField(max_length=100)
    effect = models.CharField(max_length=20, choices=Effect.choices)
    idempotency_key = models.CharField(max_length=100)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    max_attempts = models.PositiveSmallIntegerField(default=1, editable=False)
    timeout_seconds = models.PositiveIntegerField(default=60, editable=False)
    state = models.CharField(
        max_length=20, choices=StepState.choices, default=states.STEP.initial, editable=False
    )
    sent_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    output = models.TextField(blank=True, editable=False)
    error = models.TextField(blank=True, editable=False)

    objects = RecordQuerySet["ExecutionStep"].as_manager()

    class Meta:
        ordering = ("execution", "position")
        constraints = (
            models.UniqueConstraint(fields=("execution", "position"), name="step_position_once"),
            models.UniqueConstraint(fields=("execution", "step"), name="step_id_once"),
            models.UniqueConstraint(fields=("idempotency_key",), name="step_idempotency_key_once"),
            one_of("effect", Effect.values, name="step_effect_known"),
            state_check(states.STEP, name="step_state_known"),
            set_exactly_in(STEP_ENDED, "finished_at", name="step_finished_pairs"),
            models.CheckConstraint(
                condition=~Q(state__in=[StepState.SENT, StepState.IN_DOUBT])
                | Q(sent_at__isnull=False),
                name="step_sent_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state=StepState.FAILED) | ~Q(error=""), name="step_failed_says_why"
            ),
        )

    def __str__(self) -> str:
        return f"{self.step}: {self.action_type} ({self.state})"
