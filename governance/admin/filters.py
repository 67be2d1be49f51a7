"""Filters of lists. Django's own would offer the rows of every workspace."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from governance.admin.base import workspaces_of
from governance.admin.rendering.visible import revealed
from governance.models import Agent, Workspace

MOST_CHOICES = 200


class AgentFilter(SimpleListFilter):
    """The agents of one's workspaces; one that is not among them gives an empty list."""

    title = "agent"
    parameter_name = "agent"
    column = "agent_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """By name."""
        agents = Agent.objects.filter(workspace_id__in=workspaces_of(request)).order_by("name")
        found = agents.values_list("id", "name")[:MOST_CHOICES]
        return [(str(key), revealed(name)) for key, name in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of one agent."""
        return _of(queryset, self.column, self.value())


class WorkspaceFilter(SimpleListFilter):
    """Shown to people in more than one workspace."""

    title = "workspace"
    parameter_name = "workspace"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """By name."""
        found = Workspace.objects.filter(pk__in=workspaces_of(request)).order_by("name")
        choices = [(str(row.pk), row.name) for row in found]
        return choices if len(choices) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of one workspace."""
        return _of(queryset, "workspace_id", self.value())


def _of(rows: QuerySet[Any], column: str, key: str | None) -> QuerySet[Any]:
    if key is None:
        return rows
    try:
        return rows.filter(**{column: uuid.UUID(key)})
    except ValueError:
        return rows.none()
