"""Grants and ceilings: what loosens one action type of one agent, and what caps an agent."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from governance.admin.facts import Facts, badge, code, fact, link, page_of, when
from governance.admin.filters import AgentFilter
from governance.admin.forms import MomentField, TextField, select
from governance.admin.pages import AddPage, FactsAdmin, ReasonPage, Section
from governance.admin.rendering.visible import revealed, visible
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput
from governance.domain.states import AgentState, CeilingState, GrantState
from governance.domain.words import Maturity, Route
from governance.models import ActionType, Agent, Ceiling, Grant
from governance.models.grant import LOOSENING
from governance.policy.conditions import Condition
from governance.services import grants

USUAL = datetime.timedelta(days=30)


class AgentChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic when it runs
    """An agent, with its workspace where there are several."""

    def label_from_instance(self, obj: Agent) -> str:
        """Its name and maturity."""
        return f"{revealed(obj.name)} ({obj.maturity}, {obj.workspace.name})"


class ForAgentForm(forms.Form):
    """Something given to an agent of the governed workspaces, and why."""

    agent = AgentChoice(Agent.objects.none(), widget=select(), empty_label="Choose an agent")
    reason = TextField(max_length=500, help_text="Kept in the ledger, with your name.")

    def __init__(self, *args: Any, workspaces: Sequence[uuid.UUID], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        agent: Any = self.fields["agent"]
        agent.queryset = (
            Agent.objects.filter(workspace_id__in=workspaces)
            .exclude(state=AgentState.RETIRED)
            .select_related("workspace")
            .order_by("name", "id")
        )


class GrantForm(ForAgentForm):
    """A grant."""

    action_type = forms.ChoiceField(widget=select())
    route = forms.ChoiceField(
        choices=[(route.value, route.label) for route in LOOSENING],
        initial=Route.EXECUTION,
        widget=select(),
        help_text="What the agent is allowed instead of what its maturity would say.",
    )
    condition = TextField(
        mono=True,
        required=False,
        help_text=(
            "CEL over agent, action, params, trigger, run and now, as in params.amount < 100. "
            "Empty: always. A grant whose condition fails counts as absent."
        ),
    )
    expires_at = MomentField(label="Until (UTC)", help_text="At most 366 days ahead.")

    field_order = ("agent", "action_type", "route", "condition", "expires_at", "reason")

    def __init__(self, *args: Any, workspaces: Sequence[uuid.UUID], **kwargs: Any) -> None:
        super().__init__(*args, workspaces=workspaces, **kwargs)
        enabled = ActionType.objects.filter(workspace_id__in=workspaces).enabled()
        keys = enabled.filter(system_only=False).order_by("key").values_list("key", flat=True)
        field: Any = self.fields["action_type"]
        field.choices = [
            ("", "Choose an action type"),
            *((key, key) for key in dict.fromkeys(keys)),
        ]

    def clean_condition(self) -> str:
        """A condition that does not compile is said at its field."""
        condition: str = self.cleaned_data["condition"]
        if condition:
            try:
                Condition(condition)
            except InvalidInput as error:
                raise forms.ValidationError(str(error)) from error
        return condition


class CeilingForm(ForAgentForm):
    """A ceiling."""

    maturity = forms.ChoiceField(
        label="At most",
        choices=Maturity.choices,
        widget=select(),
        help_text="Whatever it earns or is granted, it may do no more than at this maturity.",
    )

    field_order = ("agent", "maturity", "reason")


class ForAgentPage(AddPage):
    """Something given to an agent; `?agent=` names it beforehand."""

    def initial(self) -> dict[str, Any]:
        """The agent of the address."""
        return {"agent": self.request.GET.get("agent")}


class GivePage(ForAgentPage):
    """Give a grant."""

    form_class = GrantForm
    title = "Give a grant"
    explanation = "A grant is the one thing that loosens: one agent, one action type, for a time."
    submit = "Give the grant"
    done = "The grant is given."

    def initial(self) -> dict[str, Any]:
        """A month, usually."""
        return {**super().initial(), "expires_at": timezone.now() + USUAL}

    def save(self, data: Any, by: Actor) -> str:
        """Give it."""
        return page_of(grants.give(**data, by=by))


class SetCeilingPage(ForAgentPage):
    """Set a ceiling."""

    form_class = CeilingForm
    title = "Set a ceiling"
    explanation = "It holds from the next decision on, and replaces a ceiling the agent has."
    submit = "Set the ceiling"
    done = "The ceiling is set."

    def save(self, data: Any, by: Actor) -> str:
        """Set it."""
        return page_of(grants.set_ceiling(**data, by=by))


class RevokePage(ReasonPage):
    """End a grant."""

    slug, label, to = "revoke", "Revoke", GrantState.REVOKED
    title = "Revoke the grant"
    explanation = "It holds for no decision after this."
    submit = "Revoke"
    danger = True
    done = "The grant is revoked."

    def move(self, reason: str, by: Actor) -> None:
        """Revoke it."""
        grants.revoke(grant=self.row, reason=reason, by=by)


class LiftPage(ReasonPage):
    """Remove a ceiling."""

    slug, label, to = "lift", "Lift", CeilingState.LIFTED
    title = "Lift the ceiling"
    explanation = "From the next decision on the agent may do what its maturity and grants allow."
    submit = "Lift"
    done = "The ceiling is lifted."

    def move(self, reason: str, by: Actor) -> None:
        """Lift it; the row is locked, so it is still the agent's active one."""
        grants.lift_ceiling(agent=self.row.agent, reason=reason, by=by)


