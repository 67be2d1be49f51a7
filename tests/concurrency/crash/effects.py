"""Handlers whose effects can be counted: one in our database, and two that reach the far side.

The far side is a file of lines, one a message. CRASH_OUTBOX names it; while CRASH_HOLD names a file
that does not exist yet, a message that was sent is not answered.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from django.utils import timezone

from governance import ledger
from governance.domain.actors import system
from governance.domain.words import Complexity, Effect, Reversibility
from governance.execution.registry import ActionSpec

NOTED = "crash.noted"


def note(context, params):
    """A local effect with nothing of its own against being done twice."""
    ledger.append(
        kind=NOTED,
        by=system("crash test"),
        workspace_id=context.workspace_id,
        subject_id=context.execution_id,
        data={"step": str(context.step_id)},
    )
    return {"noted": timezone.now().isoformat()}


def send(context, params):
    """One line on the far side: the idempotency key."""
    line = f"{context.idempotency_key}\n".encode()
    outbox = os.open(os.environ["CRASH_OUTBOX"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(outbox, line)
        os.fsync(outbox)
    finally:
        os.close(outbox)
    answer = os.environ.get("CRASH_HOLD")
    while answer and not Path(answer).exists():
        time.sleep(0.01)
    return {"sent": context.idempotency_key}


def _spec(key: str, effect: Effect, handler) -> ActionSpec:
    return ActionSpec(
        key=key,
        title=key,
        description="For the crash tests.",
        complexity=Complexity.CHANGE,
        reversibility=Reversibility.IRREVERSIBLE,
        effect=effect,
        params_schema={"type": "object"},
        handler=handler,
    )


SPECS = (
    _spec("note", Effect.LOCAL, note),
    _spec("send_keyed", Effect.KEYED, send),
    _spec("send_unkeyed", Effect.UNKEYED, send),
)
