"""pause_run: hold the next action of a watched run."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.actors import Actor
from governance.management.watched import SteerCommand
from governance.models import SupervisionSession
from governance.services import supervision


class Command(SteerCommand):
    """One intervention."""

    help = "Hold the next action of a run that somebody watches, whatever it is."
    example = "manage.py pause_run 01a2... --by alex --reason 'Wrong customer?'"

    def more_options(self, parser: CommandParser) -> None:
        """Why."""
        parser.add_argument("--reason", default="")

    def steer(
        self, session: SupervisionSession, seen: int, by: Actor, options: dict[str, Any]
    ) -> None:
        """Pause it."""
        supervision.pause(session=session, seen=seen, reason=options["reason"], by=by)
