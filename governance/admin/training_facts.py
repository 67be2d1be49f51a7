"""What pages say of a training: the plan and its reasoning, the days, the triggers that wait."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.admin.facts import (
    Facts,
    Table,
    anchor,
    badge,
    bullets,
    draw,
    fact,
    link,
    page_of,
    when,
)
from governance.admin.pages import Section
from governance.admin.rendering.visible import visible
from governance.domain.errors import InvalidInput
from governance.domain.values import Json
from governance.domain.words import ProposalKind
from governance.models import BlockedTrigger, Proposal, TrainingPlan, TrainingSession
from governance.policy import training

MOST_DAYS, MOST_TRIGGERS = 10, 20
"""How many of each a page lists."""

FOLLOWED = ("trigger__agent", "retried_as__run", "retried_as__blocked")
"""What is read with blocked triggers, to say of each how far it is and what came of it."""

PARTS = {
    "base": "Base",
    "confidence": "Confidence",
    "gaps": "Missing capabilities",
    "history": "Similar agents",
    "learning": "Pace of learning",
}


def hours(value: float) -> str:
    """Hours to a tenth, without a fraction that is none."""
    return f"{value:,.1f}".removesuffix(".0") + " h"


def of_proposal(row: Proposal) -> list[Section]:
    """What is behind a training proposal; nothing for any other."""
    own = row.kind == ProposalKind.TRAINING
    plan = (
        TrainingPlan.objects.filter(proposal=row).select_related("agent").first() if own else None
    )
    if plan is None:
        return []
    session = TrainingSession.objects.filter(plan=plan).first()
    return [
        _estimate(plan, session),
        reasoning(plan),
        objectives(plan),
        _schedule(row, session),
        _waiting(plan),
    ]


def estimated(plan: TrainingPlan) -> str:
    """The estimate with its range."""
    low, high = hours(plan.hours_low), hours(plan.hours_high)
    return f"{hours(plan.hours)}, between {low} and {high}"


def reasoning(plan: TrainingPlan) -> Table:
    """The terms of the estimate, and what they add up to."""
    parts = [
        (
            draw(PARTS.get(part["name"], part["name"])),
            draw(hours(part["hours"])),
            draw(f"{part['weight']:.2f}"),
            draw(hours(part["hours"] * part["weight"])),
            draw(part["why"]),
        )
        for part in plan.reasoning
    ]
    total = format_html("<strong>{}</strong>", hours(plan.hours))
    return Table(
        "How the estimate comes about",
        ("Part", "Hours", "Weight", "Share", "Why"),
        [*parts, (draw("All together"), draw(""), draw("1.00"), total, draw(""))],
    )


def objectives(plan: TrainingPlan) -> Table:
    """What is to be learned, and how."""
    return Table(
        "What it is to learn",
        ("Capability", "Objective", "Tasks"),
        [
            (draw(found["capability"]), draw(found["objective"]), bullets(found["tasks"]))
            for found in plan.objectives
        ],
    )


def days(planned: Sequence[dict[str, Json]]) -> SafeString:
    """The first days of a schedule, and when it ends."""
    lines = [f"{_weekday(day['date'])}: {hours(day['hours'])}" for day in planned[:MOST_DAYS]]
    more = len(planned) - len(lines)
    if more > 0:
        lines.append(f"and {more} more, until {_weekday(planned[-1]['date'])}")
    return bullets(lines)


def standing(row: BlockedTrigger) -> SafeString:
    """How far a blocked trigger is: it waits, may be retried, or was."""
    if row.retried_as is not None:
        return format_html("<span>{} {}</span>", badge("retried"), came_of(row))
    return badge("may be retried" if row.resolved_at else "blocked")


def came_of(row: BlockedTrigger) -> SafeString:
    """What a retry led to: the gate's answer, and the run or the proposal that came of it."""
    new = row.retried_as
    if new is None:
        return draw(None)
    parts = [badge(new.route), anchor(page_of(new), "the new trigger")]
    run, again = getattr(new, "run", None), getattr(new, "blocked", None)
    if run is not None:
        parts.append(anchor(page_of(run), f"its run ({run.state})"))
    if again is not None:
        parts.append(anchor(page_of(again), "blocked again"))
    return format_html("<span>{}</span>", format_html_join(" ", "{}", ((part,) for part in parts)))


def _waiting(plan: TrainingPlan) -> Table:
    """The triggers that the training is for, the newest first."""
    rows = plan.blocked.select_related(*FOLLOWED).order_by("-created_at", "-id")
    return Table(
        "Triggers that wait for it",
        ("When", "Trigger", "Standing"),
        [
            (when(row.created_at), link(row, str(row.trigger)), standing(row))
            for row in rows[:MOST_TRIGGERS]
        ],
        empty="No trigger waits for it.",
    )


def _estimate(plan: TrainingPlan, session: TrainingSession | None) -> Facts:
    score = plan.agent.confidence_score
    return Facts(
        "The training behind it",
        [
            fact("Estimate", estimated(plan)),
            fact("How sure that is", f"{plan.confidence:.2f} of 1"),
            fact("Missing capabilities", bullets(plan.gaps)),
            fact("Confidence of the agent now", f"{score:.2f} of 1"),
            fact("Training", link(session) if session else "It is scheduled once approved."),
        ],
    )


def _schedule(row: Proposal, session: TrainingSession | None) -> Facts:
    """The days as they are; or as they would be if it were approved today."""
    if session is not None:
        return Facts("Schedule", [fact("Days", days(session.days))])
    params = json.loads(row.plan_in_force)[0]["params"]
    today = timezone.now().date()
    try:
        planned = training.schedule(
            hours=params["hours"], hours_a_day=params["hours_a_day"], starts_on=today
        )
    except InvalidInput as error:
        return Facts("Schedule", [fact("Days", visible(str(error)))])
    return Facts(
        "Schedule, if it is approved today",
        [
            fact("Hours a day", f"{hours(params['hours_a_day'])}, Monday to Friday"),
            fact("Days", days(planned)),
        ],
    )


def _weekday(date: str) -> str:
    return f"{datetime.date.fromisoformat(date):%a %-d %b %Y}"
