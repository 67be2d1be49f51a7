"""How an execution stands, in words, and what the person who looks at it may do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.admin import frame
from governance.admin.base import may
from governance.admin.facts import NOTHING, anchor, code
from governance.domain.roles import Right
from governance.domain.states import ExecutionState, ProposalState, StepState, WorkspaceState
from governance.domain.words import Mode
from governance.models import Canvas, Execution, ExecutionStep, Proposal, Run
from governance.services import executions

DOUBT, CANCEL, UNDER_WAY = "doubt", "cancel", "under_way"

_ENDS = {
    ExecutionState.DONE: "Every step was carried out, or skipped by its own condition.",
    ExecutionState.FAILED: "It has ended, and not every step was done.",
    ExecutionState.CANCELLED: "It was cancelled; what had not been done is not done any more.",
    ExecutionState.IN_DOUBT: (
        "Something was sent, and nobody knows whether it took effect. Nothing is done again before "
        "a person has looked and said so."
    ),
}


@dataclass(frozen=True, slots=True)
class Acting:
    """What this person may do with the execution as it is now: `kind` is empty for nothing.

    `why_not` explains a form that is not there.
    """

    kind: str = ""
    why_not: str = ""


def acting(request: HttpRequest, row: Execution) -> Acting:
    """Settle a doubt, cancel what waits, or why neither."""
    allowed = may(request, row, Right.DECIDE)
    if row.state == ExecutionState.IN_DOUBT:
        role = "Saying what became of it takes the role of reviewer, supervisor or governor."
        return Acting(DOUBT, "" if allowed else role)
    if row.proposal is None or row.proposal.state != ProposalState.APPROVED or not allowed:
        return Acting()
    obstacle = executions.uncancellable(row)
    return Acting(UNDER_WAY, obstacle) if obstacle else Acting(CANCEL)


def sentence(row: Execution) -> str:
    """How it stands, in a sentence or two."""
    if row.state == ExecutionState.READY:
        return _waiting(row)
    if row.state == ExecutionState.CLAIMED:
        who = "The agent" if row.mode == Mode.AGENT else "A worker"
        return f"{who} has it in hand, and carries it out."
    return _ENDS[ExecutionState(row.state)]


def is_put_off(row: Execution) -> bool:
    """Whether it waits for a time that has not come yet."""
    if row.state != ExecutionState.READY or row.not_before is None:
        return False
    return row.not_before > timezone.now()


def awaited(admin: ModelAdmin[Any], row: Execution) -> SafeString:
    """The row it waits for, with a link where that has a page."""
    if row.waiting_for is None:
        return NOTHING
    canvas = Canvas.objects.of(row.workspace_id).filter(pk=row.waiting_for).only("title").first()
    if canvas is not None:
        link = anchor(frame.link_to(admin, canvas), canvas.title)
        return format_html("an answer to {}", link)
    for model in (Proposal, Run, Execution):
        found = model._default_manager.filter(
            workspace_id=row.workspace_id, pk=row.waiting_for
        ).first()
        if found is not None:
            what = f"the {found._meta.verbose_name}"
            return format_html("{} {}", what, anchor(frame.link_to(admin, found), str(found)))
    return code(str(row.waiting_for))


def consequences(rows: list[ExecutionStep]) -> list[dict[str, Any]]:
    """The two findings, and what each means for the execution and for its proposal."""
    left = sum(one.state == StepState.NOT_RUN for one in rows)
    steps = "the step that follows" if left == 1 else f"the {left} steps that follow"
    behind = f" It does not go on: {steps} will not be run." if left else ""
    done = (
        "The execution ends as failed all the same, and so does its proposal." + behind
        if left
        else "The execution ends as done, and its proposal as executed."
    )
    return [
        {"value": "done", "label": "It took effect, as it was asked for", "means": done},
        {
            "value": "failed",
            "label": "It took no effect, or not the whole of it",
            "means": "The execution ends as failed, and so does its proposal." + behind,
        },
    ]


def finding(row: Execution) -> str:
    """What a person found who settled its doubt; empty where nobody had to."""
    ended = row.state in {ExecutionState.DONE, ExecutionState.FAILED}
    return executions.finding(row) if ended else ""


def _waiting(row: Execution) -> str:
    if row.workspace.state != WorkspaceState.ACTIVE:
        return "The workspace is halted: it waits until somebody resumes that."
    if not settings.GOVERNANCE_EXECUTION_ENABLED:
        return "Execution is switched off here (GOVERNANCE_EXECUTION_ENABLED): it waits."
    if row.waiting_for is not None:
        return "It waits for somebody to act, and goes on when they have."
    if is_put_off(row):
        return "What failed will be tried again."
    if row.mode == Mode.AGENT:
        return "It is cleared, and waits for the agent to claim it."
    return "It is cleared, and waits for a worker."
