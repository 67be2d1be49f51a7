"""Workflow: a named, versioned plan with parameters, kept to be triggered."""

from __future__ import annotations

import uuid

from django.core.validators import RegexValidator
from django.db import models

from governance.domain.errors import NotFound
from governance.models.base import Record, RecordQuerySet


class WorkflowQuerySet(RecordQuerySet["Workflow"]):
    """Reads."""

    def newest(self, name: str, *, workspace_id: uuid.UUID) -> Workflow:
        """The newest version of this name; raises NotFound."""
        found = self.of(workspace_id).filter(name=name).order_by("-number").first()
        if found is None:
            raise NotFound(f"There is no workflow {name!r} here.")
        return found


class Workflow(Record):
    """One version, never changed once written. `plan` is canonical JSON text with `$param`s."""

    name = models.CharField(
        max_length=60,
        validators=[
            RegexValidator(r"^[a-z][a-z0-9_-]*\Z", "Use a-z, 0-9, _ and -, from a letter.")
        ],
    )
    number = models.PositiveIntegerField(editable=False)
    title = models.CharField(max_length=200)
    params_schema = models.JSONField(default=dict)
    plan = models.TextField()

    objects = WorkflowQuerySet.as_manager()

    class Meta:
        ordering = ("name", "-number")
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "name", "number"), name="workflow_version_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"
