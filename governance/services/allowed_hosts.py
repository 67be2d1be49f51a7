"""Allowed hosts: what a workspace's actions may reach. Governors keep the list."""

from __future__ import annotations

from django.db import transaction

from governance import ledger
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput
from governance.domain.roles import Right
from governance.domain.values import Json, require_text
from governance.domain.words import HostUse
from governance.models import AllowedHost, Workspace
from governance.outbound import HostRule, OutboundRefused
from governance.services import memberships
from governance.services.validation import cleaned

MAX_NOTE = 500


def add(
    *,
    workspace: Workspace,
    host: str,
    by: Actor,
    port: int | None = None,
    use: str = HostUse.WEB,
    allow_private: bool = False,
    deduplicates: bool = False,
    note: str = "",
) -> AllowedHost:
    """Allow a host, or every name below `*.example.com`; `port` None means 80 and 443.

    `allow_private` needs an exact host and a port. `deduplicates`: its owner honours our
    Idempotency-Key. Raises InvalidInput (already on the list, too), NotAllowed.
    """
    require_text(note, what="note", max_length=MAX_NOTE)
    try:
        rule = HostRule(host, port, allow_private)
    except OutboundRefused as error:
        raise InvalidInput(str(error)) from error
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        row = AllowedHost(
            workspace=workspace,
            use=use,
            host=rule.host,
            port=port,
            allow_private=allow_private,
            deduplicates=deduplicates,
            note=note,
        )
        cleaned(row)
        row.save(force_insert=True)
        _record(row, "allowed_host.added", by=by)
    return row


def remove(*, host: AllowedHost, by: Actor) -> None:
    """Take a host off the list; what was approved to go there fails before anything is sent."""
    with transaction.atomic():
        memberships.require(by=by, workspace_id=host.workspace_id, right=Right.GOVERN)
        row = AllowedHost.objects.locked(host.pk)
        _record(row, "allowed_host.removed", by=by)
        row.delete()


def _record(row: AllowedHost, kind: str, *, by: Actor) -> None:
    data: dict[str, Json] = {
        "use": str(row.use),
        "host": row.host,
        "port": row.port,
        "allow_private": row.allow_private,
        "deduplicates": row.deduplicates,
        "note": row.note,
    }
    ledger.append(kind=kind, by=by, workspace_id=row.workspace_id, subject_id=row.id, data=data)
