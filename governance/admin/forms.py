"""Fields and forms that several pages share. What is typed is kept whatever becomes of it."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from governance.admin.rendering import strict_json
from governance.models import Workspace

MOST_JSON = 64_000
"""Characters accepted in a JSON field; the services count bytes."""


def line(**attrs: Any) -> forms.Widget:
    """A line of text."""
    widget: forms.Widget = UnfoldAdminTextInputWidget(attrs=attrs)
    return widget


def area(rows: int = 3, **attrs: Any) -> forms.Widget:
    """Several lines of text."""
    widget: forms.Widget = UnfoldAdminTextareaWidget(attrs={"rows": rows, **attrs})
    return widget


def code_area(rows: int = 12) -> forms.Widget:
    """Several lines to be read letter by letter."""
    return area(rows, **{"class": "ag-mono", "spellcheck": "false", "autocomplete": "off"})


def select() -> forms.Widget:
    """A choice."""
    widget: forms.Widget = UnfoldAdminSelectWidget()
    return widget


def number(**attrs: Any) -> forms.Widget:
    """A whole number."""
    widget: forms.Widget = UnfoldAdminIntegerFieldWidget(attrs=attrs)
    return widget


def switch() -> forms.Widget:
    """Yes or no."""
    widget: forms.Widget = UnfoldBooleanSwitchWidget()
    return widget


class TextField(forms.CharField):
    """Several lines. Browsers send every line break as CRLF; what is kept is LF."""

    def __init__(self, *, rows: int = 3, mono: bool = False, **kwargs: Any) -> None:
        super().__init__(widget=code_area(rows) if mono else area(rows), **kwargs)

    def to_python(self, value: Any) -> str:
        """With line breaks as they were before the form."""
        text = super().to_python(value) or ""
        return text.replace("\r\n", "\n").strip()


class JsonObjectField(forms.CharField):
    """A JSON object as text. The value is the object; errors name the line and the column.

    `most`: characters accepted.
    """

    shape: ClassVar[type] = dict
    wanted: ClassVar[str] = "Write a JSON object here: { ... }."

    def __init__(self, *, rows: int = 12, most: int = MOST_JSON, **kwargs: Any) -> None:
        super().__init__(
            max_length=most, strip=False, widget=code_area(rows), required=False, **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        """A value is shown as text to edit; what was typed is shown as it was typed."""
        return value if isinstance(value, str) else strict_json.show(value)

    def clean(self, value: Any) -> Any:
        """Parse strictly; nothing at all is an empty object, or list."""
        text = super().clean(value)
        if not text.strip():
            return self.shape()
        try:
            parsed = strict_json.parse(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        if not isinstance(parsed, self.shape):
            raise forms.ValidationError(self.wanted)
        return parsed


class JsonListField(JsonObjectField):
    """A JSON list as text."""

    shape = list
    wanted = "Write a JSON list here: [ ... ]."


class MomentField(forms.DateTimeField):
    """A moment in UTC, entered with the browser's own control."""

    def __init__(self, **kwargs: Any) -> None:
        widget = line(type="datetime-local")
        super().__init__(widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """As the browser's control writes it."""
        if isinstance(value, datetime.datetime):
            return value.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M")
        return value

    def clean(self, value: Any) -> Any:
        """What has no time zone is meant in UTC."""
        moment = super().clean(value)
        return timezone.make_aware(moment, datetime.UTC) if _is_naive(moment) else moment


class ReasonForm(forms.Form):
    """Why: kept in the ledger."""

    reason = TextField(
        max_length=500,
        help_text="Kept in the ledger, with your name. At most 500 characters.",
    )


class InWorkspaceForm(forms.Form):
    """A form for something new: it asks for the workspace only where there is a choice."""

    workspace = forms.ModelChoiceField(Workspace.objects.none(), widget=select(), empty_label=None)

    def __init__(self, *args: Any, workspaces: Sequence[uuid.UUID], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["workspace"]
        field.queryset = Workspace.objects.filter(pk__in=workspaces)
        if len(workspaces) == 1:
            field.widget = forms.HiddenInput()
            field.initial = workspaces[0]


def _is_naive(moment: Any) -> bool:
    return isinstance(moment, datetime.datetime) and timezone.is_naive(moment)
