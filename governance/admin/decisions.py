"""Decisions: the gate's answers, and why it gave them. Read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from governance.admin.facts import Facts, Table, badge, bullets, code, draw, fact, link, when
from governance.admin.filters import AgentFilter, WorkspaceFilter
from governance.admin.pages import FactsAdmin, Section
from governance.admin.rendering.visible import visible
from governance.domain.words import DecisionKind
from governance.models import Decision, Grant


@admin.register(Decision)
class DecisionAdmin(FactsAdmin):
    """The decisions of one's workspaces, newest first."""

    list_display = ("at", "shown_agent", "question", "shown_route", "shown_maturity", "policy")
    list_filter = (WorkspaceFilter, AgentFilter, "route", "kind")
    list_select_related = ("agent", "policy")
    has_trail = False

    @admin.display(description="When")
    def at(self, row: Decision) -> SafeString:
        """When the gate was asked."""
        return when(row.created_at)

    @admin.display(description="Agent")
    def shown_agent(self, row: Decision) -> SafeString:
        """Whom it is about."""
        return visible(row.agent.name)

    @admin.display(description="Question")
    def question(self, row: Decision) -> SafeString:
        """The action asked for, in the agent's words; or that it wanted to start."""
        return draw(question_of(row))

    @admin.display(description="Route")
    def shown_route(self, row: Decision) -> SafeString:
        """The answer."""
        return badge(row.route)

    @admin.display(description="Maturity then")
    def shown_maturity(self, row: Decision) -> SafeString:
        """What the agent's row said."""
        return badge(row.maturity)

    def sections(self, request: HttpRequest, row: Decision) -> list[Section]:
        """The answer, what it rests on, and what came of it."""
        grant = Grant.objects.filter(pk=row.grant_id).first() if row.grant_id else None
        answer = [
            fact("Question", question_of(row)),
            fact("Route", badge(row.route)),
            fact("Reasons", bullets(row.reasons)),
            fact("When", when(row.created_at)),
        ]
        grounds = [
            fact("Agent", link(row.agent)),
            fact("Maturity then", badge(row.maturity)),
            fact("Policy", link(row.policy) if row.policy else "none was published"),
            fact("Grant", link(grant)),
            fact("Params digest", code(row.params_digest)),
        ]
        belongs = [
            fact("Trigger", link(row.trigger)),
            fact("Run", link(row.run)),
            fact("Proposal", link(row.proposal)),
            fact("Execution", link(row.execution)),
            fact("Step", code(row.step)),
        ]
        return [
            Facts("Answer", answer),
            _matches(row),
            Facts("Grounds", grounds),
            Facts("Belongs to", belongs),
        ]


def question_of(row: Decision) -> str:
    """What the gate was asked."""
    return "May it start?" if row.kind == DecisionKind.TRIGGER else row.action_type


def _matches(row: Decision) -> Table:
    matches: list[dict[str, Any]] = row.matched_rules
    return Table(
        "Rules that matched",
        ("Rule", "Route", "Reason", "Error"),
        [
            (
                code(match.get("rule", "")),
                badge(match.get("route", "")),
                draw(match.get("reason")),
                draw(match.get("error")),
            )
            for match in matches
        ],
        empty="None.",
    )
