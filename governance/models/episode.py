"""Episode, its segments and violations: the record of a finished piece of work, in order."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.domain.words import (
    EpisodeOutcome,
    EpisodeSource,
    Maturity,
    SegmentKind,
    Severity,
)
from governance.models.agent import Agent
from governance.models.base import Record, RecordQuerySet, one_of
from governance.models.constitution import ConstitutionVersion
from governance.models.proposal import Proposal
from governance.models.run import Run


class Episode(Record):
    """`outcome` is how it ended as far as is known; `reported_outcome` what its agent said.

    `verified`: somebody or something else than the agent established the outcome. `stint`: which of
    the agent's times at a maturity it counts for, as `Agent.stint` was then; null: it is kept, and
    does not count. `score_thousandths`: the constitutional score, 0 to 1,000; null: not scored.
    `external_id`: what an import knows it by.
    """

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="episodes")
    run = models.OneToOneField(Run, on_delete=models.PROTECT, null=True, related_name="episode")
    proposal = models.OneToOneField(
        Proposal, on_delete=models.PROTECT, null=True, related_name="episode"
    )
    source = models.CharField(max_length=20, choices=EpisodeSource.choices)
    external_id = models.CharField(max_length=200, null=True)  # noqa: DJ001  null: not imported; UNIQUE ignores nulls
    title = models.CharField(max_length=200)
    maturity = models.CharField(max_length=20, choices=Maturity.choices)
    fingerprint = models.CharField(max_length=64)
    stint = models.PositiveIntegerField(null=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    outcome = models.CharField(max_length=20, choices=EpisodeOutcome.choices)
    reported_outcome = models.CharField(max_length=20, choices=EpisodeOutcome.choices, blank=True)
    reported_by = models.CharField(max_length=200)
    verified = models.BooleanField(default=False)
    corrected_at = models.DateTimeField(null=True)
    corrected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    note = models.TextField(max_length=2_000, blank=True)
    interventions = models.PositiveIntegerField(default=0)
    constitution = models.ForeignKey(
        ConstitutionVersion, on_delete=models.PROTECT, null=True, related_name="episodes"
    )
    score_thousandths = models.PositiveSmallIntegerField(null=True)
    compliant = models.BooleanField(null=True)

    objects = RecordQuerySet["Episode"].as_manager()

    class Meta:
        ordering = ("-finished_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-finished_at", "-id"), name="episode_list"),
            models.Index(fields=("agent", "-finished_at", "-id"), name="episode_of_agent"),
            models.Index(fields=("agent", "stint"), name="episode_of_stint"),
        )
        constraints = (
            models.UniqueConstraint(fields=("agent", "external_id"), name="episode_import_once"),
            one_of("maturity", Maturity.values, name="episode_maturity_known"),
            one_of("outcome", EpisodeOutcome.values, name="episode_outcome_known"),
            one_of("reported_outcome", ["", *EpisodeOutcome.values], name="episode_reported_known"),
            models.CheckConstraint(
                condition=Q(source="run", run__isnull=False, proposal__isnull=True)
                | Q(source="proposal", run__isnull=True, proposal__isnull=False)
                | Q(
                    source="imported",
                    run__isnull=True,
                    proposal__isnull=True,
                    external_id__isnull=False,
                ),
                name="episode_has_its_source",
            ),
            models.CheckConstraint(
                condition=Q(
                    score_thousandths__isnull=True,
                    compliant__isnull=True,
                    constitution__isnull=True,
                )
                | Q(
                    score_thousandths__isnull=False,
                    score_thousandths__lte=1_000,
                    compliant__isnull=False,
                    constitution__isnull=False,
                ),
                name="episode_scored_pairs",
            ),
            models.CheckConstraint(
                condition=Q(corrected_at__isnull=True, corrected_by__isnull=True)
                | Q(corrected_at__isnull=False, corrected_by__isnull=False),
                name="episode_corrected_pairs",
            ),
            models.CheckConstraint(
                condition=Q(started_at__lte=models.F("finished_at")), name="episode_in_order"
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def constitutional_score(self) -> float | None:
        """0 to 1; None: not scored."""
        return None if self.score_thousandths is None else self.score_thousandths / 1_000


class EpisodeSegment(Record):
    """One part of an episode. `data` is bounded JSON, without secrets."""

    episode = models.ForeignKey(Episode, on_delete=models.PROTECT, related_name="segments")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=SegmentKind.choices)
    action_type = models.CharField(max_length=100, blank=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField()

    objects = RecordQuerySet["EpisodeSegment"].as_manager()

    class Meta:
        ordering = ("episode", "position")
        constraints = (
            models.UniqueConstraint(
                fields=("episode", "position"), name="episode_segment_position_once"
            ),
            one_of("kind", SegmentKind.values, name="episode_segment_kind_known"),
        )

    def __str__(self) -> str:
        return f"{self.position}: {self.kind}"


class Violation(Record):
    """A segment (or, without one, the episode as a whole) broke a rule of a constitution.

    `withdrawn_at`: it was judged again, by what `withdrawn_by` found, and counts no more.
    """

    episode = models.ForeignKey(Episode, on_delete=models.PROTECT, related_name="violations")
    segment = models.ForeignKey(
        EpisodeSegment, on_delete=models.PROTECT, null=True, related_name="violations"
    )
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="violations")
    rule = models.CharField(max_length=100)
    severity = models.CharField(max_length=20, choices=Severity.choices)
    domain = models.CharField(max_length=100, blank=True)
    reason = models.CharField(max_length=500)
    error = models.CharField(max_length=500, blank=True)
    withdrawn_at = models.DateTimeField(null=True, editable=False)
    withdrawn_by = models.CharField(max_length=200, blank=True, editable=False)

    objects = RecordQuerySet["Violation"].as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="violation_list"),
            models.Index(fields=("agent", "-created_at", "-id"), name="violation_of_agent"),
        )
        constraints = (one_of("severity", Severity.values, name="violation_severity_known"),)

    def __str__(self) -> str:
        return f"{self.severity}: {self.rule}"
