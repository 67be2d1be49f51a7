"""Moving an installation: every row out into a file, and into an empty database."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from django.apps import apps
from django.core import serializers
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, connection, models, transaction

from governance.domain.errors import InvalidInput
from governance.ledger import guards
from governance.models import LedgerEntry, Workspace

MOVED = ("auth", "admin", "governance")
"""The applications whose rows move. Sessions do not, nor what task engines keep: a sweeper sends it
again."""

LEFT = frozenset({"auth.permission"})
"""Made by `migrate`, and named, not numbered, by what refers to them."""


class Exact(DjangoJSONEncoder):
    """Django's encoder, but for its rounding of times to milliseconds."""

    def default(self, o: Any) -> Any:
        """A time with all its digits."""
        return o.isoformat() if isinstance(o, datetime.datetime) else super().default(o)


def write(file: TextIO) -> int:
    """Write every row, each before those that refer to it where that can be; returns how many."""
    number = 0
    with transaction.atomic():
        for row in _all_rows():
            line = serializers.serialize("jsonl", [row], cls=Exact, use_natural_foreign_keys=True)
            number += file.write(line) > 0
    return number


def read(path: Path) -> dict[str, int]:
    """Load all of it or nothing; returns how many rows there are now, by model.

    The triggers that refuse rules of published policy versions stand aside meanwhile: that is why
    Django's own loaddata does not do. Raises InvalidInput for a database that holds anything
    already, and for what cannot be loaded.
    """
    if Workspace.objects.exists() or LedgerEntry.objects.exists():
        raise InvalidInput("This database is not empty; move into one that was just migrated.")
    with transaction.atomic():
        guards.remove(connection)
        _load(path)
        guards.install(connection)
    return {model._meta.label_lower: model._base_manager.count() for model in _models()}


def _load(path: Path) -> None:
    try:
        call_command("loaddata", str(path.resolve()), verbosity=0)
    except (CommandError, DatabaseError, serializers.base.DeserializationError) as error:
        raise InvalidInput(f"The file cannot be loaded: {error}") from error


def _models() -> list[type[models.Model]]:
    configs = [(apps.get_app_config(label), None) for label in MOVED]
    found = serializers.sort_dependencies(configs, allow_cycles=True)
    return [model for model in found if model._meta.label_lower not in LEFT]


def _all_rows() -> Iterator[models.Model]:
    for model in _models():
        yield from model._base_manager.order_by("pk").iterator()
