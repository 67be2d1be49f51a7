"""Maturity: criteria, the change itself, and demotion, which is immediate and may skip levels."""

from __future__ import annotations

from dataclasses import asdict

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from governance import ledger, lifecycle
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput, StaleState
from governance.domain.roles import Right
from governance.domain.states import GrantState
from governance.domain.values import Json, require_text
from governance.domain.words import ChangeReason, InterventionKind, Maturity
from governance.models import (
    Agent,
    CriteriaRow,
    Exam,
    Grant,
    MaturityChange,
    SupervisionSession,
    Workspace,
)
from governance.policy import readiness
from governance.policy.readiness import Criteria, Readiness, Supervision
from governance.services import memberships, standings
from governance.services.validation import cleaned

FLOOR_EPISODES = 10
"""Before so many episodes of a stint nothing falls below a floor: a few say too little."""

SESSIONS = 100
"""How many supervision sessions are looked at: what readiness costs does not grow with history."""

COUNTED = (InterventionKind.PAUSE, InterventionKind.CORRECT, InterventionKind.TERMINATE)
"""What counts against a run; resuming only ends a pause."""


def install(*, workspace: Workspace, by: Actor) -> int:
    """Write the default criteria where there are none; returns how many rows."""
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        have = set(CriteriaRow.objects.of(workspace.id).values_list("maturity", flat=True))
        missing = [row for row in readiness.DEFAULT_CRITERIA if row.to not in have]
        for criteria in missing:
            define_criteria(workspace=workspace, criteria=criteria, by=by)
    return len(missing)


def define_criteria(*, workspace: Workspace, criteria: Criteria, by: Actor) -> CriteriaRow:
    """Set what promotion to a maturity asks for here. Raises InvalidInput, NotAllowed."""
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        found = CriteriaRow.objects.to(criteria.to, workspace_id=workspace.id)
        before = _as_json(found.criteria) if found else None
        row = found or CriteriaRow(workspace=workspace, maturity=criteria.to)
        row.episodes = criteria.episodes
        row.max_intervention_rate = criteria.max_intervention_rate
        row.min_constitution = criteria.min_constitution
        row.min_exam = criteria.min_exam
        row.min_success = criteria.min_success
        cleaned(row)
        row.save()
        ledger.append(
            kind="criteria.defined",
            by=by,
            workspace_id=workspace.id,
            subject_id=row.pk,
            data={"before": before, "after": _as_json(criteria)},
        )
    return row


def criteria_to(maturity: Maturity, *, agent: Agent) -> Criteria:
    """The workspace's criteria for a maturity above student; the defaults where it has none yet."""
    row = CriteriaRow.objects.to(maturity, workspace_id=agent.workspace_id)
    if row is not None:
        return row.criteria
    return next(criteria for criteria in readiness.DEFAULT_CRITERIA if criteria.to is maturity)


def readiness_of(agent: Agent, *, target: Maturity | None = None) -> Readiness:
    """What the agent has shown in this stint, against the criteria for `target`.

    The next maturity unless another is named. Raises InvalidInput for student, and at the top.
    """
    wanted = target or next_after(Maturity(agent.maturity))
    if wanted is None or wanted is Maturity.STUDENT:
        raise InvalidInput("Name a maturity to be ready for: intern, supervised or autonomous.")
    shown = standings.shown(agent)
    return readiness.readiness(
        criteria_to(wanted, agent=agent), shown, a_week=_successes_a_week(agent, shown.successful)
    )


def supervision_of(agent: Agent) -> Supervision:
    """The latest SESSIONS rated supervision sessions of the present stint, oldest first.

    By supervisor's time: from the start of a session to the end of its run.
    """
    by_people = Q(interventions__by__isnull=False, interventions__kind__in=COUNTED)
    rated = (
        SupervisionSession.objects.filter(
            agent=agent, rating__isnull=False, created_at__gte=agent.stint_began_at
        )
        .order_by("-created_at", "-id")
        .annotate(counted=Count("interventions", filter=by_people))
        .values_list("rating", "created_at", "run__finished_at", "counted")[:SESSIONS]
    )
    done = list(rated)[::-1]
    seconds = sum((ended - began).total_seconds() for _, began, ended, _ in done if ended)
    return Supervision(
        ratings=tuple(rating for rating, *_ in done if rating is not None),
        hours=max(seconds, 0.0) / 3_600,
        interventions=sum(counted for *_, counted in done),
    )


def next_after(maturity: Maturity) -> Maturity | None:
    """One level up; None at the top."""
    following = list(Maturity)[maturity.rank + 1 :]
    return following[0] if following else None


