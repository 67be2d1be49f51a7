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

from governance.admin import filings
from governance.admin.base import workspaces_of
from governance.admin.decisions import question_of
from governance.admin.facts import Table, ago, anchor, badge, bullets, draw, link, page_of
from governance.admin.steps import catalogue, keys_of
from governance.domain.states import AgentState, ExecutionState, TrainingState, WorkspaceState
from governance.domain.words import Maturity
from governance.models import (
    ActionType,
    Agent,
    AllowedHost,
    BlockedTrigger,
    Canvas,
    Ceiling,
    ConstitutionVersion,
    Credential,
    CriteriaRow,
    Decision,
    Device,
    Episode,
    Exam,
    ExamCase,
    Execution,
    Grant,
    LedgerEntry,
    MaturityChange,
    Membership,
    PolicyVersion,
    Proposal,
    Run,
    SupervisionSession,
    TrainingSession,
    TrainingTopic,
    Trigger,
    Violation,
    Workflow,
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
            (SupervisionSession, "Live now", "visibility"),
            (Run, "Runs", "directions_run"),
            (Trigger, "Triggers", "bolt"),
            (BlockedTrigger, "Blocked triggers", "block"),
            (TrainingSession, "Trainings", "school"),
            (Decision, "Decisions", "alt_route"),
        ),
    ),
    (
        "Rules",
        (
            (Agent, "Agents", "smart_toy"),
            (ActionType, "Action types", "category"),
            (Workflow, "Workflows", "account_tree"),
            (PolicyVersion, "Policy", "gavel"),
            (Grant, "Grants", "key"),
            (Ceiling, "Ceilings", "vertical_align_top"),
            (TrainingTopic, "Training topics", "menu_book"),
        ),
    ),
    (
        "Outside",
        (
            (AllowedHost, "Allowed hosts", "public"),
            (Credential, "Credentials", "password"),
            (Device, "Devices", "devices"),
        ),
    ),
    (
        "Maturity",
        (
            (Episode, "Episodes", "history"),
            (Violation, "Violations", "gpp_bad"),
            (MaturityChange, "Changes of maturity", "trending_up"),
            (ConstitutionVersion, "Constitution", "balance"),
            (CriteriaRow, "Criteria", "rule"),
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

IN_DOUBT = f"state__exact={ExecutionState.IN_DOUBT}"
"""The query that narrows the list of executions to what is in doubt."""

UNANSWERED = "answer=none"
"""The query that narrows the list of canvases to forms that nobody has answered."""


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
            entry
            for item in items
            if _may_open(request, item[0], workspaces)
            for entry in _entries(request, item, workspaces)
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
        "wide": [_waiting(mine), *_forms(mine), *_live(mine)],
        "columns": [_agents(mine), _in_doubt(mine)],
        "last": [_decisions(mine)],
    }
    return context


def _may_open(request: HttpRequest, model: type[Model], workspaces: Sequence[uuid.UUID]) -> bool:
    if model is get_user_model():
        return bool(request.user.is_active and request.user.is_superuser)
    return bool(workspaces)


def _entries(
    request: HttpRequest, item: Item, workspaces: Sequence[uuid.UUID]
) -> list[dict[str, Any]]:
    """A model's entry, with how many wait; what is in doubt has an entry of its own."""
    model, title, icon = item
    mine = {"workspace_id__in": workspaces}
    entry: dict[str, Any] = {"title": title, "icon": icon, "link": _list(model)}
    if model is Execution:
        here = request.get_full_path() == _doubts()
        doubt = {"title": "In doubt", "icon": "help", "link": _doubts(), "active": here}
        if here:
            entry["active"] = False
        return [entry, doubt | _badge(_doubtful(mine), "danger")]
    rows = _counted(model, mine)
    return [entry if rows is None else entry | _badge(rows, "primary")]


def _badge(rows: QuerySet[Any], variant: str) -> dict[str, str]:
    found = _count(rows)
    return {} if found == "0" else {"badge": found, "badge_variant": variant}


def _counted(model: type[Model], mine: dict[str, Any]) -> QuerySet[Any] | None:
    """What waits for people, of the models that the sidebar counts."""
    if model is Proposal:
        return _pending(mine)
    if model is SupervisionSession:
        return Run.objects.waiting_for_supervisor().filter(**mine)
    return None


def _list(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def _count(rows: QuerySet[Any]) -> str:
    found = rows[:COUNTED].count()
    return f"{COUNTED - 1}+" if found == COUNTED else str(found)


def _pending(mine: dict[str, Any]) -> QuerySet[Proposal]:
    return Proposal.objects.pending(now=timezone.now()).filter(**mine)


def _doubts() -> str:
    return f"{_list(Execution)}?{IN_DOUBT}"


def _doubtful(mine: dict[str, Any]) -> QuerySet[Execution]:
    return Execution.objects.filter(**mine, state=ExecutionState.IN_DOUBT)


def _unanswered_list() -> str:
    return f"{_list(Canvas)}?{UNANSWERED}"


def _unanswered(mine: dict[str, Any]) -> QuerySet[Canvas]:
    return Canvas.objects.forms(answered=False).filter(**mine)


def _numbers(mine: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Each with where its rows are listed."""
    found = [("Proposals waiting", _count(_pending(mine)), _list(Proposal))]
    for label, state in (
        ("Executions in doubt", ExecutionState.IN_DOUBT),
        ("Executions ready", ExecutionState.READY),
    ):
        rows = Execution.objects.filter(**mine, state=state)
        found.append((label, _count(rows), f"{_list(Execution)}?state__exact={state}"))
    found.append(("Forms to answer", _count(_unanswered(mine)), _unanswered_list()))
    unwatched = Run.objects.waiting_for_supervisor().filter(**mine)
    found.append(("Runs waiting for a supervisor", _count(unwatched), _list(SupervisionSession)))
    return [*found, *_learning(mine)]


def _learning(mine: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What students learn, and what can be tried again since they did."""
    under_way = TrainingSession.objects.filter(**mine, state=TrainingState.IN_PROGRESS)
    free = BlockedTrigger.objects.filter(**mine, resolved_at__isnull=False, retried_as__isnull=True)
    trainings = f"{_list(TrainingSession)}?state__exact={TrainingState.IN_PROGRESS}"
    return [
        ("Trainings under way", _count(under_way), trainings),
        ("Triggers to retry", _count(free), f"{_list(BlockedTrigger)}?standing=free"),
    ]


def _waiting(mine: dict[str, Any]) -> Table:
    found = list(_pending(mine).select_related("agent")[:SHOWN])
    keys = {key for each in found for key in keys_of(each.plan_in_force)}
    types = catalogue((each.workspace_id for each in found), keys)
    lines = filings.lines(found, {(one.workspace_id, one.key): one for one in types})
    return Table(
        "Waiting for a decision",
        ("Proposal", "Agent", "Waiting since", "Expires"),
        [
            (
                filings.linked(each, lines[each.pk]),
                draw(each.agent.name),
                ago(each.created_at),
                draw(each.expires_at),
            )
            for each in found
        ],
        empty="Nothing waits for a decision.",
    )


def _forms(mine: dict[str, Any]) -> list[Table]:
    """The newest forms without an answer, and until when a plan waits for it; none, no table."""
    found = list(_unanswered(mine).select_related("agent")[:SHOWN])
    waits = dict(
        Execution.objects.filter(
            state=ExecutionState.READY, waiting_for__in=[each.pk for each in found]
        ).values_list("waiting_for", "not_before")
    )
    table = Table(
        "Forms to answer",
        ("Form", "Agent", "Presented", "A plan waits until"),
        [
            (
                link(each),
                draw(each.agent.name),
                ago(each.created_at),
                draw(waits.get(each.pk)),
            )
            for each in found
        ],
        more=_unanswered_list(),
    )
    return [table] if found else []


def _live(mine: dict[str, Any]) -> list[Table]:
    """What is watched now, and what waits to be; nothing where nothing is live."""
    sessions = SupervisionSession.objects.live().filter(**mine).select_related("agent", "run")
    waiting = Run.objects.waiting_for_supervisor().filter(**mine).select_related("agent")
    rows = [
        (link(each, each.agent.name), badge(each.state), ago(each.created_at))
        for each in sessions[:SHOWN]
    ]
    rows += [
        (
            anchor(_list(SupervisionSession), each.agent.name),
            badge(each.state, "waits for a supervisor"),
            ago(each.created_at),
        )
        for each in waiting[:SHOWN]
    ]
    headers = ("Agent", "State", "Since")
    more = {"more": _list(SupervisionSession), "more_label": "All that is live"}
    return [Table("Live now", headers, rows, **more)] if rows else []


def _in_doubt(mine: dict[str, Any]) -> Table:
    rows = _doubtful(mine).select_related("agent")
    found = rows.order_by("-created_at", "-id")[:SHOWN]
    return Table(
        "Executions in doubt",
        ("Execution", "Agent", "Since"),
        [
            (link(each, ", ".join(keys_of(each.plan))), draw(each.agent.name), ago(each.created_at))
            for each in found
        ],
        empty="None: of everything that was sent, it is known what came of it.",
        more=_doubts(),
        more_label="All that are in doubt",
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
