"""Device and DeviceCommand: what is in the field, and what it was asked to do."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from governance.domain import states
from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import NotFound
from governance.domain.states import (
    DeviceCommandState,
    DeviceState,
    StepState,
    WorkspaceState,
)
from governance.domain.words import DeviceKind
from governance.models.base import (
    Record,
    RecordQuerySet,
    Stateful,
    one_of,
    set_exactly_in,
    state_check,
)
from governance.models.execution import ExecutionStep

COMMAND_OPEN = frozenset({DeviceCommandState.WAITING, DeviceCommandState.CLAIMED})
COMMAND_REPORTED = frozenset({DeviceCommandState.DONE, DeviceCommandState.FAILED})


class DeviceQuerySet(RecordQuerySet["Device"]):
    """Reads."""

    def named(self, name: str, *, workspace_id: uuid.UUID) -> Device:
        """The device of this name; raises NotFound."""
        device = self.of(workspace_id).filter(name=name).first()
        if device is None:
            raise NotFound(f"There is no device {name!r} here; `register_device` registers one.")
        return device


class Device(Stateful, Record):
    """A device that claims commands with a key of its own.

    Of the key only its SHA-256 is kept, and the prefix by which it is found. The key holds 256
    bits of chance, so that a slow hash would protect nothing more.
    """

    LIFECYCLE: ClassVar = states.DEVICE

    name = models.CharField(
        max_length=60,
        validators=[RegexValidator(r"^[a-z][a-z0-9-]*\Z", "Use a-z, 0-9 and -, from a letter.")],
    )
    kinds = models.JSONField(default=list)
    state = models.CharField(
        max_length=20, choices=DeviceState.choices, default=states.DEVICE.initial, editable=False
    )
    key_prefix = models.CharField(max_length=20, unique=True, editable=False)
    key_hash = models.CharField(max_length=64, editable=False)
    last_seen_at = models.DateTimeField(null=True, editable=False)

    objects = DeviceQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("workspace", "name"), name="device_name_once"),
            state_check(states.DEVICE, name="device_state_known"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def actor(self) -> Actor:
        """The device as the `by` of a service."""
        return Actor(ActorKind.DEVICE, str(self.id), self.name)


class DeviceCommandQuerySet(RecordQuerySet["DeviceCommand"]):
    """Reads."""

    def claimable(self, device: Device, *, now: datetime) -> DeviceCommandQuerySet:
        """What the device may claim under the key it came with, oldest first.

        Only while a worker waits for it: a step that has ended in any way is not carried out
        behind its back, and a halted workspace's commands wait, and may expire.
        """
        return self.filter(
            device_id=device.pk,
            device__state=DeviceState.ACTIVE,
            device__key_hash=device.key_hash,
            state=DeviceCommandState.WAITING,
            deadline__gt=now,
            step__state=StepState.SENT,
            workspace__state=WorkspaceState.ACTIVE,
        ).order_by("created_at", "id")

    def unreported(self, device: Device) -> DeviceCommandQuerySet:
        """What the device claimed and has not reported on, oldest first."""
        doubtful = [DeviceCommandState.CLAIMED, DeviceCommandState.IN_DOUBT]
        return self.filter(device_id=device.pk, state__in=doubtful).order_by("created_at", "id")

    def overdue(self, *, now: datetime) -> DeviceCommandQuerySet:
        """Waiting or claimed, with a deadline that has passed."""
        return self.filter(state__in=sorted(COMMAND_OPEN), deadline__lte=now)

    def of_step(self, step_id: uuid.UUID) -> DeviceCommand | None:
        """The one command of a step, if it was issued."""
        return self.filter(step_id=step_id).first()


class DeviceCommand(Stateful, Record):
    """At most one of a step: asking again finds the same one.

    `deadline`: by when a device must have claimed it, and then, by when it must have reported.
    `params` and `result` are canonical JSON; a photo is kept beside its result.
    """

    LIFECYCLE: ClassVar = states.DEVICE_COMMAND

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="commands")
    step = models.OneToOneField(
        ExecutionStep, on_delete=models.PROTECT, related_name="device_command"
    )
    kind = models.CharField(max_length=20, choices=DeviceKind.choices)
    params = models.TextField()
    deadline = models.DateTimeField()
    state = models.CharField(
        max_length=20,
        choices=DeviceCommandState.choices,
        default=states.DEVICE_COMMAND.initial,
        editable=False,
    )
    claimed_at = models.DateTimeField(null=True, editable=False)
    reported_at = models.DateTimeField(null=True, editable=False)
    report_digest = models.CharField(max_length=64, blank=True, editable=False)
    result = models.TextField(blank=True, editable=False)
    photo = models.BinaryField(null=True, editable=False)
    error = models.TextField(blank=True, editable=False)

    objects = DeviceCommandQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("workspace", "-created_at", "-id"), name="device_command_list"),
            models.Index(
                fields=("device", "created_at", "id"),
                condition=Q(state__in=["waiting", "claimed", "in_doubt"]),
                name="device_command_open",
            ),
            models.Index(
                fields=("deadline",),
                condition=Q(state__in=["waiting", "claimed"]),
                name="device_command_deadlines",
            ),
        )
        constraints = (
            one_of("kind", DeviceKind.values, name="device_command_kind_known"),
            state_check(states.DEVICE_COMMAND, name="device_command_state_known"),
            set_exactly_in(
                {DeviceCommandState.CLAIMED, DeviceCommandState.IN_DOUBT, *COMMAND_REPORTED},
                "claimed_at",
                name="device_command_claimed_pairs",
            ),
            set_exactly_in(COMMAND_REPORTED, "reported_at", name="device_command_reported_pairs"),
            models.CheckConstraint(
                condition=~Q(state__in=["failed", "expired", "in_doubt"]) | ~Q(error=""),
                name="device_command_says_why",
            ),
            models.CheckConstraint(
                condition=Q(photo__isnull=True) | Q(kind="camera", state="done"),
                name="device_command_photo_of_camera",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} on {self.device} ({self.state})"

    def params_as_json(self) -> dict[str, Any]:
        """What the device is asked for, parsed."""
        parsed: dict[str, Any] = json.loads(self.params)
        return parsed
