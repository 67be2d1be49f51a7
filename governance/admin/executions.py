"""Executions: the list, and the pages on which people follow one, settle a doubt or cancel."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.admin import execution_page, execution_steps, frame, pictures, steps
from governance.admin.base import RecordAdmin
from governance.admin.execution_verdicts import VERBS, VerdictView
from governance.admin.facts import anchor, page_of, when
from governance.admin.filters import AgentFilter, WorkspaceFilter
from governance.admin.rendering.visible import visible
from governance.domain.states import ExecutionState
from governance.models import Execution
from governance.policy.redaction import clean_text

TABS = (
    ("", "All"),
    (ExecutionState.READY, "Ready"),
    (ExecutionState.CLAIMED, "Under way"),
    (ExecutionState.IN_DOUBT, "In doubt"),
    (ExecutionState.DONE, "Done"),
    (ExecutionState.FAILED, "Failed"),
    (ExecutionState.CANCELLED, "Cancelled"),
)
"""The lists above the list: each state, with its label."""


@admin.register(Execution)
class ExecutionAdmin(RecordAdmin):
    """A list of executions, and the pages of each."""

    list_display = ("what", "agent_name", "state_shown", "proposal_link", "created", "finished")
    list_display_links = None
    list_filter = ("state", AgentFilter, WorkspaceFilter)
    search_fields = ("agent__name", "plan")
    search_help_text = "In agents’ names and plans"
    list_before_template = "admin/governance/execution/tabs.html"

    class Media:
        css = {"all": ["governance/pages.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With all that a line says, in one query."""
        rows = super().get_queryset(request)
        return rows.select_related("agent", "proposal", "run__trigger", "workspace")

    def get_urls(self) -> list[URLPattern]:
        """Its pages come first: Django's own patterns would take their addresses."""
        views: dict[str, Any] = {
            "live": self.live_view,
            **{verb: VerdictView.as_view(admin=self, verb=verb) for verb in VERBS},
        }
        own = [
            path(
                f"<uuid:object_id>/{slug}/",
                self.admin_site.admin_view(view),
                name=f"governance_execution_{slug}",
            )
            for slug, view in views.items()
        ]
        output = path(
            "<uuid:object_id>/output/<uuid:step_id>/",
            self.admin_site.admin_view(self.output_view),
            name="governance_execution_output",
        )
        return [*own, output, *pictures.urls(self.admin_site), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The list, with its tabs."""
        tab = request.GET.get("state__exact", "")
        context = {"tab": tab, "tabs": TABS, "doubtful": tab == ExecutionState.IN_DOUBT}
        response: TemplateResponse = super().changelist_view(
            request, {**context, **(extra_context or {})}
        )
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The plan, and how each step of it went. It only reads."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return execution_page.page(self, request, self.find(request, object_id))

    def live_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """What of the page changes while somebody looks."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return execution_page.live(self, request, self.find(request, str(object_id)))

    def output_view(self, request: HttpRequest, object_id: str, step_id: str) -> HttpResponse:
        """The whole output of one step, however long it is."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        row = self.find(request, str(object_id))
        step = row.steps.filter(pk=step_id).exclude(output="").first()
        if step is None:
            raise Http404("This step has no output here.")
        heading = f"The output of step {step.position + 1}"
        context = {
            "heading": heading,
            "step": visible(step.step),
            "text": visible(execution_steps.pretty(step), edges=False),
            "back": page_of(row),
        }
        return frame.render(self, request, "execution/output.html", context, title=heading)

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
        return anchor(page_of(row.proposal), clean_text(row.proposal.title))

    @admin.display(description="Opened")
    def created(self, row: Any) -> SafeString:
        """When it was cleared."""
        return when(row.created_at)

    @admin.display(description="Ended")
    def finished(self, row: Any) -> SafeString:
        """When it came to an end."""
        return when(row.finished_at)
