"""Device commands: issue, claim, report, wait, and what becomes of those nobody answered.

A command reaches a device at most once: claiming is one conditional UPDATE. A step has at most
one command, so that a worker that takes over finds it again instead of sending another.
"""

from __future__ import annotations

import datetime
import time
import uuid
from collections.abc import Mapping

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from governance import lifecycle
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput, StaleState
from governance.domain.readings import Photo, Reading
from governance.domain.states import DeviceCommandState, DeviceState, StepState
from governance.domain.values import Json, canonical_text, digest, require_text
from governance.models import Device, DeviceCommand, ExecutionStep
from governance.models.device import COMMAND_OPEN, COMMAND_REPORTED
from governance.policy.redaction import clean_text

MIN_TIMEOUT, MAX_TIMEOUT = 5, 300
"""Seconds a command may wait for its device."""

REPORT_SECONDS = 15
"""A device has at least this long to report, however late it claimed."""

SLACK_SECONDS = 5
LONGEST_WAIT = MAX_TIMEOUT + REPORT_SECONDS + SLACK_SECONDS
"""How long a handler has to be allowed to take, in seconds, for the longest timeout."""

MAX_ERROR = 2_000
CANDIDATES = 10
POLL_SECONDS = 0.2


def issue(
    *,
    step_id: uuid.UUID,
    device: str,
    kind: str,
    params: Mapping[str, Json],
    timeout: datetime.timedelta,
    by: Actor,
) -> DeviceCommand:
    """The command of a step that was sent: a new one, or the one an earlier attempt issued.

    Raises NotFound (no such device), InvalidInput (not its kind, or the step's own time limit
    leaves no room for `timeout`), StaleState (it is retired, or the step has ended). Then there
    is no command, and there will be none.
    """
    with transaction.atomic():
        step = ExecutionStep.objects.locked(step_id)
        found = DeviceCommand.objects.of_step(step_id)
        if found is not None:
            return found
        if step.state != StepState.SENT:
            raise StaleState(f"The step is {step.state}; only one that was sent asks a device.")
        _check_room(step, timeout=timeout)
        named = Device.objects.named(device, workspace_id=step.workspace_id)
        row = _ready_for(Device.objects.locked(named.pk), kind=kind)
        command = DeviceCommand(
            workspace_id=step.workspace_id,
            device=row,
            step=step,
            kind=kind,
            params=canonical_text(dict(params), what="device command"),
            deadline=timezone.now() + timeout,
        )
        data = {"device": str(row.id), "step": str(step.id), "kind": str(kind)}
        lifecycle.begin(command, by=by, data=data)
    return command


def claim_next(*, device: Device) -> DeviceCommand | None:
    """Hand the device the oldest command that waits for it; None when there is none."""
    if not settings.GOVERNANCE_EXECUTION_ENABLED:
        return None
    for command in DeviceCommand.objects.claimable(device, now=timezone.now())[:CANDIDATES]:
        try:
            _claim(command, device=device)
        except StaleState:
            continue  # another connection of the device was faster, or it has just expired
        return command
    return None


def report(
    *,
    device: Device,
    command_id: uuid.UUID,
    outcome: str,
    reading: Reading | None = None,
    error: str = "",
) -> DeviceCommand:
    """The device says how it went: `done` with a reading of the command's kind, or `failed`.

    The same report again is answered as before. A late one is kept with the command, whose step
    stays in doubt until a person has looked. Raises NotFound (not this device's), InvalidInput,
    StaleState (another outcome was reported, or the command was never claimed).
    """
    with transaction.atomic():
        command = DeviceCommand.objects.filter(device_id=device.pk).locked(command_id)
        _check_report(command, outcome=outcome, reading=reading, error=error)
        said = reading.as_json() if reading else {}
        sealed = digest({"outcome": outcome, "reading": said, "error": error}, what="report")
        if command.state in COMMAND_REPORTED:
            return _same_report(command, sealed)
        late = command.state == DeviceCommandState.IN_DOUBT
        lifecycle.move(
            command,
            to=outcome,
            by=device.actor,
            fields={
                "reported_at": timezone.now(),
                "report_digest": sealed,
                "result": canonical_text(said, what="reading") if reading else "",
                "photo": reading.content if isinstance(reading, Photo) else None,
                "error": clean_text(error),
            },
            data={"report": sealed, "late": late},
        )
    return command


