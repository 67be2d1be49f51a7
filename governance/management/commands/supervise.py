"""supervise: take a run to watch."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.management.command import GovernanceCommand
from governance.management.watched import person_of, run_of, shown
from governance.services import supervision


class Command(GovernanceCommand):
    """One person, one run."""

    help = (
        "Take a run to watch; one that is queued for a supervisor begins. While nobody opens its "
        "console, it is paused after GOVERNANCE_SUPERVISOR_SECONDS."
    )
    example = "manage.py supervise 01a2... --by alex"

    def options(self, parser: CommandParser) -> None:
        """Which, by whom."""
        parser.add_argument("run_id", metavar="run", help="the run's id")
        parser.add_argument("--by", required=True, help="the user who watches")

    def run(self, **options: Any) -> dict[str, Any]:
        """Take it."""
        return shown(supervision.start(run=run_of(options), by=person_of(options)))
