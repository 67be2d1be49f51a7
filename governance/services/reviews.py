"""Reviews: one person's verdict on one proposal. Approval writes the execution."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from governance import ledger, lifecycle
from governance.domain.actors import Actor
from governance.domain.errors import (
    AlreadyDecided,
    GateRefused,
    InvalidInput,
    NotAllowed,
    PlanChanged,
)
from governance.domain.roles import Right
from governance.domain.states import ProposalState, RunState
from governance.domain.values import Json, require_text
from governance.domain.words import Complexity, Mode, Opinion, Reversibility, ReviewVerdict, Route
from governance.models import Advice, Agent, Membership, Proposal, Review, Workspace
from governance.policy import plans
from governance.policy.plans import Plan
from governance.services import (
    agents,
    clearing,
    executions,
    memberships,
    outcomes,
    proposals,
    workflows,
)
from governance.services.clearing import Catalogue, Clearing

MAX_COMMENT = 2_000


def approve(
    *,
    proposal: Proposal,
    digest: str,
    by: Actor,
    comment: str = "",
    edited_plan: Json | None = None,
) -> Proposal:
    """Approve exactly what `digest` seals, or a whole edited plan in its place.

    1. The row is locked: of two people at once, the second is told that it is decided.
    2. The digest must be that of the plan in force, by the agent as it is now.
    3. An edit is validated, put through the gate, sealed anew, and stored beside the original.
    4. The gate is asked again about what is approved; it must not be stricter than proposal.
    5. The review counts; with enough of them the execution is written in this transaction.

    Raises AlreadyDecided, PlanChanged, GateRefused (the decisions are kept), InvalidInput,
    NotFound, NotAllowed.
    """
    require_text(comment, what="comment", max_length=MAX_COMMENT)
    if edited_plan is not None:
        edited_plan = workflows.expanded(edited_plan, workspace=proposal.workspace).plan
    edit = None if edited_plan is None else plans.parse(edited_plan)
    with transaction.atomic():
        row, user_id = _lock(proposal, digest=digest, by=by)
        plan = plans.parse_text(row.plan_in_force)
        own = proposals.is_systems(plan)
        edited = edit is not None and edit.text != plan.text
        if edited and own and edit is not None:
            require_same_subject(plan, edit)
        plan = edit if edit is not None and edited else plan
        catalogue = clearing.look_up(plan, agent=row.agent, by_system=own)
        _require_run(row, catalogue)
        cleared = clearing.clear(plan, agent=row.agent, run=row.run, by_system=own)
        clearing.record(cleared, agent=row.agent, by=by, run=row.run, proposal=row)
        if cleared.route.within(Route.PROPOSAL):
            if edited:
                _apply_edit(row, plan, catalogue=catalogue, cleared=cleared, by=by)
            _write(
                row,
                verdict=ReviewVerdict.APPROVE,
                user_id=user_id,
                by=by,
                comment=comment,
                edited=edited,
            )
            _approve_when_enough(row, plan, catalogue=catalogue, user_id=user_id, by=by)
            return row
    raise GateRefused(f"This cannot be approved: the gate answers {cleared.sentence}.")


def approve_on_advice(*, advice: Advice, by: Actor) -> Proposal:
    """Approve what an adviser is for, where the workspace lets advice do that.

    Only plans of reversible actions of complexity 1 and 2 that need one approval, only as the
    adviser saw them, and only while the adviser still is one. The proposal and the ledger name the
    advice, and no person. Raises NotAllowed, GateRefused, AlreadyDecided, PlanChanged.
    """
    if advice.proposal is None or advice.opinion != Opinion.FOR:
        raise NotAllowed("Only advice for a proposal can approve it.")
    with transaction.atomic():
        row = _waiting(advice.proposal, digest=advice.digest)
        if not Workspace.objects.get(pk=row.workspace_id).advice_may_approve:
            raise NotAllowed("In this workspace advice approves nothing.")
        if not agents.advisers(row.workspace_id).filter(pk=advice.adviser_id).exists():
            raise NotAllowed("The adviser is no active autonomous agent any more.")
        plan = plans.parse_text(row.plan_in_force)
        catalogue = clearing.look_up(plan, agent=row.agent)
        _require_run(row, catalogue)
        _require_light(catalogue, required=row.required_approvals)
        cleared = clearing.clear(plan, agent=row.agent, run=row.run)
        clearing.record(cleared, agent=row.agent, by=by, run=row.run, proposal=row)
        if cleared.route.within(Route.PROPOSAL):
            _approve(row, plan, catalogue=catalogue, by=by, advice=advice)
            return row
    raise GateRefused(f"This cannot be approved: the gate answers {cleared.sentence}.")


def reject(*, proposal: Proposal, digest: str, reason: str, by: Actor) -> Proposal:
    """Reject, with a reason the agent will read. Raises AlreadyDecided, PlanChanged, NotAllowed."""
    require_text(reason, what="reason", max_length=MAX_COMMENT, required=True)
    with transaction.atomic():
        row, user_id = _lock(proposal, digest=digest, by=by, any_agent=True)
        _write(row, verdict=ReviewVerdict.REJECT, user_id=user_id, by=by, comment=reason)
        proposals.close(row, to=ProposalState.REJECTED, reason=reason, by=by, decided_by=user_id)
        outcomes.proposal_rejected(row, by=by)
    return row


def abstain(*, proposal: Proposal, digest: str, by: Actor, comment: str = "") -> Proposal:
    """Record that this person looked and leaves it to others."""
    require_text(comment, what="comment", max_length=MAX_COMMENT)
    with transaction.atomic():
        row, user_id = _lock(proposal, digest=digest, by=by, any_agent=True)
        if row.reviews.filter(reviewer_id=user_id, digest=row.digest).exists():
            raise AlreadyDecided("You have already abstained from this proposal as it stands.")
        _write(row, verdict=ReviewVerdict.ABSTAIN, user_id=user_id, by=by, comment=comment)
    return row


def require_same_subject(plan: Plan, edit: Plan) -> None:
    """Of a training the hours may be edited, of a start nothing. Raises InvalidInput."""
    before, after = plan.steps[0], edit.steps[0]
    if before.action_type == proposals.START_ACTION:
        raise InvalidInput("A proposal to start a run cannot be edited; approve or reject it.")
    same = (
        len(edit.steps) == 1
        and (after.id, after.action_type) == (before.id, before.action_type)
        and after.when is None
        and after.params.get("training") == before.params["training"]
    )
    if not same:
        raise InvalidInput("Of a training, only the hours and the hours a day can be edited.")


def _lock(
    proposal: Proposal, *, digest: str, by: Actor, any_agent: bool = False
) -> tuple[Proposal, int]:
    """The row, locked, still waiting, by somebody who may decide it and saw what it holds.

    `any_agent`: it does not matter whether the agent or the plan still is what was proposed, as
    for a rejection.
    """
    user_id = memberships.require_person(
        by=by, workspace_id=proposal.workspace_id, right=Right.DECIDE
    )
    row = _waiting(proposal, digest=digest, any_agent=any_agent)
    judged = row.reviews.filter(reviewer_id=user_id, digest=row.digest)
    if judged.exclude(verdict=ReviewVerdict.ABSTAIN).exists():
        raise AlreadyDecided(
            "You have already reviewed this proposal as it stands; others have to as well."
        )
    return row, user_id


def _waiting(proposal: Proposal, *, digest: str, any_agent: bool = False) -> Proposal:
    """The row, and its agent, locked, if it still waits and is what was seen."""
    row = Proposal.objects.locked(proposal.pk)
    row.agent = Agent.objects.locked(row.agent_id)  # its maturity stands until this is decided
    if row.state != ProposalState.PROPOSED:
        raise AlreadyDecided(proposals.outcome(row))
    if row.expires_at <= timezone.now():
        raise AlreadyDecided("This proposal has expired; the agent has to propose it again.")
    if row.digest != digest:
        raise PlanChanged("The plan changed after you read it; read it again, then decide.")
    if not any_agent and not _is_intact(row):
        raise PlanChanged("The stored plan is not what its digest was made of; reject it.")
    if row.agent.fingerprint != row.fingerprint and not any_agent:
        raise PlanChanged(
            "The agent's model, prompt or tools changed after it proposed this; reject it, and "
            "let the agent propose again."
        )
    return row


def _require_run(row: Proposal, catalogue: Catalogue) -> None:
    """A run that succeeded may leave plans to people, and workers; no agent acts in it any more."""
    if row.run is None or row.run.finished_at is None:
        return
    if row.run.state != RunState.SUCCEEDED or catalogue.mode is Mode.AGENT:
        standing = RunState(row.run.state).standing
        raise PlanChanged(f"The run {standing} meanwhile; reject or cancel this.")


def _is_intact(row: Proposal) -> bool:
    """Whether the plan in force is the one that was sealed."""
    sealed = plans.seal(
        plan=plans.parse_text(row.plan_in_force),
        agent_id=str(row.agent_id),
        fingerprint=row.fingerprint,
        policy_version=row.policy.number or 0,
    )
    return sealed == row.digest


def _apply_edit(
    row: Proposal, plan: Plan, *, catalogue: Catalogue, cleared: Clearing, by: Actor
) -> None:
    """Put the edited plan in force, under a new digest. Earlier approvals no longer count."""
    before = row.digest
    row.edited_plan = plan.text
    row.digest = proposals.seal(plan, agent=row.agent, policy_number=cleared.policy.number or 0)
    row.policy = cleared.policy
    row.required_approvals = max(row.required_approvals, catalogue.required_approvals)
    row.version += 1
    row.save(update_fields=["edited_plan", "digest", "policy", "required_approvals", "version"])
    ledger.append(
        kind="proposal.edited",
        by=by,
        workspace_id=row.workspace_id,
        subject_id=row.id,
        data={"digest_before": before, "digest": row.digest, "difference": row.edit},
    )


def _write(
    row: Proposal,
    *,
    verdict: ReviewVerdict,
    user_id: int,
    by: Actor,
    comment: str,
    edited: bool = False,
) -> None:
    review = Review.objects.create(
        workspace_id=row.workspace_id,
        proposal=row,
        reviewer_id=user_id,
        verdict=verdict,
        digest=row.digest,
        edited=edited,
        comment=comment,
    )
    ledger.append(
        kind=f"review.{verdict}",
        by=by,
        workspace_id=row.workspace_id,
        subject_id=row.id,
        data={
            "review": str(review.id),
            "digest": row.digest,
            "edited": edited,
            "comment": comment,
        },
    )


def _approve_when_enough(
    row: Proposal, plan: Plan, *, catalogue: Catalogue, user_id: int, by: Actor
) -> None:
    given = row.reviews.filter(verdict=ReviewVerdict.APPROVE, digest=row.digest)
    approvals = given.filter(reviewer_id__in=Membership.objects.deciders(row.workspace_id)).count()
    if approvals < max(row.required_approvals, catalogue.required_approvals):
        return
    _approve(row, plan, catalogue=catalogue, by=by, user_id=user_id, approvals=approvals)


def _approve(
    row: Proposal,
    plan: Plan,
    *,
    catalogue: Catalogue,
    by: Actor,
    user_id: int | None = None,
    advice: Advice | None = None,
    approvals: int = 0,
) -> None:
    """Move it to approved, by a person or on advice, and write its execution."""
    on = {"advice": str(advice.pk), "adviser": str(advice.adviser_id)} if advice else {}
    lifecycle.move(
        row,
        to=ProposalState.APPROVED,
        by=by,
        fields={
            "decided_at": timezone.now(),
            "decided_by_id": user_id,
            "decided_on_advice": advice,
        },
        data={"digest": row.digest, "approvals": approvals, **on},
    )
    executions.open_for(
        plan,
        catalogue=catalogue,
        agent=row.agent,
        run=row.run,
        proposal=row,
        digest=row.digest,
        cleared_route=Route.PROPOSAL,
        by=by,
    )


def _require_light(catalogue: Catalogue, *, required: int) -> None:
    """Raise NotAllowed unless advice alone may approve these action types."""
    light = all(
        found.complexity <= Complexity.DRAFT and found.reversibility == Reversibility.REVERSIBLE
        for found in catalogue.types
    )
    if not light or max(required, catalogue.required_approvals) > 1:
        raise NotAllowed(
            "Advice approves only reversible actions of complexity 1 and 2 that need one approval."
        )
