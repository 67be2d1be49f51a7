"""Moving an agent up and down from its page, and the changes that were made."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from governance.admin.facts import Facts, badge, bullets, fact, json_block, link, page_of, when
from governance.admin.filters import AgentFilter, WorkspaceFilter
from governance.admin.forms import TextField, select
from governance.admin.pages import FactsAdmin, RowPage, Section
from governance.admin.rendering.visible import visible
from governance.domain.actors import Actor
from governance.domain.states import AgentState
from governance.domain.words import Maturity
from governance.models import MaturityChange
from governance.services import maturity, promotions


class PromoteForm(forms.Form):
    """A promotion."""

    note = TextField(max_length=2_000, required=False, help_text="Kept with the change.")


class DemoteForm(forms.Form):
    """A demotion."""

    to = forms.ChoiceField(label="To", widget=select())
    reason = TextField(max_length=2_000, help_text="Kept with the change, with your name.")

    def __init__(self, *args: Any, maturity: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        to: Any = self.fields["to"]
        to.choices = [
            (level.value, level.label)
            for level in reversed(Maturity)
            if level.rank < Maturity(maturity).rank
        ]


class LevelPage(RowPage):
    """A change of maturity, of the agent as the person saw it."""

    def token(self, row: Any) -> str:
        """A change of maturity is no move along the agent's lifecycle: its stint tells."""
        return f"{row.version}:{row.stint}"

    @property
    def standing(self) -> str:
        """What stands in the way."""
        return f"{self.row.maturity}, and {self.row.state}"


class PromotePage(LevelPage):
    """One level up."""

    slug, label, title = "promote", "Promote", "Promote"
    form_class = PromoteForm
    explanation = (
        "By one level, at readiness and with a passed exam. To autonomous only a governor promotes "
        "who does not own the agent. What it lacks is said below."
    )
    submit = "Promote it"
    done = "It is promoted, and begins a new stint."

    @classmethod
    def offered(cls, row: Any) -> bool:
        """There is something above."""
        above = maturity.next_after(Maturity(row.maturity))
        return above is not None and row.state != AgentState.RETIRED

    def context(self) -> dict[str, Any]:
        """What it has and lacks."""
        shown = super().context()
        if not self.offered(self.row):
            return shown
        found = promotions.prospect(self.row)
        facts = [
            fact("From", badge(self.row.maturity)),
            fact("To", badge(found.target)),
            fact("Score", f"{found.readiness.score:.1f} of 100"),
            fact("Still lacking", bullets(found.wanting)),
        ]
        return {**shown, "sections": [Facts("What it has earned", facts)]}

    def save(self, data: Any, by: Actor) -> str:
        """Promote it, if it has earned it."""
        promotions.promote(agent=self.row, seen=self.row.stint, note=data["note"], by=by)
        return page_of(self.row)


class DemotePage(LevelPage):
    """Down, by any number of levels."""

    slug, label, title = "demote", "Demote", "Demote"
    form_class = DemoteForm
    explanation = (
        "Felt by its next action. Its grants are revoked, and its open proposals are put through "
        "the gate again."
    )
    submit = "Demote it"
    danger = True
    done = "It is demoted."

    @classmethod
    def offered(cls, row: Any) -> bool:
        """There is something below."""
        return bool(row.maturity != Maturity.STUDENT and row.state != AgentState.RETIRED)

    def form_kwargs(self) -> dict[str, Any]:
        """The levels below."""
        return {**super().form_kwargs(), "maturity": self.row.maturity}

    def save(self, data: Any, by: Actor) -> str:
        """Demote it."""
        promotions.demote(agent=self.row, by=by, **data)
        return page_of(self.row)


@admin.register(MaturityChange)
class MaturityChangeAdmin(FactsAdmin):
    """The promotions and demotions of one's workspaces."""

    list_display = ("at", "shown_agent", "shown_before", "shown_after", "reason")
    list_filter = (WorkspaceFilter, AgentFilter, "reason")
    list_select_related = ("agent",)
    has_trail = False

    @admin.display(description="When")
    def at(self, row: MaturityChange) -> SafeString:
        """When it changed."""
        return when(row.created_at)

    @admin.display(description="Agent")
    def shown_agent(self, row: MaturityChange) -> SafeString:
        """Whose maturity."""
        return visible(row.agent.name)

    @admin.display(description="From")
    def shown_before(self, row: MaturityChange) -> SafeString:
        """What it was."""
        return badge(row.before)

    @admin.display(description="To")
    def shown_after(self, row: MaturityChange) -> SafeString:
        """What it became."""
        return badge(row.after)

    def sections(self, request: HttpRequest, row: MaturityChange) -> list[Section]:
        """Why, and the evidence as it was then."""
        facts = [
            fact("Agent", link(row.agent)),
            fact("From", badge(row.before)),
            fact("To", badge(row.after)),
            fact("Because", row.get_reason_display()),
            fact("Exam", link(row.exam) if row.exam else None),
            fact("Confirmed by", row.confirmed_by and row.confirmed_by.get_username()),
            fact("Note", row.note),
            fact("When", when(row.created_at)),
        ]
        frozen = [fact("Evidence", json_block(row.evidence))]
        return [Facts("Change of maturity", facts), Facts("As it stood then, for good", frozen)]
