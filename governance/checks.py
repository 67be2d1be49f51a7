"""System checks: what would otherwise go wrong at run time stops the start instead."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet
from django.apps.config import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.db import DatabaseError, connection

from governance.domain.errors import InvalidInput
from governance.domain.states import AgentState
from governance.domain.words import Mode
from governance.execution import loading, registry
from governance.models import ActionType, Agent, Workspace
from governance.runtimes import in_process

Apps = Sequence[AppConfig] | None

WAL_SAFE_FROM = (3, 51, 3)
"""Before this, SQLite can corrupt a WAL database that several processes write or checkpoint."""


@register()
def handlers_exist(app_configs: Apps, **options: Any) -> list[CheckMessage]:  # noqa: ARG001  Django calls it so
    """Every enabled action type in handler mode has a handler, fit to work, of the same effect."""
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
        elif spec.lacks and (lacking := spec.lacks()):
            found.append(_unfit(row, lacking))
    return found


@register()
def handlers_import(app_configs: Apps, **options: Any) -> list[CheckMessage]:  # noqa: ARG001  Django calls it so
    """Every application's handlers module imports."""
    return [
        Error(
            f"The handlers in {module} do not import: {why}.",
            hint="Mend that file, or remove the application from INSTALLED_APPS.",
            id="governance.E006",
        )
        for module, why in loading.broken().items()
    ]


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


@register()
def secrets_can_be_kept(app_configs: Apps, **options: Any) -> list[CheckMessage]:  # noqa: ARG001  Django calls it so
    """Every encryption key is one."""
    found: list[CheckMessage] = []
    for position, key in enumerate(settings.GOVERNANCE_ENCRYPTION_KEYS, start=1):
        try:
            Fernet(key)
        except ValueError:
            found.append(_broken_key(position))
    return found


@register()
def programs_load(app_configs: Apps, **options: Any) -> list[CheckMessage]:  # noqa: ARG001  Django calls it so
    """Every active agent with a program in this process has one that loads."""
    try:
        rows = list(Agent.objects.filter(state=AgentState.ACTIVE).exclude(module_path=""))
    except DatabaseError:
        return []  # not migrated yet: there are no agents to check
    found: list[CheckMessage] = []
    for row in rows:
        try:
            in_process.load(row.module_path, row.class_name)
        except InvalidInput as error:
            found.append(_broken_program(row, why=str(error)))
    return found


@register()
def own_action_types_are_there(app_configs: Apps, **options: Any) -> list[CheckMessage]:  # noqa: ARG001  Django calls it so
    """Every workspace has what the system itself files proposals with."""
    own = sorted(spec.key for spec in registry.known() if spec.system_only)
    try:
        names = dict(Workspace.objects.values_list("id", "name"))
        rows = ActionType.objects.filter(key__in=own).values_list("workspace_id", "key")
        there = set(rows)
    except DatabaseError:
        return []  # not migrated yet: there are no workspaces to check
    missing = {
        name: [key for key in own if (workspace_id, key) not in there]
        for workspace_id, name in names.items()
    }
    return [_earlier_version(name, keys) for name, keys in sorted(missing.items()) if keys]


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


def _unfit(row: ActionType, lacking: str) -> CheckMessage:
    return Error(
        f"The action type {row.key!r} of workspace {row.workspace} is enabled, and what it needs "
        f"is not here. {lacking}",
        hint="Install it where the workers run, or disable the action type.",
        id="governance.E005",
    )


def _broken_key(position: int) -> CheckMessage:
    return Error(
        f"Key {position} of GOVERNANCE_ENCRYPTION_KEYS is not 32 bytes in URL-safe base64.",
        hint='Make one: python -c "from cryptography.fernet import Fernet; '
        'print(Fernet.generate_key().decode())"',
        id="governance.E004",
    )


def _broken_program(row: Agent, *, why: str) -> CheckMessage:
    return checks.Warning(
        f"The agent {row.name!r} of workspace {row.workspace} cannot be run. {why}",
        hint="Until then each attempt to run it is refused; `agents.update` changes where it is.",
        id="governance.W001",
    )


def _earlier_version(workspace: str, keys: list[str]) -> CheckMessage:
    return checks.Warning(
        f"The workspace {workspace} was set up under an earlier version and has no action type "
        f"{' or '.join(keys)}.",
        hint=f"Run `setup --workspace {workspace}` again: it adds what is missing and changes "
        "nothing else. Until then each is added when it is first needed.",
        id="governance.W004",
    )
