"""How the estimates of trainings compared with what happened: numbers, a picture, a sentence."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils.safestring import SafeString

from governance.admin.base import workspaces_of
from governance.admin.facts import Facts, Table, anchor, draw, fact, page_of
from governance.admin.rendering import charts
from governance.admin.rendering.visible import revealed
from governance.admin.training_facts import hours
from governance.domain.states import TrainingState
from governance.models import Agent, TrainingSession

SHOWN = 30
"""The newest completed trainings that are compared."""


def page(request: HttpRequest, rows: QuerySet[Any]) -> tuple[dict[str, Any], str]:
    """What the page shows of these trainings, and its title. Raises Http404 for another's agent."""
    agent = _agent(request)
    title = "How estimates compared"
    if agent is not None:
        rows, title = rows.filter(agent=agent), f"{title}: {revealed(agent.name)}"
    done = rows.filter(state=TrainingState.COMPLETED).select_related("agent", "plan")
    newest = list(done.order_by("-created_at", "-id")[:SHOWN])
    context = {
        "heading": title,
        "agent_url": page_of(agent) if agent else "",
        "chart": chart(newest[::-1]) if newest else "",
        "sections": [_summary(newest), table(newest)],
    }
    return context, title


def chart(rows: Sequence[TrainingSession]) -> SafeString:
    """Estimated, planned and spent, a group of bars a training, the oldest first."""
    series: dict[str, list[float]] = {
        "Estimated": [round(row.plan.hours, 1) for row in rows],
        "Planned": [round(row.hours, 1) for row in rows],
        "Spent": [round(row.hours_spent or 0.0, 1) for row in rows],
    }
    return charts.svg(
        {
            "type": "bar",
            "labels": [f"{row.agent.name} {row.created_at:%-d %b}" for row in rows],
            "series": [{"name": name, "values": values} for name, values in series.items()],
        }
    )


def table(rows: Sequence[TrainingSession]) -> Table:
    """Each training with its hours; the ratio is hours spent over hours planned."""
    return Table(
        "Completed trainings",
        ("Training", "Estimated", "Planned", "Spent", "Spent ÷ planned", "In its range"),
        [
            (
                anchor(page_of(row), f"{row.agent.name}, {row.created_at:%-d %b %Y}"),
                draw(f"{hours(row.plan.hours)} ({_range(row)})"),
                draw(hours(row.hours)),
                draw(hours(row.hours_spent or 0.0)),
                draw(f"{_ratio(row):.2f}"),
                draw(_in_range(row)),
            )
            for row in rows
        ],
        empty="No training has been completed yet.",
    )


def _summary(rows: Sequence[TrainingSession]) -> Facts:
    """Nothing is said of no trainings."""
    if not rows:
        return Facts("In all", [fact("Trainings compared", "none yet")])
    inside = sum(_in_range(row) for row in rows)
    mean = math.fsum(map(_ratio, rows)) / len(rows)
    return Facts(
        "In all",
        [
            fact("Trainings compared", str(len(rows))),
            fact("Spent ÷ planned, on average", f"{mean:.2f}: {_in_words(mean)}"),
            fact("Within the range of their estimate", f"{inside} of {len(rows)}"),
        ],
    )


def _in_words(ratio: float) -> str:
    percent = round(abs(ratio - 1) * 100)
    if not percent:
        return "as long as planned"
    return f"{percent} % {'longer' if ratio > 1 else 'shorter'} than planned"


def _ratio(row: TrainingSession) -> float:
    return (row.hours_spent or 0.0) / row.hours


def _range(row: TrainingSession) -> str:
    return f"{hours(row.plan.hours_low)} to {hours(row.plan.hours_high)}"


def _in_range(row: TrainingSession) -> bool:
    return row.plan.hours_low <= (row.hours_spent or 0.0) <= row.plan.hours_high


def _agent(request: HttpRequest) -> Agent | None:
    key = request.GET.get("agent")
    if not key:
        return None
    try:
        found = Agent.objects.filter(
            pk=uuid.UUID(key), workspace_id__in=workspaces_of(request)
        ).first()
    except ValueError:
        found = None
    if found is None:
        raise Http404("There is no such agent here.")
    return found