def wait(*, command: DeviceCommand, by: Actor) -> DeviceCommand:
    """Wait until the command has ended or its deadline passes; returns it as it is then.

    At most the command's timeout and REPORT_SECONDS. Needs to be outside any transaction.
    """
    while True:
        row = settle(
            command=DeviceCommand.objects.select_related("device").get(pk=command.pk), by=by
        )
        if row.state not in COMMAND_OPEN:
            return row
        time.sleep(POLL_SECONDS)


def settle(*, command: DeviceCommand, by: Actor) -> DeviceCommand:
    """End a command whose deadline has passed: expired if nobody claimed it, else in doubt.

    Expiring is certain: nobody can claim it afterwards, and nobody did before.
    """
    now = timezone.now()
    if command.state not in COMMAND_OPEN or command.deadline > now:
        return command
    to, error = _too_late(command)
    try:
        lifecycle.move(command, to=to, by=by, fields={"error": error}, where={"deadline__lte": now})
    except StaleState:
        command.refresh_from_db()  # claimed or reported at the last moment: that stands
    return command


def settle_overdue(*, by: Actor) -> int:
    """`settle` every command whose worker did not live to do it; returns how many ended."""
    overdue = DeviceCommand.objects.overdue(now=timezone.now()).select_related("device")
    return sum(settle(command=command, by=by).state not in COMMAND_OPEN for command in overdue)


def photo_of(*, step_id: uuid.UUID) -> Photo | None:
    """The photo that a step took, if it did. Serve it as its `media_type`, with nosniff."""
    command = DeviceCommand.objects.filter(step_id=step_id, photo__isnull=False).first()
    return Photo(bytes(command.photo)) if command and command.photo else None


def _check_room(step: ExecutionStep, *, timeout: datetime.timedelta) -> None:
    """A handler cut short would leave a command behind that a device may still claim."""
    room = step.timeout_seconds - REPORT_SECONDS - SLACK_SECONDS
    if timeout.total_seconds() > room:
        raise InvalidInput(
            f"The action type allows {step.timeout_seconds} s, which leaves {max(room, 0)} s for "
            "the device: ask for a shorter timeout_seconds, or have the action type allow more."
        )


def _ready_for(device: Device, *, kind: str) -> Device:
    if device.state != DeviceState.ACTIVE:
        raise StaleState(f"The device {device.name!r} is {device.state}; name another.")
    if kind not in device.kinds:
        raise InvalidInput(
            f"The device {device.name!r} does not take {kind} commands, only "
            f"{', '.join(device.kinds)}."
        )
    return device


def _claim(command: DeviceCommand, *, device: Device) -> None:
    """1. Hold the step, so that it cannot end meanwhile. 2. Move the command, if it still waits."""
    with transaction.atomic():
        step = ExecutionStep.objects.locked(command.step_id)
        if step.state != StepState.SENT:
            raise StaleState("Nobody waits for this command any more.")
        now = timezone.now()
        until = max(command.deadline, now + datetime.timedelta(seconds=REPORT_SECONDS))
        lifecycle.move(
            command,
            to=DeviceCommandState.CLAIMED,
            by=device.actor,
            fields={"claimed_at": now, "deadline": until},
            where={"deadline__gt": now},
        )


def _same_report(command: DeviceCommand, sealed: str) -> DeviceCommand:
    if command.report_digest == sealed:
        return command
    raise StaleState(f"The command was reported as {command.state} already, and that stands.")


def _check_report(
    command: DeviceCommand, *, outcome: str, reading: Reading | None, error: str
) -> None:
    if outcome == DeviceCommandState.DONE:
        if reading is None or reading.kind != command.kind or error:
            raise InvalidInput(
                f"A {command.kind} command that is done is reported with a {command.kind} result, "
                "and nothing else."
            )
    elif outcome == DeviceCommandState.FAILED:
        require_text(error, what="error", max_length=MAX_ERROR, required=True)
        if reading is not None:
            raise InvalidInput("A command that failed has no result; leave it out.")
    else:
        raise InvalidInput(f"The outcome must be done or failed, not {outcome!r}.")


def _too_late(command: DeviceCommand) -> tuple[DeviceCommandState, str]:
    name = command.device.name
    if command.state == DeviceCommandState.WAITING:
        return (
            DeviceCommandState.EXPIRED,
            f"The device {name!r} did not claim the command in time. Nothing happened on it.",
        )
    return (
        DeviceCommandState.IN_DOUBT,
        f"The device {name!r} claimed the command and did not report in time.",
    )
