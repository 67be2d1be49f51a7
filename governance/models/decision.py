"""Decision: the gate's answer, kept."""

from __future__ import annotations

from django.db import models

from governance.domain.words import DecisionKind, Maturity, Route
from governance.models.agent import Agent
from governance.models.base import Record, RecordQuerySet, one_of
from governance.models.policy import PolicyVersion
from governance.models.run import Run, Trigger


class Decision(Record):
    """Which question, the route, why, and under which policy. Never changed once written.

    `action_type` is text, not a key: an agent may ask for what does not exist.
    `maturity` is what the agent's row said, even where that is no maturity. `params`: of what was
    refused (denied, or sent to training), without secrets; what was let through has a plan, which
    keeps them.
    """

    kind = models.CharField(max_length=20, choices=DecisionKind.choices)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="decisions")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, related_name="decisions")
    trigger = models.ForeignKey(
        Trigger, on_delete=models.PROTECT, null=True, related_name="decisions"
    )
    proposal = models.ForeignKey(
        "governance.Proposal", on_delete=models.PROTECT, null=True, related_name="decisions"
    )
    execution = models.ForeignKey(
        "governance.Execution", on_delete=models.PROTECT, null=True, related_name="decisions"
    )
    action_type = models.CharField(max_length=100, blank=True)
    step = models.CharField(max_length=50, blank=True)
    params_digest = models.CharField(max_length=64, blank=True)
    params = models.JSONField(null=True)
    route = models.CharField(max_length=20, choices=Route.choices)
    reasons = models.JSONField(default=list)
    matched_rules = models.JSONField(default=list)
    grant_id = models.CharField(max_length=36, blank=True)
    maturity = models.CharField(max_length=20, blank=True, choices=Maturity.choices)
    policy = models.ForeignKey(
        PolicyVersion, on_delete=models.PROTECT, null=True, related_name="decisions"
    )

    objects = RecordQuerySet["Decision"].as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="decision_list"),
            models.Index(fields=("agent", "-created_at", "-id"), name="decision_of_agent"),
        )
        constraints = (
            one_of("kind", DecisionKind.values, name="decision_kind_known"),
            one_of("route", Route.values, name="decision_route_known"),
            models.CheckConstraint(
                condition=models.Q(kind=DecisionKind.TRIGGER, trigger__isnull=False)
                | models.Q(kind=DecisionKind.ACTION) & ~models.Q(action_type=""),
                name="decision_names_its_subject",
            ),
        )

    def __str__(self) -> str:
        return f"{self.action_type or 'start'}: {self.route}"
