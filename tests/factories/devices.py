"""Devices with their keys, and the commands they are asked to carry out."""

from __future__ import annotations

import base64
import datetime
import struct
import zlib

import factory
from django.utils import timezone

from governance import lifecycle
from governance.domain.states import StepState
from governance.domain.words import DeviceKind, Maturity
from governance.execution import claims
from governance.models import Device, DeviceCommand, Run
from governance.services import device_commands, devices
from governance.services.devices import Registration
from tests.factories.agents import AgentFactory
from tests.factories.base import ServiceFactory
from tests.factories.moves import WORKER, approved
from tests.factories.people import BY_SYSTEM
from tests.factories.runs import RunFactory
from tests.factories.waiting import ProposalFactory

ALL_KINDS = tuple(DeviceKind.values)
HELLO = {"title": "Hello", "body": "The parcel is here."}


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


PIXEL = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00"))
    + _chunk(b"IEND", b"")
)
"""A PNG of one red pixel."""

PIXEL_BASE64 = base64.b64encode(PIXEL).decode()


class RegistrationFactory(ServiceFactory):
    """A `.device`, for every kind of command, and its `.key`."""

    class Meta:
        model = Registration

    workspace = factory.SubFactory("tests.factories.workspaces.WorkspaceFactory")
    name = factory.Sequence(lambda n: f"device-{n}")

    @classmethod
    def make(cls, *, workspace, name, kinds=ALL_KINDS, by=BY_SYSTEM):
        return devices.register(workspace=workspace, name=name, kinds=kinds, by=by)


class DeviceFactory(RegistrationFactory):
    """As RegistrationFactory, without the key."""

    class Meta:
        model = Device

    @classmethod
    def make(cls, **values):
        return super().make(**values).device


class DeviceCommandFactory(ServiceFactory):
    """Waiting for its device, of a step that a worker has sent."""

    class Meta:
        model = DeviceCommand

    device = factory.SubFactory(DeviceFactory)

    @classmethod
    def make(cls, *, device, kind=DeviceKind.LOCATION, params=None, seconds=30):
        if params is None:
            params = HELLO if kind == DeviceKind.NOTIFICATION else {}
        step = sent_step(device, {"device": device.name, "kind": kind, kind: params})
        return device_commands.issue(
            step_id=step.id,
            device=device.name,
            kind=kind,
            params=params,
            timeout=datetime.timedelta(seconds=seconds),
            by=WORKER,
        )


def device_run(device) -> Run:
    """A running run of a new intern in the device's workspace."""
    return RunFactory(agent=AgentFactory(workspace=device.workspace, maturity=Maturity.INTERN))


def sent_step(device, params):
    """Approved, claimed by a worker, and sent; its handler has not been called yet."""
    proposal = ProposalFactory(run=device_run(device), action_type="device_command", params=params)
    execution = approved(proposal).execution
    claims.claim(execution=execution, by=WORKER, lease=datetime.timedelta(minutes=5))
    step = execution.steps.get()
    lifecycle.move(step, to=StepState.SENT, by=WORKER, fields={"sent_at": timezone.now()})
    return step


def claimed_command(command: DeviceCommand) -> DeviceCommand:
    """Claimed by its device."""
    found = device_commands.claim_next(device=command.device)
    assert found is not None
    assert found.pk == command.pk, "an older command waits for this device"
    return DeviceCommand.objects.get(pk=command.pk)


def after(command: DeviceCommand, seconds: float = 1) -> datetime.datetime:
    """A time at which its deadline has passed."""
    return command.deadline + datetime.timedelta(seconds=seconds)
