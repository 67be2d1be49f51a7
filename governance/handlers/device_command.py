"""device_command: ask a registered device for a photo, a location, or to show a notification.

The far side is our own table of commands, and it dedups on the step: a worker that takes over finds
the command again, and the device gets it at most once. So the effect is keyed. What is left is a
device that claims and falls silent; that is in doubt, whoever asks again.
"""

from __future__ import annotations

import datetime
import json

from governance.domain.actors import system
from governance.domain.errors import GovernanceError
from governance.domain.states import DeviceCommandState
from governance.domain.values import Json
from governance.domain.words import Complexity, DeviceKind, Effect, Reversibility
from governance.execution import wording
from governance.execution.registry import (
    ActionFailed,
    ActionInDoubt,
    ActionNeverHappened,
    ActionSpec,
    StepContext,
)
from governance.models import DeviceCommand
from governance.services import device_commands
from governance.services.device_commands import LONGEST_WAIT, MAX_TIMEOUT, MIN_TIMEOUT

DEFAULT_TIMEOUT = 30
WORKER = system("worker")

CAMERA: dict[str, Json] = {
    "type": "object",
    "description": "Which camera; the device decides when it is not said.",
    "properties": {"facing": {"enum": ["front", "back"]}},
    "additionalProperties": False,
}

LOCATION: dict[str, Json] = {
    "type": "object",
    "description": "How exact; the device decides when it is not said.",
    "properties": {"accuracy": {"enum": ["coarse", "fine"]}},
    "additionalProperties": False,
}

NOTIFICATION: dict[str, Json] = {
    "type": "object",
    "description": "What to show on the device, as plain text.",
    "properties": {
        "title": {"type": "string", "minLength": 1, "maxLength": 100},
        "body": {"type": "string", "maxLength": 1_000},
    },
    "required": ["title", "body"],
    "additionalProperties": False,
}

PARAMS: dict[str, Json] = {
    "type": "object",
    "properties": {
        "device": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9-]{0,59}$",
            "description": "The device's name.",
        },
        "kind": {"enum": list(DeviceKind.values), "description": "What to ask it for."},
        "camera": CAMERA,
        "location": LOCATION,
        "notification": NOTIFICATION,
        "timeout_seconds": {
            "type": "integer",
            "minimum": MIN_TIMEOUT,
            "maximum": MAX_TIMEOUT,
            "description": f"How long to wait for the device (default: {DEFAULT_TIMEOUT}).",
        },
    },
    "required": ["device", "kind"],
    "additionalProperties": False,
    "allOf": [
        {
            "if": {"properties": {"kind": {"const": kind}}},
            "then": {
                # Only a notification cannot do without its own params.
                "required": [kind] if kind == DeviceKind.NOTIFICATION else [],
                "not": {
                    "anyOf": [{"required": [other]} for other in DeviceKind.values if other != kind]
                },
            },
        }
        for kind in DeviceKind.values
    ],
}


def phrase(params: dict[str, Json]) -> str:
    """In words."""
    device = wording.value(params["device"])
    if params["kind"] == DeviceKind.NOTIFICATION:
        title = wording.value(params["notification"]["title"])
        return f"Show the notification {title} on the device {device}"
    words = {
        DeviceKind.CAMERA: "Take a photo with the device",
        DeviceKind.LOCATION: "Read the location of the device",
    }
    return f"{words[params['kind']]} {device}"


def handle(context: StepContext, params: dict[str, Json]) -> dict[str, Json]:
    """Issue the step's command, or find it again; wait for the device; return what it reported."""
    try:
        command = device_commands.issue(
            step_id=context.step_id,
            device=params["device"],
            kind=params["kind"],
            params=params.get(params["kind"], {}),
            timeout=datetime.timedelta(seconds=params.get("timeout_seconds", DEFAULT_TIMEOUT)),
            by=WORKER,
        )
    except GovernanceError as error:
        raise ActionFailed(str(error)) from error
    return _outcome(device_commands.wait(command=command, by=WORKER))


def _outcome(command: DeviceCommand) -> dict[str, Json]:
    if command.state == DeviceCommandState.DONE:
        return {
            "device": command.device.name,
            "command": str(command.id),
            "kind": command.kind,
            command.kind: json.loads(command.result),
        }
    if command.state == DeviceCommandState.FAILED:
        raise ActionNeverHappened(f"The device {command.device.name!r} reported: {command.error}")
    if command.state == DeviceCommandState.EXPIRED:
        raise ActionNeverHappened(command.error)
    raise ActionInDoubt(command.error)


SPEC = ActionSpec(
    key="device_command",
    title="Ask a device",
    description="Takes a photo, reads the location or shows a notification on a registered device.",
    complexity=Complexity.CHANGE,
    reversibility=Reversibility.IRREVERSIBLE,
    effect=Effect.KEYED,
    params_schema=PARAMS,
    handler=handle,
    phrase=phrase,
    timeout_seconds=LONGEST_WAIT,
)
