"""complete_supervision: rate a watched run that has ended."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.domain.errors import NotFound
from governance.management.command import GovernanceCommand, workspace_of
from governance.management.watched import key_of, person_of, shown
from governance.models import SupervisionSession
from governance.policy.confidence import RATINGS
from governance.services import supervision


class Command(GovernanceCommand):
    """One rating."""

    help = (
        "Rate a watched run that has ended: moves the agent's confidence, less what was "
        "intervened, and never its maturity."
    )
    example = "manage.py complete_supervision 01a2... --rating 4 --feedback 'Careful.' --by alex"

    def options(self, parser: CommandParser) -> None:
        """Which, how it went, by whom."""
        parser.add_argument("session", help="the session's id")
        parser.add_argument(
            "--rating", type=int, required=True, choices=tuple(RATINGS), help="5 is excellent"
        )
        parser.add_argument("--feedback", default="")
        parser.add_argument("--by", required=True, help="the user who rates")

    def run(self, **options: Any) -> dict[str, Any]:
        """Rate it."""
        session = _session(options)
        done = supervision.complete(
            session=session,
            seen=session.version,
            rating=options["rating"],
            feedback=options["feedback"],
            by=person_of(options),
        )
        done.agent.refresh_from_db(fields=["confidence_score"])
        moved = {"boost": done.boost, "confidence": done.agent.confidence_score}
        return {**shown(done), "rating": done.rating, **moved}


def _session(options: dict[str, Any]) -> SupervisionSession:
    key = key_of(options["session"], what="session")
    rows = SupervisionSession.objects.of(workspace_of(options).id)
    found = rows.select_related("agent", "run").filter(pk=key).first()
    if found is None:
        raise NotFound(f"There is no session {key} here.")
    return found
