"""Blocked triggers: what students were asked to start on, and the retry once they are trained."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from governance import gate
from governance.admin.facts import Facts, Table, badge, bullets, draw, fact, link, page_of, when
from governance.admin.filters import AgentFilter, WorkspaceFilter
from governance.admin.pages import FactsAdmin, RowPage, Section
from governance.admin.rendering.visible import visible
from governance.admin.training_facts import FOLLOWED, came_of, standing
from governance.domain.actors import Actor
from governance.domain.roles import Right
from governance.domain.words import TriggerSource
from governance.models import BlockedTrigger, TrainingSession
from governance.services import triggers

BLOCKED, FREE, RETRIED = "blocked", "free", "retried"


class Standing(SimpleListFilter):
    """How far they are."""

    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The three there are."""
        return [(BLOCKED, "Blocked"), (FREE, "May be retried"), (RETRIED, "Retried")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of one."""
        found = {
            BLOCKED: {"resolved_at__isnull": True},
            FREE: {"resolved_at__isnull": False, "retried_as__isnull": True},
            RETRIED: {"retried_as__isnull": False},
        }.get(self.value() or "")
        return queryset.filter(**found) if found else queryset


class TriggeredAgentFilter(AgentFilter):
    """Whom the trigger asked to start."""

    column = "trigger__agent_id"


class RetryPage(RowPage):
    """Fire it again."""

    slug, label = "retry", "Retry"
    right = Right.START
    title = "Retry"
    explanation = (
        "The trigger is fired again with the same context, once. It meets the gate as the agent is "
        "now: a training moves its confidence, and not its maturity."
    )
    submit = "Retry"

    @classmethod
    def offered(cls, row: Any) -> bool:
        """Once the training it waited for is completed, and once."""
        return row.resolved_at is not None and row.retried_as_id is None

    @property
    def standing(self) -> str:
        """What stands in the way."""
        return "retried already" if self.row.retried_as_id else "blocked until a training ends well"

    def token(self, row: Any) -> str:
        """Whether it was retried."""
        return seen(row)

    def context(self) -> dict[str, Any]:
        """What the gate would say now."""
        asked = Facts("Asked now", [fact("The gate would answer", answer_now(self.row))])
        return {**super().context(), "sections": [asked]}

    def save(self, data: Any, by: Actor) -> str:
        """Fire it, and go back to the training it waited for."""
        started = triggers.retry(blocked=self.row, by=by)
        # Of this one answer: a view is made anew for each request.
        self.done = f"It was fired again, and the gate answered {started.trigger.route}."  # type: ignore[misc]
        session = TrainingSession.objects.filter(plan=self.row.plan).first()
        return page_of(session or self.row)


def seen(row: BlockedTrigger) -> str:
    """The token of a blocked trigger: what must be as the person saw it."""
    return str(row.retried_as_id or f"since {row.resolved_at}")


def answer_now(row: BlockedTrigger) -> SafeString:
    """The route that the gate would give this trigger now, and why. Reads only."""
    trigger = row.trigger
    answer = gate.ask_to_start(agent_id=trigger.agent_id, source=TriggerSource(trigger.source))
    return bullets([badge(answer.route, answer.route.label), *answer.verdict.reasons])


@admin.register(BlockedTrigger)
class BlockedTriggerAdmin(FactsAdmin):
    """What the gate sent to training in one's workspaces."""

    list_display = ("at", "shown_agent", "shown_trigger", "shown_standing")
    list_filter = (Standing, TriggeredAgentFilter, WorkspaceFilter)
    list_select_related = FOLLOWED
    ordering = ("-created_at", "-id")
    pages = (RetryPage,)
    has_trail = False  # the ledger's entries are about the trigger itself

    @admin.display(description="When")
    def at(self, row: BlockedTrigger) -> SafeString:
        """When it was fired."""
        return when(row.created_at)

    @admin.display(description="Agent")
    def shown_agent(self, row: BlockedTrigger) -> SafeString:
        """Whose it is."""
        return visible(row.trigger.agent.name)

    @admin.display(description="Trigger")
    def shown_trigger(self, row: BlockedTrigger) -> SafeString:
        """Its source and type."""
        return draw(str(row.trigger))

    @admin.display(description="Standing")
    def shown_standing(self, row: BlockedTrigger) -> SafeString:
        """Blocked, may be retried, or retried."""
        return standing(row)

    def sections(self, request: HttpRequest, row: BlockedTrigger) -> list[Section]:
        """What it waits for, and what came of it."""
        session = TrainingSession.objects.filter(plan=row.plan).first()
        facts = [
            fact("Agent", link(row.trigger.agent)),
            fact("Trigger", link(row.trigger)),
            fact("Standing", standing(row)),
            fact("Proposal to train it", link(row.plan.proposal)),
            fact("Training", link(session)),
            fact("Blocked", when(row.created_at)),
            fact("Resolved", when(row.resolved_at)),
        ]
        found: list[Section] = [Facts("Blocked trigger", facts)]
        if row.retried_as is not None:
            found.append(Facts("The retry", [fact("What came of it", came_of(row))]))
        elif row.resolved_at is not None:
            found.append(Facts("Asked now", [fact("The gate would answer", answer_now(row))]))
        return found


def table(rows: QuerySet[BlockedTrigger], *, most: int, more: str) -> Table:
    """The newest of some blocked triggers, for the pages of others."""
    found = rows.select_related(*FOLLOWED).order_by("-created_at", "-id")[:most]
    return Table(
        "Blocked triggers",
        ("When", "Trigger", "Standing"),
        [(when(row.created_at), link(row, str(row.trigger)), standing(row)) for row in found],
        more=more,
    )
