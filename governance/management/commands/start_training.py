"""start_training: a scheduled training begins."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.management.command import GovernanceCommand
from governance.management.rows import session_of
from governance.services import memberships, people, trainings


class Command(GovernanceCommand):
    """One training, by one person."""

    help = "Start a training that was approved and scheduled."
    example = "manage.py start_training 01a2... --by sam"

    def options(self, parser: CommandParser) -> None:
        """Which, and by whom."""
        parser.add_argument("session", help="the training's id")
        parser.add_argument("--by", required=True, help="the user who accompanies it")

    def run(self, **options: Any) -> dict[str, Any]:
        """Start it."""
        by = memberships.person(people.named(options["by"]))
        row = trainings.start(session=session_of(options), by=by)
        return {
            "training": str(row.id),
            "agent": row.agent.name,
            "state": row.state,
            "hours": row.hours,
            "days": [f"{day['date']} {day['hours']:g} h" for day in row.days],
            "tasks": [task.title for task in row.tasks.order_by("position")],
        }
