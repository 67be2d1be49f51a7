"""Segments: the parts of a run in order, as episodes keep them and the constitution reads them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.domain.states import StepState
from governance.domain.values import Json
from governance.domain.words import Route, SegmentKind
from governance.models import (
    ActionType,
    Decision,
    ExecutionStep,
    Intervention,
    Proposal,
    Run,
)
from governance.policy import plans
from governance.policy.detectors import hosts_in

MAX_TEXT = 4_000
MAX_PARAMS = 20_000
"""Characters of an action's params that are kept; longer ones are kept as a note of their size."""

EMPTY: Mapping[str, Json] = {
    "kind": "",
    "action_type": "",
    "params": {},
    "domains": [],
    "complexity": 0,
    "reversibility": "",
    "route": "",
    "approved": False,
    "cleared": False,
    "state": "",
    "error": "",
    "text": "",
    "hosts": [],
}
"""Every member a segment has for the constitution, as `policy.constitution.Segment` says."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an episode. `data` holds any of EMPTY's members, and nothing else."""

    kind: SegmentKind
    at: datetime.datetime
    action_type: str = ""
    data: dict[str, Json] = field(default_factory=dict)


def as_segment(part: Part) -> dict[str, Json]:
    """As the constitution reads it: every member there is."""
    known = {name: value for name, value in part.data.items() if name in EMPTY}
    return {
        **EMPTY,
        **known,
        "kind": str(part.kind),
        "action_type": part.action_type,
        "hosts": hosts_in(part.data.get("params", {})),
    }


def of_run(run: Run) -> list[Part]:
    """What happened in a run, in order: what was asked and done, what people did, how it ended."""
    catalogue = catalogue_of(run.workspace_id)
    parts = [*_decisions(run), *_actions(run, catalogue), *_interventions(run)]
    parts.sort(key=lambda part: part.at)
    ended = run.finished_at or run.created_at
    result: dict[str, Json] = {"state": str(run.state), "text": run.outcome[:MAX_TEXT]}
    return [*parts, Part(SegmentKind.RESULT, ended, data=result)]


def catalogue_of(workspace_id: Any) -> dict[str, dict[str, Json]]:
    """What rules may know of each action type of a workspace, by key."""
    return {
        row.key: {
            "domains": list(row.domains),
            "complexity": row.complexity,
            "reversibility": str(row.reversibility),
        }
        for row in ActionType.objects.of(workspace_id)
    }


def kept_params(params: Json) -> Json:
    """Params as a segment keeps them: whole, or a note of how large they were."""
    size = len(json.dumps(params))
    return params if size <= MAX_PARAMS else {"too_large_to_keep": size}


def _decisions(run: Run) -> list[Part]:
    """The gate's answers; a denied action is one that the agent wanted, and an action too."""
    rows = Decision.objects.filter(run=run).order_by("created_at", "id")
    return [
        Part(
            SegmentKind.DECISION,
            row.created_at,
            row.action_type,
            {"route": str(row.route), "text": "; ".join(row.reasons)[:MAX_TEXT]},
        )
        for row in rows
    ]


def _actions(run: Run, catalogue: Mapping[str, Mapping[str, Json]]) -> list[Part]:
    rows = ExecutionStep.objects.filter(execution__run=run).select_related("execution")
    parts = []
    for row in rows.order_by("created_at", "position"):
        execution = row.execution
        params = {step.id: step.params for step in plans.parse_text(execution.plan).steps}
        parts.append(
            Part(
                SegmentKind.ACTION,
                row.finished_at or row.sent_at or row.created_at,
                row.action_type,
                {
                    **catalogue.get(row.action_type, {}),
                    "params": kept_params(params.get(row.step, {})),
                    "route": str(execution.cleared_route),
                    "approved": execution.proposal_id is not None,
                    "cleared": execution.cleared_route
                    in {Route.EXECUTION, Route.SUPERVISION, Route.PROPOSAL},
                    "state": str(row.state),
                    "error": row.error[:MAX_TEXT],
                },
            )
        )
    return [*parts, *_refused(run, catalogue)]


def _refused(run: Run, catalogue: Mapping[str, Mapping[str, Json]]) -> list[Part]:
    """Proposals that people refused: the agent wanted this, and was told no."""
    rows = Proposal.objects.filter(run=run, state="rejected")
    return [
        Part(
            SegmentKind.ACTION,
            row.decided_at or row.created_at,
            step.action_type,
            {
                **catalogue.get(step.action_type, {}),
                "params": kept_params(step.params),
                "route": str(Route.DENIED),
                "state": str(StepState.NOT_RUN),
                "text": row.closing_reason[:MAX_TEXT],
            },
        )
        for row in rows
        for step in plans.parse_text(row.plan_in_force).steps
    ]


def _interventions(run: Run) -> list[Part]:
    rows = Intervention.objects.filter(session__run=run).order_by("created_at", "id")
    return [
        Part(
            SegmentKind.INTERVENTION,
            row.created_at,
            data={"state": str(row.kind), "text": row.guidance[:MAX_TEXT]},
        )
        for row in rows
    ]
