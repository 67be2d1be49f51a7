"""Canvases: what agents presented, drawn by us. Whatever is in one was written by an agent."""

from __future__ import annotations

import json
from itertools import zip_longest
from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.admin import boards, canvas_forms, frame
from governance.admin.base import RecordAdmin
from governance.admin.canvas_forms import AnswerView, Sent
from governance.admin.facts import NOTHING, page_of, when
from governance.admin.filters import AgentFilter, WorkspaceFilter
from governance.admin.rendering import charts, markdown
from governance.admin.rendering.visible import revealed, visible, visible_json
from governance.domain.errors import InvalidInput
from governance.domain.states import ExecutionState
from governance.domain.values import Json
from governance.domain.words import CanvasKind
from governance.models import Canvas


class AnswerFilter(SimpleListFilter):
    """Forms by whether a person has answered them."""

    title = "answer"
    parameter_name = "answer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Both are about forms only."""
        return [("none", "Forms without an answer"), ("given", "Forms with an answer")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The forms asked for."""
        if self.value() not in {"none", "given"}:
            return queryset
        found: QuerySet[Any] = queryset.forms(answered=self.value() == "given")  # type: ignore[attr-defined]  # Canvas's own
        return found


@admin.register(Canvas)
class CanvasAdmin(RecordAdmin):
    """A list of canvases, and a page for each."""

    list_display = ("name", "kind", "agent_name", "answered", "presented")
    list_display_links = None
    list_filter = ("kind", AnswerFilter, AgentFilter, WorkspaceFilter)
    search_fields = ("title", "agent__name")
    search_help_text = "In titles and agents’ names"

    class Media:
        css = {"all": ["governance/pages.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With all that a line says, in one query."""
        return (
            super()
            .get_queryset(request)
            .select_related("agent", "answer", "step__execution__run__trigger")
        )

    def get_urls(self) -> list[URLPattern]:
        """A form's answer comes first: Django's own patterns would take its address."""
        answer = self.admin_site.admin_view(AnswerView.as_view(admin=self))
        own = path("<uuid:object_id>/answer/", answer, name="governance_canvas_answer")
        return [own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The canvas, drawn."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return self.page(request, self.find(request, object_id), Sent())

    def page(
        self, request: HttpRequest, row: Canvas, sent: Sent, *, status: int = 200
    ) -> HttpResponse:
        """The canvas's page; of a form, with what was typed and refused."""
        kind, content = drawn(request, row, sent)
        context = {
            "row": row,
            "heading": visible(row.title),
            "agent_name": visible(row.agent.name),
            "agent_url": frame.link_to(self, row.agent),
            "execution_url": frame.link_to(self, row.step.execution),
            "run_url": frame.link_to(self, row.step.execution.run),
            "kind": kind,
            "source": visible_json(row.content),
            **content,
        }
        title = revealed(row.title)
        return frame.render(self, request, "canvas/page.html", context, title=title, status=status)

    @admin.display(description="Title")
    def name(self, row: Any) -> SafeString:
        """The agent's title, linked to the canvas."""
        return format_html(
            '<a class="cell-title" href="{}">{}</a>', page_of(row), visible(row.title)
        )

    @admin.display(description="Agent")
    def agent_name(self, row: Any) -> SafeString:
        """Who presented it."""
        return visible(row.agent.name)

    @admin.display(description="Answer")
    def answered(self, row: Any) -> SafeString:
        """Of a form, whether it has one."""
        if row.kind != CanvasKind.FORM:
            return NOTHING
        there = getattr(row, "answer", None) is not None
        if there:
            return frame.tag("answered", "good")
        if row.step.execution.state == ExecutionState.CANCELLED:
            return frame.tag("none, cancelled", "plain")
        return frame.tag("none yet", "warn")

    @admin.display(description="Presented")
    def presented(self, row: Any) -> SafeString:
        """When."""
        return when(row.created_at)


def drawn(request: HttpRequest, row: Canvas, sent: Sent) -> tuple[str, dict[str, Any]]:
    """How to show a canvas, and with what; as plain JSON where it is not what it says it is."""
    try:
        content = row.content[row.kind]
        if row.kind == CanvasKind.FORM:
            return row.kind, canvas_forms.shown(request, row, sent)
        if row.kind == CanvasKind.ORCHESTRATION:
            return row.kind, boards.drawn(row, content)
        return row.kind, _DRAW[CanvasKind(row.kind)](content)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, InvalidInput):
        return "unknown", {}


def _chart(chart: Json) -> dict[str, Any]:
    """The drawing, and a table of its numbers: a row a label, a column a series."""
    series = chart["series"]
    columns = zip_longest(chart["labels"], *(one["values"] for one in series))
    return {
        "svg": charts.svg(chart),
        "label": visible("/".join(one["name"] for one in series)),
        "headers": [SafeString(""), *(visible(one["name"]) for one in series)],
        "rows": [[_cell(value) for value in line] for line in columns],
    }


def _sheet(sheet: Json) -> dict[str, Any]:
    """All its cells; rows may be shorter or longer than the headings."""
    columns, rows = sheet["columns"], sheet["rows"]
    width = max([len(columns), *(len(row) for row in rows)])
    headings = [visible(name) for name in columns]
    return {
        "headers": headings + [SafeString("")] * (width - len(columns)),
        "rows": [[_cell(value) for value in row] for row in rows],
    }


def _markdown(text: Json) -> dict[str, Any]:
    """The text, and its source: markdown leaves parts of that out."""
    return {"html": markdown.render(text), "text": visible(text)}


_DRAW = {
    CanvasKind.CHART: _chart,
    CanvasKind.SHEET: _sheet,
    CanvasKind.MARKDOWN: _markdown,
}


def _cell(value: Json) -> SafeString:
    """A cell: text as text, anything else as JSON; null and nothing are empty."""
    if value is None:
        return SafeString("")
    return visible(value) if isinstance(value, str) else visible(json.dumps(value))
