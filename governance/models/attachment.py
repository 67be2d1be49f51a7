"""Attachment: a picture that a step brought back, kept beside its output."""

from __future__ import annotations

from django.db import models

from governance.models.base import Record, RecordQuerySet, one_of
from governance.models.execution import ExecutionStep

MEDIA_TYPES = ("image/png", "image/jpeg")


class Attachment(Record):
    """At most one of a name and step, so that a step tried again adds nothing twice."""

    step = models.ForeignKey(ExecutionStep, on_delete=models.PROTECT, related_name="attachments")
    name = models.CharField(max_length=100)
    media_type = models.CharField(max_length=20, choices=[(one, one) for one in MEDIA_TYPES])
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()

    objects = RecordQuerySet["Attachment"].as_manager()

    class Meta:
        ordering = ("step", "name")
        constraints = (
            models.UniqueConstraint(fields=("step", "name"), name="attachment_name_once"),
            one_of("media_type", MEDIA_TYPES, name="attachment_media_type_known"),
        )

    def __str__(self) -> str:
        return self.name
