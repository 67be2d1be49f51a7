"""Triggers and runs: what asked an agent to start, and what happened in the work that followed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from governance.admin.base import may
from governance.admin.decisions import question_of
from governance.admin.facts import (
    Button,
    Facts,
    Table,
    anchor,
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
from governance.admin.pages import FactsAdmin, Section
from governance.admin.proposal_advice import AskAboutRunPage
from governance.admin.proposal_advice import table as advice_table
from governance.admin.rendering.visible import visible
from governance.admin.steps import keys_of
from governance.domain.roles import Right
from governance.models import Decision, Execution, Proposal, Run, SupervisionSession, Trigger
from governance.models.run import RUN_ENDED
from governance.policy.redaction import clean

MOST_EVENTS = 100
"""Of each kind, the newest; a run may have many more."""

Event = tuple[datetime, str, SafeString, SafeString, SafeString]
"""When, what it is, a link to it, its state or route, and more about it."""


class OfAgentAdmin(FactsAdmin):
    """What the lists of triggers and runs share."""

    @admin.display(description="When")
    def at(self, row: Any) -> SafeString:
        """When it was written."""
        return when(row.created_at)

    @admin.display(description="Agent")
    def shown_agent(self, row: Any) -> SafeString:
        """Whose it is."""
        return visible(row.agent.name)


@admin.register(Trigger)
class TriggerAdmin(OfAgentAdmin):
    """The triggers of one's workspaces."""

    list_display = ("at", "shown_agent", "source", "shown_type", "shown_route")
    list_filter = (WorkspaceFilter, AgentFilter, "source", "route")
    list_select_related = ("agent",)

    @admin.display(description="Type")
    def shown_type(self, row: Trigger) -> SafeString:
        """As its source gave it."""
        return draw(row.type)

    @admin.display(description="Route")
    def shown_route(self, row: Trigger) -> SafeString:
        """What the gate answered."""
        return badge(row.route)

    def sections(self, request: HttpRequest, row: Trigger) -> list[Section]:
        """What it asked for and what became of it."""
        facts = [
            fact("Agent", link(row.agent)),
            fact("Source", row.get_source_display()),
            fact("Type", row.type),
            fact("When", when(row.created_at)),
            fact("Route", badge(row.route)),
            fact("Run", link(Run.objects.filter(trigger=row).select_related("agent").first())),
        ]
        context = [fact("Context", json_block(clean(row.context)))]
        return [Facts("Trigger", facts), _answers(row), Facts("What it was given", context)]


@admin.register(Run)
class RunAdmin(OfAgentAdmin):
    """The runs of one's workspaces."""

    list_display = ("at", "shown_agent", "shown_trigger", "shown_state", "shown_maturity", "ended")
    list_filter = (WorkspaceFilter, AgentFilter, "state", "kind")
    list_select_related = ("agent", "trigger")
    pages = (AskAboutRunPage,)

    @admin.display(description="Trigger")
    def shown_trigger(self, row: Run) -> SafeString:
        """What started it."""
        return draw(str(row.trigger))

    @admin.display(description="State")
    def shown_state(self, row: Run) -> SafeString:
        """The state."""
        return badge(row.state)

    @admin.display(description="Maturity then")
    def shown_maturity(self, row: Run) -> SafeString:
        """The maturity it began with."""
        return badge(row.maturity)

    @admin.display(description="Ended")
    def ended(self, row: Run) -> SafeString:
        """When it ended."""
        return when(row.finished_at)

    def sections(self, request: HttpRequest, row: Run) -> list[Section]:
        """What it is, and everything that happened in it."""
        facts = [
            fact("Agent", link(row.agent)),
            fact("Trigger", link(row.trigger)),
            fact("Kind", row.get_kind_display()),
            fact("State", badge(row.state)),
            fact("Maturity then", badge(row.maturity)),
            fact("Fingerprint then", code(row.fingerprint)),
            fact("Begun", when(row.started_at)),
            fact("Ended", when(row.finished_at)),
            fact("Outcome", row.outcome),
        ]
        return [Facts("Run", facts), *_sessions(row), *_advice(row), _timeline(row)]

    def links(self, request: HttpRequest, row: Run) -> list[Button]:
        """To watch it, or to where it is watched."""
        session = SupervisionSession.objects.of_run(row.pk)
        if session is not None:
            return [Button("Open the console", page_of(session))]
        if row.state in RUN_ENDED or not may(request, row, Right.SUPERVISE):
            return []
        watch = reverse("admin:governance_supervisionsession_watch", args=[row.pk])
        return [Button("Watch", watch, post=True)]


def _sessions(row: Run) -> list[Section]:
    """Who watched it; nothing where nobody did."""
    found = list(row.supervision_sessions.select_related("agent", "supervisor"))
    if not found:
        return []
    return [
        Table(
            "Supervision",
            ("Began", "Supervisor", "State", "Rating"),
            [
                (
                    anchor(page_of(each), f"{each.created_at:%Y-%m-%d %H:%M:%S}"),
                    draw(each.supervisor.get_username()),
                    badge(each.state),
                    draw(f"{each.rating} of 5" if each.rating else None),
                )
                for each in found
            ],
        )
    ]


def _advice(row: Run) -> list[Section]:
    """What agents that were asked about it said; nothing where none was."""
    given = list(row.advice.select_related("adviser").order_by("created_at", "id"))
    return [advice_table(given)] if given else []


def _answers(row: Trigger) -> Table:
    return Table(
        "Decision",
        ("When", "Route", "Reasons"),
        [
            (
                link(decision, f"{decision.created_at:%Y-%m-%d %H:%M:%S}"),
                badge(decision.route),
                bullets(decision.reasons),
            )
            for decision in row.decisions.order_by("created_at", "id")[:MOST_EVENTS]
        ],
    )


def _timeline(row: Run) -> Table:
    """Decisions, proposals and executions in the order they happened."""
    events = sorted([*_decisions(row), *_proposals(row), *_executions(row)], key=lambda e: e[0])
    return Table(
        "Timeline",
        ("When", "What", "About", "State or route", "More"),
        [(when(at), SafeString(what), *cells) for at, what, *cells in events],
        empty="Nothing has happened in this run.",
        more=f"{reverse('admin:governance_decision_changelist')}?agent={row.agent_id}",
        more_label="All decisions about this agent",
    )


def _latest(rows: QuerySet[Any], run: Run) -> QuerySet[Any]:
    return rows.filter(run=run).order_by("-created_at", "-id")[:MOST_EVENTS]


def _decisions(run: Run) -> list[Event]:
    return [
        (
            each.created_at,
            "Decision",
            link(each, question_of(each)),
            badge(each.route),
            bullets(each.reasons),
        )
        for each in _latest(Decision.objects.all(), run)
    ]


def _proposals(run: Run) -> list[Event]:
    return [
        (each.created_at, "Proposal", link(each), badge(each.state), draw(each.closing_reason))
        for each in _latest(Proposal.objects.all(), run)
    ]


def _executions(run: Run) -> list[Event]:
    return [
        (
            each.created_at,
            "Execution",
            link(each, ", ".join(keys_of(each.plan))),
            badge(each.state),
            draw(each.error),
        )
        for each in _latest(Execution.objects.all(), run)
    ]
