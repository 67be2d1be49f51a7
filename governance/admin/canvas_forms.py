"""Forms on their canvas: the questions as inputs, what was typed, and the answer when there is one.

Whatever is asked was written by an agent, and whatever was answered by a person: both are shown,
never obeyed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString
from django.views import View

from governance.admin import frame
from governance.admin.base import actor, may
from governance.admin.facts import NOTHING, page_of
from governance.admin.rendering import strict_json
from governance.admin.rendering.visible import revealed, visible
from governance.domain.errors import GovernanceError
from governance.domain.roles import Right
from governance.domain.values import Json
from governance.domain.words import FieldType
from governance.models import Canvas, Execution, FormAnswer
from governance.policy.forms import MAX_TEXT, FormField, problems
from governance.services import forms

PREFIX = "answer-"
"""Begins the name of every input, so that a field's name is never one of ours."""

_UNSENT = "This field did not arrive: open the page again."


@dataclass(frozen=True, slots=True)
class Sent:
    """What was typed, by input name, and what is wrong with it, by field name."""

    data: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Input:
    """One question, drawn. `options`: value, what is shown, and whether it is chosen."""

    id: str
    key: SafeString
    label: SafeString
    type: str
    required: bool
    text: str
    options: Sequence[tuple[str, str, bool]]
    error: SafeString


class AnswerView(View):
    """Hands what was typed to the service. The form itself is on the canvas's page."""

    http_method_names: ClassVar[list[str]] = ["get", "head", "post"]  # type: ignore[misc]  # Django's is no ClassVar
    admin: Any = None

    def get(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Where the form is."""
        return redirect(page_of(self.admin.find(request, str(object_id))))

    def post(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer, or show the form again with what was typed and what is wrong with it."""
        row = self.admin.find(request, str(object_id))
        if not may(request, row, Right.DECIDE):
            raise PermissionDenied
        try:
            given, wrong = read(forms.fields_of(row), request.POST)
            if wrong and answer_of(row) is None:
                return self._again(request, row, Sent(request.POST, wrong), status=400)
            forms.answer(canvas=row, answers=given, by=actor(request))
        except GovernanceError as error:
            sent = Sent(request.POST, refused=str(error))
            return self._again(request, row, sent, status=frame.status_of(error))
        messages.success(request, "Your answer is kept; the agent can read it.")
        return redirect(page_of(row))

    def _again(self, request: HttpRequest, row: Canvas, sent: Sent, *, status: int) -> HttpResponse:
        response: HttpResponse = self.admin.page(request, row, sent, status=status)
        return response


def read(
    fields: Sequence[FormField], data: Mapping[str, str]
) -> tuple[dict[str, Json], dict[str, str]]:
    """What was typed as answers, and what is wrong with it, by field name."""
    given: dict[str, Json] = {}
    wrong: dict[str, str] = {}
    for each in fields:
        try:
            given[each.name] = _value(each, data.get(f"{PREFIX}{each.name}"))
        except ValueError as error:
            wrong[each.name] = str(error)
    return given, {**problems(fields, given), **wrong}


def shown(request: HttpRequest, row: Canvas, sent: Sent) -> dict[str, Any]:
    """What the canvas's page says of its form. Raises InvalidInput for one that is none."""
    fields, answer = forms.fields_of(row), answer_of(row)
    may_answer = may(request, row, Right.DECIDE)
    inputs = [_input(each, sent) for each in fields]
    return {
        "fields": inputs,
        "wrong": [each for each in inputs if each.error],
        "refused": visible(sent.refused),
        "unsaved": _unsaved(fields, sent) if sent.refused else [],
        "answer": answer,
        "given": _given(fields, answer) if answer else [],
        "answerable": may_answer and answer is None and forms.is_wanted(row),
        "wanted": forms.is_wanted(row),
        "longest": MAX_TEXT,
        "waiting": list(Execution.objects.waiting_for(row.pk).order_by("created_at")[:10]),
    }


def answer_of(row: Canvas) -> FormAnswer | None:
    """The answer to a form, if it has one."""
    return FormAnswer.objects.filter(canvas=row).select_related("answered_by").first()


def _value(asked: FormField, text: str | None) -> Json:
    """What was typed, as a value of the field's type. Raises ValueError saying what to do."""
    if asked.type is FieldType.CHECKBOX:
        return text == "on"  # a browser says nothing of an empty box
    if text is None:
        raise ValueError(_UNSENT)
    text = text.replace("\r\n", "\n")
    if not text.strip():
        return None
    if asked.type is FieldType.NUMBER:
        return strict_json.number(text.strip())
    if asked.type is FieldType.SELECT:
        return _choice(asked, text)
    return text


def _choice(asked: FormField, text: str) -> str:
    # By its place in the list: no text an agent wrote has to come back unchanged.
    choices = {str(number): option for number, option in enumerate(asked.options)}
    if text not in choices:
        raise ValueError("Choose one of the options.")
    return choices[text]


def _input(asked: FormField, sent: Sent) -> Input:
    name = f"{PREFIX}{asked.name}"
    text = sent.data.get(name, "")
    return Input(
        id=name,
        key=visible(asked.name),
        label=visible(asked.label),
        type=asked.type.value,
        required=asked.required,
        text=text,
        options=[
            (str(number), revealed(option), text == str(number))
            for number, option in enumerate(asked.options)
        ],
        error=visible(sent.errors.get(asked.name, "")),
    )


def _unsaved(fields: Sequence[FormField], sent: Sent) -> list[tuple[SafeString, SafeString]]:
    """What somebody typed whose answer was refused, so that it is not lost."""
    found = []
    for each in fields:
        try:
            value = _value(each, sent.data.get(f"{PREFIX}{each.name}"))
        except ValueError:
            value = sent.data.get(f"{PREFIX}{each.name}", "")
        found.append((visible(each.label), _drawn(value)))
    return found


def _given(
    fields: Sequence[FormField], answer: FormAnswer
) -> list[tuple[SafeString, SafeString, SafeString]]:
    return [
        (visible(each.label), visible(each.name), _drawn(answer.answers.get(each.name)))
        for each in fields
    ]


def _drawn(value: Json) -> SafeString:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return SafeString("Yes" if value else "No")
    return visible(value if isinstance(value, str) else json.dumps(value))
