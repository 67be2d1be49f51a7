"""PolicyVersion and its rules: drafts change, published versions never do."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from governance.domain import states
from governance.domain.states import PolicyState
from governance.domain.words import Route
from governance.models.base import (
    Record,
    RecordQuerySet,
    one_of,
    set_exactly_in,
    state_check,
)
from governance.models.version import Version, VersionQuerySet
from governance.policy.conditions import MAX_LENGTH
from governance.policy.rules import TIGHTENING, RuleSource


class PolicyVersionQuerySet(VersionQuerySet["PolicyVersion"]):
    """Reads."""


class PolicyVersion(Version):
    """A set of rules. `number` counts published versions of a workspace from 1, without gaps."""

    LIFECYCLE: ClassVar = states.POLICY

    state = models.CharField(
        max_length=20, choices=PolicyState.choices, default=states.POLICY.initial, editable=False
    )

    objects = PolicyVersionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="policy_list"),
            models.Index(fields=("workspace", "state", "-number"), name="policy_newest"),
        )
        constraints = (
            models.UniqueConstraint(fields=("workspace", "number"), name="policy_number_once"),
            state_check(states.POLICY, name="policy_state_known"),
            set_exactly_in(
                {PolicyState.PUBLISHED},
                "number",
                "digest",
                "published_at",
                name="policy_published_pairs",
            ),
        )

    def __str__(self) -> str:
        return f"policy version {self.number}" if self.number else f"policy {self.state}"

    def sources(self) -> list[RuleSource]:
        """Its rules as the pure core takes them, in order."""
        return [rule.source for rule in self.rules.all()]


class PolicyRule(Record):
    """A rule: over which action types (glob), when (CEL), and where it sends them."""

    policy = models.ForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="rules")
    position = models.PositiveSmallIntegerField(default=0)
    key = models.CharField(
        max_length=100,
        validators=[RegexValidator(r"^[a-z][a-z0-9_-]*\Z", "Use a-z, 0-9, _ and -.")],
    )
    scope = models.CharField(max_length=100, default="*")
    condition = models.TextField(max_length=MAX_LENGTH)
    route = models.CharField(
        max_length=20, choices=[(route.value, route.label) for route in TIGHTENING]
    )
    reason = models.CharField(max_length=500)

    objects = RecordQuerySet["PolicyRule"].as_manager()

    class Meta:
        ordering = ("position", "key")
        constraints = (
            models.UniqueConstraint(fields=("policy", "key"), name="policy_rule_key_once"),
            one_of("route", TIGHTENING, name="policy_rule_route_tightens"),
            models.CheckConstraint(condition=~Q(reason=""), name="policy_rule_reason_given"),
        )

    def __str__(self) -> str:
        return self.key

    @property
    def source(self) -> RuleSource:
        """The rule as the pure core takes it."""
        return RuleSource(self.key, self.scope, self.condition, Route(self.route), self.reason)
