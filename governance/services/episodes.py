"""Episodes: the record of finished work, judged by the constitution and counted, all at once."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from governance import ledger
from governance.domain.actors import Actor, system
from governance.domain.errors import InvalidInput
from governance.domain.roles import Right
from governance.domain.values import Json, require_text
from governance.domain.words import (
    ChangeReason,
    EpisodeOutcome,
    EpisodeSource,
    EvidenceKind,
    Maturity,
    SegmentKind,
    Severity,
)
from governance.models import (
    Agent,
    AllowedHost,
    ConstitutionVersion,
    Episode,
    EpisodeSegment,
    Evidence,
    MaturityChange,
    Proposal,
    Run,
    Violation,
)
from governance.policy import constitution
from governance.policy.constitution import Found, Verdict
from governance.services import constitutions, maturity, memberships, standings
from governance.services.segments import Part, as_kept, as_segment

CONSTITUTION = system("constitution")
"""Who demotes for what an episode shows: neither the agent nor whoever ended its run."""

MAX_PARTS = 2_000
"""The most segments an episode keeps: the first ones, and the last, which counts what was left
out. All of them are judged."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A piece of work that is over, as whoever closes it knows it.

    `reported`: what the agent itself said, or empty. `counts`: whether it is evidence for the
    agent's present maturity. `judged`: whether the constitution judges it. `evidence`: what else
    it says, by action type.
    """

    source: EpisodeSource
    title: str
    started_at: datetime.datetime
    finished_at: datetime.datetime
    outcome: EpisodeOutcome
    reported: str
    reported_by: str
    verified: bool
    interventions: int
    parts: Sequence[Part]
    maturity: Maturity
    fingerprint: str
    counts: bool
    judged: bool = True
    evidence: Sequence[tuple[str, EvidenceKind]] = ()
    run: Run | None = None
    proposal: Proposal | None = None
    external_id: str | None = None
    note: str = ""
    extra_hosts: tuple[str, ...] = field(default_factory=tuple)


def close(finished: Finished, *, agent: Agent, by: Actor) -> Episode:
    """Write the episode, judge it, count it, and draw what follows. Needs a transaction.

    1. The constitution in force judges its segments.
    2. The counters of the stint and of the action types move with it.
    3. A critical violation demotes at once, by one level; so does falling below the floor. What is
       imported happened elsewhere, and lowers no maturity by itself.
    """
    newest = ConstitutionVersion.objects.newest(agent.workspace_id)
    version = newest if finished.judged else None
    segments = [as_segment(part) for part in finished.parts]
    verdict = constitutions.judge(version, segments, _work(finished, agent))
    episode = _write(finished, agent, version if segments else None, verdict)
    rows = _write_segments(episode, finished.parts)
    places = [*rows[:-1], *[None] * (len(segments) - len(rows)), *rows[-1:]]
    _write_violations(episode, places, verdict.found, by=by)
    for key, kind in finished.evidence:
        standings.note(
            agent_id=agent.pk,
            workspace_id=agent.workspace_id,
            action_type=key,
            kind=kind,
            proposal=finished.proposal,
            episode=episode,
            by=by,
        )
    standings.count(episode)
    ledger.append(
        kind="episode.closed",
        by=by,
        workspace_id=agent.workspace_id,
        subject_id=episode.pk,
        data={
            "agent": str(agent.pk),
            "source": str(episode.source),
            "outcome": str(episode.outcome),
            "verified": episode.verified,
            "score_thousandths": episode.score_thousandths,
            "violations": [one.rule.key for one in verdict.found],
            "evidence": [[key, str(kind)] for key, kind in finished.evidence],
            "run": str(episode.run_id) if episode.run_id else None,
        },
    )
    if episode.stint is not None and episode.source != EpisodeSource.IMPORTED:
        _draw_consequences(agent, verdict)
    return episode


def correct(
    *, episode: Episode, outcome: str, note: str, by: Actor, verified: bool = True
) -> Episode:
    """A person says how it really ended; the counters move, and the constitution judges anew.

    An outcome that turns out worse than the agent reported is deception, and judged as such.
    Raises InvalidInput, NotAllowed.
    """
    if outcome not in EpisodeOutcome.values:
        raise InvalidInput(f"The outcome is one of {', '.join(EpisodeOutcome.values)}.")
    require_text(note, what="note", max_length=2_000, required=True)
    with transaction.atomic():
        user_id = memberships.require_person(
            by=by, workspace_id=episode.workspace_id, right=Right.SUPERVISE
        )
        corrected = {"corrected_at": timezone.now(), "corrected_by_id": user_id, "note": note}
        return _put_right(
            episode, EpisodeOutcome(outcome), {"verified": verified, **corrected}, by=by
        )


def turn_out(*, episode: Episode, outcome: EpisodeOutcome, note: str, by: Actor) -> Episode:
    """What was approved turned out otherwise. Needs the transaction that found it."""
    return _put_right(episode, outcome, {"note": note[:2_000]}, by=by)


def _put_right(
    episode: Episode, outcome: EpisodeOutcome, fields: dict[str, Any], *, by: Actor
) -> Episode:
    agent = Agent.objects.locked(episode.agent_id)  # before the episode, as whoever closes one
    row = Episode.objects.locked(episode.pk)
    before = {"outcome": str(row.outcome), "score_thousandths": row.score_thousandths}
    standings.count(row, sign=-1)
    row.outcome = outcome
    for name, value in fields.items():
        setattr(row, name, value)
    standing = row.violations.filter(withdrawn_at__isnull=True)
    earlier = dict(standing.values_list("pk", "rule"))
    verdict = _judge_again(row, by=by)
    row.save()
    standings.count(row)
    ledger.append(
        kind="episode.corrected",
        by=by,
        workspace_id=row.workspace_id,
        subject_id=row.pk,
        data={
            "before": before,
            "outcome": str(outcome),
            "score_thousandths": row.score_thousandths,
            "note": row.note,
            "found": [one.rule.key for one in verdict.found],
            "withdrawn": sorted(
                rule for pk, rule in earlier.items() if not standing.filter(pk=pk).exists()
            ),
        },
    )
    if row.stint is not None and row.stint == agent.stint:
        _draw_consequences(agent, verdict)
    return row


def _work(finished: Finished, agent: Agent) -> dict[str, Json]:
    hosts = AllowedHost.objects.of(agent.workspace_id).values_list("host", flat=True)
    return {
        "outcome": str(finished.outcome),
        "reported": str(finished.reported),
        "verified": finished.verified,
        "source": str(finished.source),
        "maturity": str(finished.maturity),
        "allowed_hosts": [*hosts, *finished.extra_hosts],
    }


def _write(
    finished: Finished, agent: Agent, version: ConstitutionVersion | None, verdict: Verdict
) -> Episode:
    scored = verdict.thousandths is not None
    return Episode.objects.create(
        workspace_id=agent.workspace_id,
        agent=agent,
        run=finished.run,
        proposal=finished.proposal,
        source=finished.source,
        external_id=finished.external_id,
        title=finished.title[:200],
        maturity=finished.maturity,
        fingerprint=finished.fingerprint,
        stint=agent.stint if finished.counts else None,
        started_at=finished.started_at,
        finished_at=finished.finished_at,
        outcome=finished.outcome,
        reported_outcome=finished.reported,
        reported_by=finished.reported_by[:200],
        verified=finished.verified,
        interventions=finished.interventions,
        note=finished.note[:2_000],
        constitution=version if scored else None,
        score_thousandths=verdict.thousandths,
        compliant=verdict.compliant,
    )


def _write_segments(episode: Episode, parts: Sequence[Part]) -> list[EpisodeSegment]:
    return EpisodeSegment.objects.bulk_create(
        EpisodeSegment(
            workspace_id=episode.workspace_id,
            episode=episode,
            position=position,
            kind=part.kind,
            action_type=part.action_type[:100],
            data=as_kept(part),
            at=part.at,
        )
        for position, part in enumerate(_kept(parts))
    )


def _kept(parts: Sequence[Part]) -> Sequence[Part]:
    left_out = len(parts) - MAX_PARTS
    if left_out <= 0:
        return parts
    last = replace(parts[-1], data={**parts[-1].data, "left_out": left_out})
    return [*parts[: MAX_PARTS - 1], last]


def _write_violations(
    episode: Episode, rows: Sequence[EpisodeSegment | None], found: Sequence[Found], *, by: Actor
) -> None:
    """`rows`: by their places among what was judged; None for what was not kept."""
    for one in found:
        segment = rows[one.segment] if one.segment < len(rows) else None
        Violation.objects.create(
            workspace_id=episode.workspace_id,
            episode=episode,
            segment=segment,
            agent_id=episode.agent_id,
            rule=one.rule.key,
            severity=one.rule.severity,
            domain=one.rule.domain,
            reason=f"{one.rule.reason} {one.what}".strip()[:500],
            error=one.error,
        )
        if segment is not None and segment.action_type:
            standings.note(
                agent_id=episode.agent_id,
                workspace_id=episode.workspace_id,
                action_type=segment.action_type,
                kind=EvidenceKind.VIOLATION,
                episode=episode,
                by=by,
            )


def _judge_again(row: Episode, *, by: Actor) -> Verdict:
    """By the version it was judged by, and only the rules about how it ended; what is new.

    What its parts broke they broke whatever the outcome. They are kept without secrets and not
    always whole, so that to judge them again would find less.
    """
    if row.constitution is None:
        return Verdict((), None)
    rows = list(row.segments.order_by("position"))
    parts = [Part(SegmentKind(r.kind), r.at, r.action_type, r.data) for r in rows]
    rules = [r for r in constitutions.sources_of(row.constitution) if constitution.is_about_end(r)]
    verdict = constitution.judge(rules, [as_segment(part) for part in parts], _work_of(row))
    standing = row.violations.filter(withdrawn_at__isnull=True)
    before = list(standing.filter(rule__in=[rule.key for rule in rules]).select_related("segment"))
    known = {(v.rule, v.segment.position if v.segment else None): v for v in before}
    found = {
        (one.rule.key, one.segment if one.segment < len(rows) else None) for one in verdict.found
    }
    for place, violation in known.items():
        if place not in found:
            _withdraw(violation, by=by)
    fresh = [
        one
        for one in verdict.found
        if (one.rule.key, one.segment if one.segment < len(rows) else None) not in known
    ]
    _write_violations(row, rows, fresh, by=by)
    severities = list(standing.values_list("severity", flat=True))
    row.score_thousandths = constitution.score(severities)
    row.compliant = Severity.CRITICAL not in severities
    return Verdict(tuple(fresh), row.score_thousandths)


def _work_of(row: Episode) -> dict[str, Json]:
    hosts = AllowedHost.objects.of(row.workspace_id).values_list("host", flat=True)
    return {
        "outcome": str(row.outcome),
        "reported": str(row.reported_outcome),
        "verified": row.verified,
        "source": str(row.source),
        "maturity": str(row.maturity),
        "allowed_hosts": list(hosts),
    }


def _withdraw(violation: Violation, *, by: Actor) -> None:
    """Mark a violation as withdrawn, and void the evidence that went with it."""
    key = violation.segment.action_type if violation.segment else ""
    evidence = Evidence.objects.filter(
        episode_id=violation.episode_id,
        kind=EvidenceKind.VIOLATION,
        action_type=key,
        voided_at__isnull=True,
    ).first()
    if evidence is not None:
        standings.void(evidence=evidence, reason="judged again", by=by)
    violation.withdrawn_at, violation.withdrawn_by = timezone.now(), str(by)[:200]
    violation.save(update_fields=["withdrawn_at", "withdrawn_by"])


def _draw_consequences(agent: Agent, verdict: Verdict) -> MaturityChange | None:
    """What a critical violation, or too little kept of the constitution, means at once."""
    row = Agent.objects.locked(agent.pk)
    critical = [one for one in verdict.found if one.rule.severity == Severity.CRITICAL]
    if critical and row.maturity != Maturity.STUDENT:
        below = list(Maturity)[Maturity(row.maturity).rank - 1]
        return maturity.demote(
            agent=row,
            to=below,
            reason=ChangeReason.VIOLATION,
            note=f"{critical[0].rule.key}: {critical[0].rule.reason}",
            by=CONSTITUTION,
        )
    return maturity.fall_below_floor(row, by=CONSTITUTION)
