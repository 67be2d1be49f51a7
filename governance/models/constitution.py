"""ConstitutionVersion and its rules: what no agent may do, whatever its maturity."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from governance.domain import states
from governance.domain.states import ConstitutionState
from governance.domain.words import Severity
from governance.models.base import (
    Record,
    RecordQuerySet,
    one_of,
    set_exactly_in,
    state_check,
)
from governance.models.version import Version, VersionQuerySet


class ConstitutionVersionQuerySet(VersionQuerySet["ConstitutionVersion"]):
    """Reads."""


class ConstitutionVersion(Version):
    """A set of rules. `number` counts published versions of a workspace from 1, without gaps."""

    LIFECYCLE: ClassVar = states.CONSTITUTION

    state = models.CharField(
        max_length=20,
        choices=ConstitutionState.choices,
        default=states.CONSTITUTION.initial,
        editable=False,
    )

    objects = ConstitutionVersionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="constitution_list"),
            models.Index(fields=("workspace", "state", "-number"), name="constitution_newest"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "number"), name="constitution_number_once"
            ),
            state_check(states.CONSTITUTION, name="constitution_state_known"),
            set_exactly_in(
                {ConstitutionState.PUBLISHED},
                "number",
                "digest",
                "published_at",
                name="constitution_published_pairs",
            ),
        )

    def __str__(self) -> str:
        return (
            f"constitution version {self.number}" if self.number else f"constitution {self.state}"
        )


class ConstitutionRule(Record):
    """A segment breaks it when its `condition` (CEL) holds and its `detector`, if any, finds."""

    constitution = models.ForeignKey(
        ConstitutionVersion, on_delete=models.CASCADE, related_name="rules"
    )
    position = models.PositiveSmallIntegerField(default=0)
    key = models.CharField(
        max_length=100,
        validators=[RegexValidator(r"^[a-z][a-z0-9_-]*\Z", "Use a-z, 0-9, _ and -.")],
    )
    severity = models.CharField(max_length=20, choices=Severity.choices)
    domain = models.CharField(max_length=100, blank=True)
    detector = models.CharField(max_length=50, blank=True)
    condition = models.TextField(max_length=2_000, default="true")
    reason = models.CharField(max_length=500)

    objects = RecordQuerySet["ConstitutionRule"].as_manager()

    class Meta:
        ordering = ("position", "key")
        constraints = (
            models.UniqueConstraint(
                fields=("constitution", "key"), name="constitution_rule_key_once"
            ),
            one_of("severity", Severity.values, name="constitution_rule_severity_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="constitution_rule_reason_given"),
        )

    def __str__(self) -> str:
        return self.key
