"""Trainings: from a blocked trigger to a proposal, a session, and what it was worth."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from governance import ledger, lifecycle
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput, NotFound, StaleState
from governance.domain.roles import Right
from governance.domain.states import TrainingState
from governance.domain.values import Json, require_text
from governance.domain.words import ProposalKind
from governance.gate import Answer
from governance.models import (
    Agent,
    BlockedTrigger,
    TrainingPlan,
    TrainingSession,
    TrainingTask,
    Trigger,
)
from governance.models.base import new_id
from governance.policy import confidence, plans, training
from governance.services import agents, curricula, memberships, proposals
from governance.services.proposals import Filing

HOURS_A_DAY = 8.0
"""What a plan proposes; whoever approves it may edit the hours, and the hours a day."""

MAX_TEXT = 2_000
MAX_ERRORS = 100_000


def block(*, trigger: Trigger, agent: Agent, answer: Answer, by: Actor) -> BlockedTrigger:
    """A trigger that the gate sent to training joins the agent's open plan, or makes a new one.

    Needs the caller's transaction. `answer`: what the gate said, which the caller keeps.
    """
    agent = Agent.objects.locked(agent.pk)  # of two triggers at once, the second joins
    plan = TrainingPlan.objects.open_for(agent.pk)
    plan = plan or _propose(trigger, agent=agent, answer=answer, by=by)
    blocked = BlockedTrigger.objects.create(
        workspace_id=agent.workspace_id, trigger=trigger, plan=plan
    )
    ledger.append(
        kind="trigger.blocked",
        by=by,
        workspace_id=agent.workspace_id,
        subject_id=trigger.pk,
        data={"plan": str(plan.pk), "proposal": str(plan.proposal_id)},
    )
    return blocked


def schedule(
    *, plan_id: uuid.UUID, agent_id: uuid.UUID, hours: float, hours_a_day: float, by: Actor
) -> TrainingSession:
    """Put an approved training on the calendar, from today on. Needs the transaction of its step.

    Raises NotFound, InvalidInput (impossible hours), StaleState (it is scheduled already).
    """
    plan = TrainingPlan.objects.filter(pk=plan_id, agent_id=agent_id).first()
    if plan is None:
        raise NotFound("There is no such training plan of this agent.")
    if TrainingSession.objects.filter(plan=plan).exists():
        raise StaleState("This training is scheduled already.")
    session = TrainingSession(
        workspace_id=plan.workspace_id,
        plan=plan,
        agent=plan.agent,
        hours=hours,
        hours_a_day=hours_a_day,
        days=training.schedule(
            hours=hours, hours_a_day=hours_a_day, starts_on=timezone.now().date()
        ),
    )
    lifecycle.begin(session, by=by, data={"plan": str(plan.pk), "hours": hours})
    tasks = [(found["capability"], task) for found in plan.objectives for task in found["tasks"]]
    TrainingTask.objects.bulk_create(
        TrainingTask(
            workspace_id=plan.workspace_id,
            session=session,
            position=position,
            capability=capability,
            title=title,
        )
        for position, (capability, title) in enumerate(tasks)
    )
    return session


def start(*, session: TrainingSession, by: Actor) -> TrainingSession:
    """The training begins. Raises StaleState, NotAllowed."""
    with transaction.atomic():
        row = _lock(session, by=by)
        fields = {"started_at": timezone.now()}
        lifecycle.move(row, to=TrainingState.IN_PROGRESS, by=by, fields=fields)
    return row


def tick(*, task: TrainingTask, done: bool, by: Actor) -> TrainingTask:
    """Tick a task off, or take the tick back. Raises StaleState, NotAllowed."""
    with transaction.atomic():
        user_id = memberships.require_person(
            by=by, workspace_id=task.workspace_id, right=Right.SUPERVISE
        )
        session = TrainingSession.objects.locked(task.session_id)
        if session.state != TrainingState.IN_PROGRESS:
            raise StaleState(f"The training is {session.state}; start it before ticking tasks off.")
        row = TrainingTask.objects.locked(task.pk)
        if (row.done_at is not None) == done:
            return row
        row.done_at, row.done_by_id = (timezone.now(), user_id) if done else (None, None)
        row.save(update_fields=["done_at", "done_by"])
        ledger.append(
            kind="training_task.done" if done else "training_task.reopened",
            by=by,
            workspace_id=row.workspace_id,
            subject_id=session.pk,
            data={"task": str(row.pk), "title": row.title},
        )
    return row


def complete(
    *,
    session: TrainingSession,
    scores: Mapping[str, float],
    errors: int,
    hours_spent: float,
    by: Actor,
    feedback: str = "",
) -> TrainingSession:
    """End a training with a score from 0 to 1 for every objective, by its capability.

    Confidence moves by the mean of the scores; the agent's blocked triggers are resolved, those of
    earlier trainings that led nowhere included; maturity stays.
    Raises StaleState, InvalidInput, NotAllowed.
    """
    require_text(feedback, what="feedback", max_length=MAX_TEXT)
    if isinstance(errors, bool) or not 0 <= errors <= MAX_ERRORS:
        raise InvalidInput(f"The errors are a number from 0 to {MAX_ERRORS:,}, not {errors!r}.")
    training.check_spent(hours_spent)
    with transaction.atomic():
        row = _lock(session, by=by)
        performance = _performance(row, scores)
        gain = confidence.training_gain(performance)
        said: dict[str, Any] = {
            "scores": dict(scores),
            "errors": errors,
            "hours_spent": hours_spent,
            "performance": performance,
            "gain": gain,
        }
        fields = {**said, "feedback": feedback, "ended_at": timezone.now()}
        lifecycle.move(row, to=TrainingState.COMPLETED, by=by, fields=fields, data=said)
        why: dict[str, Json] = {"training": str(row.pk), "performance": performance}
        agents.raise_confidence(agent=row.agent, gain=gain, why=why, by=by)
        _resolve(row, by=by)
    return row


def fail(*, session: TrainingSession, reason: str, by: Actor) -> TrainingSession:
    """A training that led nowhere: no confidence, and its triggers stay blocked.

    The next blocked trigger makes a new plan, and completing that resolves these too. Raises
    StaleState, InvalidInput, NotAllowed.
    """
    return _stop(session, to=TrainingState.FAILED, reason=reason, by=by)


def cancel(*, session: TrainingSession, reason: str, by: Actor) -> TrainingSession:
    """A training that will not be held. Raises StaleState, InvalidInput, NotAllowed."""
    return _stop(session, to=TrainingState.CANCELLED, reason=reason, by=by)


def _propose(trigger: Trigger, *, agent: Agent, answer: Answer, by: Actor) -> TrainingPlan:
    """File the proposal of a new plan, and write the plan."""
    objectives = curricula.objectives_for(agent=agent, trigger=trigger)
    found = training.estimate(
        confidence=agent.confidence_score,
        gaps=len(objectives),
        similar=curricula.similar_hours(agent),
        learning_rate=curricula.learning_rate(agent),
    )
    plan_id, hours = new_id(), round(found.hours, 1)
    params: dict[str, Json] = {
        "training": str(plan_id),
        "hours": hours,
        "hours_a_day": HOURS_A_DAY,
    }
    steps = plans.single(proposals.TRAINING_ACTION, params)
    filing = Filing(
        steps,
        title=f"Train {agent.name}: {', '.join(o['capability'] for o in objectives)}"[:200],
        reasoning=" ".join(part.why for part in found.parts),
        kind=ProposalKind.TRAINING,
    )
    proposal = proposals.propose_training(
        filing, plan=plans.parse(steps), agent=agent, answer=answer, by=by
    )
    plan = TrainingPlan(
        id=plan_id,
        workspace_id=agent.workspace_id,
        agent=agent,
        proposal=proposal,
        gaps=[o["capability"] for o in objectives],
        objectives=objectives,
        hours=found.hours,
        hours_low=found.low,
        hours_high=found.high,
        confidence=found.confidence,
        reasoning=[part.as_json() for part in found.parts],
        hours_a_day=HOURS_A_DAY,
    )
    plan.save(force_insert=True)
    return plan


def _performance(row: TrainingSession, scores: Mapping[str, float]) -> float:
    """The mean score. Raises InvalidInput unless every objective has one from 0 to 1."""
    wanted = {found["capability"] for found in row.plan.objectives}
    if set(scores) != wanted:
        raise InvalidInput(f"Give one score for each of: {', '.join(sorted(wanted))}.")
    for capability, score in scores.items():
        if isinstance(score, bool) or not 0.0 <= score <= 1.0:
            raise InvalidInput(f"The score of {capability} must lie between 0 and 1.")
    return round(sum(scores.values()) / len(scores), 6)


def _resolve(row: TrainingSession, *, by: Actor) -> None:
    """Needs the agent's lock: until it is given up, no other trigger can join."""
    for blocked in BlockedTrigger.objects.waiting(row.agent_id):
        blocked.resolved_at = timezone.now()
        blocked.save(update_fields=["resolved_at"])
        ledger.append(
            kind="trigger.resolved",
            by=by,
            workspace_id=row.workspace_id,
            subject_id=blocked.trigger_id,
            data={"training": str(row.pk)},
        )


def _stop(
    session: TrainingSession, *, to: TrainingState, reason: str, by: Actor
) -> TrainingSession:
    require_text(reason, what="reason", max_length=MAX_TEXT, required=True)
    with transaction.atomic():
        row = _lock(session, by=by)
        fields = {"feedback": reason, "ended_at": timezone.now()}
        lifecycle.move(row, to=to, by=by, fields=fields, data={"reason": reason})
    return row


def _lock(session: TrainingSession, *, by: Actor) -> TrainingSession:
    memberships.require_person(by=by, workspace_id=session.workspace_id, right=Right.SUPERVISE)
    return TrainingSession.objects.locked(session.pk)
