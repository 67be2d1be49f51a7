"""Credentials: secrets that plans name and never hold. Governors store them; handlers use them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from governance import ledger
from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import InvalidInput, NotAllowed
from governance.domain.roles import Right
from governance.domain.values import Json, require_text
from governance.models import Credential, Workspace
from governance.models.fields import Concealed
from governance.outbound import OutboundRefused, pattern
from governance.policy.redaction import SHORTEST
from governance.services import memberships
from governance.services.validation import cleaned

MAX_SECRET = 8_000
MAX_HOSTS = 50
MAX_NOTE = 500


@sensitive_variables("secret")
def store(
    *,
    workspace: Workspace,
    name: str,
    kind: str,
    secret: str,
    by: Actor,
    hosts: Iterable[str] = (),
    note: str = "",
) -> Credential:
    """Keep a secret under a name. `hosts`: where it may be sent; none: to any allowed host.

    4 to 8,000 characters. The ledger learns everything but the secret. Raises InvalidInput
    (a name that is taken, too), NotAllowed.
    """
    concealed = _conceal(secret)
    require_text(note, what="note", max_length=MAX_NOTE)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        row = Credential(
            workspace=workspace,
            name=name,
            kind=kind,
            secret=concealed,
            hosts=_patterns(hosts),
            note=note,
        )
        cleaned(row)
        row.save(force_insert=True)
        _record(row, "credential.stored", by=by)
    return row


@sensitive_variables("secret")
def rotate(*, credential: Credential, secret: str, by: Actor) -> Credential:
    """Replace a secret; the name stays, so no plan changes. Raises InvalidInput, NotAllowed."""
    concealed = _conceal(secret)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=credential.workspace_id, right=Right.GOVERN)
        row = Credential.objects.locked(credential.pk)
        row.secret, row.rotated_at = concealed, timezone.now()
        row.save(update_fields=["secret", "rotated_at"])
        _record(row, "credential.rotated", by=by)
    return row


def remove(*, credential: Credential, by: Actor) -> None:
    """Forget a secret; steps that name it fail before anything is sent."""
    with transaction.atomic():
        memberships.require(by=by, workspace_id=credential.workspace_id, right=Right.GOVERN)
        row = Credential.objects.locked(credential.pk)
        _record(row, "credential.removed", by=by)
        row.delete()


def reveal(*, name: str, workspace_id: uuid.UUID) -> str:
    """The secret itself, for handlers and nobody else: neither show it nor log it.

    Raises NotFound, CannotDecrypt.
    """
    return Credential.objects.named(name, workspace_id=workspace_id).secret.reveal()


def reencrypt(*, by: Actor) -> int:
    """Put every secret under the first key, so that an older key can be dropped; how many.

    The system's only. Raises NotAllowed, CannotDecrypt (and then changes nothing).
    """
    if by.kind is not ActorKind.SYSTEM:
        raise NotAllowed("Only the operator may encrypt the credentials anew.")
    with transaction.atomic():
        rows = list(Credential.objects.select_for_update(of=("self",)))
        for row in rows:
            row.secret = row.secret.renewed()
            row.save(update_fields=["secret"])
            _record(row, "credential.reencrypted", by=by)
    return len(rows)


@sensitive_variables("secret")
def _conceal(secret: str) -> Concealed:
    if len(secret) < SHORTEST:
        raise InvalidInput(f"The secret must have at least {SHORTEST} characters.")
    require_text(secret, what="secret", max_length=MAX_SECRET, required=True)
    return Concealed.of(secret)


def _patterns(hosts: Iterable[str]) -> list[str]:
    try:
        found = sorted({pattern(host) for host in hosts})
    except OutboundRefused as error:
        raise InvalidInput(str(error)) from error
    if len(found) > MAX_HOSTS:
        raise InvalidInput(f"At most {MAX_HOSTS} hosts can be named; use a pattern.")
    return found


def _record(row: Credential, kind: str, *, by: Actor) -> None:
    data: dict[str, Json] = {
        "name": row.name,
        "kind": str(row.kind),
        "hosts": list(row.hosts),
        "note": row.note,
    }
    ledger.append(kind=kind, by=by, workspace_id=row.workspace_id, subject_id=row.id, data=data)
