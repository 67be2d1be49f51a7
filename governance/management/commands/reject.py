"""reject: reject a proposal, with a reason."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.management.command import GovernanceCommand
from governance.management.proposals import proposal_of, shown
from governance.services import memberships, people, reviews


class Command(GovernanceCommand):
    """One person's rejection."""

    help = "Reject a proposal. The agent is told the reason."
    example = "manage.py reject 01a2... --by alex --reason 'The amount is not on the invoice.'"

    def options(self, parser: CommandParser) -> None:
        """Which, by whom, and why."""
        parser.add_argument("proposal", help="its id")
        parser.add_argument("--by", required=True, help="the user who rejects")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--digest", help="the digest you saw (default: the current one)")

    def run(self, **options: Any) -> dict[str, Any]:
        """Reject it."""
        proposal = proposal_of(options)
        return shown(
            reviews.reject(
                proposal=proposal,
                digest=options["digest"] or proposal.digest,
                reason=options["reason"],
                by=memberships.person(people.named(options["by"])),
            )
        )
