"""recount: compute the counters of agents from their rows, and put right what differs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.management.command import OPERATOR, GovernanceCommand, workspace_of
from governance.models import Agent
from governance.services import standings


class Command(GovernanceCommand):
    """What the counters say must be what the rows say."""

    help = (
        "Compute the counters behind readiness and evidence from the rows themselves. Exit code 0: "
        "they agreed; 1: they did not, and were put right."
    )
    example = "manage.py recount billing-bot --json"

    def options(self, parser: CommandParser) -> None:
        """Whose."""
        parser.add_argument("agent", nargs="?", help="the agent's name (default: all of them)")

    def run(self, **options: Any) -> dict[str, Any]:
        """Recount."""
        workspace = workspace_of(options)
        if options["agent"]:
            found = [Agent.objects.named(options["agent"], workspace_id=workspace.id)]
        else:
            found = list(Agent.objects.of(workspace.id))
        results = {agent.name: standings.recount(agent=agent, by=OPERATOR) for agent in found}
        differences = {
            name: one["differences"] for name, one in results.items() if not one["agrees"]
        }
        return {"agents": len(found), "agrees": not differences, "differences": differences}

    def show(self, result: dict[str, Any]) -> None:
        """A line a difference."""
        self.stdout.write(f"{result['agents']} agents recounted")
        for name, differences in result["differences"].items():
            for one in differences:
                self.stdout.write(
                    f"  {name}, {one['counter']}, {one['field']}: counted {one['counted']}, "
                    f"found {one['found']}"
                )

    def refusal(self, result: dict[str, Any]) -> str:
        """Counters that were wrong."""
        return "" if result["agrees"] else "The counters differed, and were put right."
