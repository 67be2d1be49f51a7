"""trigger: ask an agent to start."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.words import TriggerSource
from governance.management.command import OPERATOR, GovernanceCommand, agent_of, json_object
from governance.management.starting import refusal, shown
from governance.services import memberships, people, triggers


class Command(GovernanceCommand):
    """One trigger, through the gate."""

    help = "Ask an agent to start, and do what the gate answers."
    example = "manage.py trigger billing-bot --source data_sync --type invoice_received"

    def options(self, parser: CommandParser) -> None:
        """What triggers it."""
        parser.add_argument("agent")
        parser.add_argument(
            "--source", choices=TriggerSource.values, default=TriggerSource.MANUAL.value
        )
        parser.add_argument("--type", default="manual", help="what happened, in your words")
        parser.add_argument("--context", default="{}", help="a JSON object")
        parser.add_argument("--by", help="the user who asks (default: the operator)")

    def run(self, **options: Any) -> dict[str, Any]:
        """Fire it."""
        by = memberships.person(people.named(options["by"])) if options["by"] else OPERATOR
        started = triggers.fire(
            agent=agent_of(options),
            source=options["source"],
            type=options["type"],
            context=json_object(options["context"], what="context"),
            by=by,
        )
        return shown(started)

    def refusal(self, result: dict[str, Any]) -> str:
        """A blocked start is a refusal."""
        return refusal(result)
