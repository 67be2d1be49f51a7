"""Trainings: how each goes, what it was worth, and how estimates compared with what happened."""

from __future__ import annotations

import uuid
from itertools import groupby
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views import View

from governance.admin import blocked_triggers, frame, training_facts, training_history
from governance.admin.base import actor, may
from governance.admin.facts import Button, Facts, Table, badge, draw, fact, link, page_of, when
from governance.admin.filters import AgentFilter, WorkspaceFilter
from governance.admin.pages import FactsAdmin, Section
from governance.admin.rendering.visible import revealed, visible
from governance.admin.training_facts import hours
from governance.admin.training_forms import PAGES
from governance.domain.errors import GovernanceError
from governance.domain.roles import Right
from governance.domain.states import TrainingState
from governance.domain.words import Maturity
from governance.models import BlockedTrigger, LedgerEntry, TrainingSession, TrainingTask
from governance.policy import confidence
from governance.services import trainings


class TickView(View):
    """POST only: `done` or `undo` names the task."""

    http_method_names: ClassVar[list[str]] = ["post"]  # type: ignore[misc]  # Django's is no ClassVar
    admin: Any = None

    def post(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Tick it off, or take the tick back; then show the tasks again."""
        row = self.admin.find(request, object_id)
        if not may(request, row, Right.SUPERVISE):
            raise PermissionDenied
        done = "done" in request.POST
        task = _task(row, request.POST.get("done" if done else "undo", ""))
        try:
            trainings.tick(task=task, done=done, by=actor(request))
        except GovernanceError as error:
            messages.error(request, visible(str(error)))
        return redirect(f"{page_of(row)}#tasks")


@admin.register(TrainingSession)
class TrainingSessionAdmin(FactsAdmin):
    """The trainings of one's workspaces."""

    list_display = (
        "shown_agent",
        "shown_state",
        "planned",
        "spent",
        "shown_performance",
        "shown_gain",
        "at",
    )
    list_filter = ("state", AgentFilter, WorkspaceFilter)
    list_select_related = ("agent",)
    list_before_template = "admin/governance/training/list_head.html"
    pages = PAGES
    page_template = "admin/governance/training/page.html"

    def get_urls(self) -> list[URLPattern]:
        """With the ticks, and the history."""
        own = [
            path(
                "<uuid:object_id>/tick/",
                self.admin_site.admin_view(TickView.as_view(admin=self)),
                name="governance_trainingsession_tick",
            ),
            path(
                "history/",
                self.admin_site.admin_view(self.estimates),
                name="governance_trainingsession_estimates",
            ),
        ]
        return own + list(super().get_urls())

    def estimates(self, request: HttpRequest) -> HttpResponse:
        """How estimates compared with what happened; of one agent, where `?agent=` names it."""
        if not self.has_module_permission(request):
            raise PermissionDenied
        context, title = training_history.page(request, self.get_queryset(request))
        return frame.render(self, request, "training/history.html", context, title=title)

    @admin.display(description="Agent")
    def shown_agent(self, row: TrainingSession) -> SafeString:
        """Whose it is."""
        return visible(row.agent.name)

    @admin.display(description="State")
    def shown_state(self, row: TrainingSession) -> SafeString:
        """How far it is."""
        return frame.state_badge(row)

    @admin.display(description="Planned")
    def planned(self, row: TrainingSession) -> str:
        """The hours that were approved."""
        return hours(row.hours)

    @admin.display(description="Spent")
    def spent(self, row: TrainingSession) -> SafeString:
        """The hours it took."""
        return draw(None if row.hours_spent is None else hours(row.hours_spent))

    @admin.display(description="Performance")
    def shown_performance(self, row: TrainingSession) -> SafeString:
        """The mean of the scores."""
        return draw(None if row.performance is None else f"{row.performance:.2f}")

    @admin.display(description="Confidence")
    def shown_gain(self, row: TrainingSession) -> SafeString:
        """What it added."""
        return draw(None if row.gain is None else f"+{row.gain:.2f}")

    @admin.display(description="Scheduled")
    def at(self, row: TrainingSession) -> SafeString:
        """When."""
        return when(row.created_at)

    def sections(self, request: HttpRequest, row: TrainingSession) -> list[Section]:
        """How it stands, and once it is over what it was worth."""
        return [_standing(row), *_worth(row)]

    def links(self, request: HttpRequest, row: TrainingSession) -> list[Button]:
        """To the history of its agent."""
        url = reverse("admin:governance_trainingsession_estimates")
        return [Button("Trainings of this agent", f"{url}?agent={row.agent_id}")]

    def beside(self, request: HttpRequest, row: TrainingSession) -> dict[str, Any]:
        """Its tasks, the triggers that wait for it, and the plan it follows."""
        under_way = row.state == TrainingState.IN_PROGRESS
        return {
            "row": row,
            "tasks": _tasks(row),
            "total": row.tasks.count(),
            "ticked": row.tasks.filter(done_at__isnull=False).count(),
            "may_tick": under_way and may(request, row, Right.SUPERVISE),
            "over": row.ended_at is not None,
            "starts_first": row.state == TrainingState.SCHEDULED,
            "triggers": _triggers(row),
            "may_retry": may(request, row, Right.START),
            "plan": [training_facts.objectives(row.plan), training_facts.reasoning(row.plan)],
        }


def _task(row: TrainingSession, key: str) -> TrainingTask:
    try:
        found = row.tasks.filter(pk=uuid.UUID(key)).first()
    except ValueError:
        found = None
    if found is None:
        raise Http404("There is no such task of this training.")
    return found


def _standing(row: TrainingSession) -> Facts:
    plan = row.plan
    return Facts(
        "Training",
        [
            fact("Agent", link(row.agent)),
            fact("State", frame.state_badge(row)),
            fact("Approved as", link(plan.proposal)),
            fact("Hours planned", f"{hours(row.hours)}, {hours(row.hours_a_day)} a day"),
            fact("Hours estimated", training_facts.estimated(plan)),
            fact("Days", training_facts.days(row.days)),
            fact("Started", when(row.started_at)),
            fact("Ended", when(row.ended_at)),
        ],
    )


def _worth(row: TrainingSession) -> list[Section]:
    """Of a completed training its result; of one that led nowhere, why."""
    if row.state in {TrainingState.FAILED, TrainingState.CANCELLED}:
        return [Facts("Why it ended so", [fact("Reason", row.feedback)])]
    if row.performance is None or row.gain is None or row.hours_spent is None:
        return []
    scores = row.scores or {}
    facts = [
        fact("Performance", f"{row.performance:.2f} of 1, the mean of the scores"),
        fact("Added to its confidence", f"{row.gain:.2f}"),
        fact("Confidence", _moved(row)),
        fact("Hours spent", f"{hours(row.hours_spent)} of {hours(row.hours)} planned"),
        fact("Errors", str(row.errors)),
        fact("Feedback", row.feedback),
    ]
    table = Table(
        "Scores",
        ("Capability", "Objective", "Score"),
        [
            (
                draw(found["capability"]),
                draw(found["objective"]),
                draw(f"{scores.get(found['capability'], 0):.2f}"),
            )
            for found in row.plan.objectives
        ],
    )
    return [Facts("What it was worth", facts), table]


def _moved(row: TrainingSession) -> SafeString:
    """Confidence before and after, as the ledger has it."""
    entries = LedgerEntry.objects.filter(subject_id=row.agent_id, kind="agent.confidence")
    for entry in entries.filter(created_at__gte=row.ended_at).order_by("id"):
        said = entry.data["data"]
        if said.get("training") == str(row.pk):
            moved = f"{said['before']:.2f} before, {said['after']:.2f} after."
            return draw(f"{moved} {_eligible(said['after'])} Its maturity stayed as it was.")
    return draw("The ledger does not say.")


def _eligible(score: float) -> str:
    reached = confidence.eligible_for(score)
    if reached is Maturity.STUDENT:
        needed = confidence.THRESHOLDS[Maturity.INTERN]
        return f"That is not yet the {needed:.2f} which intern needs."
    return f"That is enough for {reached.value}, where an exam is still needed."


def _tasks(row: TrainingSession) -> list[dict[str, Any]]:
    """By capability, in the order of the plan."""
    tasks = row.tasks.select_related("done_by").order_by("position")
    return [
        {
            "capability": visible(capability),
            "tasks": [
                {
                    "id": task.pk,
                    "title": visible(task.title),
                    "plain": revealed(task.title),
                    "done_at": task.done_at,
                    "done_by": visible(task.done_by.get_username()) if task.done_by else "",
                }
                for task in found
            ],
        }
        for capability, found in groupby(tasks, key=lambda task: task.capability)
    ]


def _triggers(row: TrainingSession) -> list[dict[str, Any]]:
    """Those that joined this training, with the answer that each would get now."""
    rows: QuerySet[BlockedTrigger] = row.plan.blocked.select_related(*training_facts.FOLLOWED)
    found = rows.order_by("created_at", "id")
    return [_trigger(blocked) for blocked in found[: training_facts.MOST_TRIGGERS]]


def _trigger(blocked: BlockedTrigger) -> dict[str, Any]:
    free = blocked_triggers.RetryPage.offered(blocked)
    return {
        "shown": link(blocked, str(blocked.trigger)),
        "at": blocked.created_at,
        "standing": badge("retried" if blocked.retried_as_id else "blocked"),
        "came_of": training_facts.came_of(blocked) if blocked.retried_as_id else "",
        "free": free,
        "answer": blocked_triggers.answer_now(blocked) if free else "",
        "seen": blocked_triggers.seen(blocked),
        "retry": reverse("admin:governance_blockedtrigger_retry", args=[blocked.pk]),
    }
