"""approve: approve a proposal, as it stands or with an edit."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.values import parse_json
from governance.management.command import GovernanceCommand, read_file
from governance.management.proposals import proposal_of, shown
from governance.policy import plans
from governance.services import memberships, people, reviews


class Command(GovernanceCommand):
    """One person's approval."""

    help = (
        "Approve a proposal. With --digest, only exactly the plan that you looked at; with --edit, "
        "a whole plan in place of the proposed one, which goes through the gate again."
    )
    example = "manage.py approve 01a2... --by alex --comment 'Checked with the customer.'"

    def options(self, parser: CommandParser) -> None:
        """Which, by whom, and how."""
        parser.add_argument("proposal", help="its id")
        parser.add_argument("--by", required=True, help="the user who approves")
        parser.add_argument("--comment", default="")
        parser.add_argument("--edit", help="a JSON file with the whole edited plan, or -")
        parser.add_argument("--digest", help="the digest you saw (default: the current one)")

    def run(self, **options: Any) -> dict[str, Any]:
        """Approve it."""
        proposal = proposal_of(options)
        edited = None
        if options["edit"]:
            text = read_file(options["edit"], what="edited plan", max_bytes=plans.MAX_BYTES)
            edited = parse_json(text, what="edited plan", max_bytes=plans.MAX_BYTES)
        return shown(
            reviews.approve(
                proposal=proposal,
                digest=options["digest"] or proposal.digest,
                by=memberships.person(people.named(options["by"])),
                comment=options["comment"],
                edited_plan=edited,
            )
        )
