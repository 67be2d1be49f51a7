"""Devices: register, give a new key, retire, recognise."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from governance import ledger, lifecycle
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput, StaleState
from governance.domain.roles import Right
from governance.domain.states import DeviceCommandState, DeviceState
from governance.domain.values import require_text
from governance.domain.words import DeviceKind
from governance.models import Device, DeviceCommand, Workspace
from governance.services import memberships
from governance.services.validation import cleaned

KEY_MARK = "agd"
"""How every key begins, so that scanners for leaked secrets can know it."""

MAX_KEY_LENGTH = 200
SEEN_EVERY = timedelta(seconds=10)
"""How exact `last_seen_at` is; a write for every request would buy nothing."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A device and its key, which is shown once and can never be read again."""

    device: Device
    key: str = field(repr=False)


def register(*, workspace: Workspace, name: str, kinds: Sequence[str], by: Actor) -> Registration:
    """Make a device known, for these kinds of command. Raises InvalidInput, NotAllowed."""
    device = Device(workspace=workspace, name=name, kinds=_known(kinds))
    key = _give_key(device)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        cleaned(device)
        lifecycle.begin(
            device,
            by=by,
            data={"name": name, "kinds": device.kinds, "key_prefix": device.key_prefix},
        )
    return Registration(device, key)


def rotate_key(*, device: Device, by: Actor) -> Registration:
    """Give an active device a new key; the old one opens nothing any more.

    What it claimed before, it may still report, under the new key. Raises StaleState, NotAllowed.
    """
    with transaction.atomic():
        memberships.require(by=by, workspace_id=device.workspace_id, right=Right.GOVERN)
        row = Device.objects.locked(device.pk)
        if row.state != DeviceState.ACTIVE:
            raise StaleState(f"The device is {row.state}; only an active one gets a new key.")
        before = row.key_prefix
        key = _give_key(row)
        row.save(update_fields=["key_prefix", "key_hash"])
        ledger.append(
            kind="device.key_rotated",
            by=by,
            workspace_id=row.workspace_id,
            subject_id=row.id,
            data={"prefix_before": before, "key_prefix": row.key_prefix},
        )
    return Registration(row, key)


def retire(*, device: Device, reason: str, by: Actor) -> None:
    """End a device for good: its key opens nothing, and what waits for it expires.

    What it has claimed becomes in doubt at its deadline. Raises InvalidInput, StaleState,
    NotAllowed.
    """
    require_text(reason, what="reason", max_length=2_000, required=True)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=device.workspace_id, right=Right.GOVERN)
        # 1. The device first: whoever issues a command holds its row, and sees it retired after us.
        lifecycle.move(device, to=DeviceState.RETIRED, by=by, data={"reason": reason})
        # 2. Then what nobody has claimed; what is claimed this very moment stays claimed.
        waiting = DeviceCommand.objects.filter(
            device_id=device.pk, state=DeviceCommandState.WAITING
        )
        for command in waiting:
            _withdraw(command, by=by)


def authenticate(key: str) -> Device | None:
    """The active device with this key; None for anything else, in about the same time."""
    device = Device.objects.select_related("workspace").filter(key_prefix=_prefix(key)).first()
    expected = device.key_hash if device else _hash("")
    matches = hmac.compare_digest(_hash(key), expected)
    known = device is not None and device.state == DeviceState.ACTIVE
    return device if matches and known else None


def seen(*, device: Device) -> None:
    """Note that the device was here; at most every SEEN_EVERY."""
    now = timezone.now()
    Device.objects.filter(
        Q(last_seen_at__isnull=True) | Q(last_seen_at__lt=now - SEEN_EVERY), pk=device.pk
    ).update(last_seen_at=now)


def _known(kinds: Sequence[str]) -> list[str]:
    """Without repetition, in the order of the vocabulary. Raises InvalidInput."""
    unknown = sorted(set(kinds) - set(DeviceKind.values))
    if unknown or not kinds:
        raise InvalidInput(
            f"A device needs one or more kinds out of {', '.join(DeviceKind.values)}"
            + (f"; there is no kind {unknown[0]!r}." if unknown else ".")
        )
    return [kind for kind in DeviceKind.values if kind in kinds]


def _give_key(device: Device) -> str:
    key = f"{KEY_MARK}_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"
    device.key_prefix, device.key_hash = _prefix(key), _hash(key)
    return key


def _prefix(key: str) -> str:
    """The part by which a key is found; no secret. Empty for what is no key of ours."""
    parts = key.split("_", 2) if len(key) <= MAX_KEY_LENGTH else []
    return "_".join(parts[:2])[:20] if len(parts) == 3 and parts[0] == KEY_MARK else ""  # noqa: PLR2004  mark, prefix, secret


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _withdraw(command: DeviceCommand, *, by: Actor) -> None:
    error = "The device was retired before it claimed the command."
    try:
        lifecycle.move(command, to=DeviceCommandState.EXPIRED, by=by, fields={"error": error})
    except StaleState:
        return
