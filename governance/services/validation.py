"""Turn Django's validation errors into ours: one clear sentence, nothing written."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models

from governance.domain.errors import InvalidInput
from governance.domain.values import require_text

UNLIMITED = 1_000_000


def cleaned(row: models.Model) -> None:
    """Run the model's full validation. Raises InvalidInput naming the fields.

    Django itself neither limits the length of a TextField nor refuses what PostgreSQL cannot
    store, so every text is looked at first.
    """
    for field in row._meta.concrete_fields:
        text = getattr(row, field.attname)
        is_text = isinstance(field, models.CharField | models.TextField)
        if text is None and is_text and not field.null:
            raise InvalidInput(f"{field.name}: this field cannot be null.")
        if isinstance(text, str):
            limit = (isinstance(field, models.TextField) and field.max_length) or UNLIMITED
            require_text(text, what=str(field.verbose_name), max_length=limit)
    try:
        row.full_clean()
    except ValidationError as error:
        raise InvalidInput(_sentence(row, error)) from error


def _sentence(row: models.Model, error: ValidationError) -> str:
    problems = [
        " ".join(messages) if field == "__all__" else f"{field}: {' '.join(messages)}"
        for field, messages in error.message_dict.items()
    ]
    return f"The {row._meta.verbose_name} is not valid: {' '.join(problems)}"
