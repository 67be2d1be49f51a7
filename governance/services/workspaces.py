"""Workspaces: create, install, halt, resume."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from governance import lifecycle
from governance.domain.actors import Actor
from governance.domain.roles import Right
from governance.domain.states import WorkspaceState
from governance.domain.values import require_text
from governance.models import PolicyVersion, Workspace
from governance.services import (
    action_types,
    constitutions,
    curricula,
    maturity,
    memberships,
    policies,
)
from governance.services.validation import cleaned


def create(*, name: str, by: Actor) -> Workspace:
    """Create a workspace. Raises InvalidInput for a bad or taken name."""
    workspace = Workspace(name=name)
    with transaction.atomic():
        cleaned(workspace)
        lifecycle.begin(workspace, by=by, data={"name": name})
    return workspace


def install(*, name: str, by: Actor) -> dict[str, Any]:
    """Make sure the workspace, the built-in action types and a first policy are there.

    Safe to repeat: what is there stays as its governors have it. Returns what was created:
    `{"workspace": bool, "action_types": [keys], "policy_version": number or None}`.
    """
    with transaction.atomic():
        found = Workspace.objects.filter(name=name).first()
        workspace = found or create(name=name, by=by)
        keys = action_types.install_builtin(workspace=workspace, by=by)
        number = None
        if PolicyVersion.objects.newest(workspace.id) is None:
            version = policies.draft(workspace=workspace, by=by, note="The matrices, and no rules.")
            number = policies.publish(version=version, by=by, replaces=None).number
        curricula.install(workspace=workspace, by=by)
        maturity.install(workspace=workspace, by=by)
        constitutions.install(workspace=workspace, by=by)
    return {"workspace": found is None, "action_types": keys, "policy_version": number}


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
