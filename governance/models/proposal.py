"""Proposal and Review: a plan that waits for people, and what each of them said."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.domain import states
from governance.domain.states import ProposalState
from governance.domain.values import Json
from governance.domain.words import ProposalKind, ReviewVerdict, Route
from governance.models.agent import Agent
from governance.models.base import (
    Record,
    RecordQuerySet,
    Stateful,
    one_of,
    state_check,
)
from governance.models.policy import PolicyVersion
from governance.models.run import Run
from governance.policy import plans

DECIDED_BY_A_PERSON = frozenset(
    {
        ProposalState.APPROVED,
        ProposalState.REJECTED,
        ProposalState.EXECUTED,
        ProposalState.FAILED,
        ProposalState.IN_DOUBT,
    }
)


class ProposalQuerySet(RecordQuerySet["Proposal"]):
    """Reads."""

    def pending(self, *, now: datetime) -> ProposalQuerySet:
        """Those a person can still decide; oldest first."""
        waiting = self.filter(state=ProposalState.PROPOSED, expires_at__gt=now)
        return waiting.order_by("created_at", "id")

    def overdue(self, *, now: datetime) -> ProposalQuerySet:
        """Those nobody decided in time and nobody has marked yet."""
        return self.filter(state=ProposalState.PROPOSED, expires_at__lte=now)

    def history(self) -> ProposalQuerySet:
        """Those no longer waiting; newest first."""
        return self.exclude(state=ProposalState.PROPOSED).order_by("-created_at", "-id")

    def under_key(self, *, agent_id: uuid.UUID, idempotency_key: str) -> Proposal | None:
        """The agent's proposal of this idempotency key, if any."""
        return self.filter(agent_id=agent_id, idempotency_key=idempotency_key).first()


class Proposal(Stateful, Record):
    """`plan` and `edited_plan` hold canonical JSON text (RFC 8785), so digests cover exact bytes.

    `digest` seals the plan in force: the proposed one, or the edited one once there is an edit.
    """

    LIFECYCLE: ClassVar = states.PROPOSAL

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="proposals")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, related_name="proposals")
    kind = models.CharField(
        max_length=20, choices=ProposalKind.choices, default=ProposalKind.ACTION
    )
    state = models.CharField(
        max_length=20,
        choices=ProposalState.choices,
        default=states.PROPOSAL.initial,
        editable=False,
    )
    title = models.CharField(max_length=200)
    reasoning = models.TextField(max_length=10_000, blank=True)
    route = models.CharField(max_length=20, choices=Route.choices)
    plan = models.TextField()
    edited_plan = models.TextField(null=True)  # noqa: DJ001  null: never edited; an empty plan cannot exist
    digest = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    policy = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="proposals")
    required_approvals = models.PositiveSmallIntegerField(default=1)
    idempotency_key = models.CharField(max_length=200, null=True)  # noqa: DJ001  null: none given; UNIQUE ignores nulls
    body_digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )
    decided_on_advice = models.ForeignKey(
        "governance.Advice",
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )
    closing_reason = models.TextField(max_length=2_000, blank=True, editable=False)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "state", "created_at", "id"), name="proposal_inbox"),
            models.Index(fields=("workspace", "-created_at", "-id"), name="proposal_list"),
            models.Index(fields=("agent", "-created_at", "-id"), name="proposal_of_agent"),
            models.Index(
                fields=("expires_at",),
                condition=Q(state=ProposalState.PROPOSED),
                name="proposal_overdue",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=("agent", "idempotency_key"), name="proposal_key_once"),
            one_of("kind", ProposalKind.values, name="proposal_kind_known"),
            one_of("route", Route.values, name="proposal_route_known"),
            state_check(states.PROPOSAL, name="proposal_state_known"),
            models.CheckConstraint(
                condition=Q(
                    decided_at__isnull=True,
                    decided_by__isnull=True,
                    decided_on_advice__isnull=True,
                )
                | Q(
                    decided_at__isnull=False,
                    decided_by__isnull=False,
                    decided_on_advice__isnull=True,
                )
                | Q(
                    decided_at__isnull=False,
                    decided_by__isnull=True,
                    decided_on_advice__isnull=False,
                ),
                name="proposal_decided_pair",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=sorted(DECIDED_BY_A_PERSON)) | Q(decided_at__isnull=False),
                name="proposal_decided_by_a_person",
            ),
            models.CheckConstraint(
                condition=~Q(state=ProposalState.PROPOSED) | Q(decided_at__isnull=True),
                name="proposal_waiting_is_undecided",
            ),
            models.CheckConstraint(
                condition=~Q(state=ProposalState.REJECTED) | ~Q(closing_reason=""),
                name="proposal_rejected_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(required_approvals__gte=1), name="proposal_approvals_positive"
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def plan_in_force(self) -> str:
        """The canonical text of the plan that an approval would carry out."""
        return self.plan if self.edited_plan is None else self.edited_plan

    @property
    def decider(self) -> str:
        """Who decided it, as in "approved {decider}"; empty where nobody did."""
        if self.decided_on_advice is not None:
            return f"on the advice of the agent {self.decided_on_advice.adviser.name}"
        return f"by {self.decided_by.get_username()}" if self.decided_by else ""

    @property
    def edit(self) -> list[dict[str, Json]]:
        """What reviewers changed, by JSON Pointer; empty when nobody edited."""
        if self.edited_plan is None:
            return []
        before, after = plans.parse_text(self.plan), plans.parse_text(self.edited_plan)
        return plans.difference(before.as_json(), after.as_json())


class Review(Record):
    """One person's verdict on one proposal, bound to the digest that person saw.

    Once an edit has put another plan in force, the same person may judge that one as well; and
    who abstained may still decide.
    """

    proposal = models.ForeignKey(Proposal, on_delete=models.PROTECT, related_name="reviews")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    verdict = models.CharField(max_length=20, choices=ReviewVerdict.choices)
    digest = models.CharField(max_length=64)
    edited = models.BooleanField(default=False)
    comment = models.TextField(max_length=2_000, blank=True)

    objects = RecordQuerySet["Review"].as_manager()

    class Meta:
        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("proposal", "reviewer", "digest"),
                condition=~Q(verdict=ReviewVerdict.ABSTAIN),
                name="review_once_per_person",
            ),
            one_of("verdict", ReviewVerdict.values, name="review_verdict_known"),
            models.CheckConstraint(
                condition=~Q(verdict=ReviewVerdict.REJECT) | ~Q(comment=""),
                name="review_reject_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(edited=False) | Q(verdict=ReviewVerdict.APPROVE),
                name="review_edit_approves",
            ),
        )

    def __str__(self) -> str:
        return f"{self.reviewer}: {self.verdict}"
