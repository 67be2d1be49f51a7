"""rotate_device_key: another key for a device."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.management.command import OPERATOR, GovernanceCommand, workspace_of
from governance.management.commands.register_device import shown
from governance.models import Device
from governance.services import devices


class Command(GovernanceCommand):
    """One device, one new key."""

    help = "Give a device a new key, printed once. The old key opens nothing from now on."
    example = "manage.py rotate_device_key front-desk"

    def options(self, parser: CommandParser) -> None:
        """Which device."""
        parser.add_argument("name")

    def run(self, **options: Any) -> dict[str, Any]:
        """Rotate it."""
        device = Device.objects.named(options["name"], workspace_id=workspace_of(options).id)
        return shown(devices.rotate_key(device=device, by=OPERATOR))
