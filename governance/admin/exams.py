"""Exams: start one, watch it, read what became of it, down to each line an agent was told."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.admin.exam_cases import case_set_names
from governance.admin.facts import (
    Facts,
    Table,
    badge,
    bullets,
    code,
    draw,
    fact,
    json_block,
    link,
    page_of,
    when,
)
from governance.admin.filters import AgentFilter, WorkspaceFilter
from governance.admin.forms import number, select
from governance.admin.grants import AgentChoice
from governance.admin.pages import AddPage, FactsAdmin, ReasonPage, Section
from governance.admin.rendering.visible import visible
from governance.domain.actors import Actor
from governance.domain.states import AgentState, ExamState
from governance.domain.words import Maturity
from governance.exams import layers
from governance.models import Agent, Exam, ExamAnswer, ExamCase
from governance.models.exam import TARGETS
from governance.services import exams

REFRESH_SECONDS = 3
"""How often the page of a running exam is read again; without a script, by its own header."""


class StartForm(forms.Form):
    """An attempt."""

    agent = AgentChoice(Agent.objects.none(), widget=select(), empty_label="Choose an agent")
    target = forms.ChoiceField(
        label="For",
        choices=[("", "the next maturity"), *((t, Maturity(t).label) for t in TARGETS)],
        required=False,
        widget=select(),
    )
    case_set = forms.ChoiceField(label="Cases", widget=select(), help_text="Which set of cases.")
    repeats = forms.IntegerField(
        label="Times",
        min_value=1,
        max_value=exams.MAX_REPEATS,
        widget=number(),
        help_text="How often each case. It counts only where the agent passes every time.",
    )

    def __init__(self, *args: Any, workspaces: Sequence[uuid.UUID], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        agent: Any = self.fields["agent"]
        agent.queryset = (
            Agent.objects.filter(workspace_id__in=workspaces)
            .exclude(state=AgentState.RETIRED)
            .select_related("workspace")
            .order_by("name", "id")
        )
        names = case_set_names(list(workspaces))
        case_set: Any = self.fields["case_set"]
        case_set.choices = [(name, name) for name in names] or [("", "There is no case yet")]


class StartPage(AddPage):
    """Start an exam; `?agent=` names the agent beforehand."""

    form_class = StartForm
    title = "Start an exam"
    explanation = (
        "A worker runs the agent's own program in a process of its own, with simulated tools. "
        "After a failure the agent cools down before it may try for the same maturity again."
    )
    submit = "Start the exam"
    done = "The exam is started; a worker takes it on."

    def initial(self) -> dict[str, Any]:
        """The agent of the address, and as often as usual."""
        return {
            "agent": self.request.GET.get("agent"),
            "repeats": settings.GOVERNANCE_EXAM_REPEATS,
        }

    def save(self, data: Any, by: Actor) -> str:
        """Start it."""
        return page_of(exams.start(**{**data, "target": data["target"] or None}, by=by))


class AbortPage(ReasonPage):
    """End an exam without a verdict."""

    slug, label, to = "abort", "Abort", ExamState.ABORTED
    title = submit = "Abort"
    explanation = "It ends without a verdict, which says nothing about the agent."
    danger = True
    done = "The exam is aborted."

    def move(self, reason: str, by: Actor) -> None:
        """Abort it."""
        exams.abort(exam=self.row, reason=reason, by=by)


@admin.register(Exam)
class ExamAdmin(FactsAdmin):
    """The exams of one's workspaces."""

    list_display = ("at", "shown_agent", "attempt", "shown_target", "shown_state", "shown_score")
    list_filter = (WorkspaceFilter, AgentFilter, "state")
    list_select_related = ("agent",)
    pages = (AbortPage,)
    add_page = StartPage

    @admin.display(description="When")
    def at(self, row: Exam) -> SafeString:
        """When it was started."""
        return when(row.created_at)

    @admin.display(description="Agent")
    def shown_agent(self, row: Exam) -> SafeString:
        """Who sits it."""
        return visible(row.agent.name)

    @admin.display(description="For")
    def shown_target(self, row: Exam) -> SafeString:
        """Which maturity it is for."""
        return badge(row.target)

    @admin.display(description="State")
    def shown_state(self, row: Exam) -> SafeString:
        """The state."""
        return badge(row.state)

    @admin.display(description="Score")
    def shown_score(self, row: Exam) -> SafeString:
        """What was reached, of what was needed."""
        return _score(row)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """While it runs, the page is read again by itself."""
        response = super().change_view(request, object_id, form_url, extra_context)
        row = self.find(request, object_id)
        if row.state == ExamState.RUNNING:
            response["Refresh"] = str(REFRESH_SECONDS)
        return response

    def sections(self, request: HttpRequest, row: Exam) -> list[Section]:
        """The verdict, and every sitting."""
        answers = exams.answers_of(row)
        facts = [
            fact("Agent", link(row.agent)),
            fact("Attempt", str(row.attempt)),
            fact("For", badge(row.target)),
            fact("State", badge(row.state)),
            fact("Progress", _progress(row, answers)),
            fact("Score", _score(row)),
            fact("Isolation", _isolation(row)),
            fact("Cases", row.case_set),
            fact("Fingerprint", code(row.fingerprint)),
            fact("Started", when(row.created_at)),
            fact("Ended", when(row.ended_at)),
            fact("Next attempt", _next_attempt(row)),
            fact("Note", row.note),
        ]
        return [Facts("Exam", facts), _grid(row, answers)]


