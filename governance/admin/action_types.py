"""Action types: the catalogue of what agents may ask to do."""

from __future__ import annotations

import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from governance.admin.facts import Facts, badge, code, draw, fact, json_block, page_of
from governance.admin.filters import WorkspaceFilter
from governance.admin.forms import (
    InWorkspaceForm,
    JsonObjectField,
    TextField,
    line,
    number,
    select,
    switch,
)
from governance.admin.pages import AddPage, FactsAdmin, RowPage, Section, token_of
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput, StaleState
from governance.domain.words import Complexity, Effect, Mode, Reversibility
from governance.models import ActionType
from governance.models.action_type import MAX_APPROVALS
from governance.policy import schemas
from governance.services import action_types

HOUR = datetime.timedelta(hours=1)
MOST_HOURS = 8_784


class ActionTypeForm(forms.Form):
    """The values of an action type, but for its key."""

    title = forms.CharField(max_length=200, widget=line())
    description = TextField(max_length=2_000, required=False)
    complexity = forms.TypedChoiceField(
        choices=Complexity.choices,
        coerce=int,
        widget=select(),
        help_text="With the agent's maturity it decides the route.",
    )
    reversibility = forms.ChoiceField(choices=Reversibility.choices, widget=select())
    mode = forms.ChoiceField(
        choices=Mode.choices,
        initial=Mode.AGENT,
        widget=select(),
        help_text="Handler: a worker here carries it out. Agent: the agent does, once cleared.",
    )
    effect = forms.ChoiceField(
        choices=Effect.choices,
        initial=Effect.UNKEYED,
        widget=select(),
        help_text="What can be promised about doing it twice depends on this.",
    )
    params_schema = JsonObjectField(
        rows=16,
        label="Schema of its params",
        help_text='JSON Schema of an object: {"type": "object", ...}. No remote references.',
    )
    required_approvals = forms.IntegerField(
        min_value=1, max_value=MAX_APPROVALS, initial=1, widget=number(min=1, max=MAX_APPROVALS)
    )
    expires_after = forms.FloatField(
        label="A proposal waits (hours)",
        min_value=1,
        max_value=MOST_HOURS,
        initial=168,
        widget=number(min=1, max=MOST_HOURS, step="any"),
    )
    enabled = forms.BooleanField(
        required=False, initial=True, widget=switch(), help_text="Agents may ask for it."
    )

    def clean_params_schema(self) -> Any:
        """A schema that cannot judge params is said at its field."""
        schema = self.cleaned_data["params_schema"]
        try:
            schemas.check_schema(schema)
        except InvalidInput as error:
            raise forms.ValidationError(str(error)) from error
        return schema

    def clean_expires_after(self) -> datetime.timedelta:
        """Hours as a duration."""
        return datetime.timedelta(hours=self.cleaned_data["expires_after"])


class NewActionTypeForm(InWorkspaceForm, ActionTypeForm):
    """A new action type."""

    key = forms.CharField(
        max_length=100,
        widget=line(spellcheck="false"),
        help_text="a-z, 0-9, _ . and -, from a letter. It never changes: agents ask by it.",
    )

    field_order = ("workspace", "key")


class DefinePage(AddPage):
    """Define an action type."""

    form_class = NewActionTypeForm
    title = "Define an action type"
    submit = "Define"
    done = "The action type is defined."

    def initial(self) -> dict[str, Any]:
        """A schema to start from."""
        empty = {"type": "object", "properties": {}, "additionalProperties": False}
        return {"params_schema": empty}

    def save(self, data: Any, by: Actor) -> str:
        """Define it; an action type that is there already is not changed from here."""
        workspace, key = data.pop("workspace"), data.pop("key")
        if action_types.define(workspace=workspace, key=key, values=data, by=by) != "created":
            raise StaleState(f"There is an action type {key!r} already; change it on its own page.")
        return page_of(ActionType.objects.get(workspace=workspace, key=key))


class ChangePage(RowPage):
    """Change an action type; its key stays."""

    slug, label = "edit", "Change"
    form_class = ActionTypeForm
    title = "Change"
    explanation = "It holds from the next decision on, for what is already proposed as well."

    @classmethod
    def offered(cls, row: Any) -> bool:
        """The system's own are not anybody's to change."""
        return not row.system_only

    @property
    def standing(self) -> str:
        """Why it cannot be changed."""
        return "the system's own"

    def initial(self) -> dict[str, Any]:
        """As it is."""
        values = {name: getattr(self.row, name) for name in action_types.FIELDS}
        return {**values, "expires_after": self.row.expires_after / HOUR}

    def token(self, row: Any) -> str:
        """All that this form holds."""
        return token_of(row, action_types.FIELDS)

    def save(self, data: Any, by: Actor) -> str:
        """Change it."""
        action_types.define(workspace=self.row.workspace, key=self.row.key, values=data, by=by)
        return page_of(self.row)


@admin.register(ActionType)
class ActionTypeAdmin(FactsAdmin):
    """The catalogues of one's workspaces."""

    list_display = (
        "key",
        "shown_title",
        "complexity_word",
        "mode",
        "effect_word",
        "approvals",
        "standing",
    )
    list_filter = (WorkspaceFilter, "complexity", "mode", "enabled")
    search_fields = ("key", "title")
    search_help_text = "Key or title"
    pages = (ChangePage,)
    add_page = DefinePage

    @admin.display(description="Title")
    def shown_title(self, row: ActionType) -> SafeString:
        """The title, nothing hidden."""
        return draw(row.title)

    @admin.display(description="Complexity")
    def complexity_word(self, row: ActionType) -> str:
        """The number and one word."""
        return " ".join(row.get_complexity_display().split()[:2])

    @admin.display(description="Approvals")
    def approvals(self, row: ActionType) -> int:
        """How many are required."""
        return row.required_approvals

    @admin.display(description="Effect")
    def effect_word(self, row: ActionType) -> str:
        """The word alone; the page explains it."""
        return row.effect

    @admin.display(description="State")
    def standing(self, row: ActionType) -> SafeString:
        """Whether agents may ask for it."""
        if row.system_only:
            return badge("system")
        return badge("active", "enabled") if row.enabled else badge("disabled")

    def sections(self, request: HttpRequest, row: ActionType) -> list[Section]:
        """All of it."""
        facts = [
            fact("Key", code(row.key)),
            fact("Title", row.title),
            fact("Description", row.description),
            fact("Complexity", row.get_complexity_display()),
            fact("Reversibility", row.get_reversibility_display()),
            fact("Carried out by", row.get_mode_display()),
            fact("Effect", row.get_effect_display()),
            fact("Approvals required", str(row.required_approvals)),
            fact("A proposal waits", f"{row.expires_after / HOUR:g} hours"),
            fact("State", self.standing(row)),
            fact("Workspace", row.workspace.name),
        ]
        if row.system_only:
            facts.append(fact("Note", "Filed by the system; agents may not ask for it."))
        schema = [fact("Schema", json_block(row.params_schema))]
        return [Facts("Action type", facts), Facts("What its params must be", schema)]
