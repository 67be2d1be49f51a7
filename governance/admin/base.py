"""What every admin page shares: rights from memberships, one workspace's rows, no edits by hand."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.admin import ShowFacets
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from governance.admin.paging import KeysetChangeList
from governance.domain import roles
from governance.domain.actors import Actor
from governance.domain.roles import Right
from governance.models import Membership
from governance.services import memberships


def actor(request: HttpRequest) -> Actor:
    """The person behind a request, as the `by` of a service."""
    return memberships.person(request.user)  # type: ignore[arg-type]  # the admin lets only users in


def workspaces_of(request: HttpRequest, right: Right = Right.VIEW) -> list[uuid.UUID]:
    """The workspaces in which this person's role has the right. Superusers get no more."""
    return [key for key, role in _roles(request).items() if roles.may(role, right)]


def may(request: HttpRequest, row: models.Model, right: Right) -> bool:
    """Whether this person has the right in the workspace of this row. The service asks again."""
    return getattr(row, "workspace_id", row.pk) in workspaces_of(request, right)


def _roles(request: HttpRequest) -> dict[uuid.UUID, str]:
    """The role by workspace of whoever asks, read once a request: a page looks dozens of times."""
    found: dict[uuid.UUID, str] | None = getattr(request, "_governance_roles", None)
    if found is None:
        rows = Membership.objects.filter(user_id=request.user.pk or 0, user__is_active=True)
        found = dict(rows.values_list("workspace_id", "role"))
        setattr(request, "_governance_roles", found)  # noqa: B010  HttpRequest declares no such attribute
    return found


class RecordAdmin(ModelAdmin):
    """Read-only lists and pages of the rows of one's workspaces.

    Subclasses open adding or changing only where a service does the writing. Lists page by key, in
    the order of the model (or of `ordering`: columns that are never null), with no other offered.
    """

    list_per_page = 50
    list_fullwidth = True
    # Each of these would count rows, and lists are not counted.
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    actions = None
    empty_value_display = "–"

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only the filters a list declares: any other, such as __regex, is a way to hang it."""
        declared = {"subject_id"}
        for found in self.get_list_filter(request):
            named = isinstance(found, str)
            declared |= {found, f"{found}__exact"} if named else {found.parameter_name}
        return lookup in declared and "\x00" not in str(value)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """Only rows of workspaces this person may read: others cannot be listed or guessed."""
        rows: models.QuerySet[Any] = super().get_queryset(request)
        return rows.filter(workspace_id__in=workspaces_of(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the section appears at all."""
        return bool(request.user.is_authenticated and workspaces_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Members may read; `get_queryset` narrows it to their workspaces."""
        if obj is None:
            return self.has_module_permission(request)
        return may(request, obj, Right.VIEW)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing is added by hand unless a subclass says how."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is changed by hand unless a subclass says how."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is ever deleted."""
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        """Pages by key."""
        return KeysetChangeList

    def find(self, request: HttpRequest, object_id: str) -> Any:
        """The row, if this person may read it; what they may not read is not there: 404."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404(f"There is no {self.opts.verbose_name} {object_id} here.")
        return row

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """A row's history is its trail in the ledger."""
        row = self.find(request, object_id)
        return redirect(ledger_url(row))

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        # Django would answer with a redirect and a message that repeats what was asked for.
        raise Http404(f"There is no {opts.verbose_name} {object_id} here.")


def ledger_url(row: models.Model) -> str:
    """Where the ledger's entries about this row are listed."""
    return f"{reverse('admin:governance_ledgerentry_changelist')}?subject_id={row.pk}"
