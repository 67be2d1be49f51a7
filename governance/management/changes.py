"""What the commands that change a maturity print."""

from __future__ import annotations

from typing import Any

from governance.models import MaturityChange


def told(change: MaturityChange) -> dict[str, Any]:
    """A change as --json gives it."""
    return {
        "agent": change.agent.name,
        "from": str(change.before),
        "to": str(change.after),
        "reason": str(change.reason),
        "change": str(change.pk),
        "exam": str(change.exam_id) if change.exam_id else None,
    }
