"""LedgerEntry: one line of the append-only record."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.db import models

from governance.models.base import Record, RecordQuerySet


class LedgerEntryQuerySet(RecordQuerySet["LedgerEntry"]):
    """Reads."""

    def about(self, subject_id: uuid.UUID) -> LedgerEntryQuerySet:
        """The trail of one row, oldest first."""
        return self.filter(subject_id=subject_id).order_by("id")


class LedgerEntry(Record):
    """`body` is the entry: canonical JSON bytes. The other columns only find it again.

    The database itself refuses UPDATE and DELETE on this table (migration 0002).
    """

    kind = models.CharField(max_length=60)
    subject_id = models.UUIDField()
    body = models.BinaryField()

    objects = LedgerEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "ledger entries"
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("workspace", "-id"), name="ledger_list"),
            models.Index(fields=("subject_id", "id"), name="ledger_subject"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"

    @property
    def data(self) -> dict[str, Any]:
        """The body, parsed."""
        parsed: dict[str, Any] = json.loads(bytes(self.body))
        return parsed
