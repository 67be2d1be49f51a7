"""Agents: register, change, pause, resume and retire them; what each has earned and done."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse

from governance.admin import agent_learning, standing
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
from governance.admin.filters import WorkspaceFilter
from governance.admin.forms import InWorkspaceForm, JsonObjectField, TextField, line, select
from governance.admin.maturity_pages import DemotePage, PromotePage
from governance.admin.pages import AddPage, FactsAdmin, ReasonPage, RowPage, Section, token_of
from governance.admin.rendering.visible import visible
from governance.domain.actors import Actor
from governance.domain.roles import Right
from governance.domain.states import AgentState, CeilingState, GrantState
from governance.domain.values import Json
from governance.domain.words import Maturity
from governance.models import Agent, Ceiling, Decision, Exam, Membership, Proposal, Run
from governance.policy.redaction import clean
from governance.services import agents

LATEST = 10


class DescriptionForm(forms.Form):
    """What describes an agent: `agents.EDITABLE`."""

    category = forms.CharField(max_length=100, required=False, widget=line())
    description = TextField(max_length=2_000, required=False)
    module_path = forms.CharField(
        max_length=200,
        required=False,
        widget=line(spellcheck="false"),
        help_text="Of an agent that runs in this process: the module its class is in.",
    )
    class_name = forms.CharField(max_length=100, required=False, widget=line(spellcheck="false"))
    configuration = JsonObjectField(
        help_text='A JSON object. "capabilities" in it is a list of strings.'
    )


class RegisterForm(InWorkspaceForm, DescriptionForm):
    """A new agent."""

    name = forms.CharField(max_length=100, widget=line())
    owner = forms.ModelChoiceField(
        get_user_model().objects.none(),
        widget=select(),
        empty_label=None,
        help_text="The member who answers for it.",
    )
    maturity = forms.ChoiceField(
        choices=Maturity.choices,
        initial=Maturity.STUDENT,
        widget=select(),
        help_text="Above student it is your word without evidence, and the ledger says so.",
    )

    field_order = ("workspace", "name", "owner", "maturity")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        members = Membership.objects.filter(workspace_id__in=kwargs["workspaces"])
        owner: Any = self.fields["owner"]
        owner.queryset = (
            get_user_model()
            .objects.filter(pk__in=members.values("user_id"), is_active=True)
            .order_by("username")
        )


class RegisterPage(AddPage):
    """Register an agent."""

    form_class = RegisterForm
    title = "Register an agent"
    submit = "Register"
    done = "The agent is registered."

    def initial(self) -> dict[str, Any]:
        """Whoever registers it usually answers for it."""
        return {"owner": self.request.user.pk, "configuration": {}}

    def save(self, data: Any, by: Actor) -> str:
        """Register it."""
        return page_of(agents.register(**data, by=by))


class ChangePage(RowPage):
    """Change what describes an agent."""

    slug, label = "edit", "Change"
    form_class = DescriptionForm
    title = "Change"
    explanation = (
        "A change of the module path, the class name or the configuration makes another agent of "
        "it: its fingerprint changes, what it proposed before can no longer be approved, and it "
        "drops by one maturity until it has earned that again."
    )

    def initial(self) -> dict[str, Any]:
        """As it is."""
        return {name: getattr(self.row, name) for name in agents.EDITABLE}

    def token(self, row: Any) -> str:
        """The fields of this form: pausing the agent meanwhile is no conflict."""
        return token_of(row, agents.EDITABLE)

    def save(self, data: Any, by: Actor) -> str:
        """Only what is different is a change."""
        changes = {name: data[name] for name in data if data[name] != getattr(self.row, name)}
        if changes:
            agents.update(agent=self.row, changes=changes, by=by)
        else:
            messages.info(self.request, "Nothing was different, so nothing was written.")
        return page_of(self.row)


class PausePage(ReasonPage):
    """Deny everything the agent asks, from now on."""

    slug, label, to = "pause", "Pause", AgentState.PAUSED
    title = submit = "Pause"
    explanation = "From the next decision on, everything this agent asks is denied."
    danger = True
    done = "The agent is paused."

    def move(self, reason: str, by: Actor) -> None:
        """Pause it."""
        agents.pause(agent=self.row, reason=reason, by=by)


class ResumePage(ReasonPage):
    """Let a paused agent ask again."""

    slug, label, to = "resume", "Resume", AgentState.ACTIVE
    title = submit = "Resume"
    explanation = "The agent may ask again; every action still goes through the gate."
    done = "The agent is active again."

    def move(self, reason: str, by: Actor) -> None:
        """Resume it."""
        agents.resume(agent=self.row, reason=reason, by=by)


class RetirePage(ReasonPage):
    """End an agent for good."""

    slug, label, to = "retire", "Retire", AgentState.RETIRED
    title = submit = "Retire"
    explanation = "A retired agent never comes back. Its record stays."
    danger = True
    done = "The agent is retired."

    def move(self, reason: str, by: Actor) -> None:
        """Retire it."""
        agents.retire(agent=self.row, reason=reason, by=by)


@admin.register(Agent)
class AgentAdmin(FactsAdmin):
    """The agents of one's workspaces."""

    list_display = (
        "shown_name",
        "shown_category",
        "shown_maturity",
        "shown_state",
        "confidence",
        "owner",
    )
    list_filter = (WorkspaceFilter, "maturity", "state")
    list_select_related = ("owner",)
    search_fields = ("name", "category")
    search_help_text = "Name or category"
    pages = (ChangePage, PromotePage, DemotePage, PausePage, ResumePage, RetirePage)
    add_page = RegisterPage

    @admin.display(description="Name")
    def shown_name(self, row: Agent) -> str:
        """The name, nothing hidden."""
        return visible(row.name)

    @admin.display(description="Category")
    def shown_category(self, row: Agent) -> str:
        """The category, nothing hidden."""
        return draw(row.category)

    @admin.display(description="Maturity")
    def shown_maturity(self, row: Agent) -> str:
        """The maturity earned."""
        return badge(row.maturity)

    @admin.display(description="State")
    def shown_state(self, row: Agent) -> str:
        """The state."""
        return badge(row.state)

    @admin.display(description="Confidence")
    def confidence(self, row: Agent) -> str:
        """0.00 to 1.00."""
        return f"{row.confidence_score:.2f}"

    def sections(self, request: HttpRequest, row: Agent) -> list[Section]:
        """What it is, what it may, and what it did last."""
        return [
            _standing(row),
            standing.summary(row),
            *agent_learning.sections(row),
            _made_of(row),
            _grants(row),
            _exams(row),
            _decisions(row),
            _proposals(row),
            _runs(row),
        ]

    def get_urls(self) -> list[URLPattern]:
        """And the page that shows its standing."""
        view = self.admin_site.admin_view(standing.StandingPage.as_view(admin=self))
        own = path("<uuid:object_id>/standing/", view, name="governance_agent_standing")
        return [own, *super().get_urls()]

    def links(self, request: HttpRequest, row: Agent) -> list[Button]:
        """Its standing; and what governors give and set for an agent."""
        shown = [Button("Standing", reverse("admin:governance_agent_standing", args=[row.pk]))]
        if row.state == AgentState.RETIRED or not may(request, row, Right.GOVERN):
            return shown
        return [
            *shown,
            Button("Give a grant", f"{reverse('admin:governance_grant_add')}?agent={row.pk}"),
            Button("Set a ceiling", f"{reverse('admin:governance_ceiling_add')}?agent={row.pk}"),
            Button("Start an exam", f"{reverse('admin:governance_exam_add')}?agent={row.pk}"),
        ]


