"""What takes long to build and is the same in every test: built once, and then put back.

The rows are those the services wrote, byte for byte, keys and times included; only the work of
writing them is saved. Each test's transaction takes them away again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Generic, TypeVar

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import models, transaction

from governance.execution import registry
from governance.models import Workspace

Built = TypeVar("Built")


class Remembered(Generic[Built]):
    """`get` returns what `build` would.

    It builds anew where other handlers are registered, and where some of its rows are there
    already, or others under their numbers.
    """

    def __init__(self, build: Callable[[], Built]) -> None:
        self._build = build
        self._kept: dict[tuple[str, ...], tuple[Built, list[models.Model]]] = {}

    def get(self) -> Built:
        handlers = tuple(spec.key for spec in registry.known())
        if handlers in self._kept:
            built, rows = self._kept[handlers]
            if _is_free(rows):
                _write(rows)
                return copy.deepcopy(built)
        before = {model: set(_keys(model)) for model in _tables()}
        built = self._build()
        self._kept[handlers] = copy.deepcopy((built, _rows_since(before)))
        return built


def _tables() -> list[type[models.Model]]:
    """People first: the others refer to them."""
    return [get_user_model(), *apps.get_app_config("governance").get_models()]


def _keys(model: type[models.Model]) -> models.QuerySet:
    return model._default_manager.values_list("pk", flat=True)


def _rows_since(before: dict[type[models.Model], set]) -> list[models.Model]:
    return [
        row
        for model, seen in before.items()
        for row in model._default_manager.exclude(pk__in=seen).order_by("pk")
    ]


def _is_free(rows: list[models.Model]) -> bool:
    return not any(
        model._default_manager.filter(
            pk__in=[row.pk for row in rows if isinstance(row, model)]
        ).exists()
        for model in (Workspace, get_user_model())
    )


@transaction.atomic
def _write(rows: list[models.Model]) -> None:
    for model in dict.fromkeys(type(row) for row in rows):
        model._default_manager.bulk_create(copy.copy(row) for row in rows if type(row) is model)
