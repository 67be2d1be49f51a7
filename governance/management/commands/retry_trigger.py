"""retry_trigger: fire a trigger again, once the training it waited for is completed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.management.command import GovernanceCommand
from governance.management.rows import blocked_of
from governance.management.starting import refusal, shown
from governance.services import memberships, people, triggers


class Command(GovernanceCommand):
    """One blocked trigger, through the gate again."""

    help = (
        "Fire a trigger again that was sent to training, once its training is completed. It meets "
        "the gate as the agent is now."
    )
    example = "manage.py retry_trigger 01a2... --by sam"

    def options(self, parser: CommandParser) -> None:
        """Which, and by whom."""
        parser.add_argument("trigger", help="the id of the trigger that was blocked")
        parser.add_argument("--by", required=True, help="the user who asks")

    def run(self, **options: Any) -> dict[str, Any]:
        """Fire it."""
        by = memberships.person(people.named(options["by"]))
        return shown(triggers.retry(blocked=blocked_of(options), by=by))

    def refusal(self, result: dict[str, Any]) -> str:
        """Blocked again is a refusal."""
        return refusal(result)
