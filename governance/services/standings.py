"""Standings: the counters of what agents have shown, kept in the transaction of each outcome."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from governance import ledger
from governance.domain.actors import Actor
from governance.domain.words import EpisodeOutcome, EvidenceKind
from governance.models import (
    Agent,
    Episode,
    Evidence,
    EvidenceCounter,
    Execution,
    Proposal,
    StintCounter,
)
from governance.policy.evidence import HALVES, Tally
from governance.policy.readiness import Shown

STINT_FIELDS = (
    "episodes",
    "successful",
    "interventions",
    "intervened",
    "scored",
    "score_thousandths",
)


def count(episode: Episode, *, sign: int = 1) -> None:
    """Add an episode to its stint's counter, or with sign -1 take it out again.

    Needs the transaction that writes the episode, and its agent locked. One that counts for no
    stint changes nothing.
    """
    if episode.stint is None:
        return
    _row(episode, episode.stint)
    amounts = _amounts(episode)
    StintCounter.objects.filter(agent_id=episode.agent_id, stint=episode.stint).update(
        **{name: F(name) + sign * amount for name, amount in amounts.items()}
    )


def shown(agent: Agent) -> Shown:
    """What the episodes of the agent's present stint add up to; one read."""
    row = StintCounter.objects.filter(agent_id=agent.pk, stint=agent.stint).first()
    return row.shown if row else Shown()


def tallies(agent_id: uuid.UUID) -> dict[str, Tally]:
    """The evidence that counts, by action type."""
    rows = EvidenceCounter.objects.filter(agent_id=agent_id).order_by("action_type")
    return {row.action_type: Tally(row.count, row.halves) for row in rows}


def note(
    *,
    agent_id: uuid.UUID,
    workspace_id: uuid.UUID,
    action_type: str,
    kind: EvidenceKind,
    by: Actor,
    proposal: Proposal | None = None,
    execution: Execution | None = None,
    episode: Episode | None = None,
) -> Evidence:
    """Write one piece of evidence and count it. Needs the transaction of the outcome.

    An episode's entry in the ledger names its evidence; any other has an entry of its own.
    """
    evidence = Evidence.objects.create(
        workspace_id=workspace_id,
        agent_id=agent_id,
        action_type=action_type,
        kind=kind,
        halves=HALVES[kind],
        proposal=proposal,
        execution=execution,
        episode=episode,
    )
    _count_evidence(evidence, sign=1)
    if episode is None:
        ledger.append(
            kind="evidence.noted",
            by=by,
            workspace_id=workspace_id,
            subject_id=agent_id,
            data={"evidence": str(evidence.pk), "kind": str(kind), "action_type": action_type},
        )
    return evidence


def void(*, evidence: Evidence, reason: str, by: Actor) -> bool:
    """Count a piece of evidence no more; whether it still counted. Needs a transaction.

    By a caller that was allowed to.
    """
    voided = Evidence.objects.filter(pk=evidence.pk, voided_at__isnull=True).update(
        voided_at=timezone.now()
    )
    if voided == 1:
        _count_evidence(evidence, sign=-1)
        ledger.append(
            kind="evidence.voided",
            by=by,
            workspace_id=evidence.workspace_id,
            subject_id=evidence.agent_id,
            data={"evidence": str(evidence.pk), "kind": evidence.kind, "reason": reason},
        )
    return voided == 1


def recount(*, agent: Agent, by: Actor) -> dict[str, Any]:
    """Compute an agent's counters from its rows; returns `{"agrees", "differences"}`.

    What differs is put right, and the ledger says so. `differences`: `{"counter", "field",
    "counted", "found"}` each.
    """
    with transaction.atomic():
        row = Agent.objects.locked(agent.pk)
        differences = [*_recount_stints(row), *_recount_evidence(row)]
        if differences:
            ledger.append(
                kind="agent.recounted",
                by=by,
                workspace_id=row.workspace_id,
                subject_id=row.pk,
                data={"differences": differences},
            )
    return {"agrees": not differences, "differences": differences}


