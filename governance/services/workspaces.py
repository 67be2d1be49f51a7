"""Workspaces: create, halt, resume."""

from __future__ import annotations

from django.db import transaction

from governance import lifecycle
from governance.domain.actors import Actor
from governance.domain.roles import Right
from governance.domain.states import WorkspaceState
from governance.domain.values import require_text
from governance.models import Workspace
from governance.services import memberships
from governance.services.validation import cleaned


def create(*, name: str, by: Actor) -> Workspace:
    """Create a workspace. Raises InvalidInput for a bad or taken name."""
    workspace = Workspace(name=name)
    with transaction.atomic():
        cleaned(workspace)
        lifecycle.begin(workspace, by=by, data={"name": name})
    return workspace


def halt(*, workspace: Workspace, reason: str, by: Actor) -> None:
    """From the next decision on, everything in the workspace is denied."""
    require_text(reason, what="reason", max_length=2_000, required=True)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        lifecycle.move(workspace, to=WorkspaceState.HALTED, by=by, data={"reason": reason})


def resume(*, workspace: Workspace, reason: str, by: Actor) -> None:
    """Let a halted workspace work again."""
    require_text(reason, what="reason", max_length=2_000, required=True)
    with transaction.atomic():
        memberships.require(by=by, workspace_id=workspace.id, right=Right.GOVERN)
        lifecycle.move(workspace, to=WorkspaceState.ACTIVE, by=by, data={"reason": reason})
