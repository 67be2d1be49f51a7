"""What the commands that fire a trigger print of what became of it."""

from __future__ import annotations

from typing import Any

from governance.domain.words import Route
from governance.services.triggers import Started


def shown(started: Started) -> dict[str, Any]:
    """The trigger, the gate's answer, and the run or the proposal that followed."""
    return {
        "trigger": str(started.trigger.id),
        "route": started.trigger.route,
        "reasons": started.decision.reasons,
        "run": str(started.run.id) if started.run else None,
        "run_state": started.run.state if started.run else None,
        "proposal": str(started.proposal.id) if started.proposal else None,
    }


def refusal(result: dict[str, Any]) -> str:
    """A blocked start is a refusal."""
    blocked = result["route"] in {Route.TRAINING, Route.DENIED}
    return f"{result['route']}: {'; '.join(result['reasons'])}" if blocked else ""
