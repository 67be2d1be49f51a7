"""Canvases: store what an agent presents."""

from __future__ import annotations

import uuid

from governance import ledger
from governance.domain.actors import Actor
from governance.domain.values import Json
from governance.models import Canvas


def present(
    *,
    workspace_id: uuid.UUID,
    agent_id: uuid.UUID,
    step_id: uuid.UUID,
    kind: str,
    title: str,
    content: dict[str, Json],
    by: Actor,
) -> Canvas:
    """Store a canvas. Needs the transaction that records its step; a step has at most one."""
    canvas = Canvas.objects.create(
        workspace_id=workspace_id,
        agent_id=agent_id,
        step_id=step_id,
        kind=kind,
        title=title,
        content=content,
    )
    ledger.append(
        kind="canvas.presented",
        by=by,
        workspace_id=workspace_id,
        subject_id=canvas.id,
        data={"step": str(step_id), "kind": kind, "title": title},
    )
    return canvas
