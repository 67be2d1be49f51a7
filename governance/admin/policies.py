"""Policy: draft rules, see what publishing changes, publish, discard. A published version stays."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.admin.facts import Facts, Table, badge, bullets, code, draw, fact, page_of, when
from governance.admin.filters import WorkspaceFilter
from governance.admin.pages import AddPage, FactsAdmin, RowPage, Section
from governance.admin.policy_forms import PREFIX, DraftForm, Rules, initial_of
from governance.domain.actors import Actor
from governance.domain.states import PolicyState
from governance.domain.values import Json
from governance.models import PolicyVersion
from governance.policy.rules import seal
from governance.services import policies

MORE_ROWS = 3
RULE_FIELDS = ("scope", "condition", "route", "reason")


class DraftPage(AddPage):
    """Begin a draft."""

    form_class = DraftForm
    title = "Draft a policy version"
    explanation = "The draft begins with the rules in force. Nothing changes until it is published."
    submit = "Begin the draft"
    done = "The draft is there; change its rules, then publish it."

    def save(self, data: Any, by: Actor) -> str:
        """Begin it."""
        return page_of(policies.draft(workspace=data["workspace"], note=data["note"], by=by))


class DraftRowPage(RowPage):
    """Something done to a draft."""

    @classmethod
    def offered(cls, row: Any) -> bool:
        """Only drafts change."""
        return bool(row.state == PolicyState.DRAFT)

    def token(self, row: Any) -> str:
        """The rules as well: they change without the state changing."""
        return f"{row.version}:{seal(row.sources())}"


class RulesPage(DraftRowPage):
    """Change a draft's rules."""

    slug, label = "edit", "Change the rules"
    template = "admin/governance/policyversion/rules_page.html"
    title = "Rules of"
    explanation = (
        "Rules only tighten, and the strictest that matches wins. A rule whose condition cannot be "
        "evaluated counts as matched."
    )
    submit = "Save the rules"
    done = "The rules are saved."

    def form(self, data: QueryDict | None = None) -> Any:
        """The rules as a formset."""
        if data is None:
            return Rules(initial=initial_of(self.row.rules.all()), prefix=PREFIX)
        return Rules(data, prefix=PREFIX, least=self.row.rules.count())

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Save; or, asked for more rows, show them with everything as typed."""
        if "more" in request.POST:
            return self.show(self.form(_with_more_rows(request.POST)))
        return super().post(request, **kwargs)

    def cleaned(self, form: Any) -> Any:
        """The rules to keep."""
        return form.sources()

    def save(self, data: Any, by: Actor) -> str:
        """Replace the rules."""
        policies.set_rules(version=self.row, rules=data, by=by)
        return page_of(self.row)


class PublishPage(DraftRowPage):
    """Put a draft in force."""

    slug, label = "publish", "Publish"
    template = "admin/governance/policyversion/publish_page.html"
    title = "Publish"
    submit = "Publish"
    done = "The policy version is published and in force."

    def context(self) -> dict[str, Any]:
        """What changes, against the version whose number is sent along."""
        in_force = PolicyVersion.objects.newest(self.row.workspace_id)
        sent = self.request.POST.get("replaces")
        return {
            **super().context(),
            "in_force": in_force,
            "replaces": sent if sent is not None else (in_force.number if in_force else ""),
            "sections": [_changes(self.row)],
        }

    def save(self, data: Any, by: Actor) -> str:
        """Publish it, if what was in force is still in force."""
        sent = self.request.POST.get("replaces", "")
        replaces = int(sent) if sent.isdecimal() and len(sent) < 10 else None  # noqa: PLR2004
        return page_of(policies.publish(version=self.row, by=by, replaces=replaces))


class DiscardPage(DraftRowPage):
    """Give up a draft."""

    slug, label = "discard", "Discard"
    title = submit = "Discard"
    explanation = "The draft can no longer be changed or published."
    danger = True
    done = "The draft is discarded."

    def save(self, data: Any, by: Actor) -> str:
        """Discard it."""
        policies.discard(version=self.row, by=by)
        return page_of(self.row)


@admin.register(PolicyVersion)
class PolicyVersionAdmin(FactsAdmin):
    """The policy versions of one's workspaces."""

    list_display = ("name", "standing", "rules_count", "published_by", "published", "shown_note")
    list_filter = (WorkspaceFilter, "state")
    list_select_related = ("published_by",)
    pages = (RulesPage, PublishPage, DiscardPage)
    add_page = DraftPage

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the number of rules, and the number in force in the same workspace."""
        beside = PolicyVersion.objects.filter(
            workspace=OuterRef("workspace"), state=PolicyState.PUBLISHED
        )
        in_force = Subquery(beside.order_by("-number").values("number")[:1])
        rows = super().get_queryset(request)
        annotated: QuerySet[Any] = rows.annotate(rules_count=Count("rules"), in_force=in_force)
        return annotated

    @admin.display(description="Version")
    def name(self, row: PolicyVersion) -> str:
        """Its number, or that it is a draft."""
        return str(row).capitalize()

    @admin.display(description="State")
    def standing(self, row: Any) -> SafeString:
        """The newest published version is the one in force."""
        in_force = row.number is not None and row.number == row.in_force
        return badge("in force" if in_force else row.state)

    @admin.display(description="Rules")
    def rules_count(self, row: Any) -> int:
        """How many rules it has."""
        return int(row.rules_count)

    @admin.display(description="Published")
    def published(self, row: PolicyVersion) -> SafeString:
        """When."""
        return when(row.published_at)

    @admin.display(description="Note")
    def shown_note(self, row: PolicyVersion) -> SafeString:
        """What it is for."""
        return draw(row.note)

    def sections(self, request: HttpRequest, row: PolicyVersion) -> list[Section]:
        """What it says, and for a draft what would change."""
        facts = [
            fact("State", self.standing(row)),
            fact("Note", row.note),
            fact("Workspace", row.workspace.name),
            fact("Begun", when(row.created_at)),
            fact("Published", when(row.published_at)),
            fact("Published by", row.published_by.get_username() if row.published_by else None),
            fact("Digest", code(row.digest or "")),
        ]
        found: list[Section] = [Facts("Policy version", facts), _rules(row)]
        return [*found, _changes(row)] if row.state == PolicyState.DRAFT else found


def _rules(row: PolicyVersion) -> Table:
    return Table(
        "Rules",
        ("Rule", "Action types", "Condition", "Route", "Reason"),
        [
            (
                code(rule.key),
                code(rule.scope),
                code(rule.condition),
                badge(rule.route),
                draw(rule.reason),
            )
            for rule in row.rules.all()
        ],
        empty="No rules: what agents may do follows from their maturity and their grants.",
    )


def _changes(row: PolicyVersion) -> Table:
    return Table(
        "What publishing changes",
        ("Rule", "Change", "Before", "After"),
        [
            (
                code(change["rule"]),
                badge(change["change"]),
                _side(change["before"], change["after"]),
                _side(change["after"], change["before"]),
            )
            for change in policies.changes_if_published(row)
        ],
        empty="Nothing: the rules are those in force.",
    )


def _side(rule: dict[str, Json] | None, other: dict[str, Json] | None) -> SafeString:
    """One side of a change: all of a rule that came or went, and else what is different."""
    if rule is None:
        return draw(None)
    shown = [name for name in RULE_FIELDS if other is None or rule[name] != other[name]]
    return bullets(format_html("{}: {}", name, _part(name, rule[name])) for name in shown)


def _part(name: str, value: str) -> SafeString:
    if name == "route":
        return badge(value)
    return draw(value) if name == "reason" else code(value)


def _with_more_rows(data: QueryDict) -> QueryDict:
    more = data.copy()
    total = data.get(f"{PREFIX}-TOTAL_FORMS", "")
    if total.isdecimal() and len(total) < 6:  # noqa: PLR2004
        more[f"{PREFIX}-TOTAL_FORMS"] = str(min(int(total) + MORE_ROWS, policies.MAX_RULES))
    return more