def _standing(row: Agent) -> Facts:
    ceiling = Ceiling.objects.filter(agent=row, state=CeilingState.ACTIVE).first()
    return Facts(
        "Standing",
        [
            fact("Maturity", badge(row.maturity)),
            fact("Ceiling", link(ceiling, f"at most {ceiling.maturity}") if ceiling else None),
            fact("State", badge(row.state)),
            fact("Confidence", f"{row.confidence_score:.2f} of 1"),
            fact("Owner", row.owner.get_username()),
            fact("Workspace", row.workspace.name),
            fact("Registered", when(row.created_at)),
        ],
    )


def _made_of(row: Agent) -> Facts:
    configuration: dict[str, Json] = row.configuration
    return Facts(
        "What it is made of",
        [
            fact("Category", row.category),
            fact("Description", row.description),
            fact("Capabilities", bullets(row.capabilities)),
            fact("Module path", code(row.module_path)),
            fact("Class name", code(row.class_name)),
            fact("Fingerprint", code(row.fingerprint)),
            fact("Configuration", json_block(clean(configuration))),
        ],
    )


def _grants(row: Agent) -> Table:
    grants = row.grants.filter(state=GrantState.ACTIVE).order_by("-created_at", "-id")
    return Table(
        "Grants",
        ("Action type", "Route", "Condition", "Until"),
        [
            (
                link(grant, grant.action_type),
                badge(grant.route),
                code(grant.condition),
                when(grant.expires_at),
            )
            for grant in grants[:LATEST]
        ],
        empty="No grant loosens anything for this agent.",
        more=_all("grant", row),
    )


def _exams(row: Agent) -> Table:
    exams = Exam.objects.filter(agent=row).order_by("-created_at", "-id")[:LATEST]
    return Table(
        "Latest exams",
        ("When", "Attempt", "For", "State", "Score"),
        [
            (
                link(exam, f"{exam.created_at:%Y-%m-%d %H:%M:%S}"),
                draw(str(exam.attempt)),
                badge(exam.target),
                badge(exam.state),
                draw(None if exam.score is None else f"{exam.score:.3f} of {exam.needed:.2f}"),
            )
            for exam in exams
        ],
        empty="It has sat no exam yet.",
        more=_all("exam", row),
    )


def _decisions(row: Agent) -> Table:
    found = Decision.objects.filter(agent=row).order_by("-created_at", "-id")[:LATEST]
    return Table(
        "Latest decisions",
        ("When", "Question", "Route", "Reasons"),
        [
            (
                link(decision, f"{decision.created_at:%Y-%m-%d %H:%M:%S}"),
                draw(decision.action_type or "start"),
                badge(decision.route),
                bullets(decision.reasons),
            )
            for decision in found
        ],
        empty="The gate has not been asked yet.",
        more=_all("decision", row),
    )


def _proposals(row: Agent) -> Table:
    found = Proposal.objects.filter(agent=row).order_by("-created_at", "-id")[:LATEST]
    return Table(
        "Latest proposals",
        ("When", "Proposal", "State"),
        [(when(each.created_at), link(each), badge(each.state)) for each in found],
        empty="It has proposed nothing yet.",
        more=f"{_all('proposal', row)}&show=history",
    )


def _runs(row: Agent) -> Table:
    runs = Run.objects.filter(agent=row).select_related("trigger").order_by("-created_at", "-id")
    return Table(
        "Latest runs",
        ("When", "Trigger", "State", "Maturity then"),
        [
            (
                link(run, f"{run.created_at:%Y-%m-%d %H:%M:%S}"),
                draw(str(run.trigger)),
                badge(run.state),
                badge(run.maturity),
            )
            for run in runs[:LATEST]
        ],
        empty="It has not run yet.",
        more=_all("run", row),
    )


def _all(model: str, row: Agent) -> str:
    return f"{reverse(f'admin:governance_{model}_changelist')}?agent={row.pk}"
