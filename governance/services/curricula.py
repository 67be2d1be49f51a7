"""Curricula: the tables that training plans are made from, and what earlier trainings taught us."""

from __future__ import annotations

import math
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from governance import ledger
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput
from governance.domain.roles import Right
from governance.domain.states import TrainingState
from governance.domain.values import Json, require_text
from governance.domain.words import Complexity
from governance.models import (
    ActionType,
    Agent,
    TrainingSession,
    TrainingTopic,
    Trigger,
    Workspace,
)
from governance.services import memberships
from governance.services.validation import cleaned

MAX_GAPS = 12
"""The most gaps one training is planned for."""

MAX_KEY, MAX_TASKS, MAX_TASK = 100, 20, 300

LEARNED = 0.7
"""From this score on, in the last training that had it, a capability is no gap any more."""

GENERAL_TASKS = (
    "Read what it does, what it changes, and how it can be undone.",
    "Work through five recorded cases with a person.",
    "Do five cases in a draft, for a person to compare.",
)
"""What is worked through where no table says anything else."""

DEFAULTS: tuple[dict[str, Any], ...] = (
    {
        "capability": "asking before acting",
        "objective": "Knows which of its actions need a person, and asks for them with reasons.",
        "tasks": [
            "Go through the gate's answers to its last blocked triggers.",
            "Write the reasoning for three proposals that a reviewer would approve.",
        ],
    },
)
"""The rows of a new workspace, for agents of any category; governors add their own."""


def install(*, workspace: Workspace, by: Actor) -> int:
    """Write the default rows where there are none; returns how many. Raises NotAllowed."""
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        if TrainingTopic.objects.of(workspace.id).exists():
            return 0
        for values in DEFAULTS:
            define(workspace=workspace, by=by, **values)
    return len(DEFAULTS)


def define(
    *,
    workspace: Workspace,
    capability: str,
    objective: str,
    tasks: Json,
    by: Actor,
    category: str = "",
    action_type: str = "",
) -> TrainingTopic:
    """Write a row of the table, or change the one of this category, action type and capability.

    Raises InvalidInput, NotAllowed.
    """
    key = {"category": category, "action_type": action_type, "capability": capability}
    for name, text in key.items():
        require_text(text, what=name.replace("_", " "), max_length=MAX_KEY)
    _check_tasks(tasks)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        row = TrainingTopic.objects.of(workspace.id).filter(**key).first()
        row = row or TrainingTopic(workspace=workspace, **key)
        row.objective, row.tasks = objective, tasks
        cleaned(row)
        row.save()
        _record(row, "training_topic.defined", by=by)
    return row


def remove(*, topic: TrainingTopic, by: Actor) -> None:
    """Take a row out of the table; plans already made stay as they are. Raises NotAllowed."""
    with transaction.atomic():
        memberships.require(by=by, workspace_id=topic.workspace_id, right=Right.GOVERN)
        _record(topic, "training_topic.removed", by=by)
        topic.delete()


def objectives_for(*, agent: Agent, trigger: Trigger) -> list[dict[str, Json]]:
    """What the agent lacks for this trigger: `[{"capability", "objective", "tasks"}]`, never empty.

    1. The table's rows for its category and for the trigger's action types.
    2. Each of those action types that no row speaks of, and that the agent cannot do yet: it is
       neither among its capabilities nor learned.
    3. Where that leaves nothing, the agent lacks experience: the defaults.

    The action types are those listed at `context["action_types"]`; where there is no such list, all
    that are enabled and above reading.
    """
    keys = _action_types(agent, trigger)
    rows = TrainingTopic.objects.of(agent.workspace_id).filter(
        Q(category="") | Q(category=agent.category), Q(action_type="") | Q(action_type__in=keys)
    )
    known = {*agent.capabilities, *learned(agent)}
    found: dict[str, dict[str, Json]] = {}
    spoken_of: set[str] = set()
    for row in rows.order_by(F("action_type").desc(), "capability"):
        spoken_of.add(row.action_type)
        if row.capability not in known:
            found.setdefault(row.capability, _objective(row.capability, row.objective, row.tasks))
    for key, title in keys.items():
        if key not in spoken_of and key not in known:
            text = f"Can be trusted with: {title}."
            found.setdefault(key, _objective(key, text, list(GENERAL_TASKS)))
    if not found:
        found = {str(values["capability"]): dict(values) for values in DEFAULTS}
    return list(found.values())[:MAX_GAPS]


def learned(agent: Agent) -> set[str]:
    """The capabilities that its completed trainings gave it, by the last score of each."""
    done = TrainingSession.objects.filter(agent=agent, state=TrainingState.COMPLETED)
    last: dict[str, float] = {}
    for scores in done.order_by("ended_at", "id").values_list("scores", flat=True):
        last |= scores or {}
    return {capability for capability, score in last.items() if score >= LEARNED}


def similar_hours(agent: Agent) -> list[float]:
    """The hours that each other agent of this category needed, on average of its trainings.

    No agent is similar to one without a category.
    """
    if not agent.category:
        return []
    done = TrainingSession.objects.of(agent.workspace_id).filter(
        state=TrainingState.COMPLETED, agent__category=agent.category
    )
    spent: dict[Any, list[float]] = {}
    for agent_id, hours in done.exclude(agent=agent).values_list("agent_id", "hours_spent"):
        spent.setdefault(agent_id, []).append(hours or 0.0)
    return [math.fsum(hours) / len(hours) for hours in spent.values()]


def learning_rate(agent: Agent) -> float | None:
    """Hours planned over hours needed in this agent's own trainings; None where there are none."""
    done = TrainingSession.objects.filter(agent=agent, state=TrainingState.COMPLETED)
    rows = list(done.values_list("hours", "hours_spent"))
    spent = math.fsum(hours or 0.0 for _, hours in rows)
    return math.fsum(hours for hours, _ in rows) / spent if spent else None


def _action_types(agent: Agent, trigger: Trigger) -> dict[str, str]:
    """Titles by key, of the action types that a trigger concerns."""
    enabled = ActionType.objects.of(agent.workspace_id).enabled().filter(system_only=False)
    named = trigger.context.get("action_types")
    if isinstance(named, list):
        enabled = enabled.filter(key__in=[key for key in named if isinstance(key, str)])
    else:
        enabled = enabled.filter(complexity__gt=Complexity.READ)
    return dict(enabled.order_by("complexity", "key").values_list("key", "title"))


def _objective(capability: str, objective: str, tasks: list[str]) -> dict[str, Json]:
    return {"capability": capability, "objective": objective, "tasks": tasks}


def _check_tasks(tasks: Json) -> None:
    if not isinstance(tasks, list) or not 1 <= len(tasks) <= MAX_TASKS:
        raise InvalidInput(f"The tasks are a list of 1 to {MAX_TASKS} texts.")
    for task in tasks:
        if not isinstance(task, str):
            raise InvalidInput("Each task is a text.")
        require_text(task, what="task", max_length=MAX_TASK, required=True)


def _record(row: TrainingTopic, kind: str, *, by: Actor) -> None:
    ledger.append(
        kind=kind,
        by=by,
        workspace_id=row.workspace_id,
        subject_id=row.pk,
        data={
            "category": row.category,
            "action_type": row.action_type,
            "capability": row.capability,
            "objective": row.objective,
            "tasks": row.tasks,
        },
    )
