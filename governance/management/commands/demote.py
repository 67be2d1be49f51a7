"""demote: lower an agent's maturity at once, by any number of levels."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.words import Maturity
from governance.management.changes import told
from governance.management.command import GovernanceCommand, agent_of
from governance.services import memberships, people, promotions


class Command(GovernanceCommand):
    """Felt by its next decision."""

    help = (
        "Lower an agent's maturity at once. Its grants are revoked, and its open proposals are put "
        "through the gate again."
    )
    example = "manage.py demote billing-bot --to student --reason 'It paid twice.' --by alex"

    def options(self, parser: CommandParser) -> None:
        """Who, to what, why, and by whom."""
        parser.add_argument("agent")
        parser.add_argument(
            "--to",
            required=True,
            choices=[m.value for m in Maturity if m is not Maturity.AUTONOMOUS],
        )
        parser.add_argument("--reason", required=True)
        parser.add_argument("--by", required=True, metavar="USER", help="the governor")

    def run(self, **options: Any) -> dict[str, Any]:
        """Demote it."""
        change = promotions.demote(
            agent=agent_of(options),
            to=options["to"],
            reason=options["reason"],
            by=memberships.person(people.named(options["by"])),
        )
        return told(change)
