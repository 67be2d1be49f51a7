"""Forms: the fields an agent asked for, and whether what a person wrote answers them."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, require_text
from governance.domain.words import FieldType
from governance.policy.redaction import is_secret_name

MAX_FIELDS = 50
MAX_OPTIONS = 100
MAX_TEXT = 4_000
"""Longest answer in one field, in characters."""

MAX_BYTES = 100_000
"""Largest set of answers, in bytes of canonical JSON."""

EXACT = 2**53
"""From here on, upwards and downwards, numbers have no exact form in JSON."""

NAME = r"^[a-z][a-z0-9_]{0,49}$"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LONGEST_SHOWN = 60


class FormField(BaseModel):
    """One question. `name` is what the answer is called; `options` are those of a select."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Annotated[str, Field(pattern=NAME)]
    label: Annotated[str, Field(min_length=1, max_length=200)]
    type: Annotated[FieldType, Field(strict=False)]
    required: bool = False
    options: Annotated[tuple[str, ...], Field(strict=False, max_length=MAX_OPTIONS)] = ()


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    fields: Annotated[list[FormField], Field(min_length=1, max_length=MAX_FIELDS)]


_FORM = TypeAdapter(_Form)


def read(form: Json) -> tuple[FormField, ...]:
    """The fields of a form. Raises InvalidInput for a form that nobody could answer, or should.

    Such as one with two fields of one name, a select without options, or a field for a password:
    agents get credentials from a governor, by reference, and never from whoever fills in a form.
    """
    try:
        fields = _FORM.validate_python(form).fields
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = "/".join(["form", *(str(part) for part in problem["loc"])])
        raise InvalidInput(f"{where}: {problem['msg']}.") from error
    names: set[str] = set()
    for field in fields:
        if field.name in names:
            raise InvalidInput(f"The form has two fields named {field.name}; make names unique.")
        names.add(field.name)
        _check(field)
    return tuple(fields)


def problems(fields: Sequence[FormField], answers: dict[str, Json]) -> dict[str, str]:
    """What is wrong with the answers, by name, in words for whoever wrote them; empty when right.

    A field that is left out, null or blank is not answered; only a required one has to be.
    """
    found = {
        name: "The form has no such field; leave it out."
        for name in answers
        if name not in {field.name for field in fields}
    }
    for field in fields:
        problem = _problem(field, answers.get(field.name))
        if problem:
            found[field.name] = problem
    return found


def complete(fields: Sequence[FormField], answers: dict[str, Json]) -> dict[str, Json]:
    """The answers with a member for every field, in the form's order: null where there is none.

    Raises InvalidInput, naming the fields, unless all are right.
    """
    wrong = problems(fields, answers)
    if wrong:
        said = [f"{name[:_LONGEST_SHOWN]}: {problem}" for name, problem in wrong.items()]
        raise InvalidInput(" ".join(said[:MAX_FIELDS]))
    return {field.name: _value(field, answers.get(field.name)) for field in fields}


def _check(field: FormField) -> None:
    if is_secret_name(field.name):
        raise InvalidInput(
            f"A form may not have a field {field.name}: nobody types a secret for an agent, a "
            "governor stores it and the plan names it."
        )
    if field.type is FieldType.SELECT and not field.options:
        raise InvalidInput(f"The select {field.name} has no options; list them.")
    if len(set(field.options)) != len(field.options):
        raise InvalidInput(f"The select {field.name} has an option twice; list each once.")


def _problem(field: FormField, value: Json) -> str:
    if field.type is FieldType.CHECKBOX:
        return _checkbox_problem(field, value)
    if _is_empty(value):
        return "This has to be answered." if field.required else ""
    return _PROBLEMS[field.type](field, value)


def _checkbox_problem(field: FormField, value: Json) -> str:
    if value is not None and not isinstance(value, bool):
        return "Answer with true or false."
    return "This box has to be ticked." if field.required and value is not True else ""


def _text_problem(field: FormField, value: Json) -> str:  # noqa: ARG001  as the others
    if not isinstance(value, str):
        return "Write a text."
    try:
        require_text(value, what="text", max_length=MAX_TEXT)
    except InvalidInput as error:
        return str(error)
    return ""


def _number_problem(field: FormField, value: Json) -> str:  # noqa: ARG001  as the others
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "Write a number, such as 12 or -1.50."
    if isinstance(value, float) and not math.isfinite(value):
        return "Write a finite number."
    return "" if abs(value) < EXACT else "This number is too large to be kept exactly."


def _date_problem(field: FormField, value: Json) -> str:  # noqa: ARG001  as the others
    wrong = "Write a date as year, month and day: 2026-01-31."
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return wrong
    try:
        datetime.date.fromisoformat(value)
    except ValueError:
        return wrong
    return ""


def _select_problem(field: FormField, value: Json) -> str:
    return "" if isinstance(value, str) and value in field.options else "Choose one of the options."


_PROBLEMS = {
    FieldType.TEXT: _text_problem,
    FieldType.NUMBER: _number_problem,
    FieldType.DATE: _date_problem,
    FieldType.SELECT: _select_problem,
}


def _value(field: FormField, value: Json) -> Json:
    if field.type is FieldType.CHECKBOX:
        return value is True
    return None if _is_empty(value) else value


def _is_empty(value: Json) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