def _amounts(episode: Episode) -> dict[str, int]:
    return {
        "episodes": 1,
        "successful": int(episode.outcome == EpisodeOutcome.SUCCEEDED),
        "interventions": episode.interventions,
        "intervened": int(episode.interventions > 0),
        "scored": int(episode.score_thousandths is not None),
        "score_thousandths": episode.score_thousandths or 0,
    }


def _row(episode: Episode, stint: int) -> None:
    StintCounter.objects.get_or_create(
        agent_id=episode.agent_id, stint=stint, defaults={"workspace_id": episode.workspace_id}
    )


def _count_evidence(evidence: Evidence, *, sign: int) -> None:
    key = {"agent_id": evidence.agent_id, "action_type": evidence.action_type}
    EvidenceCounter.objects.get_or_create(**key, defaults={"workspace_id": evidence.workspace_id})
    EvidenceCounter.objects.filter(**key).update(
        count=F("count") + sign,
        halves=F("halves") + sign * evidence.halves,
        **{evidence.kind: F(evidence.kind) + sign},
    )


def _recount_stints(agent: Agent) -> list[dict[str, Any]]:
    rows = (
        Episode.objects.filter(agent=agent, stint__isnull=False)
        .order_by()
        .values_list("stint")
        .annotate(
            found_episodes=Count("pk"),
            found_successful=Count("pk", filter=Q(outcome=EpisodeOutcome.SUCCEEDED)),
            found_interventions=Sum("interventions"),
            found_intervened=Count("pk", filter=Q(interventions__gt=0)),
            found_scored=Count("score_thousandths"),
            found_score_thousandths=Sum("score_thousandths"),
        )
    )  # in the order of STINT_FIELDS
    found: dict[int, list[int]] = {stint: [n or 0 for n in numbers] for stint, *numbers in rows}
    counted = {row.stint: row for row in StintCounter.objects.filter(agent=agent)}
    differences: list[dict[str, Any]] = []
    for stint in sorted(found.keys() | counted.keys()):
        numbers = found.get(stint, [0] * len(STINT_FIELDS))
        row = counted.get(stint) or StintCounter(
            workspace_id=agent.workspace_id, agent=agent, stint=stint
        )
        right = dict(zip(STINT_FIELDS, numbers, strict=True))
        differences += _put_right(row, right, name=f"stint {stint}")
    return differences


def _recount_evidence(agent: Agent) -> list[dict[str, Any]]:
    totals: dict[str, Counter[str]] = {}
    rows = Evidence.objects.filter(agent=agent, voided_at__isnull=True).values_list(
        "action_type", "kind", "halves"
    )
    for action_type, kind, halves in rows.iterator():
        total = totals.setdefault(action_type, Counter())
        total.update({"count": 1, "halves": halves, kind: 1})
    counted = {row.action_type: row for row in EvidenceCounter.objects.filter(agent=agent)}
    fields = ("count", "halves", *EvidenceKind.values)
    differences: list[dict[str, Any]] = []
    for action_type in sorted(totals.keys() | counted.keys()):
        total = totals.get(action_type, Counter())
        row = counted.get(action_type) or EvidenceCounter(
            workspace_id=agent.workspace_id, agent=agent, action_type=action_type
        )
        differences += _put_right(row, {name: total[name] for name in fields}, name=action_type)
    return differences


def _put_right(
    row: StintCounter | EvidenceCounter, right: dict[str, int], *, name: str
) -> list[dict[str, Any]]:
    differences = [
        {"counter": name, "field": field, "counted": getattr(row, field), "found": value}
        for field, value in right.items()
        if getattr(row, field) != value
    ]
    if differences:
        for field, value in right.items():
            setattr(row, field, value)
        row.save()
    return differences
