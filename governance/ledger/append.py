"""Append to the ledger: one INSERT of canonical bytes, in the caller's transaction."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.utils import timezone

from governance.domain.actors import Actor
from governance.domain.values import Json, canonical
from governance.models import LedgerEntry
from governance.models.base import new_id


def append(
    *,
    kind: str,
    by: Actor,
    workspace_id: uuid.UUID,
    subject_id: uuid.UUID,
    data: dict[str, Json],
) -> LedgerEntry:
    """Record that `by` did `kind` to the row `subject_id`. Needs an open transaction.

    `data` must have a canonical JSON form (InvalidInput otherwise). Raises
    TransactionManagementError outside a transaction: an entry apart from the change it
    describes would prove nothing.
    """
    if not transaction.get_connection().in_atomic_block:
        message = f"A ledger entry ({kind}) must be written in the transaction of its change."
        raise transaction.TransactionManagementError(message)
    entry_id, at = new_id(), timezone.now()
    body = {
        "id": str(entry_id),
        "at": at.isoformat(),
        "kind": kind,
        "workspace": str(workspace_id),
        "subject": str(subject_id),
        "by": by.as_json(),
        "data": data,
    }
    return LedgerEntry.objects.create(
        id=entry_id,
        workspace_id=workspace_id,
        created_at=at,
        kind=kind,
        subject_id=subject_id,
        body=canonical(body, what="ledger entry"),
    )
