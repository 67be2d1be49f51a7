"""Workspaces and their people: halt and resume, and who has which role."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from governance.admin.base import workspaces_of
from governance.admin.facts import Facts, Table, badge, bullets, draw, fact, link, page_of, when
from governance.admin.filters import WorkspaceFilter
from governance.admin.forms import InWorkspaceForm, line, select, switch
from governance.admin.pages import AddPage, FactsAdmin, ReasonPage, RowPage, Section
from governance.admin.proposal_advice import switch_facts
from governance.domain.actors import Actor
from governance.domain.errors import StaleState
from governance.domain.roles import RIGHTS, Role
from governance.domain.states import WorkspaceState
from governance.models import Membership, PolicyVersion, Workspace
from governance.services import advice, memberships, workspaces

MOST_MEMBERS = 200


class AdviceForm(forms.Form):
    """The switch."""

    allowed = forms.BooleanField(
        label="Advice may approve such plans by itself",
        required=False,
        widget=switch(),
        help_text="Off unless a governor switches it on. The ledger keeps each change.",
    )


class HaltPage(ReasonPage):
    """The kill switch."""

    slug, label, to = "halt", "Halt everything", WorkspaceState.HALTED
    title = "Halt everything in"
    explanation = (
        "From the next decision on, everything in this workspace is denied, and workers take up "
        "nothing of it. What was already sent is not called back."
    )
    submit = "Halt"
    danger = True
    done = "The workspace is halted."

    def move(self, reason: str, by: Actor) -> None:
        """Halt it."""
        workspaces.halt(workspace=self.row, reason=reason, by=by)


class ResumePage(ReasonPage):
    """Let a halted workspace work again."""

    slug, label, to = "resume", "Resume", WorkspaceState.ACTIVE
    title = submit = "Resume"
    explanation = "What waited is taken up again, and agents may ask again."
    done = "The workspace is active again."

    def move(self, reason: str, by: Actor) -> None:
        """Resume it."""
        workspaces.resume(workspace=self.row, reason=reason, by=by)


class AdvicePage(RowPage):
    """The switch that lets advice approve, set to what it is not."""

    label = "Change what advice may do"
    slug = "advice"
    title = "What advice may do in"
    explanation = (
        "An autonomous agent can be asked what it thinks of a proposal. That is advice, and "
        "nobody's approval. You may let advice that is for a plan approve it without a person: "
        "only where every step is reversible, of complexity 1 or 2, and one approval is enough; "
        "never a start or a training. The proposal, its history and the ledger then say that "
        "advice decided, and whose."
    )
    done = "It holds from the next answer of an adviser on."
    form_class = AdviceForm

    def initial(self) -> dict[str, Any]:
        """As it is."""
        return {"allowed": self.row.advice_may_approve}

    def token(self, row: Any) -> str:
        """The setting that was seen."""
        return str(row.advice_may_approve)

    def save(self, data: Any, by: Actor) -> str:
        """Set it."""
        advice.allow_to_approve(workspace=self.row, allowed=data["allowed"], by=by)
        return page_of(self.row)


@admin.register(Workspace)
class WorkspaceAdmin(FactsAdmin):
    """One's workspaces; they are created by the command `setup`."""

    list_display = ("name", "shown_state", "since")
    pages = (HaltPage, ResumePage, AdvicePage)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """A workspace belongs to itself."""
        return Workspace.objects.filter(pk__in=workspaces_of(request))

    @admin.display(description="State")
    def shown_state(self, row: Workspace) -> SafeString:
        """Active or halted."""
        return badge(row.state)

    @admin.display(description="Since")
    def since(self, row: Workspace) -> SafeString:
        """When it was created."""
        return when(row.created_at)

    def sections(self, request: HttpRequest, row: Workspace) -> list[Section]:
        """Its state, its policy, its people."""
        facts = [
            fact("Name", row.name),
            fact("State", badge(row.state)),
            fact("Policy in force", link(PolicyVersion.objects.newest(row.pk))),
            fact("Created", when(row.created_at)),
        ]
        people = row.memberships.select_related("user").order_by("user__username")[:MOST_MEMBERS]
        table = Table(
            "People",
            ("Person", "Role"),
            [(link(each, each.user.get_username()), badge(each.role)) for each in people],
        )
        return [Facts("Workspace", facts), switch_facts(row.advice_may_approve), table]