def demote(
    *, agent: Agent, to: Maturity, reason: ChangeReason, by: Actor, note: str = ""
) -> MaturityChange:
    """Lower an agent's maturity at once, by any number of levels; its grants are revoked.

    Felt by its next decision: the gate reads the agent every time. What waits of it is asked about
    again by the sweeper, and by whoever approves it. By a caller that was allowed to; a person
    calls `promotions.demote`. Raises StaleState when it is not above `to`.
    """
    require_text(note, what="note", max_length=2_000)
    with transaction.atomic():
        row = Agent.objects.locked(agent.pk)
        if to.rank >= Maturity(row.maturity).rank:
            raise StaleState(f"{row.name} is {row.maturity}, which is not above {to.value}.")
        change = change_to(to, agent=row, reason=reason, note=note, by=by)
        revoke_grants(row, reason=f"The agent was demoted to {to.value}.", by=by)
    return change


def revoke_grants(agent: Agent, *, reason: str, by: Actor) -> None:
    """End every grant of an agent. Needs a transaction, and `agent` locked, as giving one does."""
    for grant in Grant.objects.filter(agent=agent, state=GrantState.ACTIVE):
        lifecycle.move(
            grant,
            to=GrantState.REVOKED,
            by=by,
            fields={"revoked_at": timezone.now()},
            data={"reason": reason},
        )


def change_to(
    to: Maturity,
    *,
    agent: Agent,
    reason: ChangeReason,
    by: Actor,
    note: str = "",
    exam: Exam | None = None,
    confirmed_by: int | None = None,
) -> MaturityChange:
    """Write the change with a frozen copy of its evidence, and begin a new stint.

    Needs a transaction, and `agent` locked. Raises StaleState when it changed meanwhile.
    """
    change = MaturityChange(
        workspace_id=agent.workspace_id,
        agent=agent,
        before=agent.maturity,
        after=to,
        stint=agent.stint + 1,
        reason=reason,
        note=note,
        exam=exam,
        confirmed_by_id=confirmed_by,
        evidence={**frozen_evidence(agent), "exam": _frozen_exam(exam)},
    )
    moved = Agent.objects.filter(pk=agent.pk, maturity=agent.maturity, stint=agent.stint).update(
        maturity=to, stint=agent.stint + 1, stint_began_at=change.created_at
    )
    if moved != 1:
        raise StaleState("The agent's maturity changed meanwhile; read it again.")
    change.save(force_insert=True)
    ledger.append(
        kind="agent.promoted" if to.rank > Maturity(agent.maturity).rank else "agent.demoted",
        by=by,
        workspace_id=agent.workspace_id,
        subject_id=agent.pk,
        data={
            "change": str(change.pk),
            "from": agent.maturity,
            "to": str(to),
            "reason": str(reason),
            "note": note,
            "exam": str(exam.pk) if exam else None,
            "evidence": change.evidence,
        },
    )
    agent.maturity, agent.stint, agent.stint_began_at = to, change.stint, change.created_at
    return change


def fall_below_floor(agent: Agent, *, by: Actor) -> MaturityChange | None:
    """Demote by one level what would not even be ready for the level it has; None where it would.

    The floor of a level is what promotion to the level below it asks for: a mean constitutional
    score, and an intervention rate. An intern has no floor. Needs FLOOR_EPISODES episodes.
    """
    below = [m for m in Maturity if m.rank == Maturity(agent.maturity).rank - 1]
    shown = standings.shown(agent)
    if not below or below[0] is Maturity.STUDENT or shown.episodes < FLOOR_EPISODES:
        return None
    floor = criteria_to(below[0], agent=agent)
    mean, rate = shown.constitution, shown.intervention_rate or 0.0
    if (mean is None or mean >= floor.min_constitution) and rate <= floor.max_intervention_rate:
        return None
    note = f"{shown.episodes} episodes: a mean score of {mean}, an intervention rate of {rate:.3f}."
    return demote(agent=agent, to=below[0], reason=ChangeReason.FLOOR, note=note, by=by)


def frozen_evidence(agent: Agent) -> dict[str, Json]:
    """Everything a change rests on, as it stands now, for good."""
    shown = standings.shown(agent)
    return {
        "maturity": str(agent.maturity),
        "stint": agent.stint,
        "confidence": agent.confidence_score,
        "fingerprint": agent.fingerprint,
        "shown": asdict(shown),
        "evidence": {
            key: {"count": tally.count, "halves": tally.halves}
            for key, tally in standings.tallies(agent.pk).items()
        },
    }


def _frozen_exam(exam: Exam | None) -> Json:
    """What was passed: which cases, how often each."""
    if exam is None:
        return None
    return {
        "attempt": exam.attempt,
        "case_set": exam.case_set,
        "cases": exam.cases,
        "repeats": exam.repeats,
        "score": exam.score,
        "needed": exam.needed,
    }


def _successes_a_week(agent: Agent, successful: int) -> float:
    """What words about the future rest on; 0 in the first week, which tells nothing yet."""
    weeks = (timezone.now() - agent.stint_began_at).total_seconds() / 604_800
    return successful / weeks if weeks >= 1 else 0.0


def _as_json(criteria: Criteria) -> dict[str, Json]:
    return {**asdict(criteria), "to": str(criteria.to)}
