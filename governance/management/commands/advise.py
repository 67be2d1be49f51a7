"""advise: ask an autonomous agent what it thinks of a proposal, here and now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.management.command import GovernanceCommand, agent_of
from governance.management.proposals import proposal_of
from governance.services import advice, memberships, people


class Command(GovernanceCommand):
    """One agent's opinion, in this process."""

    help = (
        "Run an active autonomous agent here, and ask what it thinks of a proposal. What it says "
        "is advice, and nobody's approval, unless a governor lets advice approve in this workspace."
    )
    example = "manage.py advise 01a2... --agent oracle --by alex"

    def options(self, parser: CommandParser) -> None:
        """About which, whom, and who asks."""
        parser.add_argument("proposal", help="its id")
        parser.add_argument("--agent", required=True, help="the agent that is asked, by name")
        parser.add_argument("--by", required=True, help="the user who asks")

    def run(self, **options: Any) -> dict[str, Any]:
        """Ask, and wait for the answer."""
        proposal = proposal_of(options)
        row = advice.ask_here(
            adviser=agent_of(options),
            proposal=proposal,
            by=memberships.person(people.named(options["by"])),
        )
        proposal.refresh_from_db()
        return {
            "advice": str(row.id),
            "agent": row.adviser.name,
            "opinion": row.opinion or None,
            "reasons": row.reasons,
            "error": row.error,
            "proposal_state": proposal.state,
            "approved_on_this_advice": proposal.decided_on_advice_id == row.pk,
        }

    def refusal(self, result: dict[str, Any]) -> str:
        """No opinion is a refusal."""
        return "" if result["opinion"] else f"There is no advice: {result['error']}"