class RoleForm(forms.Form):
    """A role."""

    role = forms.ChoiceField(
        choices=Role.choices,
        widget=select(),
        help_text=(
            "Viewers and auditors read. Reviewers also decide proposals. Supervisors also start "
            "agents by hand. Governors also own agents, rules, grants and people."
        ),
    )


class MemberForm(InWorkspaceForm, RoleForm):
    """A new member. The name is typed: whoever has an account here is nobody else's business."""

    username = forms.CharField(
        max_length=150,
        widget=line(spellcheck="false", autocapitalize="off"),
        help_text="Of somebody who has an account here already.",
    )

    field_order = ("workspace", "username", "role")

    def clean_username(self) -> Any:
        """The active user of this name."""
        name = self.cleaned_data["username"]
        user = get_user_model().objects.filter(username=name, is_active=True).first()
        if user is None:
            raise forms.ValidationError(f"There is no active user {name!r}; check the spelling.")
        return user


class AddMemberPage(AddPage):
    """Make somebody a member."""

    form_class = MemberForm
    title = "Add a member"
    submit = "Add"
    done = "The person is a member."

    def save(self, data: Any, by: Actor) -> str:
        """Add them; somebody who is a member already keeps the role they have."""
        workspace, user = data["workspace"], data["username"]
        found = Membership.objects.of(workspace.pk).filter(user=user).first()
        if found is not None:
            raise StaleState(
                f"{user.get_username()} is a member already, as {found.role}; change the role on "
                "the membership's page."
            )
        return page_of(memberships.add(workspace=workspace, user=user, role=data["role"], by=by))


class ChangeRolePage(RowPage):
    """Give a member another role."""

    slug, label = "role", "Change the role"
    form_class = RoleForm
    title = "Change the role:"
    explanation = "It holds from the person's next click on."
    done = "The role is changed."

    def initial(self) -> dict[str, Any]:
        """As it is."""
        return {"role": self.row.role}

    def token(self, row: Any) -> str:
        """The role that was seen."""
        return str(row.role)

    def save(self, data: Any, by: Actor) -> str:
        """Change it."""
        memberships.add(workspace=self.row.workspace, user=self.row.user, role=data["role"], by=by)
        return page_of(self.row)


@admin.register(Membership)
class MembershipAdmin(FactsAdmin):
    """The people of one's workspaces."""

    list_display = ("shown_user", "shown_role", "workspace", "may_sign_in")
    list_filter = (WorkspaceFilter, "role")
    list_select_related = ("user", "workspace")
    ordering = ("workspace_id", "user_id")
    pages = (ChangeRolePage,)
    add_page = AddMemberPage

    @admin.display(description="Person")
    def shown_user(self, row: Membership) -> SafeString:
        """The user's name, nothing hidden."""
        return draw(row.user.get_username())

    @admin.display(description="Role")
    def shown_role(self, row: Membership) -> SafeString:
        """The role."""
        return badge(row.role)

    @admin.display(description="May sign in here", boolean=True)
    def may_sign_in(self, row: Membership) -> bool:
        """These pages are for active users marked as staff."""
        return bool(row.user.is_active and row.user.is_staff)

    def sections(self, request: HttpRequest, row: Membership) -> list[Section]:
        """The role and what it allows."""
        rights = [right.label for right in RIGHTS.get(row.role, frozenset())]
        facts = [
            fact("Person", row.user.get_username()),
            fact("Workspace", link(row.workspace)),
            fact("Role", badge(row.role)),
            fact("May", bullets(sorted(rights))),
            fact("May sign in here", self.may_sign_in(row)),
        ]
        return [Facts("Membership", facts)]
