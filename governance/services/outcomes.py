"""Outcomes: what ends, and what people decide, becomes episodes and evidence. At once.

Called in the transaction of what it describes, by whoever writes that. Whoever needs more than one
row locks them in this order: execution, run, session, proposal, agent, episode.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import QuerySet

from governance.domain.actors import Actor, ActorKind
from governance.domain.states import ExecutionState, ProposalState, RunState, StepState
from governance.domain.words import (
    DecisionKind,
    Effect,
    EpisodeOutcome,
    EpisodeSource,
    EvidenceKind,
    Maturity,
    Route,
    RunKind,
    SegmentKind,
)
from governance.models import (
    ActionType,
    Agent,
    Decision,
    Episode,
    EpisodeSegment,
    Execution,
    ExecutionStep,
    Intervention,
    Proposal,
    Run,
    SupervisionSession,
)
from governance.models.run import RUN_ENDED
from governance.policy import plans
from governance.services import episodes, segments, standings
from governance.services.episodes import Finished
from governance.services.maturity import COUNTED


def run_ended(run: Run, *, by: Actor) -> Episode | None:
    """Close the episode of a run that has just ended; None for an exam's.

    It counts for the agent's stint when the run began in it, as the agent that it is now. A run
    that never began shows nothing, and is kept without counting.
    """
    if run.kind != RunKind.LIVE or run.finished_at is None:
        return None
    agent = Agent.objects.locked(run.agent_id)
    outcome, said = EpisodeOutcome(str(run.state)), by.kind is ActorKind.AGENT
    steps_in = _interventions(run)
    work = Finished(
        source=EpisodeSource.RUN,
        run=run,
        title=f"{agent.name}: {run.trigger.type}",
        started_at=run.started_at or run.created_at,
        finished_at=run.finished_at,
        outcome=outcome,
        reported=str(outcome) if said else "",
        reported_by=str(by),
        verified=not said,
        interventions=len(steps_in),
        parts=segments.of_run(run),
        maturity=Maturity(run.maturity),
        fingerprint=run.fingerprint,
        counts=run.started_at is not None and _of_this_stint(run, agent),
        evidence=[(key, EvidenceKind.INTERVENTION) for key in _stepped_into(run, steps_in)],
        note=run.outcome,
    )
    return episodes.close(work, agent=agent, by=by)


def proposal_decided(proposal: Proposal, *, by: Actor) -> Episode | None:
    """Close the episode of a proposal that was approved or rejected; None for the system's own.

    What a person decided is evidence for each of its action types. The episode counts where the
    proposal belongs to no run; otherwise the run is what counts, and what is judged.
    """
    if proposal.decided_at is None:
        return None
    plan = plans.parse_text(proposal.plan_in_force)
    keys = sorted({step.action_type for step in plan.steps})
    own = ActionType.objects.of(proposal.workspace_id).filter(key__in=keys, system_only=True)
    if own.exists():
        return None
    agent = Agent.objects.locked(proposal.agent_id)
    by_person, kind = by.kind is ActorKind.PERSON, _kind(proposal)
    work = Finished(
        source=EpisodeSource.PROPOSAL,
        proposal=proposal,
        title=proposal.title,
        started_at=proposal.created_at,
        finished_at=proposal.decided_at,
        outcome=_outcome(proposal),
        reported="",
        reported_by=proposal.decider.removeprefix("by ") or str(by),
        verified=by_person,
        interventions=int(kind is not EvidenceKind.CLEAN_APPROVAL),
        parts=segments.of_proposal(proposal),
        maturity=Maturity(agent.maturity),
        fingerprint=proposal.fingerprint,
        counts=proposal.run is None and proposal.fingerprint == agent.fingerprint,
        judged=proposal.run is None or proposal.run.state in RUN_ENDED,
        evidence=[(key, kind) for key in keys] if by_person else [],
        note=proposal.closing_reason,
    )
    return episodes.close(work, agent=agent, by=by)


def execution_ended(execution: Execution, *, by: Actor) -> None:
    """What was tried and failed is evidence, and what was approved turned out to have failed.

    What was stopped before it was tried says nothing about its agent; its proposal's episode is
    abandoned.
    """
    if execution.state != ExecutionState.FAILED:
        return
    if _systems(execution):
        return
    keys = sorted({step.action_type for step in _tried_and_failed(execution)})
    Agent.objects.locked(execution.agent_id)
    for key in keys:
        standings.note(
            agent_id=execution.agent_id,
            workspace_id=execution.workspace_id,
            action_type=key,
            kind=EvidenceKind.FAILURE,
            execution=execution,
            by=by,
        )
    if execution.proposal_id is None:
        return
    episode = Episode.objects.filter(proposal_id=execution.proposal_id).first()
    if episode is not None:
        note = f"What was approved was not carried out: {execution.error}"
        outcome = EpisodeOutcome.FAILED if keys else EpisodeOutcome.ABANDONED
        episodes.turn_out(episode=episode, outcome=outcome, note=note, by=by)


def session_completed(session: SupervisionSession, *, by: Actor) -> None:
    """A rated session becomes the last part of its run's episode, where that has ended."""
    found = Episode.objects.filter(run_id=session.run_id).first()
    if found is None or session.ended_at is None:
        return
    episode = Episode.objects.locked(found.pk)  # its segments are numbered one at a time
    EpisodeSegment.objects.create(
        workspace_id=session.workspace_id,
        episode=episode,
        position=episode.segments.count(),
        kind=SegmentKind.INTERVENTION,
        data={
            "state": "rated",
            "rating": session.rating,
            "text": session.feedback[: segments.MAX_TEXT],
            "by": by.label,
        },
        at=session.ended_at,
    )


