"""Live now: what is watched, what waits for somebody to watch it, and what waits for a rating."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    JsonResponse,
)
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views import View

from governance.admin import supervision_console
from governance.admin.attendance import AvailabilityView, standing_of
from governance.admin.base import RecordAdmin, actor, may, workspaces_of
from governance.admin.facts import NOTHING, ago, anchor, badge, draw, page_of, when
from governance.admin.filters import AgentFilter, WorkspaceFilter
from governance.admin.paging import KeysetChangeList
from governance.admin.rendering.visible import visible
from governance.admin.supervision_verbs import VERBS, SteerView, number_in
from governance.domain.errors import GovernanceError, NotAllowed
from governance.domain.roles import Right
from governance.domain.states import RunState
from governance.models import Run, SupervisionSession
from governance.models.run import RUN_ENDED
from governance.models.supervision import SUPERVISION_OPEN
from governance.services import supervision

LIVE, RATE, ALL = "live", "rate", "all"
TABS = ((LIVE, "Live now"), (RATE, "Waiting for a rating"), (ALL, "All sessions"))

NONE_HERE = {
    LIVE: "Nothing that somebody watches goes on now.",
    RATE: "No session waits for a rating.",
    ALL: "Nobody has watched anything yet.",
}

SHOWN = 20
"""How many runs the head of the list offers to watch."""


class Show(SimpleListFilter):
    """What goes on, unless something else is asked for."""

    title = "sessions"
    parameter_name = "show"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Also as tabs above the list."""
        return list(TABS)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of one tab."""
        tab = tab_of(request)
        if tab == ALL:
            return queryset
        ended = Q(run__state__in=sorted(RUN_ENDED))
        rows = queryset.filter(state__in=sorted(SUPERVISION_OPEN))
        return rows.filter(ended) if tab == RATE else rows.exclude(ended)


class SessionList(KeysetChangeList):
    """A page of sessions."""

    filter_specs: list[Any]

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        # The tabs above the list stand for this one.
        self.has_active_filters = bool(set(self.filter_params) - {Show.parameter_name})
        self.filter_specs = [spec for spec in self.filter_specs if not isinstance(spec, Show)]


@admin.register(SupervisionSession)
class SupervisionSessionAdmin(RecordAdmin):
    """Nothing here is added or changed by hand: people steer, and services write."""

    list_display = ("what", "who", "shown_state", "began", "ended", "rated")
    list_display_links = None
    list_filter = (Show, AgentFilter, WorkspaceFilter)
    list_before_template = "admin/governance/supervision/list_head.html"

    class Media:
        css = {"all": ["governance/pages.css", "governance/console.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With all that a line and a page say, in one query."""
        return super().get_queryset(request).select_related(*supervision_console.RELATED)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[SessionList]:
        """With tabs."""
        return SessionList

    def get_urls(self) -> list[URLPattern]:
        """The pages of a session come first: Django's own patterns would take their addresses."""
        name = "governance_supervisionsession"
        views: dict[str, Any] = {
            f"<uuid:object_id>/{verb}/": (verb, SteerView.as_view(admin=self, verb=verb))
            for verb in VERBS
        }
        views["<uuid:object_id>/live/"] = ("live", self.live_view)
        views["<uuid:object_id>/watched/"] = ("watched", WatchedView.as_view(admin=self))
        views["watch/<uuid:run_id>/"] = ("watch", WatchView.as_view())
        views["availability/"] = ("availability", AvailabilityView.as_view())
        own = [
            path(route, self.admin_site.admin_view(view), name=f"{name}_{slug}")
            for route, (slug, view) in views.items()
        ]
        return own + list(super().get_urls())

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The list, and above it what waits for somebody to watch."""
        context = {
            "title": "Live now",
            "tab": tab_of(request),
            "tabs": TABS,
            "standing": standing_of(request),
            "nothing": NONE_HERE[tab_of(request)],
            "unwatched": unwatched(request),
        }
        extra = {**context, **(extra_context or {})}
        response: TemplateResponse = super().changelist_view(request, extra)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The console."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return supervision_console.page(self, request, self.find(request, object_id))

    def live_view(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        """What a console that is open asks for when something happened."""
        row = self.find(request, str(object_id))
        known = number_in(request.GET.get("after", "")) or 0
        return JsonResponse(supervision_console.live(row, after=known))

    @admin.display(description="Agent")
    def what(self, row: SupervisionSession) -> SafeString:
        """Who is watched, linked to the console, and what started the run."""
        return format_html(
            '<div class="cell"><a class="cell-title" href="{}">{}</a>'
            '<span class="ag-quiet">{}</span></div>',
            page_of(row),
            visible(row.agent.name),
            visible(str(row.run.trigger)),
        )

    @admin.display(description="Supervisor")
    def who(self, row: SupervisionSession) -> SafeString:
        """Whose session it is."""
        return draw(row.supervisor.get_username())

    @admin.display(description="State")
    def shown_state(self, row: SupervisionSession) -> SafeString:
        """The session's; where its run ended well, that it waits for a rating."""
        if supervision_console.phase_of(row) == supervision_console.RATE:
            return badge("proposed", "to be rated")
        return badge(row.state)

    @admin.display(description="Began")
    def began(self, row: SupervisionSession) -> SafeString:
        """When somebody began to watch."""
        return ago(row.created_at)

    @admin.display(description="Ended")
    def ended(self, row: SupervisionSession) -> SafeString:
        """When the session was over."""
        return when(row.ended_at)

    @admin.display(description="Rating")
    def rated(self, row: SupervisionSession) -> SafeString:
        """1 to 5."""
        return NOTHING if row.rating is None else draw(f"{row.rating} of 5")


