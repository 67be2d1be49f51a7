"""Roles in a workspace and what each may do. The one place that says so."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import TextChoices


class Role(TextChoices):
    """A person's role in one workspace."""

    VIEWER = "viewer", "Viewer"
    REVIEWER = "reviewer", "Reviewer"
    SUPERVISOR = "supervisor", "Supervisor"
    GOVERNOR = "governor", "Governor"
    AUDITOR = "auditor", "Auditor"


class Right(TextChoices):
    """What a member may do."""

    VIEW = "view", "read what the workspace holds"
    START = "start", "start an agent by hand"
    DECIDE = "decide", "decide proposals"
    SUPERVISE = "supervise", "watch live runs and accompany training"
    GOVERN = "govern", "govern agents, action types, policy, grants and ceilings"


RIGHTS: Mapping[str, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.VIEW}),
    Role.AUDITOR: frozenset({Right.VIEW}),
    Role.REVIEWER: frozenset({Right.VIEW, Right.DECIDE}),
    Role.SUPERVISOR: frozenset({Right.VIEW, Right.START, Right.DECIDE, Right.SUPERVISE}),
    Role.GOVERNOR: frozenset(Right),
}


def may(role: str, right: Right) -> bool:
    """Whether a role has a right; an unknown role has none."""
    return right in RIGHTS.get(role, frozenset())