def _of_this_stint(run: Run, agent: Agent) -> bool:
    same = (run.maturity, run.fingerprint) == (agent.maturity, agent.fingerprint)
    return same and run.created_at >= agent.stint_began_at


def _interventions(run: Run) -> list[Intervention]:
    """What people did to the run while they watched; resuming only ends a pause."""
    rows = Intervention.objects.filter(session__run=run, by__isnull=False, kind__in=COUNTED)
    return list(rows.select_related("followed_by").order_by("created_at", "id"))


def _stepped_into(run: Run, rows: Sequence[Intervention]) -> Iterable[str]:
    """The action type of each intervention: what the agent did last, or else did next."""
    asked = list(
        Decision.objects.filter(run=run, kind=DecisionKind.ACTION)
        .order_by("created_at", "id")
        .values_list("created_at", "action_type")
    )
    for row in rows:
        before = [key for at, key in asked if at <= row.created_at]
        after = row.followed_by.action_type if row.followed_by else ""
        if before or after:
            yield before[-1] if before else after


def _kind(proposal: Proposal) -> EvidenceKind:
    if proposal.state == ProposalState.REJECTED:
        return EvidenceKind.REJECTION
    if proposal.edited_plan is not None:
        return EvidenceKind.EDITED_APPROVAL
    return EvidenceKind.CLEAN_APPROVAL


def _outcome(proposal: Proposal) -> EpisodeOutcome:
    rejected = proposal.state == ProposalState.REJECTED
    return EpisodeOutcome.FAILED if rejected else EpisodeOutcome.SUCCEEDED


def _systems(execution: Execution) -> bool:
    """Whether it only started a run, or a training: nothing that its agent did."""
    keys = execution.steps.values("action_type")
    own = ActionType.objects.of(execution.workspace_id).filter(key__in=keys, system_only=True)
    return own.exists()


def _tried_and_failed(execution: Execution) -> list[ExecutionStep]:
    """The failed steps that were sent; of local ones, those that neither gate nor run stopped."""
    run = execution.run
    if run is not None and run.state in {RunState.FAILED, RunState.ABANDONED}:
        return [step for step in _failed(execution) if step.sent_at]
    answers = Decision.objects.filter(execution=execution).order_by("created_at", "id")
    last = dict(answers.values_list("step", "route"))
    cleared = Route(execution.cleared_route)
    return [
        step
        for step in _failed(execution)
        if step.sent_at
        or (
            step.effect == Effect.LOCAL
            and Route(last.get(step.step, execution.cleared_route)).within(cleared)
        )
    ]


def _failed(execution: Execution) -> QuerySet[ExecutionStep]:
    return execution.steps.filter(state=StepState.FAILED).order_by("position")
