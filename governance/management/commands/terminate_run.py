"""terminate_run: end a watched run."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.actors import Actor
from governance.management.watched import SteerCommand
from governance.models import SupervisionSession
from governance.services import supervision


class Command(SteerCommand):
    """One intervention, the last."""

    help = (
        "End a watched run: a plan stops before its next step, what waits is cancelled, and "
        "whatever else the agent asks is refused. What was sent is not taken back."
    )
    example = "manage.py terminate_run 01a2... --by alex --reason 'It pays the wrong people.'"

    def more_options(self, parser: CommandParser) -> None:
        """Why."""
        parser.add_argument("--reason", required=True)

    def steer(
        self, session: SupervisionSession, seen: int, by: Actor, options: dict[str, Any]
    ) -> None:
        """End it."""
        supervision.terminate(session=session, seen=seen, reason=options["reason"], by=by)
