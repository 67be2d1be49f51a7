"""The library of exam cases: write a version, retire it, cut one from an episode."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Max, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from governance.admin.base import may, workspaces_of
from governance.admin.facts import (
    Facts,
    Table,
    badge,
    code,
    draw,
    fact,
    json_block,
    link,
    page_of,
    when,
)
from governance.admin.filters import WorkspaceFilter
from governance.admin.forms import (
    InWorkspaceForm,
    JsonListField,
    JsonObjectField,
    ReasonForm,
    TextField,
    line,
    number,
)
from governance.admin.pages import AddPage, FactsAdmin, RowPage, Section, ServicePage
from governance.admin.rendering.visible import visible
from governance.domain.actors import Actor
from governance.domain.roles import Right
from governance.domain.values import Json
from governance.models import Episode, ExamCase
from governance.policy.exams import ANYTHING, MAX_TOOLS_BYTES
from governance.services import exam_cases

MOST_VERSIONS = 50
CONTENTS = ("title", "task", "tools", "required", "forbidden", "expectation", "seconds")


class ContentForm(forms.Form):
    """What a case consists of."""

    title = forms.CharField(max_length=200, widget=line())
    task = JsonObjectField(
        rows=6, help_text='What the agent is asked: {"instruction": "...", "context": {...}}.'
    )
    tools = JsonListField(
        max_length=MAX_TOOLS_BYTES,
        help_text=(
            'What its tools answer: a list of {"action_type", "params", "output" or "error"} for '
            'exact arguments, or without "params" for any, with "when" (CEL over action, params '
            'and calls) to narrow it and "cel" for an output that is worked out.'
        ),
    )
    required = JsonListField(
        rows=6, help_text='What must be done, each once: a list of {"action_type", "params"}.'
    )
    forbidden = JsonListField(
        rows=6,
        help_text=(
            'What must not be asked for: a list of {"action_type"}, with "params" only with those. '
            'Arguments in "may_fail" may be tried where the tools answer with an error.'
        ),
    )
    expectation = TextField(
        mono=True,
        rows=3,
        initial=ANYTHING,
        max_length=2_000,
        help_text="CEL over task, calls and finished, as in calls.size() < 10. It must be true.",
    )
    seconds = forms.IntegerField(
        min_value=1,
        max_value=3_600,
        initial=exam_cases.SECONDS,
        widget=number(),
        help_text="How long the agent has for it.",
    )


class DefineForm(InWorkspaceForm, ContentForm):
    """A new case."""

    case_set = forms.CharField(
        label="Set",
        max_length=60,
        initial=exam_cases.DEFAULT_SET,
        widget=line(spellcheck="false"),
        help_text="An exam is about the cases of one set. a-z, 0-9, _ and -.",
    )
    key = forms.CharField(
        max_length=100,
        widget=line(spellcheck="false"),
        help_text="Its name in the set. A key that is there gets another version.",
    )

    field_order = ("workspace", "case_set", "key", *CONTENTS)


class DefinePage(AddPage):
    """Write a case."""

    form_class = DefineForm
    title = "Write an exam case"
    explanation = (
        "In an exam, tools are simulated: they answer what the case says. What the agent says of "
        "itself decides nothing; what it asked for does."
    )
    submit = "Write the case"
    done = "The case is in the library."

    def initial(self) -> dict[str, Any]:
        """Nothing yet."""
        return {"task": {"instruction": "", "context": {}}, **_empty_lists()}

    def save(self, data: Any, by: Actor) -> str:
        """Write it."""
        return page_of(exam_cases.define(**data, by=by))


class CaseRowPage(RowPage):
    """Something done to the version in force."""

    @classmethod
    def offered(cls, row: Any) -> bool:
        """Older versions stay as they are."""
        return _newest(row)

    @property
    def standing(self) -> str:
        """Why not."""
        return _standing(self.row)

    def token(self, row: Any) -> str:
        """A version does not change, but for being retired."""
        return f"{row.pk}:{row.retired}:{_newest(row)}"


class VersionPage(CaseRowPage):
    """Write the next version."""

    slug, label = "version", "Write another version"
    form_class = ContentForm
    title = "Another version of"
    explanation = "Versions never change: exams that were sat say which one they were about."
    submit = "Write the version"
    done = "The new version is in force."

    def initial(self) -> dict[str, Any]:
        """As the last one."""
        return {name: getattr(self.row, name) for name in CONTENTS}

    def save(self, data: Any, by: Actor) -> str:
        """Write it."""
        row = self.row
        again = {"workspace": row.workspace, "case_set": row.case_set, "key": row.key}
        return page_of(exam_cases.define(**again, **data, by=by))


class RetirePage(CaseRowPage):
    """Leave it out of further exams."""

    slug, label = "retire", "Retire"
    form_class = ReasonForm
    title = submit = "Retire"
    explanation = "Exams leave it out from now on, until it gets another version."
    danger = True
    done = "The case is retired."

    @classmethod
    def offered(cls, row: Any) -> bool:
        """Once."""
        return super().offered(row) and not row.retired

    def save(self, data: Any, by: Actor) -> str:
        """Retire it."""
        return page_of(exam_cases.retire(case=self.row, reason=data["reason"], by=by))


class CutForm(forms.Form):
    """Where the case goes."""

    case_set = forms.CharField(
        label="Set",
        max_length=60,
        initial=exam_cases.DEFAULT_SET,
        required=False,
        widget=line(spellcheck="false"),
    )


class CutPage(ServicePage):
    """Cut a case from an episode; one click where the form is sent from the episode's page."""

    form_class = CutForm
    title = "Cut an exam case"
    explanation = (
        "The case sets the same task; its tools answer as they did. An agent passes when it "
        "changes what was rightly changed, and nothing else."
    )
    submit = "Cut the case"
    done = "The case is in the library."

    episode: Episode

    def prepare(self, request: HttpRequest, **kwargs: Any) -> None:
        """Raises Http404 for what this person cannot see, PermissionDenied without the right."""
        mine = Episode.objects.filter(workspace_id__in=workspaces_of(request))
        found = mine.filter(pk=kwargs["episode_id"]).first()
        if found is None:
            raise Http404("There is no such episode here.")
        if not may(request, found, Right.GOVERN):
            raise PermissionDenied
        self.episode = found

    def context(self) -> dict[str, Any]:
        """Which episode."""
        facts = [fact("Episode", self.episode.title), fact("Ended", self.episode.outcome)]
        return {"sections": [Facts("What it is cut from", facts)]}

    def save(self, data: Any, by: Actor) -> str:
        """Cut it."""
        case_set = data["case_set"] or exam_cases.DEFAULT_SET
        return page_of(exam_cases.cut_from_episode(episode=self.episode, case_set=case_set, by=by))


