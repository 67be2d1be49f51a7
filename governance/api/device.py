"""What a device asks for: its next command, to say how it went, and who it is."""

from __future__ import annotations

import datetime
import threading
import time
import uuid
from typing import Annotated, Any, Literal

from django.db import connection
from django.http import HttpRequest, HttpResponse
from ninja import Router, Status
from pydantic import Field

from governance.api.schemas import Strict
from governance.api.security import DeviceKey, device_of
from governance.domain.errors import InvalidInput
from governance.domain.readings import (
    MAX_ACCURACY_M,
    MAX_PHOTO_BYTES,
    Photo,
    Position,
    Reading,
    Shown,
)
from governance.domain.words import DeviceKind
from governance.models import Device, DeviceCommand
from governance.services import device_commands
from governance.services.device_commands import MAX_ERROR

MAX_WAIT = 25
"""Seconds; below what proxies commonly allow an idle connection."""

MAX_WAITING = 50
"""How many requests of one process may wait at once; the others are answered at once."""

POLL_SECONDS = 0.5
RETRY_SECONDS = 5
MAX_BASE64 = (MAX_PHOTO_BYTES + 2) // 3 * 4

_places = threading.BoundedSemaphore(MAX_WAITING)
router = Router(auth=DeviceKey(), tags=["device"])


class ClaimIn(Strict):
    """How long to wait for a command, in seconds."""

    wait: Annotated[int, Field(ge=0, le=MAX_WAIT)] = 0


class CommandOut(Strict):
    """A command. `report_by`: when it becomes in doubt unless it was reported."""

    id: uuid.UUID
    kind: DeviceKind
    params: dict[str, Any]
    report_by: datetime.datetime

    @classmethod
    def of(cls, command: DeviceCommand) -> CommandOut:
        """As the device sees it."""
        return cls(
            id=command.id,
            kind=DeviceKind(command.kind),
            params=command.params_as_json(),
            report_by=command.deadline,
        )


class CameraIn(Strict):
    """A PNG or JPEG in base64 (RFC 4648, padded), at most 150,000 bytes of image."""

    image_base64: Annotated[str, Field(min_length=4, max_length=MAX_BASE64)]


class LocationIn(Strict):
    """WGS 84, in degrees; accuracy in metres."""

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    accuracy_m: Annotated[float, Field(ge=0, le=MAX_ACCURACY_M, allow_inf_nan=False)] | None = None


class NotificationIn(Strict):
    """It was shown."""

    shown: Literal[True]


class ReportIn(Strict):
    """`done` with exactly the result of the command's kind, or `failed` with an error."""

    outcome: Literal["done", "failed"]
    error: Annotated[str, Field(max_length=MAX_ERROR)] = ""
    camera: CameraIn | None = None
    location: LocationIn | None = None
    notification: NotificationIn | None = None

    def reading(self) -> Reading | None:
        """What was reported. Raises InvalidInput when it is more than one thing."""
        found: list[Reading] = []
        if self.camera:
            found.append(Photo.from_base64(self.camera.image_base64))
        if self.location:
            found.append(Position(**self.location.model_dump()))
        if self.notification:
            found.append(Shown())
        if len(found) > 1:
            raise InvalidInput("Report one result: camera, location or notification.")
        return found[0] if found else None


class ReportOut(Strict):
    """What the report made of the command."""

    id: uuid.UUID
    state: str


class DeviceOut(Strict):
    """The device itself. `unreported`: what it claimed, oldest first, and still owes a report."""

    id: uuid.UUID
    name: str
    workspace: str
    kinds: list[DeviceKind]
    unreported: list[CommandOut]


@router.post(
    "commands/claim",
    response={200: CommandOut, 204: None},
    operation_id="claim_device_command",
    summary="Claim the next command",
    url_name="device-claim",
)
def claim(request: HttpRequest, response: HttpResponse, payload: ClaimIn) -> Status[Any]:
    """Wait up to `wait` seconds for a command; 204 when there is none, and then ask again.

    A command is handed out once. A device that lost the answer finds the command among its
    `unreported` ones, and may carry it out if it knows that it never began.
    """
    device = device_of(request)
    command = device_commands.claim_next(device=device)
    if command is None and payload.wait:
        if _places.acquire(blocking=False):
            try:
                command = _next_within(payload.wait, device=device)
            finally:
                _places.release()
        else:
            response["Retry-After"] = str(RETRY_SECONDS)
    return Status(204, None) if command is None else Status(200, CommandOut.of(command))


@router.post(
    "commands/{uuid:command_id}/report",
    response=ReportOut,
    operation_id="report_device_command",
    summary="Report on a command",
    url_name="device-report",
)
def report(request: HttpRequest, command_id: uuid.UUID, payload: ReportIn) -> ReportOut:
    """Say how it went. The same report may be sent again; another one is refused (409)."""
    command = device_commands.report(
        device=device_of(request),
        command_id=command_id,
        outcome=payload.outcome,
        reading=payload.reading(),
        error=payload.error,
    )
    return ReportOut(id=command.id, state=str(command.state))


@router.get(
    "me",
    response=DeviceOut,
    operation_id="read_device",
    summary="Who am I, and what do I owe a report on",
    url_name="device-me",
)
def me(request: HttpRequest) -> DeviceOut:
    """The device the key belongs to."""
    device = device_of(request)
    unreported = DeviceCommand.objects.unreported(device)[:100]
    return DeviceOut(
        id=device.id,
        name=device.name,
        workspace=device.workspace.name,
        kinds=[DeviceKind(kind) for kind in device.kinds],
        unreported=[CommandOut.of(command) for command in unreported],
    )


def _next_within(seconds: float, *, device: Device) -> DeviceCommand | None:
    """Look again and again, holding no database connection while it sleeps."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if not connection.in_atomic_block:
            connection.close()
        time.sleep(min(POLL_SECONDS, left))
        command = device_commands.claim_next(device=device)
        if command is not None:
            return command
    return None
