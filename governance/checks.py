"""System checks: what would otherwise go wrong at run time stops the start instead."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from django.apps.config import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.db import DatabaseError, connection

from governance.domain.words import Mode
from governance.execution import registry
from governance.models import ActionType

Apps = Sequence[AppConfig] | None

WAL_SAFE_FROM = (3, 51, 3)
"""Before this, SQLite can corrupt a WAL database that several processes write or checkpoint."""


@register()
def handlers_exist(app_configs: Apps, **options: Any) -> list[CheckMessage]:  # noqa: ARG001  Django calls it so
    """Every enabled action type in handler mode has a handler, with the same effect class."""
    try:
        rows = list(ActionType.objects.enabled().filter(mode=Mode.HANDLER))
    except DatabaseError:
        return []  # not migrated yet: there is no catalogue to check
    specs = {spec.key: spec for spec in registry.known()}
    found: list[CheckMessage] = []
    for row in rows:
        spec = specs.get(row.key)
        if spec is None:
            found.append(_missing(row))
        elif spec.effect != row.effect:
            found.append(_other_effect(row, spec))
    return found


@register()
def journal_is_safe(app_configs: Apps, **options: Any) -> list[CheckMessage]:  # noqa: ARG001  Django calls it so
    """WAL needs a SQLite without the WAL-reset bug."""
    if connection.vendor != "sqlite" or sqlite3.sqlite_version_info >= WAL_SAFE_FROM:
        return []
    command = connection.settings_dict.get("OPTIONS", {}).get("init_command", "")
    if "wal" not in str(command).lower():
        return []
    return [
        Error(
            f"SQLite {sqlite3.sqlite_version} can corrupt a database in WAL mode.",
            hint="Use journal_mode=TRUNCATE, or SQLite 3.51.3 or newer.",
            id="governance.E002",
        )
    ]


def _missing(row: ActionType) -> CheckMessage:
    return Error(
        f"The action type {row.key!r} of workspace {row.workspace} is in handler mode, and no "
        "handler is registered under its key.",
        hint=(
            "Register one in a `handlers` module of an installed application (built-in ones are "
            "listed in governance/handlers/__init__.py), or disable the action type."
        ),
        id="governance.E001",
    )


def _other_effect(row: ActionType, spec: registry.ActionSpec) -> CheckMessage:
    return Error(
        f"The action type {row.key!r} of workspace {row.workspace} says its effect is "
        f"{row.effect}, and its handler in {spec.handler.__module__} says {spec.effect.value}.",
        hint="Make them agree: what is promised about repeating a step depends on it.",
        id="governance.E003",
    )
