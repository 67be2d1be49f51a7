"""import_episodes: keep recorded conversations as an agent's history."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import CommandParser

from governance.domain.errors import InvalidInput
from governance.domain.words import EpisodeOutcome, Maturity
from governance.management import lines
from governance.management.command import OPERATOR, GovernanceCommand, agent_of
from governance.runtimes.recorded import parse_line
from governance.services import imports, memberships, people


class Command(GovernanceCommand):
    """Each line an episode, in a transaction of its own: what was taken in stays."""

    help = (
        "Keep recorded conversations (OpenAI chat format, one JSON object a line; a reward of 1.0 "
        "is a success) as episodes of an agent. What it has already is passed over, so that an "
        "import that was interrupted is simply run again. A malformed line is reported and "
        "skipped, and the command then ends with 1."
    )
    example = "manage.py import_episodes episodes.jsonl --agent airline-bot --json"

    def options(self, parser: CommandParser) -> None:
        """What to take in, and for whom."""
        parser.add_argument("file")
        parser.add_argument("--agent", required=True)
        parser.add_argument(
            "--maturity",
            choices=Maturity.values,
            help="what it was done at (default: the agent's); other than that, it does not count",
        )
        parser.add_argument("--by", metavar="USER", help="the governor (default: the operator)")

    def run(self, **options: Any) -> dict[str, Any]:
        """Take the file in; returns the counts."""
        agent = agent_of(options)
        by = memberships.person(people.named(options["by"])) if options["by"] else OPERATOR
        counts: Counter[str] = Counter()
        for number, line in lines.read(options["file"], doing="importing"):
            try:
                kept = imports.take_in(
                    parse_line(line), agent=agent, maturity=options["maturity"], by=by
                )
            except InvalidInput as error:
                counts["lines_skipped"] += 1
                self.stderr.write(f"line {number} skipped: {error}")
                continue
            counts[str(kept.outcome) if kept else "there_already"] += 1
        outcomes = {str(outcome): counts[str(outcome)] for outcome in EpisodeOutcome}
        return {
            "episodes": sum(outcomes.values()),
            **outcomes,
            "there_already": counts["there_already"],
            "lines_skipped": counts["lines_skipped"],
        }

    def refusal(self, result: dict[str, Any]) -> str:
        """Skipped lines are said once more at the end."""
        return f"{result['lines_skipped']} lines were skipped." if result["lines_skipped"] else ""
