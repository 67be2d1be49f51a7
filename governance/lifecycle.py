"""The one function that moves a row along its lifecycle, and the one that brings it into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F

from governance import ledger
from governance.domain.actors import Actor
from governance.domain.errors import StaleState
from governance.domain.values import Json
from governance.models.base import Record, Stateful


def begin(row: Stateful, *, by: Actor, data: dict[str, Json] | None = None) -> None:
    """INSERT a new row in its lifecycle's initial state, with its ledger entry."""
    row.state = row.LIFECYCLE.initial
    with transaction.atomic():
        row.save(force_insert=True)
        _record(row, by=by, before=None, data=data)


def move(
    row: Stateful,
    *,
    to: str,
    by: Actor,
    fields: Mapping[str, Any] | None = None,
    where: Mapping[str, Any] | None = None,
    data: dict[str, Json] | None = None,
) -> None:
    """Move `row` to the state `to`, or raise StaleState and change nothing.

    1. The table must allow the move from the state the caller saw.
    2. One UPDATE names that state, that version and `where`; exactly one row must move.
    3. The ledger entry is written in the same transaction.

    `fields` are set in the same UPDATE. On success `row` carries the new state and fields.
    """
    before = str(row.state)
    if not row.LIFECYCLE.allows(before, to):
        raise StaleState(_sentence(row, to))
    changes = {"state": str(to), **(fields or {})}
    with transaction.atomic():
        moved = (
            type(row)
            ._default_manager.filter(pk=row.pk, state=before, version=row.version, **(where or {}))
            .update(version=F("version") + 1, **changes)
        )
        if moved != 1:
            raise StaleState(_sentence(row, to))
        row.version += 1
        for name, value in changes.items():
            setattr(row, name, value)
        _record(row, by=by, before=before, data=data)


def _record(row: Stateful, *, by: Actor, before: str | None, data: dict[str, Json] | None) -> None:
    # A workspace belongs to itself.
    workspace_id = row.workspace_id if isinstance(row, Record) else row.pk
    ledger.append(
        kind=f"{row.LIFECYCLE.name}.{row.state}".replace(" ", "_"),
        by=by,
        workspace_id=workspace_id,
        subject_id=row.pk,
        data={"from": before, "to": str(row.state), "version": row.version, **(data or {})},
    )


def _sentence(row: Stateful, to: str) -> str:
    return (
        f"The {row.LIFECYCLE.name} cannot become {to}: it was {row.state} when it was read, "
        "or has changed since; read it again."
    )
