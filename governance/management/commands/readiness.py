"""readiness: what an agent has shown, and what it lacks for the next maturity."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.words import Maturity
from governance.management.command import GovernanceCommand, agent_of
from governance.services import promotions


class Command(GovernanceCommand):
    """Read only."""

    help = (
        "Show what an agent has shown at its maturity against what the next one asks for. Exit "
        "code 0: every criterion is met; 1: not, and the gaps say what is missing."
    )
    example = "manage.py readiness billing-bot --target supervised --json"

    def options(self, parser: CommandParser) -> None:
        """Who, and for what."""
        parser.add_argument("agent")
        parser.add_argument(
            "--target",
            choices=[m.value for m in Maturity if m is not Maturity.STUDENT],
            help="the maturity to be ready for (default: the next one)",
        )

    def run(self, **options: Any) -> dict[str, Any]:
        """Judge it."""
        agent, target = agent_of(options), options["target"]
        found = promotions.prospect(agent, target=Maturity(target) if target else None)
        return {"agent": agent.name, "maturity": str(agent.maturity), **_told(found)}

    def show(self, result: dict[str, Any]) -> None:
        """The score with its breakdown, what the sample shows, and the gaps."""
        points = result["points"]
        self.stdout.write(
            f"{result['agent']} ({result['maturity']}) for {result['target']}: "
            f"{'ready' if result['ready'] else 'not ready'}, {result['score']:.1f} of 100 "
            f"(episodes {points['episodes']:.1f} of 40, interventions "
            f"{points['interventions']:.1f} of 30, constitution {points['constitution']:.1f} of 30)"
        )
        self.stdout.write(
            f"  {result['successful']} of {result['episodes']} episodes succeeded; the share is "
            f"{_number(result['success_lower_bound'])} at least (95%)"
        )
        self.stdout.write(f"  interventions an episode: {_number(result['intervention_rate'])}")
        self.stdout.write(f"  constitution: {_number(result['constitution'])}")
        self.stdout.write(f"  with supervision: {_number(result['combined'])}")
        for title in ("gaps", "wanting"):
            known = result["gaps"] if title == "wanting" else []
            rest = [line for line in result[title] if line not in known]
            said = "missing" if title == "gaps" else "and for a promotion"
            for line in rest:
                self.stdout.write(f"  {said}: {line}")

    def refusal(self, result: dict[str, Any]) -> str:
        """Not ready."""
        return "" if result["ready"] else f"Not ready for {result['target']}."


def _told(found: promotions.Prospect) -> dict[str, Any]:
    judged, shown = found.readiness, found.readiness.shown
    return {
        "target": str(found.target),
        "ready": judged.ready,
        "score": judged.score,
        "points": {
            "episodes": judged.episode_points,
            "interventions": judged.intervention_points,
            "constitution": judged.constitution_points,
        },
        "episodes": shown.episodes,
        "successful": shown.successful,
        "success_lower_bound": shown.success_lower_bound,
        "intervention_rate": shown.intervention_rate,
        "intervened_upper_bound": shown.intervened_upper_bound,
        "constitution": shown.constitution,
        "scored": shown.scored,
        "supervision": found.supervision,
        "combined": found.combined,
        "gaps": list(judged.gaps),
        "confidence": found.confidence,
        "eligible": found.eligible,
        "exam": str(found.exam.pk) if found.exam else None,
        "training": str(found.training.pk) if found.training else None,
        "wanting": list(found.wanting),
    }


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4f}"
