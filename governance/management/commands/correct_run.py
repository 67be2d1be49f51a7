"""correct_run: tell the agent of a watched run something."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.actors import Actor
from governance.management.watched import SteerCommand
from governance.models import SupervisionSession
from governance.services import supervision


class Command(SteerCommand):
    """One intervention."""

    help = "Tell the agent of a watched run something: it is handed it with its next answer."
    example = "manage.py correct_run 01a2... --by alex --guidance 'Only the invoices of May.'"

    def more_options(self, parser: CommandParser) -> None:
        """What."""
        parser.add_argument("--guidance", required=True, help="what the agent is to know")

    def steer(
        self, session: SupervisionSession, seen: int, by: Actor, options: dict[str, Any]
    ) -> None:
        """Keep it for the agent."""
        supervision.correct(session=session, seen=seen, guidance=options["guidance"], by=by)
