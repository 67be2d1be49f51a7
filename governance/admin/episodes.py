"""Episodes: the record of finished work, part by part, and a person's word on how it ended."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from governance.admin.base import may
from governance.admin.facts import (
    Button,
    Facts,
    Table,
    badge,
    bullets,
    code,
    draw,
    fact,
    json_block,
    link,
    page_of,
    when,
)
from governance.admin.filters import AgentFilter, WorkspaceFilter
from governance.admin.forms import TextField, select
from governance.admin.pages import FactsAdmin, RowPage, Section, token_of
from governance.admin.rendering.visible import visible
from governance.domain.actors import Actor
from governance.domain.roles import Right
from governance.domain.words import EpisodeOutcome
from governance.models import Episode, EpisodeSegment, Violation
from governance.services import episodes

MOST_PARTS = 200
READ_FIRST = ("text", "error", "state", "route", "params")
"""What of a segment has a place of its own; the rest is shown as it is kept."""


class CorrectForm(forms.Form):
    """How it really ended."""

    outcome = forms.ChoiceField(choices=EpisodeOutcome.choices, widget=select())
    note = TextField(max_length=2_000, help_text="How you know. Kept with the episode.")


class CorrectPage(RowPage):
    """A person says how it really ended."""

    form_class = CorrectForm
    right = Right.SUPERVISE
    slug, label, title = "correct", "Correct the outcome", "Correct the outcome of"
    explanation = (
        "The counters behind readiness move with it, and the constitution judges it again: an "
        "outcome that is worse than the agent reported is deception, and demotes it."
    )
    submit = "Correct it"
    danger = True
    done = "The outcome is corrected."

    def token(self, row: Any) -> str:
        """An episode has no version."""
        return token_of(row, ("outcome", "verified", "corrected_at"))

    def initial(self) -> dict[str, Any]:
        """The outcome as it stands."""
        return {"outcome": self.row.outcome}

    def save(self, data: Any, by: Actor) -> str:
        """Correct it."""
        return page_of(episodes.correct(episode=self.row, by=by, **data))


@admin.register(Episode)
class EpisodeAdmin(FactsAdmin):
    """The episodes of one's workspaces."""

    list_display = ("ended", "shown_title", "shown_agent", "shown_outcome", "shown_score")
    list_filter = (WorkspaceFilter, AgentFilter, "source", "outcome")
    list_select_related = ("agent",)
    pages = (CorrectPage,)

    @admin.display(description="Ended")
    def ended(self, row: Episode) -> SafeString:
        """When the work was over."""
        return when(row.finished_at)

    @admin.display(description="What")
    def shown_title(self, row: Episode) -> SafeString:
        """What it was, nothing hidden."""
        return visible(row.title)

    @admin.display(description="Agent")
    def shown_agent(self, row: Episode) -> SafeString:
        """Whose."""
        return visible(row.agent.name)

    @admin.display(description="Outcome")
    def shown_outcome(self, row: Episode) -> SafeString:
        """How it ended, and whether anybody but the agent says so."""
        return badge(row.outcome, row.outcome if row.verified else f"{row.outcome}, not verified")

    @admin.display(description="Constitution")
    def shown_score(self, row: Episode) -> SafeString:
        """The score."""
        return score_of(row)

    def links(self, request: HttpRequest, row: Episode) -> list[Button]:
        """A case of it, for exams, with one click."""
        if not may(request, row, Right.GOVERN):
            return []
        url = reverse("admin:governance_examcase_cut", args=[row.pk])
        return [Button("Cut an exam case from it", url, post=True)]

    def sections(self, request: HttpRequest, row: Episode) -> list[Section]:
        """What is known of it, what it broke, and its parts in order."""
        return [_facts(row), violations(row.violations.all(), title="Violations"), _parts(row)]


