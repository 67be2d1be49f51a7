"""Proposals: the inbox, the history, and the page on which people decide."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import Prefetch, Q, QuerySet, prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil

from governance.admin import filings, proposal_page, proposal_queue, steps
from governance.admin.base import RecordAdmin
from governance.admin.facts import badge
from governance.admin.filings import Line
from governance.admin.filters import AgentFilter, WorkspaceFilter
from governance.admin.paging import KeysetChangeList
from governance.admin.proposal_advice import AskView
from governance.admin.proposal_edit import EditView
from governance.admin.proposal_standing import verdict_of
from governance.admin.proposal_verdicts import VERBS, VerdictView
from governance.admin.rendering.visible import visible
from governance.domain.states import ProposalState
from governance.domain.words import ReviewVerdict
from governance.models import ActionType, Decision, Proposal, Review

WAITING, MINE, HISTORY = "waiting", "mine", "history"
_MINE = {
    ReviewVerdict.APPROVE: "You approved",
    ReviewVerdict.REJECT: "You rejected",
    ReviewVerdict.ABSTAIN: "You abstained",
}
TABS = ((WAITING, "Waiting"), (MINE, "Reviewed by me"), (HISTORY, "History"))


class Show(SimpleListFilter):
    """What waits, unless the history or one's own reviews are asked for."""

    title = "proposals"
    parameter_name = "show"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The three tabs above the list."""
        return list(TABS)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of one tab; what ran out is history, marked as expired already or not."""
        waiting = Q(state=ProposalState.PROPOSED, expires_at__gt=timezone.now())
        tab = tab_of(request)
        if tab == MINE:
            return queryset.filter(reviews__reviewer_id=request.user.pk)
        return queryset.filter(waiting) if tab == WAITING else queryset.exclude(waiting)


class InboxList(KeysetChangeList):
    """A page of proposals, each with what its line shows, read in a constant number of queries."""

    filter_specs: list[Any]

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        # The tabs above the list stand for this one.
        self.has_active_filters = bool(set(self.filter_params) - {Show.parameter_name})
        self.filter_specs = [spec for spec in self.filter_specs if not isinstance(spec, Show)]

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, then what belongs to its rows."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        decisions = Decision.objects.order_by("created_at", "id")
        prefetch_related_objects(
            rows,
            Prefetch("decisions", decisions.only("proposal", "route", "reasons")),
            Prefetch("reviews", Review.objects.order_by("created_at")),
        )
        keys = {row.pk: steps.keys_of(row.plan_in_force) for row in rows}
        found = steps.catalogue(
            (row.workspace_id for row in rows), (key for some in keys.values() for key in some)
        )
        types = {(one.workspace_id, one.key): one for one in found}
        lines = filings.lines(rows, types)
        for row in rows:
            own = [(key, types.get((row.workspace_id, key))) for key in keys[row.pk]]
            row.shown = _line(request, row, own, lines[row.pk])
        self.result_list = rows


@admin.register(Proposal)
class ProposalAdmin(RecordAdmin):
    """Nothing here is added, changed or deleted; people decide, and services write."""

    list_filter = (Show, AgentFilter, WorkspaceFilter)
    list_display_links = None
    search_fields = ("title", "agent__name", "plan")
    search_help_text = "In titles, agents’ names and plans"
    list_before_template = "admin/governance/proposal/tabs.html"

    class Media:
        css = {"all": ["governance/pages.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With all that the lines and the pages say of a proposal, in one query."""
        return super().get_queryset(request).select_related(*proposal_page.RELATED)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[InboxList]:
        """The inbox."""
        return InboxList

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """The oldest first where people wait for us, the newest first where we look back."""
        if tab_of(request) == WAITING:
            return ("created_at", "id")
        return ("-created_at", "-id")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """What matters before a decision, and what matters after."""
        if tab_of(request) == WAITING:
            return ("what", "who", "why", "waiting", "reviews")
        return ("what", "who", "outcome", "filed", "reviews")

    def get_urls(self) -> list[URLPattern]:
        """The pages of a proposal come first: Django's own patterns would take their addresses."""
        views = {verb: VerdictView.as_view(admin=self, verb=verb) for verb in VERBS}
        views["edit"] = EditView.as_view(admin=self)
        views["ask"] = AskView.as_view(admin=self)
        own = [
            path(
                f"<path:object_id>/{slug}/",
                self.admin_site.admin_view(view),
                name=f"governance_proposal_{slug}",
            )
            for slug, view in views.items()
        ]
        return own + list(super().get_urls())

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The list, with its tabs."""
        queue = proposal_queue.waiting_for(request)
        context = {
            "tab": tab_of(request),
            "tabs": TABS,
            "queue_total": queue.count(),
            "queue_first": queue.first(),
        }
        extra = {**context, **(extra_context or {})}
        response: TemplateResponse = super().changelist_view(request, extra)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The decision page. It only reads: each verdict has an address of its own."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return proposal_page.page(self, request, self.find(request, object_id))

    @admin.display(description="What the agent asks for")
    def what(self, row: Any) -> SafeString:
        """The agent's title, the plan in few words, and what the catalogue says."""
        return _cell("what", row)

    @admin.display(description="Agent")
    def who(self, row: Any) -> SafeString:
        """Who asks, and how far it is trusted."""
        return _cell("who", row)

    @admin.display(description="Reason")
    def why(self, row: Any) -> SafeString:
        """The gate's reasons."""
        return _cell("why", row)

    @admin.display(description="Waiting")
    def waiting(self, row: Any) -> SafeString:
        """Since when, and until when."""
        return _cell("waiting", row)

    @admin.display(description="Approvals")
    def reviews(self, row: Any) -> SafeString:
        """How many of how many, and one's own verdict."""
        return _cell("reviews", row)

    @admin.display(description="What became of it")
    def outcome(self, row: Any) -> SafeString:
        """Its state, and who decided."""
        return _cell("outcome", row)

    @admin.display(description="Filed")
    def filed(self, row: Any) -> SafeString:
        """When."""
        return _cell("filed", row)


def tab_of(request: HttpRequest) -> str:
    """The tab that was asked for; the inbox where none was."""
    asked = request.GET.get(Show.parameter_name, WAITING)
    return asked if asked in {MINE, HISTORY} else WAITING


def _cell(name: str, row: Any) -> SafeString:
    return render_to_string(f"admin/governance/proposal/cell_{name}.html", row.shown)


def _line(
    request: HttpRequest,
    row: Any,
    types: list[tuple[str, ActionType | None]],
    line: Line,
) -> dict[str, Any]:
    """What the cells of one line draw."""
    deciding = next((one for one in row.decisions.all() if one.route == row.route), None)
    reviews = list(row.reviews.all())
    mine = verdict_of(request, row, reviews)
    return {
        "row": row,
        "line": line,
        "agent": visible(row.agent.name),
        "types": [
            (visible(key), steps.grave_badges(found) if found else ()) for key, found in types
        ],
        "route": badge(row.route, row.get_route_display()),
        "reasons": [visible(str(reason)) for reason in deciding.reasons] if deciding else [],
        "state": proposal_page.state_of(row),
        # One unit of time is enough to see what is urgent; the rest is in the title.
        "since": timesince(row.created_at, depth=1),
        "left": timeuntil(row.expires_at, depth=1),
        "approvals": sum(
            one.verdict == ReviewVerdict.APPROVE and one.digest == row.digest for one in reviews
        ),
        "mine": _MINE[ReviewVerdict(mine.verdict)] if mine else "",
        "decider": visible(row.decider),
        "closing_reason": visible(row.closing_reason),
    }