@admin.register(ExamCase)
class ExamCaseAdmin(FactsAdmin):
    """The cases of one's workspaces, all versions."""

    list_display = ("shown_set", "shown_key", "number", "standing", "shown_title", "asks")
    list_display_links = ("shown_key",)
    list_filter = (WorkspaceFilter, "case_set", "retired")
    search_fields = ("key", "title")
    search_help_text = "Key or title"
    pages = (VersionPage, RetirePage)
    add_page = DefinePage

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the newest number of the same case."""
        same = ExamCase.objects.filter(
            workspace=OuterRef("workspace"), case_set=OuterRef("case_set"), key=OuterRef("key")
        )
        newest = same.order_by().values("key").annotate(last=Max("number")).values("last")
        rows: QuerySet[Any] = super().get_queryset(request).annotate(newest=Subquery(newest))
        return rows

    def get_urls(self) -> list[URLPattern]:
        """And the page that cuts a case from an episode."""
        view = self.admin_site.admin_view(CutPage.as_view(admin=self))
        own = path("cut/<uuid:episode_id>/", view, name="governance_examcase_cut")
        return [own, *super().get_urls()]

    @admin.display(description="Set")
    def shown_set(self, row: ExamCase) -> SafeString:
        """Which set."""
        return draw(row.case_set)

    @admin.display(description="Case")
    def shown_key(self, row: ExamCase) -> SafeString:
        """Its name in the set."""
        return visible(row.key)

    @admin.display(description="Standing")
    def standing(self, row: ExamCase) -> SafeString:
        """Whether exams are about it."""
        return badge(_standing(row))

    @admin.display(description="Title")
    def shown_title(self, row: ExamCase) -> SafeString:
        """What it is about."""
        return draw(row.title)

    @admin.display(description="Asks")
    def asks(self, row: ExamCase) -> str:
        """How much."""
        return f"{len(row.required)} required, {len(row.forbidden)} forbidden"

    def sections(self, request: HttpRequest, row: ExamCase) -> list[Section]:
        """What it asks, what its tools answer, and its other versions."""
        facts = [
            fact("Set", row.case_set),
            fact("Case", row.key),
            fact("Version", str(row.number)),
            fact("Standing", badge(_standing(row))),
            fact("Title", row.title),
            fact("Time", f"{row.seconds} s"),
            fact("Workspace", row.workspace.name),
            fact("Written", when(row.created_at)),
            fact("Cut from", row.cut_from.title if row.cut_from else None),
        ]
        task: dict[str, Json] = row.task
        asked = [
            fact("Instruction", task.get("instruction", "")),
            fact("Context", json_block(task.get("context", {}))),
        ]
        wanted = [fact("Expectation", code(row.expectation))]
        return [
            Facts("Case", facts),
            Facts("What the agent is asked", asked),
            _actions("What must be done", row.required, "Nothing in particular."),
            _actions("What must not be asked for", row.forbidden, "Nothing is forbidden."),
            Facts("What else must be true", wanted),
            _tools(row),
            _versions(row),
        ]


def case_set_names(workspaces: list[uuid.UUID]) -> list[str]:
    """The sets there are in these workspaces."""
    rows = ExamCase.objects.filter(workspace_id__in=workspaces).order_by("case_set")
    return list(rows.values_list("case_set", flat=True).distinct())


def _empty_lists() -> dict[str, list[Json]]:
    return {"tools": [], "required": [], "forbidden": []}


def _newest(row: ExamCase) -> bool:
    same = ExamCase.objects.of(row.workspace_id).filter(case_set=row.case_set, key=row.key)
    return not same.filter(number__gt=row.number).exists()


def _standing(row: Any) -> str:
    newest = getattr(row, "newest", None)
    if newest is None:
        newest = row.number if _newest(row) else row.number + 1
    if newest > row.number:
        return "replaced"
    return "retired" if row.retired else "in force"


def _actions(title: str, actions: list[dict[str, Json]], empty: str) -> Table:
    return Table(
        title,
        ("Action type", "Arguments"),
        [
            (
                code(str(each.get("action_type"))),
                json_block({name: v for name, v in each.items() if name != "action_type"})
                if len(each) > 1
                else draw("any"),
            )
            for each in actions
        ],
        empty=empty,
    )


def _tools(row: ExamCase) -> Table:
    return Table(
        "What its tools answer",
        ("Action type", "To", "Answer"),
        [
            (
                code(str(tool.get("action_type"))),
                json_block(tool["params"]) if "params" in tool else code(tool.get("when", "")),
                _answer(tool),
            )
            for tool in row.tools
        ],
        empty="Nothing: every action finds nothing.",
    )


def _answer(tool: dict[str, Json]) -> SafeString:
    if "error" in tool:
        return draw(tool["error"])
    return code(tool["cel"]) if "cel" in tool else json_block(tool.get("output"))


def _versions(row: ExamCase) -> Table:
    same = ExamCase.objects.of(row.workspace_id).filter(case_set=row.case_set, key=row.key)
    return Table(
        "Versions",
        ("Version", "Written", "Standing", "Title"),
        [
            (
                link(each, f"Version {each.number}"),
                when(each.created_at),
                badge(_standing(each)),
                draw(each.title),
            )
            for each in same.order_by("-number")[:MOST_VERSIONS]
        ],
    )
