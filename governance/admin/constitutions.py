"""The constitution: draft rules, publish, discard; and the criteria for each maturity."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from governance.admin.facts import Facts, Table, badge, code, draw, fact, page_of, when
from governance.admin.filters import WorkspaceFilter
from governance.admin.forms import InWorkspaceForm, JsonListField, TextField, number
from governance.admin.pages import AddPage, FactsAdmin, RowPage, Section, token_of
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput
from governance.domain.states import ConstitutionState
from governance.domain.values import Json
from governance.domain.words import Maturity
from governance.models import ConstitutionVersion, CriteriaRow
from governance.policy.constitution import DEFAULTS, DETECTORS, RuleSource, seal
from governance.policy.readiness import Criteria
from governance.services import constitutions, maturity

MEMBERS = ("key", "severity", "domain", "detector", "condition", "reason")
CRITERIA = ("episodes", "max_intervention_rate", "min_constitution", "min_exam", "min_success")
HOW = (
    'A list of {"key", "severity" (critical, high, medium or low), "domain", "detector", '
    '"condition" (CEL over segment and run), "reason"}. A segment breaks a rule when its condition '
    f"holds and its detector, if any, finds something: {', '.join(sorted(DETECTORS))}."
)


class DraftForm(InWorkspaceForm):
    """A new draft."""

    note = TextField(max_length=2_000, required=False, help_text="What this version is for.")


class RulesForm(forms.Form):
    """The rules of a draft."""

    rules = JsonListField(rows=30, required=True, help_text=HOW)
    note = TextField(max_length=2_000, required=False)


class DraftPage(AddPage):
    """Begin a draft with the rules in force."""

    form_class = DraftForm
    title = "Draft a version of the constitution"
    explanation = "The draft begins with the rules in force. Nothing changes until it is published."
    submit = "Begin the draft"
    done = "The draft is there; change its rules, then publish it."

    def save(self, data: Any, by: Actor) -> str:
        """Begin it."""
        newest = ConstitutionVersion.objects.newest(data["workspace"].pk)
        rules = constitutions.sources_of(newest) if newest else DEFAULTS
        return page_of(constitutions.draft(rules=rules, by=by, **data))


class DraftRowPage(RowPage):
    """Something done to a draft."""

    @classmethod
    def offered(cls, row: Any) -> bool:
        """Only drafts change."""
        return bool(row.state == ConstitutionState.DRAFT)

    def token(self, row: Any) -> str:
        """The rules as well: they change without the state changing."""
        return f"{row.version}:{seal(constitutions.sources_of(row))}"


class RulesPage(DraftRowPage):
    """Change a draft's rules."""

    slug, label, title = "edit", "Change the rules", "Rules of"
    form_class = RulesForm
    explanation = (
        "A rule whose condition cannot be evaluated counts as broken. A critical violation demotes "
        "an agent at once."
    )
    submit = "Save the rules"
    done = "The rules are saved."

    def initial(self) -> dict[str, Any]:
        """As they are."""
        rules = [rule.as_json() for rule in constitutions.sources_of(self.row)]
        return {"rules": rules, "note": self.row.note}

    def save(self, data: Any, by: Actor) -> str:
        """Save them."""
        rules = [_source(entry) for entry in data["rules"]]
        constitutions.change(version=self.row, rules=rules, note=data["note"], by=by)
        return page_of(self.row)


class PublishPage(DraftRowPage):
    """Put a draft in force."""

    slug, label, title = "publish", "Publish", "Publish"
    explanation = "Episodes that end from now on are judged by it. A published version stays."
    submit = "Publish"
    done = "The version is in force."

    def save(self, data: Any, by: Actor) -> str:
        """Publish it."""
        constitutions.publish(version=self.row, by=by)
        return page_of(self.row)


class DiscardPage(DraftRowPage):
    """Give a draft up."""

    slug, label, title = "discard", "Discard", "Discard"
    submit = "Discard"
    danger = True
    done = "The draft is discarded."

    def save(self, data: Any, by: Actor) -> str:
        """Discard it."""
        constitutions.discard(version=self.row, by=by)
        return page_of(self.row)


