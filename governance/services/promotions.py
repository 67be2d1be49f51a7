"""Promotions: what an agent still lacks, moving it up one level, and a governor's demotion."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput, NotAllowed, NotReady, StaleState
from governance.domain.roles import Right
from governance.domain.states import AgentState, ExamState, ProposalState, TrainingState
from governance.domain.values import require_text
from governance.domain.words import ChangeReason, Maturity, Route
from governance.models import Agent, Decision, Exam, MaturityChange, Proposal, TrainingSession
from governance.policy import confidence, plans, readiness
from governance.policy.readiness import Readiness
from governance.services import clearing, maturity, memberships, proposals


@dataclass(frozen=True, slots=True)
class Prospect:
    """What an agent has and lacks for a maturity. `wanting`: what stands in the way, in words.

    `supervision` and `combined`: scores from 0 to 100; None without a rated session. `exam`: the
    one that would promote it; `training`: the one that would do for intern instead.
    """

    target: Maturity
    readiness: Readiness
    supervision: float | None
    combined: float | None
    confidence: float
    threshold: float
    exam: Exam | None
    training: TrainingSession | None
    wanting: tuple[str, ...]

    @property
    def eligible(self) -> bool:
        """Whether its confidence is enough; that alone promotes nobody."""
        return self.confidence >= self.threshold


def prospect(agent: Agent, *, target: Maturity | None = None) -> Prospect:
    """Judge an agent as it stands. Raises InvalidInput for student, and at the top."""
    found = maturity.readiness_of(agent, target=target)
    wanted = found.criteria.to
    supervision = readiness.supervision_score(maturity.supervision_of(agent))
    exam, training = _exam(agent, wanted, found), _training(agent, wanted, found)
    threshold = confidence.THRESHOLDS[wanted]
    wanting = [*found.gaps]
    if agent.confidence_score < threshold:
        wanting.append(f"a confidence of {agent.confidence_score:.3f}, and {threshold} is needed")
    if exam is None and training is None:
        also = " or a completed training" if wanted is Maturity.INTERN else ""
        wanting.append(
            f"a passed exam{also}, at this maturity and with this fingerprint "
            f"(a score of {found.criteria.min_exam:.2f})"
        )
    return Prospect(
        target=wanted,
        readiness=found,
        supervision=supervision,
        combined=readiness.combined(found.score, supervision),
        confidence=agent.confidence_score,
        threshold=threshold,
        exam=exam,
        training=training,
        wanting=tuple(wanting),
    )


def promote(*, agent: Agent, seen: int, by: Actor, note: str = "") -> MaturityChange:
    """Raise an agent by one level, at readiness and with a passed exam; for intern also training.

    `seen`: the agent's stint that the caller saw; of two promotions at once, the second is refused.
    To autonomous only a governor promotes who does not own the agent, and is named as confirming.
    Raises NotReady (all it lacks, in words), StaleState, InvalidInput at the top, NotAllowed.
    """
    require_text(note, what="note", max_length=2_000)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=agent.workspace_id, right=Right.GOVERN)
        row = Agent.objects.locked(agent.pk)
        if row.stint != seen:
            raise StaleState(f"{row.name} is {row.maturity} now: it changed after you looked.")
        target = maturity.next_after(Maturity(row.maturity))
        if target is None:
            raise InvalidInput(f"{row.name} is {row.maturity}; there is nothing above.")
        if row.state == AgentState.RETIRED:
            raise StaleState(f"{row.name} is retired.")
        found = prospect(row, target=target)
        if found.wanting:
            lacking = "; ".join(found.wanting)
            raise NotReady(f"{row.name} is not promoted to {target.value}. It lacks: {lacking}.")
        confirmed_by = _confirm(row, by=by) if target is Maturity.AUTONOMOUS else None
        return maturity.change_to(
            target,
            agent=row,
            reason=ChangeReason.EXAM if found.exam else ChangeReason.TRAINING,
            exam=found.exam,
            note=note,
            confirmed_by=confirmed_by,
            by=by,
        )


def demote(*, agent: Agent, to: str, reason: str, by: Actor) -> MaturityChange:
    """A governor lowers an agent, by any number of levels, from its next decision on.

    Its grants are revoked at once, and its open proposals put through the gate again. Raises
    InvalidInput, StaleState (it is not above `to`), NotAllowed.
    """
    require_text(reason, what="reason", max_length=2_000, required=True)
    if to not in Maturity.values:
        raise InvalidInput(f"The maturity is one of {', '.join(Maturity.values)}, not {to!r}.")
    memberships.require(by=by, workspace_id=agent.workspace_id, right=Right.GOVERN)
    change = maturity.demote(
        agent=agent, to=Maturity(to), reason=ChangeReason.GOVERNOR, note=reason, by=by
    )
    agent.refresh_from_db()
    ask_again(by=by, agent=agent)
    return change


def ask_again(*, by: Actor, agent: Agent | None = None) -> int:
    """Put the open proposals of demoted agents through the gate again; returns how many it closed.

    What the gate answers now is recorded with the proposal; what it would not let people decide
    any more is withdrawn. For all agents it is the sweeper's, which finds those of agents that
    changed since: not asked about again, or refused to somebody who tried to approve them.
    """
    asked = Decision.objects.filter(proposal=OuterRef("pk")).order_by("-created_at")
    changes = MaturityChange.objects.filter(agent=OuterRef("agent")).order_by("-created_at")
    waiting = Proposal.objects.filter(state=ProposalState.PROPOSED).annotate(
        asked_at=Coalesce(Subquery(asked.values("created_at")[:1]), F("created_at")),
        answer=Subquery(asked.values("route")[:1]),
        changed_at=Subquery(changes.values("created_at")[:1]),
    )
    refused = Q(answer__in=[Route.TRAINING, Route.DENIED], changed_at__gt=F("created_at"))
    found = waiting.filter(Q(changed_at__gt=F("asked_at")) | refused)
    if agent is not None:
        found = found.filter(agent=agent)
    return sum(_ask_again(key, by=by) for key in list(found.values_list("pk", flat=True)))


def _ask_again(proposal_id: uuid.UUID, *, by: Actor) -> bool:
    """Whether the proposal was withdrawn."""
    with transaction.atomic():
        # One that somebody decides at this very moment is not waited for: deciding asks as well.
        waiting = Proposal.objects.filter(pk=proposal_id, state=ProposalState.PROPOSED)
        row = waiting.select_for_update(skip_locked=True, of=("self",), no_key=True).first()
        if row is None:
            return False
        plan = plans.parse_text(row.plan_in_force)
        if proposals.is_systems(plan):
            return False  # a start, or a training: what it leads to meets the gate by itself
        cleared = clearing.clear(plan, agent=row.agent, run=row.run)
        clearing.record(cleared, agent=row.agent, by=by, run=row.run, proposal=row)
        if cleared.route.within(Route.PROPOSAL):
            return False
        reason = f"The agent's maturity changed; the gate now answers {cleared.sentence}."
        proposals.withdraw(proposal=row, reason=reason[:2_000], by=by)
    return True


def _exam(agent: Agent, target: Maturity, found: Readiness) -> Exam | None:
    """The latest exam that was passed in this stint, by the agent that it is now."""
    passed = Exam.objects.filter(
        agent=agent,
        state=ExamState.PASSED,
        target=target,
        stint=agent.stint,
        fingerprint=agent.fingerprint,
        score__gte=found.criteria.min_exam,
        maturity_change__isnull=True,
    )
    return passed.order_by("-attempt").first()


def _training(agent: Agent, target: Maturity, found: Readiness) -> TrainingSession | None:
    """The latest training that was completed in this stint; it does for intern only.

    Where it takes the place of the exam, its performance must be what the exam would have to show.
    """
    if target is not Maturity.INTERN:
        return None
    if agent.confidence_score < confidence.THRESHOLDS[Maturity.INTERN]:
        return None
    done = TrainingSession.objects.filter(
        agent=agent,
        state=TrainingState.COMPLETED,
        ended_at__gte=agent.stint_began_at,
        performance__gte=found.criteria.min_exam,
    )
    return done.order_by("-ended_at").first()


def _confirm(agent: Agent, *, by: Actor) -> int:
    """The governor who confirms; nobody confirms their own agent."""
    user_id = memberships.require_person(by=by, workspace_id=agent.workspace_id, right=Right.GOVERN)
    if user_id == agent.owner_id:
        raise NotAllowed(
            f"{by.label} owns {agent.name}, and nobody confirms their own agent; another governor "
            "has to promote it to autonomous."
        )
    return user_id
