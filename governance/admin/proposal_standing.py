"""What a person may do with a proposal as it is now, and what changed since it was filed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils import timezone

from governance.admin import steps
from governance.admin.base import may
from governance.domain.roles import Right
from governance.domain.states import AgentState, ProposalState, WorkspaceState
from governance.domain.words import ReviewVerdict
from governance.models import Execution, PolicyVersion, Proposal, Review
from governance.policy import plans
from governance.policy.plans import Plan
from governance.services import executions
from governance.services.proposals import START_ACTION


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not as it was when the proposal was filed. `blocks`: no approval then."""

    sentence: str
    blocks: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What this person may do with the proposal as it is now. `why_not` explains no buttons.

    `under_way`: why what was approved cannot be cancelled any more, told to who otherwise might.
    """

    decide: bool
    approve: bool
    edit: bool
    cancel: bool
    why_not: str
    under_way: str


def standing_of(request: HttpRequest, row: Proposal) -> Standing:
    """What this person may do with the proposal, read anew."""
    plan = plans.parse_text(row.plan_in_force)
    types = steps.catalogue_of(plan, row.workspace_id)
    changes = list(changes_in(row, plan, types))
    return standing(request, row, list(row.reviews.all()), types, changes)


def is_overdue(row: Proposal) -> bool:
    """Whether nobody decided in time, marked as expired already or not."""
    return row.state == ProposalState.PROPOSED and row.expires_at <= timezone.now()


def is_waiting(row: Proposal) -> bool:
    """Whether it can still be decided."""
    return row.state == ProposalState.PROPOSED and row.expires_at > timezone.now()


def is_start(types: steps.Catalogue) -> bool:
    """Whether it only lets a run begin: such a plan has nothing to edit."""
    return START_ACTION in types


def standing(
    request: HttpRequest,
    row: Proposal,
    reviews: list[Review],
    types: steps.Catalogue,
    changes: list[Change],
) -> Standing:
    """What this person may do; `reviews`, `types` and `changes` are the proposal's."""
    allowed = may(request, row, Right.DECIDE)
    waiting = is_waiting(row)
    mine = verdict_of(request, row, reviews)
    decide = allowed and waiting and mine is None
    approve = decide and not any(change.blocks for change in changes)
    under_way = _under_way(row) if allowed else ""
    return Standing(
        decide=decide,
        approve=approve,
        edit=approve and not is_start(types),
        cancel=allowed and (waiting or (row.state == ProposalState.APPROVED and not under_way)),
        why_not=_why_not(row, allowed=allowed, mine=mine),
        under_way=under_way,
    )


def verdict_of(request: HttpRequest, row: Proposal, reviews: list[Review]) -> Review | None:
    """The verdict of whoever asks on the plan in force; an abstention leaves the way open."""
    for review in reviews:
        same_plan = review.reviewer_id == request.user.pk and review.digest == row.digest
        if same_plan and review.verdict != ReviewVerdict.ABSTAIN:
            return review
    return None


def _why_not(row: Proposal, *, allowed: bool, mine: Review | None) -> str:
    if is_overdue(row):
        return "Nobody decided in time. The agent has to propose it again."
    if row.state != ProposalState.PROPOSED:
        return "This proposal is decided; there is nothing left to decide here."
    if not allowed:
        return "You may read this. Deciding takes the role of reviewer, supervisor or governor."
    if mine is not None:
        return f"You have given your verdict ({mine.get_verdict_display().lower()}). Others decide."
    return ""


def _under_way(row: Proposal) -> str:
    """Why an approved proposal cannot be taken back any more; empty for any other."""
    if row.state != ProposalState.APPROVED:
        return ""
    execution = Execution.objects.of_proposal(row.pk)
    return executions.uncancellable(execution) if execution else ""


# --- What changed since it was filed


def changes_in(row: Proposal, plan: Plan, types: steps.Catalogue) -> Iterable[Change]:
    """What a reviewer must know before deciding, as of now; nothing for a decided proposal."""
    if row.state != ProposalState.PROPOSED:
        return
    agent = row.agent
    sealed = plans.seal(
        plan=plan,
        agent_id=str(agent.pk),
        fingerprint=row.fingerprint,
        policy_version=row.policy.number or 0,
    )
    if sealed != row.digest:
        yield Change("The plan below is not the one its digest was made for.", blocks=True)
    if agent.fingerprint != row.fingerprint:
        yield Change(
            "The agent’s model, prompt or tools changed after it proposed this.", blocks=True
        )
    if agent.state != AgentState.ACTIVE:
        yield Change(f"The agent is {agent.state}: the gate denies whatever it asks.", blocks=True)
    if row.workspace.state != WorkspaceState.ACTIVE:
        yield Change("The workspace is halted: the gate denies everything.", blocks=True)
    for key in dict.fromkeys(step.action_type for step in plan.steps):
        if key not in types:
            yield Change(f"The catalogue no longer has an enabled action type {key}.", blocks=True)
    newest = PolicyVersion.objects.newest(row.workspace_id)
    if newest is not None and newest.pk != row.policy_id:
        yield Change(
            f"Policy version {newest.number} is in force now; the gate answered under version "
            f"{row.policy.number}. It is asked again when you approve.",
            blocks=False,
        )