@admin.register(Violation)
class ViolationAdmin(FactsAdmin):
    """What broke the constitution."""

    list_display = ("at", "shown_agent", "shown_rule", "shown_severity", "shown_reason")
    list_filter = (WorkspaceFilter, AgentFilter, "severity")
    list_select_related = ("agent",)
    has_trail = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With what a page needs."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("agent", "episode")

    @admin.display(description="When")
    def at(self, row: Violation) -> SafeString:
        """When it was found."""
        return when(row.created_at)

    @admin.display(description="Agent")
    def shown_agent(self, row: Violation) -> SafeString:
        """Whose."""
        return visible(row.agent.name)

    @admin.display(description="Rule")
    def shown_rule(self, row: Violation) -> SafeString:
        """Which rule."""
        return code(row.rule)

    @admin.display(description="Severity")
    def shown_severity(self, row: Violation) -> SafeString:
        """How bad."""
        return badge(row.severity)

    @admin.display(description="Why")
    def shown_reason(self, row: Violation) -> SafeString:
        """What was found."""
        return draw(row.reason)

    def sections(self, request: HttpRequest, row: Violation) -> list[Section]:
        """What was found, and where."""
        facts = [
            fact("Rule", code(row.rule)),
            fact("Severity", badge(row.severity)),
            fact("Domain", row.domain),
            fact("Why", row.reason),
            fact("Counted as broken because", row.error),
            fact("Agent", link(row.agent)),
            fact("Episode", link(row.episode)),
            fact("Part", None if row.segment is None else f"number {row.segment.position}"),
            fact("Found", when(row.created_at)),
            fact("Withdrawn", when(row.withdrawn_at)),
            fact("Withdrawn by", row.withdrawn_by),
        ]
        return [Facts("Violation", facts)]


def violations(rows: QuerySet[Violation], *, title: str, more: str = "") -> Table:
    """A table of violations, the newest first."""
    return Table(
        title,
        ("When", "Rule", "Severity", "Why"),
        [
            (
                link(row, f"{row.created_at:%Y-%m-%d %H:%M:%S}"),
                code(row.rule),
                badge(row.severity),
                draw(f"{row.reason} {row.error} {_withdrawn(row)}".strip()),
            )
            for row in rows.order_by("-created_at", "-id")[:MOST_PARTS]
        ],
        empty="It broke no rule of the constitution.",
        more=more,
    )


def _withdrawn(row: Violation) -> str:
    return f"Withdrawn by {row.withdrawn_by}." if row.withdrawn_at else ""


def score_of(row: Episode) -> SafeString:
    """The constitutional score in words."""
    if row.constitutional_score is None:
        return draw("not scored")
    score = f"{row.constitutional_score:.3f}"
    return draw(score) if row.compliant else badge("failed", f"{score}, not compliant")


def _facts(row: Episode) -> Facts:
    who = "somebody other than its agent" if row.verified else "its agent alone"
    return Facts(
        "Episode",
        [
            fact("Agent", link(row.agent)),
            fact("Of", link(row.run or row.proposal) if row.run or row.proposal else "an import"),
            fact("Outcome", bullets([badge(row.outcome), f"said by {who}: {row.reported_by}"])),
            fact("The agent reported", badge(row.reported_outcome)),
            fact("Maturity then", badge(row.maturity)),
            fact("Counts for readiness", _counts(row)),
            fact("Interventions", str(row.interventions)),
            fact("Constitutional score", score_of(row)),
            fact("Judged by", link(row.constitution) if row.constitution else None),
            fact("Fingerprint then", code(row.fingerprint)),
            fact("Began", when(row.started_at)),
            fact("Ended", when(row.finished_at)),
            fact("Corrected", when(row.corrected_at)),
            fact("Corrected by", row.corrected_by and row.corrected_by.get_username()),
            fact("Note", row.note),
        ],
    )


def _counts(row: Episode) -> str:
    if row.stint is None:
        return "No: it belongs to no stint of the agent, or to a run that counts itself."
    if row.stint == row.agent.stint:
        return "Yes, for the agent’s present stint."
    return "For an earlier stint, and not any more."


def _parts(row: Episode) -> Table:
    parts = row.segments.order_by("position")
    return Table(
        "Parts, in order",
        ("Number", "What", "Said", "State", "With"),
        [_part(part) for part in parts[:MOST_PARTS]],
        empty="Nothing is known of what happened in it.",
    )


def _part(part: EpisodeSegment) -> tuple[SafeString, ...]:
    data = part.data
    rest = {name: value for name, value in data.items() if name not in READ_FIRST}
    what = [badge(part.kind), *([code(part.action_type)] if part.action_type else [])]
    said = [text for text in (data.get("text"), data.get("error")) if text]
    state = [badge(str(data[name])) for name in ("state", "route") if data.get(name)]
    kept = {**({"params": data["params"]} if data.get("params") else {}), **rest}
    return (
        draw(str(part.position)),
        bullets(what),
        bullets(said),
        bullets(state),
        json_block(kept) if any(kept.values()) else draw(None),
    )
