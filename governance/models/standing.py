"""Standing: what an agent has shown, in counters; the criteria; and every change of maturity."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from governance.domain.words import ChangeReason, EvidenceKind, Maturity
from governance.models.agent import Agent
from governance.models.base import Record, RecordQuerySet, one_of
from governance.models.episode import Episode
from governance.models.exam import Exam
from governance.models.execution import Execution
from governance.models.proposal import Proposal
from governance.policy.readiness import Criteria, Shown

ABOVE_STUDENT = [maturity.value for maturity in Maturity if maturity is not Maturity.STUDENT]


class StintCounter(Record):
    """What the episodes of one stint of an agent add up to; kept with each of them."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="stint_counters")
    stint = models.PositiveIntegerField()
    episodes = models.PositiveIntegerField(default=0)
    successful = models.PositiveIntegerField(default=0)
    interventions = models.PositiveIntegerField(default=0)
    intervened = models.PositiveIntegerField(default=0)
    scored = models.PositiveIntegerField(default=0)
    score_thousandths = models.PositiveBigIntegerField(default=0)

    objects = RecordQuerySet["StintCounter"].as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("agent", "stint"), name="stint_counter_once"),
            models.CheckConstraint(
                condition=Q(successful__lte=models.F("episodes"))
                & Q(intervened__lte=models.F("episodes"))
                & Q(scored__lte=models.F("episodes")),
                name="stint_counter_within",
            ),
        )

    def __str__(self) -> str:
        return f"stint {self.stint} of {self.agent}"

    @property
    def shown(self) -> Shown:
        """As the pure rules take it."""
        return Shown(
            episodes=self.episodes,
            successful=self.successful,
            interventions=self.interventions,
            intervened=self.intervened,
            scored=self.scored,
            score_thousandths=self.score_thousandths,
        )


class Evidence(Record):
    """One outcome that speaks for or against an agent doing an action type by itself.

    `halves`: what it is worth. `voided_at`: it was corrected, and counts no more.
    """

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="evidence")
    action_type = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=EvidenceKind.choices)
    halves = models.PositiveSmallIntegerField()
    proposal = models.ForeignKey(
        Proposal, on_delete=models.PROTECT, null=True, related_name="evidence"
    )
    execution = models.ForeignKey(
        Execution, on_delete=models.PROTECT, null=True, related_name="evidence"
    )
    episode = models.ForeignKey(
        Episode, on_delete=models.PROTECT, null=True, related_name="evidence"
    )
    voided_at = models.DateTimeField(null=True, editable=False)

    objects = RecordQuerySet["Evidence"].as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(
                fields=("agent", "action_type", "-created_at", "-id"), name="evidence_of_agent"
            ),
        )
        constraints = (
            one_of("kind", EvidenceKind.values, name="evidence_kind_known"),
            models.CheckConstraint(condition=Q(halves__lte=2), name="evidence_halves_0_to_2"),
        )

    def __str__(self) -> str:
        return f"{self.kind} for {self.action_type}"


class EvidenceCounter(Record):
    """The evidence of one agent and action type that counts, by kind of outcome."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="evidence_counters")
    action_type = models.CharField(max_length=100)
    count = models.PositiveIntegerField(default=0)
    halves = models.PositiveIntegerField(default=0)
    clean_approval = models.PositiveIntegerField(default=0)
    edited_approval = models.PositiveIntegerField(default=0)
    rejection = models.PositiveIntegerField(default=0)
    intervention = models.PositiveIntegerField(default=0)
    failure = models.PositiveIntegerField(default=0)
    violation = models.PositiveIntegerField(default=0)

    objects = RecordQuerySet["EvidenceCounter"].as_manager()

    class Meta:
        ordering = ("action_type",)
        constraints = (
            models.UniqueConstraint(fields=("agent", "action_type"), name="evidence_counter_once"),
            models.CheckConstraint(
                condition=Q(halves__lte=2 * models.F("count")), name="evidence_counter_within"
            ),
        )

    def __str__(self) -> str:
        return f"evidence of {self.agent} for {self.action_type}"


class CriteriaRowQuerySet(RecordQuerySet["CriteriaRow"]):
    """Reads."""

    def to(self, maturity: Maturity, *, workspace_id: uuid.UUID) -> CriteriaRow | None:
        """The workspace's row for promotion to this maturity."""
        return self.of(workspace_id).filter(maturity=maturity).first()


