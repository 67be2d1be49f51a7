"""Attachments: keep the pictures that a step brought back."""

from __future__ import annotations

import hashlib
import uuid

from django.db import transaction

from governance import ledger
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput, StaleState
from governance.domain.states import StepState
from governance.domain.values import require_text
from governance.models import Attachment, ExecutionStep

MAX_BYTES = 2_000_000
"""Of one picture."""

MAX_PICTURES = 10
"""Of one step."""

MAX_NAME = 100
AT_WORK = frozenset({StepState.PENDING, StepState.SENT})
SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
"""How the files we keep begin; what a picture says of itself elsewhere is not asked."""


def keep(*, step_id: uuid.UUID, name: str, content: bytes, by: Actor) -> Attachment:
    """Keep a PNG or JPEG of at most 2,000,000 bytes beside a step that is being carried out.

    The same picture under the same name is kept once. Raises InvalidInput (another picture of
    this name, the eleventh, no picture, too large), StaleState (the step has ended), NotFound.
    """
    require_text(name, what="name", max_length=MAX_NAME, required=True)
    media_type, sha256 = _media_type(content), hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        step = ExecutionStep.objects.locked(step_id)
        found = step.attachments.filter(name=name).first()
        if found is not None and found.sha256 == sha256:
            return found
        _require_room(step, name, taken=found is not None)
        row = Attachment.objects.create(
            workspace_id=step.workspace_id,
            step=step,
            name=name,
            media_type=media_type,
            sha256=sha256,
            content=content,
        )
        ledger.append(
            kind="attachment.kept",
            by=by,
            workspace_id=row.workspace_id,
            subject_id=row.id,
            data={
                "step": str(step.id),
                "name": name,
                "media_type": media_type,
                "sha256": sha256,
                "size": len(content),
            },
        )
    return row


def _media_type(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise InvalidInput(
            f"The picture is {len(content):,} bytes; at most {MAX_BYTES:,} are accepted."
        )
    for signature, media_type in SIGNATURES.items():
        if content.startswith(signature):
            return media_type
    raise InvalidInput("The picture is neither PNG nor JPEG.")


def _require_room(step: ExecutionStep, name: str, *, taken: bool) -> None:
    if taken:
        raise InvalidInput(f"The step has another picture named {name!r}; use another name.")
    if step.state not in AT_WORK:
        raise StaleState(f"The step is {step.state}; no picture can be added to it any more.")
    if step.attachments.count() >= MAX_PICTURES:
        raise InvalidInput(f"The step has {MAX_PICTURES} pictures already, and no room for more.")
