"""what_if: an agent's last decisions again, at another maturity or by a draft of the policy."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import CommandParser

from governance.domain.errors import InvalidInput, NotFound
from governance.domain.words import Maturity
from governance.management.command import GovernanceCommand, agent_of
from governance.models import Agent, PolicyVersion
from governance.services import suppositions


class Command(GovernanceCommand):
    """Read only."""

    help = (
        "Judge an agent's last decisions again, as if it had another maturity, or by a draft of "
        "the policy, and show what would have run without a person; the worst action types first."
    )
    example = "manage.py what_if billing-bot --maturity autonomous --last 200 --json"

    def options(self, parser: CommandParser) -> None:
        """Who, and what to suppose."""
        parser.add_argument("agent")
        parser.add_argument("--maturity", choices=Maturity.values)
        parser.add_argument("--policy", metavar="VERSION", help="a policy version's id, or number")
        parser.add_argument(
            "--last",
            type=int,
            default=suppositions.USUAL,
            help=f"how many decisions (default: {suppositions.USUAL})",
        )

    def run(self, **options: Any) -> dict[str, Any]:
        """Suppose it."""
        if not options["maturity"] and not options["policy"]:
            raise InvalidInput("Suppose something: --maturity, --policy, or both.")
        agent = agent_of(options)
        maturity = Maturity(options["maturity"]) if options["maturity"] else None
        policy = _policy(options["policy"], agent) if options["policy"] else None
        found = suppositions.suppose(
            agent=agent, maturity=maturity, policy=policy, last=options["last"]
        )
        return {
            "agent": agent.name,
            "maturity": str(maturity or agent.maturity),
            "decisions": sum(one.decisions for one in found),
            "without_a_person": sum(one.alone for one in found),
            "unknown": sum(one.unknown for one in found),
            "action_types": [
                {
                    "action_type": one.action_type,
                    "decisions": one.decisions,
                    "without_a_person": one.alone,
                    "unknown": one.unknown,
                    "before": dict(one.before),
                    "after": dict(one.after),
                }
                for one in found
            ],
        }

    def show(self, result: dict[str, Any]) -> None:
        """A line an action type."""
        self.stdout.write(
            f"{result['agent']} as {result['maturity']}: {result['without_a_person']} of "
            f"{result['decisions']} would have run without a person, and did not"
        )
        for one in result["action_types"]:
            self.stdout.write(
                f"  {one['action_type']}: {one['without_a_person']} of {one['decisions']}; "
                f"then {_routes(one['before'])}; supposedly {_routes(one['after'])}"
            )


def _routes(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {route}" for route, count in sorted(counts.items())) or "none"


def _policy(text: str, agent: Agent) -> PolicyVersion:
    rows = PolicyVersion.objects.of(agent.workspace_id)
    if text.isdecimal() and len(text) < 10:  # noqa: PLR2004  no version's number is longer
        found = rows.filter(number=int(text)).first()
    else:
        try:
            found = rows.filter(pk=uuid.UUID(text)).first()
        except ValueError as error:
            raise InvalidInput(f"{text!r} is neither an id nor a number.") from error
    if found is None:
        raise NotFound(f"There is no policy version {text} here.")
    return found
