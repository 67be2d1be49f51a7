"""promote: raise an agent by one level, when it has earned it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.management.changes import told
from governance.management.command import GovernanceCommand, agent_of
from governance.services import memberships, people, promotions


class Command(GovernanceCommand):
    """One level, at readiness and with a passed exam."""

    help = (
        "Raise an agent by one maturity. It must be ready, eligible by its confidence, and have "
        "passed an exam (for intern, a completed training does as well); to autonomous a governor "
        "promotes who does not own it."
    )
    example = "manage.py promote billing-bot --by alex --json"

    def options(self, parser: CommandParser) -> None:
        """Who, and by whom."""
        parser.add_argument("agent")
        parser.add_argument("--by", required=True, metavar="USER", help="the governor")
        parser.add_argument("--note", default="")

    def run(self, **options: Any) -> dict[str, Any]:
        """Promote it."""
        agent = agent_of(options)
        change = promotions.promote(
            agent=agent,
            seen=agent.stint,
            note=options["note"],
            by=memberships.person(people.named(options["by"])),
        )
        return told(change)
