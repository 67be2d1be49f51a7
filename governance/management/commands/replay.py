"""replay: play recorded conversations through the gate, as live runs."""

from __future__ import annotations

from collections import Counter
from typing import IO, Any, cast

from django.core.management.base import CommandParser
from rich.console import Console
from rich.table import Table

from governance.domain.actors import Actor
from governance.domain.errors import GovernanceError, InvalidInput
from governance.domain.words import Route
from governance.management import lines
from governance.management.command import OPERATOR, GovernanceCommand, agent_of
from governance.models import Agent
from governance.runtimes.recorded import parse_line
from governance.services import memberships, people, replays

COLUMNS = {
    Route.EXECUTION: "executed",
    Route.PROPOSAL: "proposed",
    Route.SUPERVISION: "supervised",
    Route.TRAINING: "training",
    Route.DENIED: "denied",
}


class Command(GovernanceCommand):
    """Each conversation a run, each tool call an action request."""

    help = (
        "Play recorded conversations (OpenAI chat format, one JSON object a line) as live runs of "
        "an agent. A malformed line is reported and skipped, and the command then ends with 1."
    )
    example = "manage.py replay episodes.jsonl --agent airline-bot --approve-as alex --json"

    def options(self, parser: CommandParser) -> None:
        """What to play, and as whom."""
        parser.add_argument("file")
        parser.add_argument("--agent", required=True)
        parser.add_argument(
            "--approve-as", metavar="USER", help="approve every proposal as this user"
        )
        parser.add_argument(
            "--by",
            metavar="USER",
            help="the user who starts the runs (default: the operator)",
        )

    def run(self, **options: Any) -> dict[str, Any]:
        """Play the file; returns the table."""
        agent = agent_of(options)
        approve_as = people.named(options["approve_as"]) if options["approve_as"] else None
        by = memberships.person(people.named(options["by"])) if options["by"] else OPERATOR
        table: dict[str, Counter[str]] = {}
        played = skipped = 0
        for number, line in lines.read(options["file"], doing="replaying"):
            try:
                routes = _play(line, agent=agent, by=by, approve_as=approve_as)
            except InvalidInput as error:
                skipped += 1
                self.stderr.write(f"line {number} skipped: {error}")
                continue
            except GovernanceError as error:
                raise type(error)(f"line {number}: {error}") from error
            played += 1
            for key, route in routes:
                table.setdefault(key, Counter()).update(("asked", COLUMNS[route]))
        return {"runs": played, "lines_skipped": skipped, "actions": _as_json(table)}

    def show(self, result: dict[str, Any]) -> None:
        """A table, an action type a row."""
        names = ["asked", *COLUMNS.values()]
        table = Table("action type", *names, title=f"{result['runs']} runs")
        for key, counts in result["actions"].items():
            # markup is off: an action's name comes from a file
            table.add_row(key, *(str(counts[name]) for name in names))
        totals = [sum(row[name] for row in result["actions"].values()) for name in names]
        table.add_section()
        table.add_row("all", *map(str, totals))
        Console(file=cast("IO[str]", self.stdout), markup=False, width=110).print(table)

    def refusal(self, result: dict[str, Any]) -> str:
        """Skipped lines are said once more at the end."""
        return f"{result['lines_skipped']} lines were skipped." if result["lines_skipped"] else ""


def _play(line: str, *, agent: Agent, by: Actor, approve_as: Any) -> list[tuple[str, Route]]:
    return replays.play(parse_line(line), agent=agent, by=by, approve_as=approve_as)


def _as_json(table: dict[str, Counter[str]]) -> dict[str, dict[str, int]]:
    names = ("asked", *COLUMNS.values())
    return {key: {name: counts[name] for name in names} for key, counts in sorted(table.items())}
