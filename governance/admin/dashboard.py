"""The sidebar and the front page: what waits, what is in doubt, who the agents are."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from governance.admin.base import workspaces_of
from governance.admin.decisions import question_of
from governance.admin.facts import Table, ago, anchor, badge, bullets, draw, link, page_of
from governance.admin.steps import keys_of
from governance.domain.states import AgentState, ExecutionState, WorkspaceState
from governance.domain.words import Maturity
from governance.models import (
    ActionType,
    Agent,
    Canvas,
    Ceiling,
    Decision,
    Exam,
    ExamCase,
    Execution,
    Grant,
    LedgerEntry,
    Membership,
    PolicyVersion,
    Proposal,
    Run,
    Trigger,
    Workspace,
)

COUNTED = 100
"""Counting stops here: beyond it the number says "99+"."""

SHOWN = 8

Item = tuple[type[Model], str, str]

SIDEBAR: tuple[tuple[str, tuple[Item, ...]], ...] = (
    (
        "Work",
        (
            (Proposal, "Proposals", "inbox"),
            (Execution, "Executions", "play_circle"),
            (Canvas, "Canvases", "dashboard"),
            (Run, "Runs", "directions_run"),
            (Trigger, "Triggers", "bolt"),
            (Decision, "Decisions", "alt_route"),
        ),
    ),
    (
        "Rules",
        (
            (Agent, "Agents", "smart_toy"),
            (ActionType, "Action types", "category"),
            (PolicyVersion, "Policy", "gavel"),
            (Grant, "Grants", "key"),
            (Ceiling, "Ceilings", "vertical_align_top"),
        ),
    ),
    (
        "Maturity",
        (
            (Exam, "Exams", "school"),
            (ExamCase, "Exam cases", "quiz"),
        ),
    ),
    ("Record", ((LedgerEntry, "Ledger", "history_edu"),)),
    (
        "People",
        (
            (Workspace, "Workspaces", "domain"),
            (Membership, "Memberships", "badge"),
            (get_user_model(), "Users", "group"),
        ),
    ),
)
"""The groups of the sidebar: each model with its title and its icon."""


def stylesheet(request: HttpRequest) -> str:  # noqa: ARG001  unfold calls it so
    """The application's own stylesheet."""
    return static("governance/admin.css")


def favicon(request: HttpRequest) -> str:  # noqa: ARG001  unfold calls it so
    """The picture in the browser's tab."""
    return static("governance/favicon.svg")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar, with nothing in it that this person may not open."""
    workspaces = workspaces_of(request)
    front = {"title": "Overview", "icon": "space_dashboard", "link": reverse("admin:index")}
    groups = [{"title": "", "items": [front]}]
    for title, items in SIDEBAR:
        entries = [
            _entry(item, workspaces) for item in items if _may_open(request, item[0], workspaces)
        ]
        if entries:
            groups.append({"title": title, "items": entries})
    return groups


def front_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the front page shows, of one's workspaces."""
    workspaces = workspaces_of(request)
    mine = {"workspace_id__in": workspaces}
    context |= {
        "title": "Overview",
        "member": bool(workspaces),
        "halted": Workspace.objects.filter(pk__in=workspaces, state=WorkspaceState.HALTED),
        "numbers": _numbers(mine),
        "wide": [_waiting(mine)],
        "columns": [_agents(mine), _in_doubt(mine)],
        "last": [_decisions(mine)],
    }
    return context


def _may_open(request: HttpRequest, model: type[Model], workspaces: Sequence[uuid.UUID]) -> bool:
    if model is get_user_model():
        return bool(request.user.is_active and request.user.is_superuser)
    return bool(workspaces)


def _entry(item: Item, workspaces: Sequence[uuid.UUID]) -> dict[str, Any]:
    model, title, icon = item
    entry: dict[str, Any] = {"title": title, "icon": icon, "link": _list(model)}
    if model is Proposal:
        waiting = _count(_pending({"workspace_id__in": workspaces}))
        if waiting != "0":
            entry |= {"badge": waiting, "badge_variant": "primary"}
    return entry


def _list(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def _count(rows: QuerySet[Any]) -> str:
    found = rows[:COUNTED].count()
    return f"{COUNTED - 1}+" if found == COUNTED else str(found)


def _pending(mine: dict[str, Any]) -> QuerySet[Proposal]:
    return Proposal.objects.pending(now=timezone.now()).filter(**mine)


def _numbers(mine: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Each with where its rows are listed."""
    found = [("Proposals waiting", _count(_pending(mine)), _list(Proposal))]
    for label, state in (
        ("Executions in doubt", ExecutionState.IN_DOUBT),
        ("Executions ready", ExecutionState.READY),
    ):
        rows = Execution.objects.filter(**mine, state=state)
        found.append((label, _count(rows), f"{_list(Execution)}?state__exact={state}"))
    return found


def _waiting(mine: dict[str, Any]) -> Table:
    found = _pending(mine).select_related("agent")[:SHOWN]
    return Table(
        "Waiting for a decision",
        ("Proposal", "Agent", "Waiting since", "Expires"),
        [
            (link(each), draw(each.agent.name), ago(each.created_at), draw(each.expires_at))
            for each in found
        ],
        empty="Nothing waits for a decision.",
    )


def _in_doubt(mine: dict[str, Any]) -> Table:
    rows = Execution.objects.filter(**mine, state=ExecutionState.IN_DOUBT)
    found = rows.select_related("agent").order_by("-created_at", "-id")[:SHOWN]
    return Table(
        "Executions in doubt",
        ("Execution", "Agent", "Since"),
        [
            (link(each, ", ".join(keys_of(each.plan))), draw(each.agent.name), ago(each.created_at))
            for each in found
        ],
        empty="None: of everything that was sent, it is known what came of it.",
    )


def _agents(mine: dict[str, Any]) -> Table:
    counted = Agent.objects.filter(**mine).values_list("maturity", "state").annotate(Count("id"))
    numbers = {(maturity, state): count for maturity, state, count in counted.order_by()}
    listed = _list(Agent)
    return Table(
        "Agents by maturity",
        ("Maturity", *(state.label for state in AgentState)),
        [
            (
                anchor(f"{listed}?maturity__exact={maturity}", maturity.label),
                *(_number(numbers.get((maturity, state), 0)) for state in AgentState),
            )
            for maturity in reversed(Maturity)
        ],
    )


def _number(count: int) -> SafeString:
    return draw(str(count) if count else None)


def _decisions(mine: dict[str, Any]) -> Table:
    found = Decision.objects.filter(**mine).select_related("agent").order_by("-created_at", "-id")
    return Table(
        "Last decisions",
        ("When", "Agent", "Question", "Route", "Reasons"),
        [
            (
                anchor(page_of(each), f"{each.created_at:%Y-%m-%d %H:%M:%S}"),
                draw(each.agent.name),
                draw(question_of(each)),
                badge(each.route),
                bullets(each.reasons),
            )
            for each in found[:SHOWN]
        ],
        empty="The gate has not been asked yet.",
        more=_list(Decision),
    )
