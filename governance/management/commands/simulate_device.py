"""simulate_device: stand in for a device."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import CommandError, CommandParser

from governance.domain.errors import InvalidInput
from governance.management.command import WRONG_USE, GovernanceCommand
from governance.management.simulating import SimulatedDevice

KEY_VARIABLE = "GOVERNANCE_DEVICE_KEY"


class Command(GovernanceCommand):
    """Talks HTTP only, and needs no database: it may run anywhere."""

    help = (
        "Stand in for a registered device: claim commands over HTTP and answer them, with a small "
        f"drawn picture, an invented place, or a nod. The key is read from {KEY_VARIABLE}."
    )
    example = f"{KEY_VARIABLE}=agd_... manage.py simulate_device --url http://127.0.0.1:8000"
    needs_workspace = False
    requires_migrations_checks = False
    requires_system_checks = []

    def options(self, parser: CommandParser) -> None:
        """Where, and for how long."""
        parser.add_argument(
            "--url",
            default="http://127.0.0.1:8000",
            help="where the application is (default: http://127.0.0.1:8000)",
        )
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--once", action="store_true", help="answer one command and stop")
        group.add_argument("--count", type=int, help="answer so many and stop (default: for ever)")
        parser.add_argument(
            "--patience",
            type=float,
            metavar="SECONDS",
            help="stop after so long without a command (default: never)",
        )

    def run(self, **options: Any) -> dict[str, Any]:
        """Answer; returns how many were answered."""
        key = os.environ.get(KEY_VARIABLE, "")
        if not key:
            message = f"Set {KEY_VARIABLE} to the key that register_device printed."
            raise CommandError(message, returncode=WRONG_USE)
        count = 1 if options["once"] else options["count"]
        if count is not None and count < 1:
            raise InvalidInput(f"The count must be 1 or more, not {count}.")
        device = SimulatedDevice(url=options["url"], key=key, say=self._say)
        try:
            device.run(count=count, patience=options["patience"])
        except KeyboardInterrupt:
            self._say("Stopped.")
        finally:
            device.close()
        return {"answered": device.answered}

    def _say(self, line: str) -> None:
        """On standard error: standard output is for the result."""
        self.stderr.write(line)
