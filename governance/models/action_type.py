"""ActionType: the catalogue of what agents may ask to do."""

from __future__ import annotations

import datetime
import uuid

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from governance.domain.errors import NotFound
from governance.domain.words import Complexity, Effect, Mode, Reversibility
from governance.models.base import Record, RecordQuerySet, one_of

MAX_APPROVALS = 20
MAX_ATTEMPTS = 20
MAX_TIMEOUT = 3_600


class ActionTypeQuerySet(RecordQuerySet["ActionType"]):
    """Reads."""

    def enabled(self) -> ActionTypeQuerySet:
        """Those that may be asked for."""
        return self.filter(enabled=True)

    def keyed(self, key: str, *, workspace_id: uuid.UUID) -> ActionType:
        """The enabled action type of exactly this key; raises NotFound."""
        found = self.of(workspace_id).enabled().filter(key=key).first()
        if found is None:
            raise NotFound(f"There is no enabled action type {key!r} here; see the catalogue.")
        return found


class ActionType(Record):
    """A catalogue entry. `expires_after`: how long a proposal of it waits for people."""

    key = models.CharField(
        max_length=100,
        validators=[
            RegexValidator(r"^[a-z][a-z0-9_.-]*\Z", "Use a-z, 0-9, _ . and -, from a letter.")
        ],
    )
    title = models.CharField(max_length=200)
    description = models.TextField(max_length=2_000, blank=True)
    complexity = models.PositiveSmallIntegerField(choices=Complexity.choices)
    reversibility = models.CharField(max_length=20, choices=Reversibility.choices)
    mode = models.CharField(max_length=20, choices=Mode.choices)
    effect = models.CharField(max_length=20, choices=Effect.choices)
    params_schema = models.JSONField(default=dict)
    required_approvals = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(MAX_APPROVALS)]
    )
    expires_after = models.DurationField(default=datetime.timedelta(days=7))
    max_attempts = models.PositiveSmallIntegerField(
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_ATTEMPTS)],
        help_text="How often a local or keyed step is tried; an unkeyed one only ever once.",
    )
    timeout_seconds = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_TIMEOUT)],
        help_text="How long a handler may take.",
    )
    domains = models.JSONField(
        default=list,
        blank=True,
        help_text='What it is about, for rules of the constitution: a list such as ["payment"].',
    )
    enabled = models.BooleanField(default=True)
    system_only = models.BooleanField(
        default=False, editable=False, help_text="Filed by the system; agents may not ask for it."
    )

    objects = ActionTypeQuerySet.as_manager()

    class Meta:
        ordering = ("key",)
        constraints = (
            models.UniqueConstraint(fields=("workspace", "key"), name="action_type_key_once"),
            one_of("complexity", Complexity.values, name="action_type_complexity_known"),
            one_of("reversibility", Reversibility.values, name="action_type_reversibility_known"),
            one_of("mode", Mode.values, name="action_type_mode_known"),
            one_of("effect", Effect.values, name="action_type_effect_known"),
            models.CheckConstraint(
                condition=Q(required_approvals__gte=1, required_approvals__lte=MAX_APPROVALS),
                name="action_type_approvals_1_to_20",
            ),
            models.CheckConstraint(
                condition=Q(max_attempts__gte=1, max_attempts__lte=MAX_ATTEMPTS),
                name="action_type_attempts_1_to_20",
            ),
            models.CheckConstraint(
                condition=Q(timeout_seconds__gte=1, timeout_seconds__lte=MAX_TIMEOUT),
                name="action_type_timeout_1_to_3600",
            ),
            models.CheckConstraint(
                condition=Q(expires_after__gt=datetime.timedelta()),
                name="action_type_expiry_positive",
            ),
        )

    def __str__(self) -> str:
        return self.key
