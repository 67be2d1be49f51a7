"""run_agent: give an agent a task, and let its program do it here and now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.states import RunState
from governance.domain.words import TriggerSource
from governance.management.command import GovernanceCommand, agent_of, json_object
from governance.services import agent_runs, memberships, people


class Command(GovernanceCommand):
    """One run of an agent's program, in this process."""

    help = (
        "Give an agent a task and run its program: the class at its module_path, or the HTTP "
        "endpoint of its configuration. Whatever it does meets its own gate."
    )
    example = "manage.py run_agent sales-bot --instruction 'Show the sales.' --by alex"

    def options(self, parser: CommandParser) -> None:
        """Which, and what for."""
        parser.add_argument("agent")
        parser.add_argument("--instruction", required=True, help="what it is asked to do")
        parser.add_argument("--by", required=True, help="the user who asks")
        parser.add_argument("--context", default="{}", help="a JSON object")
        parser.add_argument(
            "--source", choices=TriggerSource.values, default=TriggerSource.MANUAL.value
        )

    def run(self, **options: Any) -> dict[str, Any]:
        """Run it to its end."""
        ran = agent_runs.execute(
            agent=agent_of(options),
            instruction=options["instruction"],
            context=json_object(options["context"], what="context"),
            source=options["source"],
            by=memberships.person(people.named(options["by"])),
        )
        started, ending = ran.started, ran.ending
        return {
            "route": started.trigger.route,
            "reasons": started.decision.reasons,
            "run": str(started.run.id) if started.run else None,
            "proposal": str(started.proposal.id) if started.proposal else None,
            "outcome": ending.outcome if ending else None,
            "note": ending.note if ending else None,
            "output": ending.output if ending else None,
            "waiting": list(ran.waiting),
        }

    def refusal(self, result: dict[str, Any]) -> str:
        """Anything but a success."""
        if result["outcome"] is None:
            return f"Nothing ran. {result['route']}: {'; '.join(result['reasons'])}"
        if result["outcome"] != RunState.SUCCEEDED:
            return f"The run {result['outcome']}: {result['note']}"
        return ""
