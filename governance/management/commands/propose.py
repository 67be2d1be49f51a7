"""propose: file a plan for people to decide."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.values import Json, parse_json
from governance.management.command import GovernanceCommand, agent_of, json_object, read_file
from governance.policy import plans
from governance.services import proposals


class Command(GovernanceCommand):
    """In the agent's own name."""

    help = "File a proposal in the name of an agent: one action, or a whole plan from a file."
    example = (
        "manage.py propose billing-bot --action refund_issue "
        """--params '{"invoice": "2026-0042", "amount": 20}' """
        "--reasoning 'The invoice was paid twice.' --idempotency-key refund-4711"
    )

    def options(self, parser: CommandParser) -> None:
        """What is proposed."""
        parser.add_argument("agent")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--action", help="one action: the action type's exact key")
        what.add_argument("--plan", help="a JSON file with a list of steps, or -")
        parser.add_argument("--params", default="{}", help="a JSON object, with --action")
        parser.add_argument("--title", default="")
        parser.add_argument("--reasoning", default="", help="shown as the agent's claim")
        parser.add_argument("--idempotency-key", help="the same key never makes a second proposal")

    def run(self, **options: Any) -> dict[str, Any]:
        """File it."""
        agent = agent_of(options)
        proposal = proposals.propose(
            agent=agent,
            plan=_plan(options),
            by=agent.actor,
            title=options["title"],
            reasoning=options["reasoning"],
            idempotency_key=options["idempotency_key"],
        )
        return {
            "proposal": str(proposal.id),
            "state": proposal.state,
            "title": proposal.title,
            "route": proposal.route,
            "digest": proposal.digest,
            "expires_at": proposal.expires_at.isoformat(),
        }


def _plan(options: dict[str, Any]) -> Json:
    if options["plan"]:
        text = read_file(options["plan"], what="plan", max_bytes=plans.MAX_BYTES)
        return parse_json(text, what="plan", max_bytes=plans.MAX_BYTES)
    return plans.single(options["action"], json_object(options["params"], what="params"))
