"""What policy and constitution share: drafts change, published versions never do."""

from __future__ import annotations

import uuid
from typing import TypeVar

from django.conf import settings
from django.db import models

from governance.models.base import Record, RecordQuerySet, Stateful

Row = TypeVar("Row", bound=models.Model)

PUBLISHED = "published"


class VersionQuerySet(RecordQuerySet[Row]):
    """Reads."""

    def newest(self, workspace_id: uuid.UUID) -> Row | None:
        """The newest published version, which is the one in force."""
        published = self.of(workspace_id).filter(state=PUBLISHED)
        return published.order_by("-number").first()


class Version(Stateful, Record):
    """A set of rules. `number` counts published versions of a workspace from 1, without gaps."""

    number = models.PositiveIntegerField(null=True, editable=False)
    note = models.TextField(max_length=2_000, blank=True)
    digest = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001  null until published, and a CHECK pairs it with the state
    published_at = models.DateTimeField(null=True, editable=False)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )

    class Meta:
        abstract = True