@admin.register(ConstitutionVersion)
class ConstitutionVersionAdmin(FactsAdmin):
    """The versions of one's workspaces."""

    list_display = ("shown_number", "shown_state", "shown_note", "published")
    list_filter = (WorkspaceFilter, "state")
    pages = (RulesPage, PublishPage, DiscardPage)
    add_page = DraftPage

    @admin.display(description="Version")
    def shown_number(self, row: ConstitutionVersion) -> SafeString:
        """Its number, once published."""
        return draw(str(row.number) if row.number else "draft")

    @admin.display(description="State")
    def shown_state(self, row: ConstitutionVersion) -> SafeString:
        """The state."""
        return badge(row.state)

    @admin.display(description="Note")
    def shown_note(self, row: ConstitutionVersion) -> SafeString:
        """What it is for."""
        return draw(row.note)

    @admin.display(description="Published")
    def published(self, row: ConstitutionVersion) -> SafeString:
        """When."""
        return when(row.published_at)

    def sections(self, request: HttpRequest, row: ConstitutionVersion) -> list[Section]:
        """What it says."""
        newest = ConstitutionVersion.objects.newest(row.workspace_id)
        facts = [
            fact("Version", row.number and str(row.number)),
            fact("State", badge("in force" if row == newest else row.state)),
            fact("Note", row.note),
            fact("Published", when(row.published_at)),
            fact("Published by", row.published_by and row.published_by.get_username()),
            fact("Digest", code(row.digest or "")),
        ]
        return [Facts("Constitution", facts), _rules(row)]


class CriteriaForm(forms.Form):
    """What a promotion asks for."""

    episodes = forms.IntegerField(
        min_value=1, max_value=1_000_000, widget=number(), help_text="How many successful ones."
    )
    max_intervention_rate = forms.FloatField(
        min_value=0, max_value=1_000, widget=number(step="any"), help_text="0 allows none."
    )
    min_constitution = forms.FloatField(min_value=0, max_value=1, widget=number(step="any"))
    min_exam = forms.FloatField(min_value=0.001, max_value=1, widget=number(step="any"))
    min_success = forms.FloatField(
        min_value=0,
        max_value=1,
        widget=number(step="any"),
        help_text="What the sample must show of the share that succeeds, at 95%.",
    )


class DefinePage(RowPage):
    """Change what a promotion asks for."""

    slug, label, title = "edit", "Change", "Change the"
    form_class = CriteriaForm
    explanation = "It holds from the next promotion on. Those that were made stay as they are."

    def initial(self) -> dict[str, Any]:
        """As it is."""
        return {name: getattr(self.row, name) for name in CRITERIA}

    def token(self, row: Any) -> str:
        """What was seen."""
        return token_of(row, CRITERIA)

    def save(self, data: Any, by: Actor) -> str:
        """Change it."""
        criteria = Criteria(to=Maturity(self.row.maturity), **data)
        row = self.row
        return page_of(maturity.define_criteria(workspace=row.workspace, criteria=criteria, by=by))


@admin.register(CriteriaRow)
class CriteriaRowAdmin(FactsAdmin):
    """A row for each maturity of one's workspaces."""

    list_display = ("shown_maturity", *CRITERIA)
    list_filter = (WorkspaceFilter,)
    ordering = ("workspace", "episodes", "id")
    pages = (DefinePage,)

    @admin.display(description="To")
    def shown_maturity(self, row: CriteriaRow) -> SafeString:
        """Which promotion."""
        return badge(row.maturity)

    def sections(self, request: HttpRequest, row: CriteriaRow) -> list[Section]:
        """What it asks for."""
        facts = [
            fact("To", badge(row.maturity)),
            fact("Successful episodes", str(row.episodes)),
            fact("Interventions an episode, at most", str(row.max_intervention_rate)),
            fact("Constitutional score, at least", str(row.min_constitution)),
            fact("Exam, at least", str(row.min_exam)),
            fact("Share that succeeds, shown at 95%, at least", str(row.min_success)),
        ]
        return [Facts("Criteria", facts)]


def _rules(row: ConstitutionVersion) -> Table:
    return Table(
        "Rules",
        ("Key", "Severity", "Domain", "Detector", "Condition", "Reason"),
        [
            (
                code(rule.key),
                badge(rule.severity),
                draw(rule.domain),
                code(rule.detector),
                code(rule.condition),
                draw(rule.reason),
            )
            for rule in row.rules.all()
        ],
    )


def _source(entry: Json) -> RuleSource:
    """A rule as it was typed. Raises InvalidInput, naming what is wrong with it."""
    if not isinstance(entry, dict) or not all(isinstance(v, str) for v in entry.values()):
        raise InvalidInput("Each rule is an object of texts.")
    unknown, missing = set(entry) - set(MEMBERS), {"key", "severity", "reason"} - set(entry)
    if unknown or missing:
        wrong = sorted(unknown) or sorted(missing)
        what = "has a member that there is not" if unknown else "lacks"
        raise InvalidInput(f"The rule {entry.get('key', '?')!r} {what}: {', '.join(wrong)}.")
    return RuleSource(**{"condition": "true", **entry})
