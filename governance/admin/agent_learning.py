"""What an agent has learned, for its page: confidence, trainings, supervision, what is blocked."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString

from governance.admin import blocked_triggers
from governance.admin.facts import Facts, Table, anchor, badge, draw, fact, link, page_of, when
from governance.admin.pages import Section
from governance.admin.training_facts import hours
from governance.domain.words import Maturity
from governance.models import (
    Agent,
    BlockedTrigger,
    LedgerEntry,
    SupervisionSession,
    TrainingSession,
)
from governance.policy import confidence
from governance.policy.confidence import THRESHOLDS

LATEST = 5
"""How many of each the page of an agent lists."""


def sections(row: Agent) -> list[Section]:
    """Confidence, and what moves it. Nothing here changes maturity."""
    blocked = BlockedTrigger.objects.filter(trigger__agent=row)
    listed = f"{reverse('admin:governance_blockedtrigger_changelist')}?agent={row.pk}"
    tables = (
        _moved(row),
        _trainings(row),
        _sessions(row),
        blocked_triggers.table(blocked, most=LATEST, more=listed),
    )
    return [_confidence(row), *(table for table in tables if table.rows)]


def what_is_missing(*, maturity: str, score: float) -> str:
    """What this confidence makes an agent eligible for, and what is still missing, in words."""
    now = Maturity(maturity)
    following = confidence.missing(maturity=now, confidence=score)
    if following is None:
        return "It is autonomous: there is nothing above that."
    to, short = following
    if short:
        return (
            f"Not yet eligible for {to.value}: {THRESHOLDS[to]:.2f} is needed, {short:.2f} more "
            "than it has. Then an exam is needed as well."
        )
    words = f"Eligible for {to.value}; an exam is still needed."
    best = confidence.eligible_for(score)
    if best.rank > to.rank:
        words += f" Its confidence would do for {best.value}, and maturity rises a level at a time."
    return words


def _confidence(row: Agent) -> Facts:
    missing = what_is_missing(maturity=row.maturity, score=row.confidence_score)
    return Facts(
        "What its confidence is good for",
        [
            fact("Eligible", missing),
            fact(
                "Maturity",
                f"{Maturity(row.maturity).label}. Confidence alone never changes it.",
            ),
            fact("What moves confidence", "Completed trainings, and supervised runs once rated."),
        ],
    )


def _moved(row: Agent) -> Table:
    entries = LedgerEntry.objects.filter(subject_id=row.pk, kind="agent.confidence")
    return Table(
        "What moved its confidence",
        ("When", "By what", "Gain", "Confidence then"),
        [_move(entry) for entry in entries.order_by("-id")[:LATEST]],
    )


def _move(entry: LedgerEntry) -> tuple[SafeString, ...]:
    said = entry.data["data"]
    if "training" in said:
        url = reverse("admin:governance_trainingsession_change", args=[said["training"]])
        what = anchor(url, f"a training, performance {said['performance']:.2f}")
    else:
        what = draw(f"supervision, rated {said.get('rating', '?')} of 5")
    return (
        when(entry.created_at),
        what,
        draw(f"+{said['gain']:.3f}".rstrip("0").rstrip(".")),
        draw(f"{said['before']:.2f} to {said['after']:.2f}"),
    )


def _trainings(row: Agent) -> Table:
    found = TrainingSession.objects.filter(agent=row).order_by("-created_at", "-id")[:LATEST]
    return Table(
        "Latest trainings",
        ("Training", "State", "Hours planned", "Spent", "Performance"),
        [
            (
                anchor(page_of(each), f"{each.created_at:%Y-%m-%d %H:%M:%S}"),
                badge(each.state),
                draw(hours(each.hours)),
                draw(None if each.hours_spent is None else hours(each.hours_spent)),
                draw(None if each.performance is None else f"{each.performance:.2f}"),
            )
            for each in found
        ],
        more=f"{reverse('admin:governance_trainingsession_estimates')}?agent={row.pk}",
        more_label="How estimates compared with what happened",
    )


def _sessions(row: Agent) -> Table:
    rows = SupervisionSession.objects.filter(agent=row).select_related("supervisor", "run")
    return Table(
        "Latest supervision",
        ("Session", "By", "State", "Rating", "Added to its confidence"),
        [
            (
                _page(each),
                draw(each.supervisor.get_username()),
                badge(each.state),
                draw(None if each.rating is None else f"{each.rating} of 5"),
                draw(None if each.boost is None else f"+{each.boost:.3f}".rstrip("0").rstrip(".")),
            )
            for each in rows.order_by("-created_at", "-id")[:LATEST]
        ],
    )


def _page(row: Any) -> SafeString:
    """A link to the session where it has a page, and else to the run that was watched."""
    words = f"{row.created_at:%Y-%m-%d %H:%M:%S}"
    if admin.site.is_registered(type(row)):
        return anchor(page_of(row), words)
    return link(row.run, words)
