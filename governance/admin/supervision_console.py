"""The console: a live run as whoever watches it sees it, and what they can do to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from governance.admin import frame, supervision_words
from governance.admin.base import actor, ledger_url, may
from governance.admin.decisions import question_of
from governance.admin.facts import badge
from governance.admin.rendering.visible import revealed, visible
from governance.domain.roles import Right
from governance.domain.states import SupervisionState
from governance.domain.words import InterventionKind
from governance.models import Intervention, SessionEvent, SupervisionSession
from governance.models.run import RUN_ENDED
from governance.models.supervision import SUPERVISION_ENDED
from governance.policy.redaction import clean_text
from governance.services import supervision

RELATED = ("agent", "run__trigger", "supervisor", "workspace")
"""What the page reads of a session, in one query."""

MOST_EVENTS, MOST_INTERVENTIONS = 100, 50
"""The newest; a session may have many more."""

RUNNING, PAUSED, RATE, OVER = "running", "paused", "rate", "over"
"""The phases of a session: what can be done depends on them. `rate`: its run ended well."""

RATINGS = (
    (1, "bad"),
    (2, "poor"),
    (3, "fair"),
    (4, "good"),
    (5, "excellent"),
)


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody wrote that was refused; it is still there."""

    verb: str = ""
    text: str = ""
    rating: str = ""


def phase_of(row: SupervisionSession) -> str:
    """Where the session stands."""
    if row.state in SUPERVISION_ENDED:
        return OVER
    if row.run.state in RUN_ENDED:
        return RATE
    return PAUSED if row.state == SupervisionState.PAUSED else RUNNING


def page(
    admin: ModelAdmin[Any],
    request: HttpRequest,
    row: SupervisionSession,
    *,
    refused: str = "",
    typed: Typed | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page. That it is open is written down, for those who could act."""
    steers = may(request, row, Right.SUPERVISE)
    if steers:
        supervision.watched(session=row, by=actor(request))
    heading = visible(row.agent.name)
    context = {
        "row": row,
        "heading": heading,
        "agent_url": frame.link_to(admin, row.agent),
        "run_url": frame.link_to(admin, row.run),
        "trigger": visible(str(row.run.trigger)),
        "supervisor": row.supervisor.get_username(),
        "ledger_url": ledger_url(row),
        "phase": phase_of(row),
        "steers": steers,
        "ratings": RATINGS,
        "refused": visible(refused),
        "typed": typed or Typed(),
        "newest": row.last_sequence,
        "events_url": reverse("supervision_events", args=[row.pk]),
        **parts(row, after=0),
    }
    title = f"Watching {revealed(row.agent.name)}"
    template = "supervision/console.html"
    return frame.render(admin, request, template, context, title=title, status=status)


def live(row: SupervisionSession, *, after: int) -> dict[str, Any]:
    """What a page that is open needs to show how things are now: the events after `after`."""
    return {
        "version": row.version,
        "phase": phase_of(row),
        "newest": row.last_sequence,
        "parts": parts(row, after=after),
    }


def parts(row: SupervisionSession, *, after: int) -> dict[str, SafeString]:
    """The parts of the page that change while it is open, drawn."""
    titles = supervision_words.titles_of(row.workspace_id)
    return {
        "status": _drawn("status", _status(row, titles)),
        "events": _drawn("events", {"lines": _lines(row, titles, after=after)}),
        "interventions": _drawn("interventions", {"interventions": _interventions(row)}),
    }


def _drawn(name: str, context: Mapping[str, Any]) -> SafeString:
    return render_to_string(f"admin/governance/supervision/{name}.html", dict(context))


def _lines(row: SupervisionSession, titles: Mapping[str, str], *, after: int) -> list[Any]:
    """The newest first. None that is newer than the row, so that the page says how far it is."""
    found = SessionEvent.objects.filter(
        session=row, sequence__gt=after, sequence__lte=row.last_sequence
    )
    return supervision_words.lines(found.order_by("-sequence")[:MOST_EVENTS], titles)


def _status(row: SupervisionSession, titles: Mapping[str, str]) -> dict[str, Any]:
    phase = phase_of(row)
    return {
        "row": row,
        "phase": phase,
        "state": badge(row.state),
        "run_state": badge(row.run.state),
        "outcome": visible(clean_text(row.run.outcome)),
        "feedback": visible(clean_text(row.feedback)),
        "paused": _paused(row) if phase == PAUSED else None,
        "waits": _waits(row, titles) if phase == PAUSED else "",
    }


def _paused(row: SupervisionSession) -> Intervention | None:
    """The intervention that paused it."""
    pauses = row.interventions.filter(kind=InterventionKind.PAUSE).select_related("by")
    return pauses.order_by("-created_at", "-id").first()


def _waits(row: SupervisionSession, titles: Mapping[str, str]) -> SafeString:
    """What has been held back since it was paused; empty where nothing came up yet."""
    events = SessionEvent.objects.filter(session=row, sequence__lte=row.last_sequence)
    last = events.filter(kind__in=["held", "action", "step"]).order_by("-sequence").first()
    if last is None or last.kind != "held":
        return SafeString("")
    return supervision_words.wish(last.data, titles)


def _interventions(row: SupervisionSession) -> list[dict[str, Any]]:
    found = row.interventions.select_related("by", "followed_by").order_by("-created_at", "-id")
    over = row.run.state in RUN_ENDED
    return [_intervention(each, over=over) for each in found[:MOST_INTERVENTIONS]]


def _intervention(row: Intervention, *, over: bool) -> dict[str, Any]:
    corrects = row.kind == InterventionKind.CORRECT
    return {
        "at": row.created_at,
        "who": row.by.get_username() if row.by else "the system",
        "kind": row.get_kind_display(),
        "text": visible(clean_text(row.guidance)),
        "corrects": corrects,
        "delivered_at": row.delivered_at,
        "over": over,
        "followed": visible(question_of(row.followed_by)) if row.followed_by else "",
        "followed_url": (
            reverse("admin:governance_decision_change", args=[row.followed_by_id])
            if row.followed_by
            else ""
        ),
        "route": badge(row.followed_by.route) if row.followed_by else "",
    }
