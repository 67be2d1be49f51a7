"""complete_training: end a training with its result."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.errors import InvalidInput
from governance.management.command import GovernanceCommand
from governance.management.rows import session_of
from governance.models import Agent, BlockedTrigger
from governance.services import memberships, people, trainings


class Command(GovernanceCommand):
    """One training's result, by one person."""

    help = (
        "End a training with a score from 0 to 1 for every objective. The agent's confidence moves "
        "by the mean of the scores, and its maturity stays as it is; what waited for the training "
        "can be retried."
    )
    example = "manage.py complete_training 01a2... --score refunds=0.8 --hours 26.5 --by sam"

    def options(self, parser: CommandParser) -> None:
        """Which, how it went, and by whom."""
        parser.add_argument("session", help="the training's id")
        parser.add_argument(
            "--score",
            action="append",
            default=[],
            metavar="CAPABILITY=SCORE",
            help="once for each objective; the score from 0 to 1",
        )
        parser.add_argument("--errors", type=int, default=0, help="how many errors (default: 0)")
        parser.add_argument("--hours", type=float, required=True, help="the hours it took")
        parser.add_argument("--feedback", default="")
        parser.add_argument("--by", required=True, help="the user who accompanied it")

    def run(self, **options: Any) -> dict[str, Any]:
        """Complete it."""
        row = trainings.complete(
            session=session_of(options),
            scores=_scores(options["score"]),
            errors=options["errors"],
            hours_spent=options["hours"],
            feedback=options["feedback"],
            by=memberships.person(people.named(options["by"])),
        )
        agent = Agent.objects.get(pk=row.agent_id)
        free = BlockedTrigger.objects.filter(
            trigger__agent=agent, resolved_at__isnull=False, retried_as__isnull=True
        )
        return {
            "training": str(row.id),
            "state": row.state,
            "performance": row.performance,
            "gain": row.gain,
            "confidence": agent.confidence_score,
            "maturity": agent.maturity,
            "triggers_to_retry": [str(each.trigger_id) for each in free.order_by("created_at")],
        }


def _scores(given: list[str]) -> dict[str, float]:
    """Raises InvalidInput for what is no score."""
    found: dict[str, float] = {}
    for text in given:
        capability, _, score = text.rpartition("=")
        if not capability or not _is_number(score):
            raise InvalidInput(f"{text!r} is no score; write it as in refunds=0.8.")
        if capability in found:
            raise InvalidInput(f"{capability} has two scores; give it one.")
        found[capability] = float(score)
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
