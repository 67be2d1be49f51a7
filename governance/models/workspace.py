"""Workspace: a tenant. Everything else belongs to one; no query crosses it."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models

from governance.domain import states
from governance.domain.errors import NotFound
from governance.models.base import Keyed, RecordQuerySet, Stateful, state_check


class WorkspaceQuerySet(RecordQuerySet["Workspace"]):
    """Reads."""

    def named(self, name: str) -> Workspace:
        """The workspace of this name; raises NotFound."""
        workspace = self.filter(name=name).first()
        if workspace is None:
            raise NotFound(f"There is no workspace {name!r}; `setup` creates one.")
        return workspace


class Workspace(Stateful, Keyed):
    """A tenant: a team, its agents, its policy and its people."""

    LIFECYCLE: ClassVar = states.WORKSPACE

    name = models.CharField(
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"^[a-z][a-z0-9-]*\Z", "Use a-z, 0-9 and -, from a letter.")],
    )
    state = models.CharField(
        max_length=20,
        choices=states.WorkspaceState.choices,
        default=states.WORKSPACE.initial,
        editable=False,
    )

    advice_may_approve = models.BooleanField(
        default=False,
        editable=False,
        help_text="Advice approves reversible actions of complexity 1 and 2 by itself.",
    )

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (state_check(states.WORKSPACE, name="workspace_state_known"),)

    def __str__(self) -> str:
        return self.name
