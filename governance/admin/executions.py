"""Executions: what became of what was cleared, step by step. Nothing can be done here by hand."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.admin import frame, steps
from governance.admin.base import RecordAdmin
from governance.admin.facts import anchor, badge, page_of, when
from governance.admin.filters import AgentFilter, WorkspaceFilter
from governance.admin.rendering.visible import visible, visible_json
from governance.domain.words import Route
from governance.models import Canvas, Decision, Execution, ExecutionStep
from governance.policy import plans

_CLEARED = {
    Route.EXECUTION: "The gate itself cleared it.",
    Route.SUPERVISION: "The gate cleared it under supervision.",
    Route.PROPOSAL: "People approved it.",
}


@admin.register(Execution)
class ExecutionAdmin(RecordAdmin):
    """A list of executions, and a page for each."""

    list_display = ("what", "agent_name", "state_shown", "proposal_link", "created", "finished")
    list_display_links = None
    list_filter = ("state", AgentFilter, WorkspaceFilter)
    search_fields = ("agent__name", "plan")
    search_help_text = "In agents’ names and plans"

    class Media:
        css = {"all": ["governance/pages.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With all that a line says, in one query."""
        rows = super().get_queryset(request)
        return rows.select_related("agent", "proposal", "run__trigger", "workspace")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The plan, and how each step of it went."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        row = self.find(request, object_id)
        plan = plans.parse_text(row.plan)
        types = steps.catalogue_of(plan, row.workspace_id)
        heading = steps.heading(plan, types)
        answers = Decision.objects.filter(execution=row).order_by("created_at", "id")
        context = {
            "row": row,
            "heading": heading,
            "state": frame.state_badge(row),
            "agent_name": visible(row.agent.name),
            "agent_url": frame.link_to(self, row.agent),
            "proposal_title": visible(row.proposal.title) if row.proposal else "",
            "run_url": frame.link_to(self, row.run),
            "cleared": _CLEARED.get(Route(row.cleared_route), ""),
            "claimed_by": visible(row.claimed_by),
            "error": visible(row.error),
            "steps": _steps(self, row, steps.shown(plan, types)),
            "answers": [_answer(self, answer) for answer in answers],
        }
        return frame.render(self, request, "execution/page.html", context, title=heading)

    @admin.display(description="What was carried out")
    def what(self, row: Any) -> SafeString:
        """The action types, linked to the page."""
        keys = format_html_join(", ", "{}", ((visible(key),) for key in steps.keys_of(row.plan)))
        return format_html('<a class="ag-link" href="{}">{}</a>', page_of(row), keys)

    @admin.display(description="Agent")
    def agent_name(self, row: Any) -> SafeString:
        """Whose it is."""
        return visible(row.agent.name)

    @admin.display(description="State")
    def state_shown(self, row: Any) -> SafeString:
        """How far it is."""
        return frame.state_badge(row)

    @admin.display(description="Proposal")
    def proposal_link(self, row: Any) -> SafeString:
        """The proposal people approved, if there was one."""
        if row.proposal is None:
            return format_html('<span class="ag-quiet">{}</span>', "none")
        return anchor(page_of(row.proposal), row.proposal.title)

    @admin.display(description="Opened")
    def created(self, row: Any) -> SafeString:
        """When it was cleared."""
        return when(row.created_at)

    @admin.display(description="Ended")
    def finished(self, row: Any) -> SafeString:
        """When it came to an end."""
        return when(row.finished_at)


def _steps(
    admin_: ExecutionAdmin, row: Execution, shown: list[steps.ShownStep]
) -> list[dict[str, Any]]:
    rows = {one.position: one for one in row.steps.all()}
    canvases = {one.step_id: one for one in Canvas.objects.filter(step__execution=row)}
    return [
        _step(admin_, one, rows[position], canvases.get(rows[position].pk))
        for position, one in enumerate(shown)
    ]


def _step(
    admin_: ExecutionAdmin, shown: steps.ShownStep, row: ExecutionStep, canvas: Canvas | None
) -> dict[str, Any]:
    return {
        "shown": [shown],
        "number": shown.number,
        "state": frame.state_badge(row),
        "sent_at": row.sent_at,
        "finished_at": row.finished_at,
        "effect": row.get_effect_display(),
        "idempotency_key": row.idempotency_key,
        "output": visible_json(json.loads(row.output)) if row.output else None,
        "error": visible(row.error),
        "canvas_title": visible(canvas.title) if canvas else "",
        "canvas_url": frame.link_to(admin_, canvas),
    }


def _answer(admin_: ExecutionAdmin, decision: Decision) -> dict[str, Any]:
    return {
        "at": decision.created_at,
        "step": decision.step,
        "route": badge(decision.route, decision.get_route_display()),
        "reasons": [visible(str(reason)) for reason in decision.reasons],
        "url": frame.link_to(admin_, decision),
    }
