"""Advice: what an autonomous agent thinks of a proposal or a run. Nobody's approval."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.domain.states import WorkspaceState
from governance.domain.words import Opinion
from governance.models.agent import Agent
from governance.models.base import Record, RecordQuerySet, one_of
from governance.models.proposal import Proposal
from governance.models.run import Run


class AdviceQuerySet(RecordQuerySet["Advice"]):
    """Reads."""

    def about(self, proposal_id: uuid.UUID) -> AdviceQuerySet:
        """What was asked about a proposal, oldest first."""
        return self.filter(proposal_id=proposal_id).order_by("created_at", "id")

    def untaken(self) -> AdviceQuerySet:
        """Asked for where nothing is halted, and no process has set about it."""
        waiting = self.filter(taken_at__isnull=True, answered_at__isnull=True)
        return waiting.filter(workspace__state=WorkspaceState.ACTIVE)

    def silent(self, *, since: datetime) -> AdviceQuerySet:
        """Set about before `since`, and never answered."""
        return self.filter(answered_at__isnull=True, taken_at__lte=since)


class Advice(Record):
    """About exactly one proposal (as `digest` seals it) or run.

    `opinion` and `reasons` are the adviser's own words; `error` says why there are none.
    """

    adviser = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="advice")
    proposal = models.ForeignKey(
        Proposal, on_delete=models.PROTECT, null=True, related_name="advice"
    )
    run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, related_name="advice")
    digest = models.CharField(max_length=64, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    taken_at = models.DateTimeField(null=True, editable=False)
    answered_at = models.DateTimeField(null=True, editable=False)
    opinion = models.CharField(max_length=20, choices=Opinion.choices, blank=True)
    reasons = models.TextField(max_length=4_000, blank=True)
    error = models.TextField(max_length=2_000, blank=True)

    objects = AdviceQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "advice"
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(
                fields=("created_at", "id"),
                condition=Q(answered_at__isnull=True),
                name="advice_open",
            ),
        )
        constraints = (
            one_of("opinion", ["", *Opinion.values], name="advice_opinion_known"),
            models.CheckConstraint(
                condition=Q(proposal__isnull=False, run__isnull=True)
                | Q(proposal__isnull=True, run__isnull=False),
                name="advice_about_one",
            ),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True, opinion="", error="")
                | (Q(answered_at__isnull=False) & (~Q(opinion="") | ~Q(error=""))),
                name="advice_answered_pairs",
            ),
        )

    def __str__(self) -> str:
        return f"advice of {self.adviser}"