class WatchView(View):
    """Take a run to watch. POST only."""

    http_method_names: ClassVar[list[str]] = ["post"]  # type: ignore[misc]  # Django's is no ClassVar

    def post(self, request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
        """To the console; of somebody else's session, where they were faster."""
        mine = Run.objects.filter(workspace_id__in=workspaces_of(request))
        run = mine.select_related("agent", "trigger").filter(pk=run_id).first()
        if run is None:
            raise Http404(f"There is no run {run_id} here.")
        try:
            return redirect(page_of(supervision.start(run=run, by=actor(request))))
        except GovernanceError as error:
            messages.error(request, str(error))
        session = SupervisionSession.objects.of_run(run.pk)
        return redirect(page_of(session or run))


class WatchedView(View):
    """A console that is open says so. POST only."""

    http_method_names: ClassVar[list[str]] = ["post"]  # type: ignore[misc]  # Django's is no ClassVar
    admin: Any = None

    def post(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        """Written down, for those who could act."""
        row = self.admin.find(request, str(object_id))
        try:
            supervision.watched(session=row, by=actor(request))
        except NotAllowed:
            return HttpResponse(status=403)
        return HttpResponse(status=204)


def tab_of(request: HttpRequest) -> str:
    """The tab that was asked for; what goes on, where none was."""
    asked = request.GET.get(Show.parameter_name, LIVE)
    return asked if asked in {RATE, ALL} else LIVE


def unwatched(request: HttpRequest) -> list[dict[str, Any]]:
    """Runs that wait for somebody to watch them, and those that run with nobody watching."""
    mine = Run.objects.filter(workspace_id__in=workspaces_of(request))
    waiting = mine.waiting_for_supervisor().select_related("agent", "trigger")
    open_sessions = SupervisionSession.objects.open().filter(run_id=OuterRef("pk"))
    running = (
        mine.filter(state=RunState.RUNNING)
        .exclude(Exists(open_sessions))
        .select_related("agent", "trigger")
        .order_by("created_at", "id")
    )
    return [
        _offered(request, run, waits=run.state == RunState.QUEUED)
        for run in [*waiting[:SHOWN], *running[:SHOWN]]
    ]


def _offered(request: HttpRequest, run: Run, *, waits: bool) -> dict[str, Any]:
    return {
        "run": run,
        "agent": anchor(page_of(run), run.agent.name),
        "trigger": draw(str(run.trigger)),
        "since": ago(run.created_at),
        "state": badge(run.state, "waits for a supervisor" if waits else "runs unwatched"),
        "may": may(request, run, Right.SUPERVISE),
    }
