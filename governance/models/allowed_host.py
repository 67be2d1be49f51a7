"""AllowedHost: an entry of a workspace's allow-list. What is on no list cannot be reached."""

from __future__ import annotations

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from governance.domain.words import HostUse
from governance.models.base import Record, RecordQuerySet, one_of
from governance.outbound import HostRule

MAX_PORT = 65_535


class AllowedHostQuerySet(RecordQuerySet["AllowedHost"]):
    """Reads."""

    def rules(self, workspace_id: uuid.UUID) -> tuple[HostRule, ...]:
        """The workspace's allow-list for requests and browsing, for the guard."""
        rows = self.of(workspace_id).filter(use=HostUse.WEB)
        return tuple(HostRule(row.host, row.port, row.allow_private) for row in rows)

    def deduplicating(self, workspace_id: uuid.UUID) -> tuple[HostRule, ...]:
        """Those of `rules` whose far side honours our Idempotency-Key."""
        rows = self.of(workspace_id).filter(use=HostUse.WEB, deduplicates=True)
        return tuple(HostRule(row.host, row.port, row.allow_private) for row in rows)

    def mail_rules(self, workspace_id: uuid.UUID) -> tuple[HostRule, ...]:
        """The workspace's allow-list of recipients' domains."""
        rows = self.of(workspace_id).filter(use=HostUse.MAIL)
        return tuple(HostRule(row.host) for row in rows)


class AllowedHost(Record):
    """`host`: exact, or `*.example.com` for every name below it. `port` null: 80 and 443.

    `allow_private`: this one host and port may lead to a private or loopback address.
    `deduplicates`: the far side honours our Idempotency-Key, so that sending twice acts once.
    """

    use = models.CharField(max_length=20, choices=HostUse.choices, default=HostUse.WEB)
    host = models.CharField(max_length=255)
    port = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MAX_PORT)]
    )
    allow_private = models.BooleanField(default=False)
    deduplicates = models.BooleanField(default=False)
    note = models.CharField(max_length=500, blank=True)

    objects = AllowedHostQuerySet.as_manager()

    class Meta:
        ordering = ("host", "id")
        constraints = (
            one_of("use", HostUse.values, name="allowed_host_use_known"),
            models.UniqueConstraint(
                fields=("workspace", "use", "host", "port"),
                condition=Q(port__isnull=False),
                name="allowed_host_and_port_once",
            ),
            models.UniqueConstraint(
                fields=("workspace", "use", "host"),
                condition=Q(port__isnull=True),
                name="allowed_host_once",
            ),
            models.CheckConstraint(
                condition=Q(port__isnull=True) | Q(port__gte=1, port__lte=MAX_PORT),
                name="allowed_host_port_1_to_65535",
            ),
            models.CheckConstraint(
                condition=Q(allow_private=False)
                | (Q(use=HostUse.WEB, port__isnull=False) & ~Q(host__startswith="*")),
                name="allowed_host_private_is_exact",
            ),
            models.CheckConstraint(
                condition=Q(use=HostUse.WEB) | Q(port__isnull=True, deduplicates=False),
                name="allowed_host_mail_is_a_domain",
            ),
        )

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"
