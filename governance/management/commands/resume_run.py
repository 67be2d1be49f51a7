"""resume_run: let a paused run go on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.actors import Actor
from governance.management.watched import SteerCommand
from governance.models import SupervisionSession
from governance.services import supervision


class Command(SteerCommand):
    """One intervention."""

    help = "Let a run go on that was paused."
    example = "manage.py resume_run 01a2... --by alex"

    def more_options(self, parser: CommandParser) -> None:
        """Why."""
        parser.add_argument("--reason", default="")

    def steer(
        self, session: SupervisionSession, seen: int, by: Actor, options: dict[str, Any]
    ) -> None:
        """Resume it."""
        supervision.resume(session=session, seen=seen, reason=options["reason"], by=by)