@admin.register(ExamAnswer)
class ExamAnswerAdmin(FactsAdmin):
    """Sittings. Each is reached from its exam."""

    list_display = ("shown_exam", "shown_case", "repeat", "verdict")
    list_select_related = ("exam__agent", "case")
    has_trail = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """A list does not need what was said."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("exam__agent", "case")

    @admin.display(description="Exam")
    def shown_exam(self, row: ExamAnswer) -> SafeString:
        """Which exam."""
        return visible(str(row.exam))

    @admin.display(description="Case")
    def shown_case(self, row: ExamAnswer) -> SafeString:
        """Which case."""
        return visible(str(row.case))

    @admin.display(description="Verdict")
    def verdict(self, row: ExamAnswer) -> SafeString:
        """Whether it was passed."""
        return _verdict(row)

    def sections(self, request: HttpRequest, row: ExamAnswer) -> list[Section]:
        """What was wrong, and the transcript."""
        facts = [
            fact("Exam", link(row.exam)),
            fact("Case", link(row.case)),
            fact("Time", f"{row.repeat} of {row.exam.repeats}"),
            fact("Verdict", _verdict(row)),
            fact("What was wrong", bullets(row.why)),
            fact("Took", f"{row.seconds:.1f} s"),
        ]
        said = [
            fact("Its own verdict", _claim(row)),
            fact("Its note", row.ending.get("note", "")),
            fact("What it handed over", json_block(row.ending.get("output", {}))),
        ]
        return [
            Facts("Sitting", facts),
            _transcript(row),
            Facts("What the agent says, which decides nothing", said),
        ]


def _score(row: Exam) -> SafeString:
    if row.score is None:
        return draw(f"{row.needed:.2f} is needed")
    return draw(f"{row.score:.3f}, and {row.needed:.2f} is needed")


def _progress(row: Exam, answers: dict[str, list[ExamAnswer]]) -> SafeString:
    total = len(row.cases) * row.repeats
    done = sum(map(len, answers.values()))
    if row.state == ExamState.RUNNING and row.seen_at is None:
        return draw("It waits for a worker.")
    if row.state != ExamState.RUNNING:
        return draw(f"{done} of {total} sittings")
    bar = '<progress class="ag-progress" max="{}" value="{}" aria-label="Sittings"></progress> {}'
    return format_html(bar, total, done, f"{done} of {total} sittings")


def _isolation(row: Exam) -> SafeString:
    if layers.REMOTE in row.isolation:
        return draw("Reached over HTTP: how it is isolated is its host’s matter.")
    if not row.isolation:
        return draw(None)
    lacking = exams.limited(row)
    if not lacking:
        return bullets([badge("complete"), *(layers.SAYS[layer] for layer in layers.Layer)])
    without = (f"without {layers.SAYS[layer]}" for layer in lacking)
    return bullets([badge("limited", "limited isolation"), *without])


def _next_attempt(row: Exam) -> SafeString:
    """Only after a failure there is a time to wait for."""
    if row.state != ExamState.FAILED:
        return draw(None)
    return when(exams.cooled_down_at(row.agent, row.target))


def _grid(row: Exam, answers: dict[str, list[ExamAnswer]]) -> Table:
    """Cases by repeats; every cell leads to its transcript."""
    repeats = range(1, row.repeats + 1)
    return Table(
        "Results",
        ("Case", *(f"Time {repeat}" for repeat in repeats), "Counts"),
        [
            (
                link(case, f"{case.key} (version {case.number})"),
                *_cells(case, answers.get(str(case.pk), []), repeats, row),
                _counts(answers.get(str(case.pk), []), row),
            )
            for case in exams.cases_of(row)
        ],
    )


def _cells(case: ExamCase, found: list[ExamAnswer], repeats: range, row: Exam) -> list[SafeString]:
    by_repeat = {answer.repeat: answer for answer in found}
    waiting = draw("not yet") if row.state == ExamState.RUNNING else draw("not sat")
    return [_cell(case, by_repeat[n]) if n in by_repeat else waiting for n in repeats]


def _cell(case: ExamCase, answer: ExamAnswer) -> SafeString:
    verdict = "passed" if answer.passed else "failed"
    return format_html(
        '<a class="ag-link" href="{}" aria-label="{}">{}</a>',
        page_of(answer),
        f"{verdict}: {case.key}, time {answer.repeat}",
        badge(verdict),
    )


def _counts(found: list[ExamAnswer], row: Exam) -> SafeString:
    """Whether the case counts: every sitting of it was passed."""
    if any(not answer.passed for answer in found):
        return draw("no")
    return draw("yes") if len(found) == row.repeats else draw(None)


def _verdict(row: ExamAnswer) -> SafeString:
    return badge("passed" if row.passed else "failed")


def _claim(row: ExamAnswer) -> SafeString:
    if not row.ending:
        return draw(None)
    return draw("It says that it did it." if row.ending.get("succeeded") else "It does not say so.")


def _transcript(row: ExamAnswer) -> Table:
    return Table(
        "Transcript",
        ("At", "It asked for", "With", "Because", "It was told", "More"),
        [
            (
                draw(f"{call.get('seconds', 0):.3f} s"),
                code(str(call.get("action_type", ""))),
                json_block(call.get("params", {})),
                draw(call.get("reasoning", "")),
                badge(str(call.get("state", ""))),
                _told(call),
            )
            for call in row.transcript
        ],
        empty="It asked for nothing.",
    )


def _told(call: dict[str, Any]) -> SafeString:
    notes = [] if call.get("known", True) else [badge("unknown", "the case does not know this")]
    notes += [draw(call["fault"])] if call.get("fault") else []
    answer = draw(call["error"]) if call.get("error") else json_block(call.get("output", {}))
    return bullets([*notes, answer])
