"""Proposals, reviews of them, and the executions that approval writes."""

from __future__ import annotations

import factory

from governance.domain.roles import Role
from governance.domain.words import ProposalKind, ReviewVerdict
from governance.models import Execution, ExecutionStep, Proposal, Review
from governance.policy import plans
from governance.services import proposals, reviews
from tests.factories.base import ServiceFactory
from tests.factories.catalogue import ActionTypeFactory
from tests.factories.moves import approved
from tests.factories.people import MembershipFactory
from tests.factories.people import by as actor
from tests.factories.runs import RunFactory


class ProposalFactory(ServiceFactory):
    """Filed by an intern in its run: a plan of one step, in agent mode, unless a plan is given.

    Either `plan`, or `action_type` (a key) with `params`; or none, for a new action type.
    """

    class Meta:
        model = Proposal

    run = factory.SubFactory(RunFactory)

    @classmethod
    def make(
        cls,
        *,
        run,
        plan=None,
        action_type=None,
        params=None,
        title="",
        reasoning="because a test needs it",
        kind=ProposalKind.ACTION,
        idempotency_key=None,
    ):
        agent = run.agent
        if plan is None:
            key = action_type or ActionTypeFactory(workspace=agent.workspace).key
            plan = plans.single(key, {"amount": 5} if params is None else params)
        return proposals.propose(
            agent=agent,
            run=run,
            plan=plan,
            title=title,
            reasoning=reasoning,
            kind=kind,
            idempotency_key=idempotency_key,
            by=agent.actor,
        )


class ReviewFactory(ServiceFactory):
    """By a reviewer of its own; an approval may be the one that decides."""

    class Meta:
        model = Review

    proposal = factory.SubFactory(ProposalFactory)

    @classmethod
    def make(
        cls, *, proposal, verdict=ReviewVerdict.APPROVE, comment="seen", edited_plan=None, by=None
    ):
        if by is None:
            member = MembershipFactory(workspace=proposal.workspace, role=Role.REVIEWER)
            by = actor(member.user)
        seen = {"proposal": proposal, "digest": proposal.digest, "by": by}
        if verdict == ReviewVerdict.APPROVE:
            reviews.approve(**seen, comment=comment, edited_plan=edited_plan)
        elif verdict == ReviewVerdict.REJECT:
            reviews.reject(**seen, reason=comment)
        else:
            reviews.abstain(**seen, comment=comment)
        return Review.objects.get(proposal=proposal, reviewer_id=int(by.id))


class ExecutionFactory(ServiceFactory):
    """Ready: written by approving its proposal."""

    class Meta:
        model = Execution

    proposal = factory.SubFactory(ProposalFactory)

    @classmethod
    def make(cls, *, proposal, by=None):
        return approved(proposal, by=by).execution


class ExecutionStepFactory(ServiceFactory):
    """The first step of a ready execution."""

    class Meta:
        model = ExecutionStep

    execution = factory.SubFactory(ExecutionFactory)

    @classmethod
    def make(cls, *, execution):
        return execution.steps.order_by("position").first()
