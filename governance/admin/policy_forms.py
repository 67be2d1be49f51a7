"""The form of a draft's rules: one row a rule, each problem said at the field it is in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.validators import RegexValidator

from governance.admin.forms import InWorkspaceForm, TextField, line, number, select
from governance.domain.errors import InvalidInput
from governance.domain.words import Route
from governance.models import PolicyRule
from governance.policy.conditions import MAX_LENGTH
from governance.policy.rules import TIGHTENING, RuleSource, check_rule
from governance.services.policies import MAX_RULES

PREFIX = "rules"


class DraftForm(InWorkspaceForm):
    """A new draft."""

    note = TextField(
        max_length=2_000, required=False, help_text="What this version is for; published with it."
    )


class RuleForm(forms.Form):
    """One rule. A row left empty is no rule."""

    key = forms.CharField(
        max_length=100,
        widget=line(spellcheck="false"),
        validators=[
            RegexValidator(r"^[a-z][a-z0-9_-]*\Z", "Use a-z, 0-9, _ and -, from a letter.")
        ],
    )
    scope = forms.CharField(
        max_length=100,
        initial="*",
        widget=line(spellcheck="false", placeholder="*"),
        help_text="Action types, as in refund_* or *.",
    )
    route = forms.ChoiceField(
        choices=[("", "Choose"), *((route.value, route.label) for route in TIGHTENING)],
        widget=select(),
    )
    condition = TextField(
        max_length=MAX_LENGTH,
        mono=True,
        help_text="CEL over agent, action, params, trigger, run and now: params.amount > 100",
    )
    reason = forms.CharField(
        max_length=500, widget=line(), help_text="What the agent and the reviewer are told."
    )

    def clean(self) -> dict[str, Any]:
        """Check the rule as publishing would."""
        data = super().clean() or {}
        if data.get("condition"):
            # Whatever else is wrong with the row is said at its own field.
            checked = {"key": "", "scope": "*", "route": Route.DENIED, "reason": "", **data}
            try:
                check_rule(source_of(checked))
            except InvalidInput as error:
                self.add_error("condition", str(error))
        return data


class BaseRules(forms.BaseFormSet):  # type: ignore[type-arg]  # not generic when it runs
    """The rules of a draft, in order. `least`: how many rows a whole form has."""

    def __init__(self, *args: Any, least: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.least = least

    def add_fields(self, form: Any, index: int | None) -> None:
        """The order is a small number, the removal a checkbox."""
        super().add_fields(form, index)
        form.fields["ORDER"].widget = number(min=1)
        form.fields["ORDER"].label = "Position"
        form.fields["DELETE"].label = "Remove this rule"

    def clean(self) -> None:
        """Nothing is missing, for that would be removed; keys are unique, said at the second."""
        if self.total_form_count() < self.least:
            raise forms.ValidationError("Part of this form did not arrive; open the page again.")
        seen: set[str] = set()
        for form in self.forms:
            key = form.cleaned_data.get("key") if hasattr(form, "cleaned_data") else None
            if not key or form.cleaned_data.get("DELETE"):
                continue
            if key in seen:
                form.add_error("key", f"Another rule has the key {key!r}; make keys unique.")
            seen.add(key)

    def sources(self) -> list[RuleSource]:
        """The rules to keep, in the order asked for."""
        return [
            source_of(form.cleaned_data)
            for form in self.ordered_forms
            if form.cleaned_data.get("key")
        ]


Rules: Any = forms.formset_factory(
    RuleForm,
    formset=BaseRules,
    extra=1,
    can_order=True,
    can_delete=True,
    max_num=MAX_RULES,
    validate_max=True,
    absolute_max=MAX_RULES + 10,
)


def initial_of(rules: Iterable[PolicyRule]) -> list[dict[str, Any]]:
    """What the formset begins with."""
    return [rule.source.as_json() for rule in rules]


def source_of(data: dict[str, Any]) -> RuleSource:
    """A valid row as a rule."""
    return RuleSource(
        data["key"], data["scope"], data["condition"], str(data["route"]), data["reason"]
    )