_SHARE = [MinValueValidator(0.0), MaxValueValidator(1.0)]


class CriteriaRow(Record):
    """What promotion to `maturity` asks for in this workspace. Governors change it."""

    maturity = models.CharField(
        max_length=20, choices=[(m.value, m.label) for m in Maturity if m is not Maturity.STUDENT]
    )
    episodes = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    max_intervention_rate = models.FloatField(validators=[MinValueValidator(0.0)])
    min_constitution = models.FloatField(validators=_SHARE)
    min_exam = models.FloatField(validators=_SHARE)
    min_success = models.FloatField(default=0.5, validators=_SHARE)

    objects = CriteriaRowQuerySet.as_manager()

    class Meta:
        verbose_name = "criteria"
        verbose_name_plural = "criteria"
        ordering = ("workspace", "episodes")
        constraints = (
            models.UniqueConstraint(fields=("workspace", "maturity"), name="criteria_once"),
            one_of("maturity", ABOVE_STUDENT, name="criteria_maturity_known"),
            models.CheckConstraint(
                condition=Q(
                    episodes__gte=1,
                    max_intervention_rate__gte=0,
                    min_constitution__gte=0,
                    min_constitution__lte=1,
                    min_exam__gt=0,
                    min_exam__lte=1,
                    min_success__gte=0,
                    min_success__lte=1,
                ),
                name="criteria_within",
            ),
        )

    def __str__(self) -> str:
        return f"criteria for {self.maturity}"

    @property
    def criteria(self) -> Criteria:
        """As the pure rules take it."""
        return Criteria(
            Maturity(self.maturity),
            self.episodes,
            self.max_intervention_rate,
            self.min_constitution,
            self.min_exam,
            self.min_success,
        )


class MaturityChange(Record):
    """A promotion or demotion. `evidence`: a frozen copy of everything it rested on."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="maturity_changes")
    before = models.CharField(max_length=20, choices=Maturity.choices)
    after = models.CharField(max_length=20, choices=Maturity.choices)
    stint = models.PositiveIntegerField()
    reason = models.CharField(max_length=20, choices=ChangeReason.choices)
    note = models.TextField(max_length=2_000, blank=True)
    exam = models.OneToOneField(
        Exam, on_delete=models.PROTECT, null=True, related_name="maturity_change"
    )
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    evidence = models.JSONField(default=dict)

    objects = RecordQuerySet["MaturityChange"].as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("agent", "-created_at", "-id"), name="maturity_change_of_agent"),
        )
        constraints = (
            models.UniqueConstraint(fields=("agent", "stint"), name="maturity_change_stint_once"),
            one_of("before", Maturity.values, name="maturity_change_before_known"),
            one_of("after", Maturity.values, name="maturity_change_after_known"),
            one_of("reason", ChangeReason.values, name="maturity_change_reason_known"),
            models.CheckConstraint(
                condition=~Q(before=models.F("after")), name="maturity_change_changes"
            ),
            models.CheckConstraint(
                condition=~Q(reason=ChangeReason.EXAM) | Q(exam__isnull=False),
                name="maturity_change_exam_named",
            ),
            models.CheckConstraint(
                condition=~Q(after=Maturity.AUTONOMOUS) | Q(confirmed_by__isnull=False),
                name="maturity_change_autonomous_confirmed",
            ),
        )

    def __str__(self) -> str:
        return f"{self.before} to {self.after}"
