"""The rows that commands name by their id, in the workspace that the options name."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Q

from governance.domain.errors import InvalidInput, NotFound
from governance.management.command import workspace_of
from governance.models import BlockedTrigger, TrainingSession


def session_of(options: dict[str, Any]) -> TrainingSession:
    """The training named by the argument `session`. Raises InvalidInput, NotFound."""
    key = _key(options["session"], what="a training")
    rows = TrainingSession.objects.of(workspace_of(options).id)
    found = rows.filter(pk=key).select_related("agent", "plan").first()
    if found is None:
        raise NotFound(f"There is no training {key} here.")
    return found


def blocked_of(options: dict[str, Any]) -> BlockedTrigger:
    """What blocks the trigger named by the argument `trigger`. Raises InvalidInput, NotFound."""
    key = _key(options["trigger"], what="a trigger")
    rows = BlockedTrigger.objects.of(workspace_of(options).id)
    found = rows.filter(Q(trigger_id=key) | Q(pk=key)).first()
    if found is None:
        raise NotFound(f"There is no trigger {key} here that was sent to training.")
    return found


def _key(text: str, *, what: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not the id of {what}.") from error
