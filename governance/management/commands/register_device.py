"""register_device: make a device known."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.words import DeviceKind
from governance.management.command import OPERATOR, GovernanceCommand, workspace_of
from governance.services import devices
from governance.services.devices import Registration


class Command(GovernanceCommand):
    """Registers one device."""

    help = (
        "Register a device for one or more kinds of command. Its key is printed once and never "
        "again; a device that lost it gets another with rotate_device_key."
    )
    example = "manage.py register_device front-desk --kinds camera,location"

    def options(self, parser: CommandParser) -> None:
        """What describes the device."""
        parser.add_argument("name", help="a-z, 0-9 and -, from a letter")
        parser.add_argument(
            "--kinds",
            required=True,
            help=f"what it can be asked for, with commas between: {', '.join(DeviceKind.values)}",
        )

    def run(self, **options: Any) -> dict[str, Any]:
        """Register it."""
        kinds = [kind.strip() for kind in options["kinds"].split(",") if kind.strip()]
        registration = devices.register(
            workspace=workspace_of(options), name=options["name"], kinds=kinds, by=OPERATOR
        )
        return shown(registration)


def shown(registration: Registration) -> dict[str, Any]:
    """The device and its key; for the commands that make one."""
    device = registration.device
    return {
        "device": device.name,
        "id": str(device.id),
        "kinds": device.kinds,
        "key": registration.key,
    }
