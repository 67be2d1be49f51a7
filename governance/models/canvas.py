"""Canvas: something an agent presented, stored as data and rendered by us."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from governance.domain.states import ExecutionState
from governance.domain.words import CanvasKind
from governance.models.agent import Agent
from governance.models.base import Record, RecordQuerySet, one_of
from governance.models.execution import Execution, ExecutionStep


class CanvasQuerySet(RecordQuerySet["Canvas"]):
    """Reads."""

    def forms(self, *, answered: bool) -> CanvasQuerySet:
        """The forms that a person has answered, or those that nobody has and somebody still may."""
        found = self.filter(kind=CanvasKind.FORM, answer__isnull=not answered)
        waited_for = Execution.objects.filter(
            state=ExecutionState.READY, waiting_for=models.OuterRef("pk")
        )
        cancelled = models.Q(step__execution__state=ExecutionState.CANCELLED)
        return found if answered else found.exclude(cancelled & ~models.Exists(waited_for))


class Canvas(Record):
    """At most one of a step: the key that makes presenting it twice impossible."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="canvases")
    step = models.OneToOneField(ExecutionStep, on_delete=models.PROTECT, related_name="canvas")
    kind = models.CharField(max_length=20, choices=CanvasKind.choices)
    title = models.CharField(max_length=200)
    content = models.JSONField()

    objects = CanvasQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "canvases"
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="canvas_list"),
            models.Index(
                fields=("workspace", "-created_at", "-id"),
                condition=models.Q(kind=CanvasKind.FORM),
                name="canvas_forms",
            ),
        )
        constraints = (one_of("kind", CanvasKind.values, name="canvas_kind_known"),)

    def __str__(self) -> str:
        return self.title


class FormAnswer(Record):
    """What a person answered to a form, once. `answers`: a member a field, null where left empty.

    Never changed once written.
    """

    canvas = models.OneToOneField(Canvas, on_delete=models.PROTECT, related_name="answer")
    answers = models.JSONField()
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, editable=False, related_name="+"
    )

    objects = RecordQuerySet["FormAnswer"].as_manager()

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"answer to {self.canvas}"
