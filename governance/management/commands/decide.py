"""decide: ask the gate about one action."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.words import Route
from governance.management.command import OPERATOR, GovernanceCommand, agent_of, json_object
from governance.services import actions


class Command(GovernanceCommand):
    """The gate's answer, with its reasons; nothing is carried out."""

    help = "Ask the gate about one action and record the decision. Carries nothing out."
    example = (
        "manage.py decide billing-bot refund_issue "
        """--params '{"invoice": "2026-0042", "amount": 20}' --dry-run"""
    )

    def options(self, parser: CommandParser) -> None:
        """The question."""
        parser.add_argument("agent")
        parser.add_argument("action", help="the action type's exact key")
        parser.add_argument("--params", default="{}", help="a JSON object")
        parser.add_argument("--dry-run", action="store_true", help="record nothing")

    def run(self, **options: Any) -> dict[str, Any]:
        """Ask."""
        answer = actions.ask(
            agent=agent_of(options),
            action_type=options["action"],
            params=json_object(options["params"], what="params"),
            by=OPERATOR,
            keep=not options["dry_run"],
        )
        verdict = answer.verdict
        return {
            "route": verdict.route.value,
            "reasons": list(verdict.reasons),
            "matched_rules": [match.rule for match in verdict.matches],
            "maturity": answer.maturity,
            "policy_version": answer.policy.number if answer.policy else None,
            "recorded": not options["dry_run"],
        }

    def refusal(self, result: dict[str, Any]) -> str:
        """Denied is a refusal; the other routes are answers."""
        return "; ".join(result["reasons"]) if result["route"] == Route.DENIED else ""
