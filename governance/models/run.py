"""Trigger and Run: what asks an agent to start, and the piece of work that follows."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from governance.domain import states
from governance.domain.states import AgentState, RunState, WorkspaceState
from governance.domain.words import Maturity, Route, RunKind, TriggerSource
from governance.models.agent import Agent
from governance.models.base import (
    Record,
    RecordQuerySet,
    Stateful,
    one_of,
    set_exactly_in,
    state_check,
)

RUN_ENDED = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.ABANDONED})


class Trigger(Record):
    """A request to start, and the route the gate gave it. Never changed once written."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="triggers")
    source = models.CharField(max_length=20, choices=TriggerSource.choices)
    type = models.CharField(max_length=100)
    context = models.JSONField(default=dict)
    route = models.CharField(max_length=20, choices=Route.choices)

    objects = RecordQuerySet["Trigger"].as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=("workspace", "-created_at", "-id"), name="trigger_list"),)
        constraints = (
            one_of("source", TriggerSource.values, name="trigger_source_known"),
            one_of("route", Route.values, name="trigger_route_known"),
        )

    def __str__(self) -> str:
        return f"{self.source}/{self.type}"

    def as_map(self) -> dict[str, object]:
        """The CEL variable `trigger`; CEL takes plain strings, and no enumerations."""
        return {"source": str(self.source), "type": self.type, "context": self.context}


class RunQuerySet(RecordQuerySet["Run"]):
    """Reads."""

    def waiting_for_supervisor(self) -> RunQuerySet:
        """Queued until somebody watches, oldest first; not those that could not start now."""
        return self.filter(
            state=RunState.QUEUED,
            trigger__route=Route.SUPERVISION,
            workspace__state=WorkspaceState.ACTIVE,
            agent__state=AgentState.ACTIVE,
            agent__maturity__in=[Maturity.SUPERVISED, Maturity.AUTONOMOUS],
        ).order_by("created_at", "id")


class Run(Stateful, Record):
    """One piece of work by one agent. `maturity` and `fingerprint` are those it began with.

    Where we run the agent's program: `program_started_at` is when a process took it on, once, and
    `program_seen_at` when that process was last alive.
    """

    LIFECYCLE: ClassVar = states.RUN

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="runs")
    trigger = models.OneToOneField(Trigger, on_delete=models.PROTECT, related_name="run")
    kind = models.CharField(max_length=20, choices=RunKind.choices, default=RunKind.LIVE)
    state = models.CharField(
        max_length=20, choices=RunState.choices, default=states.RUN.initial, editable=False
    )
    maturity = models.CharField(max_length=20, choices=Maturity.choices)
    fingerprint = models.CharField(max_length=64)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    program_started_at = models.DateTimeField(null=True, editable=False)
    program_seen_at = models.DateTimeField(null=True, editable=False)
    outcome = models.TextField(max_length=2_000, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="run_list"),
            models.Index(fields=("agent", "-created_at", "-id"), name="run_of_agent"),
            models.Index(
                fields=("created_at", "id"),
                condition=models.Q(state__in=["queued", "running"]),
                name="run_open",
            ),
        )
        constraints = (
            one_of("kind", RunKind.values, name="run_kind_known"),
            one_of("maturity", Maturity.values, name="run_maturity_known"),
            state_check(states.RUN, name="run_state_known"),
            set_exactly_in(RUN_ENDED, "finished_at", name="run_finished_pairs"),
            models.CheckConstraint(
                condition=~models.Q(state=RunState.QUEUED, started_at__isnull=False)
                & ~models.Q(state=RunState.RUNNING, started_at__isnull=True),
                name="run_started_pairs",
            ),
            models.CheckConstraint(
                condition=models.Q(program_started_at__isnull=True, program_seen_at__isnull=True)
                | models.Q(program_started_at__isnull=False, program_seen_at__isnull=False),
                name="run_program_pairs",
            ),
        )

    def __str__(self) -> str:
        return f"run of {self.agent} ({self.state})"

    def as_map(self) -> dict[str, object]:
        """The CEL variable `run`; CEL takes plain strings, and no enumerations."""
        return {
            "id": str(self.id),
            "kind": str(self.kind),
            "state": str(self.state),
            "maturity": str(self.maturity),
        }