class ForAgentAdmin(FactsAdmin):
    """What grants and ceilings share."""

    list_filter = (AgentFilter, "state")

    @admin.display(description="Agent")
    def shown_agent(self, row: Any) -> SafeString:
        """The agent's name."""
        return visible(row.agent.name)


@admin.register(Grant)
class GrantAdmin(ForAgentAdmin):
    """The grants of one's workspaces."""

    list_display = ("shown_agent", "action_type", "shown_route", "standing", "until", "given_by")
    list_select_related = ("agent", "given_by")
    pages = (RevokePage,)
    add_page = GivePage

    @admin.display(description="Route")
    def shown_route(self, row: Grant) -> SafeString:
        """What it loosens to."""
        return badge(row.route)

    @admin.display(description="State")
    def standing(self, row: Grant) -> SafeString:
        """An active grant whose time is over is expired, though its state does not change."""
        return badge(_standing(row))

    @admin.display(description="Until")
    def until(self, row: Grant) -> SafeString:
        """When it ends."""
        return when(row.expires_at)

    def sections(self, request: HttpRequest, row: Grant) -> list[Section]:
        """What is granted, by whom and why."""
        facts = [
            fact("Agent", link(row.agent)),
            fact("Action type", code(row.action_type)),
            fact("Route", badge(row.route)),
            fact("Condition", code(row.condition)),
            fact("State", badge(_standing(row))),
            fact("Until", when(row.expires_at)),
            fact("Reason", row.reason),
            fact("Given by", row.given_by.get_username()),
            fact("Given", when(row.created_at)),
            fact("Revoked", when(row.revoked_at)),
        ]
        return [Facts("Grant", facts)]


@admin.register(Ceiling)
class CeilingAdmin(ForAgentAdmin):
    """The ceilings of one's workspaces."""

    list_display = ("shown_agent", "shown_maturity", "shown_state", "since", "set_by")
    list_select_related = ("agent", "set_by")
    pages = (LiftPage,)
    add_page = SetCeilingPage

    @admin.display(description="At most")
    def shown_maturity(self, row: Ceiling) -> SafeString:
        """The cap."""
        return badge(row.maturity)

    @admin.display(description="State")
    def shown_state(self, row: Ceiling) -> SafeString:
        """Active or lifted."""
        return badge(row.state)

    @admin.display(description="Since")
    def since(self, row: Ceiling) -> SafeString:
        """When it was set."""
        return when(row.created_at)

    def sections(self, request: HttpRequest, row: Ceiling) -> list[Section]:
        """What is capped, by whom and why."""
        facts = [
            fact("Agent", link(row.agent)),
            fact("At most", badge(row.maturity)),
            fact("State", badge(row.state)),
            fact("Reason", row.reason),
            fact("Set by", row.set_by.get_username()),
            fact("Set", when(row.created_at)),
            fact("Lifted", when(row.lifted_at)),
        ]
        return [Facts("Ceiling", facts)]


def _standing(row: Grant) -> str:
    if row.state == GrantState.ACTIVE and row.expires_at <= timezone.now():
        return "expired"
    return row.state
