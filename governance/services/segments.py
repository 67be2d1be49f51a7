"""Segments: the parts of a run in order, as episodes keep them and the constitution reads them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.domain.states import ProposalState, StepState
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
from governance.policy.redaction import clean

MAX_TEXT = 4_000
MAX_PARAMS = 20_000
"""Characters of an action's params that are kept; longer ones are judged whole, and kept as a note
of their size."""

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
    """One part of an episode. `data` holds any of EMPTY's members, and what else people read."""

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
    parts = [
        Part(SegmentKind.MESSAGE, run.created_at, data={"text": _asked(run)[:MAX_TEXT]}),
        *_decisions(run, catalogue),
        *_actions(run, catalogue),
        *_interventions(run),
    ]
    parts.sort(key=lambda part: part.at)
    ended = run.finished_at or run.created_at
    result: dict[str, Json] = {"state": str(run.state), "text": run.outcome[:MAX_TEXT]}
    return [*parts, Part(SegmentKind.RESULT, ended, data=result)]


def of_proposal(proposal: Proposal) -> list[Part]:
    """A decided proposal: why, what was proposed, how it was edited, and what was decided."""
    catalogue = catalogue_of(proposal.workspace_id)
    approved = proposal.state != ProposalState.REJECTED
    decided = proposal.decided_at or proposal.created_at
    asked = Part(
        SegmentKind.MESSAGE,
        proposal.created_at,
        data={"text": (proposal.reasoning or proposal.title)[:MAX_TEXT], "role": "assistant"},
    )
    acts = [
        _proposed(step.action_type, step.params, proposal, catalogue, approved=approved)
        for step in plans.parse_text(proposal.plan_in_force).steps
    ]
    edits = [Part(SegmentKind.INTERVENTION, decided, data=_edit(proposal))] if proposal.edit else []
    result: dict[str, Json] = {
        "state": "approved" if approved else str(proposal.state),
        "text": _why(proposal)[:MAX_TEXT],
    }
    return [asked, *acts, *edits, Part(SegmentKind.RESULT, decided, data=result)]


def _proposed(
    action_type: str,
    params: Json,
    proposal: Proposal,
    catalogue: Mapping[str, Mapping[str, Json]],
    *,
    approved: bool,
) -> Part:
    data: dict[str, Json] = {
        **catalogue.get(action_type, {}),
        "params": params,
        "route": str(proposal.route) if approved else str(Route.DENIED),
        "approved": approved,
        "state": str(StepState.PENDING) if approved else str(StepState.NOT_RUN),
    }
    return Part(SegmentKind.ACTION, proposal.created_at, action_type, data)


def _edit(proposal: Proposal) -> dict[str, Json]:
    return {
        "state": "edited",
        "text": _why(proposal)[:MAX_TEXT],
        "edit": proposal.edit,
    }


def _why(proposal: Proposal) -> str:
    """What the people who decided said about it."""
    said = [review.comment for review in proposal.reviews.all() if review.comment]
    return "\n".join(said) or proposal.closing_reason


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


def as_kept(part: Part) -> dict[str, Json]:
    """What is stored of a part, which was judged whole before."""
    bulky = {name: _cut(part.data[name]) for name in ("params", "edit") if name in part.data}
    kept: dict[str, Json] = clean({**part.data, **bulky})
    return kept


def _cut(params: Json) -> Json:
    """Params whole, or a note of how large they were."""
    size = len(json.dumps(params))
    return params if size <= MAX_PARAMS else {"too_large_to_keep": size}


def _asked(run: Run) -> str:
    """What the trigger says; its context is the run's own business, and long."""
    instruction = run.trigger.context.get("instruction")
    return instruction if isinstance(instruction, str) and instruction else run.trigger.type


def _decisions(run: Run, catalogue: Mapping[str, Mapping[str, Json]]) -> list[Part]:
    """The gate's answers; a denied action is one that the agent wanted, and an action too."""
    parts = []
    for row in Decision.objects.filter(run=run).order_by("created_at", "id"):
        said: dict[str, Json] = {
            "route": str(row.route),
            "text": "; ".join(row.reasons)[:MAX_TEXT],
        }
        parts.append(Part(SegmentKind.DECISION, row.created_at, row.action_type, said))
        if row.params is not None:
            parts.append(_refusal(row.created_at, row.action_type, row.params, "", catalogue))
    return parts


def _refusal(
    at: datetime.datetime,
    action_type: str,
    params: Json,
    text: str,
    catalogue: Mapping[str, Mapping[str, Json]],
) -> Part:
    """What the agent wanted to do, and was told not to."""
    data: dict[str, Json] = {
        **catalogue.get(action_type, {}),
        "params": params,
        "route": str(Route.DENIED),
        "state": str(StepState.NOT_RUN),
        "text": text[:MAX_TEXT],
    }
    return Part(SegmentKind.ACTION, at, action_type, data)


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
                    "params": params.get(row.step, {}),
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
        _refusal(
            row.decided_at or row.created_at,
            step.action_type,
            step.params,
            row.closing_reason,
            catalogue,
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
