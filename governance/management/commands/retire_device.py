"""retire_device: end a device."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.management.command import OPERATOR, GovernanceCommand, workspace_of
from governance.models import Device
from governance.services import devices


class Command(GovernanceCommand):
    """For good."""

    help = "Retire a device for good: its key opens nothing, and what waits for it expires."
    example = "manage.py retire_device front-desk --reason 'It was stolen.'"

    def options(self, parser: CommandParser) -> None:
        """Which device, and why."""
        parser.add_argument("name")
        parser.add_argument("--reason", required=True)

    def run(self, **options: Any) -> dict[str, Any]:
        """Retire it."""
        device = Device.objects.named(options["name"], workspace_id=workspace_of(options).id)
        devices.retire(device=device, reason=options["reason"], by=OPERATOR)
        return {"device": device.name, "state": device.state}
