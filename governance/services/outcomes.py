"""Outcomes: what ends, and what people decide, becomes episodes and evidence. At once.

Called in the transaction of what it describes, by whoever writes that. Whoever needs more than one
row locks them in this order: execution, run, session, proposal, agent, episode.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from governance.domain.actors import Actor, ActorKind
from governance.domain.states import ExecutionState, RunState, StepState
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
    MaturityChange,
    Proposal,
    Run,
    SupervisionSession,
)
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


def proposal_rejected(proposal: Proposal, *, by: Actor) -> Episode | None:
    """Close the episode of a proposal that a person rejected; None for the system's own.

    The rejection is evidence for each of its action types.
    """
    keys = _own_keys(proposal)
    if not keys:
        return None
    verdict = Finished(
        **_of_proposal(proposal),
        finished_at=proposal.decided_at or timezone.now(),
        outcome=EpisodeOutcome.FAILED,
        reported="",
        reported_by=proposal.decider.removeprefix("by ") or str(by),
        verified=by.kind is ActorKind.PERSON,
        interventions=1,
        evidence=[(key, EvidenceKind.REJECTION) for key in keys],
        note=proposal.closing_reason,
    )
    return episodes.close(verdict, agent=Agent.objects.locked(proposal.agent_id), by=by)


def execution_ended(execution: Execution, *, by: Actor) -> None:
    """What was tried and failed is evidence, and what was approved turns out with its execution.

    An approval shows nothing by itself: what it approved may be taken back, or never be tried. In
    doubt, nobody knows yet. What was stopped before it was tried says nothing about its agent; its
    proposal's episode is abandoned, and the approval is no evidence.
    """
    failed = execution.state == ExecutionState.FAILED
    if execution.state == ExecutionState.IN_DOUBT or not (failed or execution.proposal_id):
        return
    if _systems(execution):
        return
    keys = sorted({step.action_type for step in _tried_and_failed(execution)}) if failed else []
    Agent.objects.locked(execution.agent_id)
    if execution.proposal_id is not None:
        outcome = EpisodeOutcome.FAILED if keys else EpisodeOutcome.ABANDONED
        if execution.state == ExecutionState.DONE:
            outcome = EpisodeOutcome.SUCCEEDED
        _turn_out(execution, Proposal.objects.get(pk=execution.proposal_id), outcome, by=by)
    for key in keys:
        standings.note(
            agent_id=execution.agent_id,
            workspace_id=execution.workspace_id,
            action_type=key,
            kind=EvidenceKind.FAILURE,
            execution=execution,
            by=by,
        )


def _turn_out(
    execution: Execution, proposal: Proposal, outcome: EpisodeOutcome, *, by: Actor
) -> None:
    """Close the episode of an approved proposal, or put right one that was closed with it before.

    What a person decided is evidence, once it was carried out or tried. What was approved on advice
    is kept, and is neither evidence nor counted.
    """
    before = Episode.objects.filter(proposal=proposal).first()
    note = proposal.closing_reason
    if execution.state == ExecutionState.FAILED:
        note = f"What was approved was not carried out: {execution.error}"
    if before is not None:
        if before.outcome != outcome and before.corrected_at is None:
            episodes.turn_out(episode=before, outcome=outcome, note=note, by=by)
        return
    said = by.kind is ActorKind.AGENT and outcome != EpisodeOutcome.ABANDONED
    by_person, kind = proposal.decided_by_id is not None, _kind(proposal)
    tried = by_person and outcome != EpisodeOutcome.ABANDONED
    work = Finished(
        **_of_proposal(proposal, counts=by_person),
        finished_at=execution.finished_at or timezone.now(),
        outcome=outcome,
        reported=str(outcome) if said else "",
        reported_by=str(by),
        verified=not said,
        interventions=int(by_person and kind is not EvidenceKind.CLEAN_APPROVAL),
        evidence=[(key, kind) for key in _own_keys(proposal)] if tried else [],
        note=note,
    )
    episodes.close(work, agent=Agent.objects.locked(proposal.agent_id), by=by)


def _of_proposal(proposal: Proposal, *, counts: bool = True) -> dict[str, Any]:
    """What an episode of a proposal says however it ended.

    It counts where the proposal belongs to no run, and was made in this stint; otherwise the run is
    what counts, and what is judged, as long as it was going on when people decided.
    """
    agent, run = Agent.objects.locked(proposal.agent_id), proposal.run
    decided = proposal.decided_at or timezone.now()
    later = MaturityChange.objects.filter(agent=agent, created_at__gt=proposal.created_at)
    change = later.order_by("created_at", "id").first()
    return {
        "source": EpisodeSource.PROPOSAL,
        "proposal": proposal,
        "title": proposal.title,
        "started_at": proposal.created_at,
        "parts": segments.of_proposal(proposal),
        "maturity": Maturity(change.before if change else agent.maturity),
        "fingerprint": proposal.fingerprint,
        "counts": counts
        and run is None
        and proposal.fingerprint == agent.fingerprint
        and proposal.created_at >= agent.stint_began_at,
        "judged": run is None or (run.finished_at is not None and run.finished_at <= decided),
    }


def _own_keys(proposal: Proposal) -> list[str]:
    """The action types of the plan in force; none of a plan that the system filed."""
    plan = plans.parse_text(proposal.plan_in_force)
    keys = sorted({step.action_type for step in plan.steps})
    own = ActionType.objects.of(proposal.workspace_id).filter(key__in=keys, system_only=True)
    return [] if own.exists() else keys


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
    """What the approval of it is worth."""
    edited = proposal.edited_plan is not None
    return EvidenceKind.EDITED_APPROVAL if edited else EvidenceKind.CLEAN_APPROVAL


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
