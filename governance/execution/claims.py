"""Claims: who holds an execution, under which fencing token, until when."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone

from governance import lifecycle
from governance.domain.actors import Actor
from governance.domain.errors import LeaseLost, StaleState
from governance.domain.states import ExecutionState, StepState
from governance.domain.words import Effect, Mode
from governance.execution import delivery
from governance.models import Execution, ExecutionStep

OnFinish = Callable[[Execution, Actor], None]
"""Called in the finishing transaction, with the execution in its new state."""

BeforeStep = Callable[[ExecutionStep], None]
"""Called before a step, in a transaction that holds the execution. ActionWaits puts it off until
somebody has acted; ActionFailed stops it."""

OnStep = Callable[[ExecutionStep], None]
"""Called in the transaction that moved a step, with the step in its new state."""

SILENCE = "The lease ran out before an outcome was reported."

MAX_LAPSES = 20
"""After this many claims whose holders died, an execution is not handed out again."""

CANDIDATES = 20
"""How many ready executions one search looks at before it gives up to other workers."""


def claim(*, execution: Execution, by: Actor, lease: datetime.timedelta) -> None:
    """Take a ready execution for `lease`, under the next fencing token. Raises StaleState."""
    lifecycle.move(
        execution,
        to=ExecutionState.CLAIMED,
        by=by,
        fields={
            "fencing_token": execution.fencing_token + 1,
            "claimed_by": str(by)[:200],
            "lease_expires_at": timezone.now() + lease,
            "not_before": None,
            "waiting_for": None,
        },
        where={"fencing_token": execution.fencing_token},
        data={"fencing_token": execution.fencing_token + 1},
    )


def claim_next(*, by: Actor, lease: datetime.timedelta) -> Execution | None:
    """Claim the oldest execution that is ready for workers; None when there is none."""
    for execution in Execution.objects.ready_for_workers(now=timezone.now())[:CANDIDATES]:
        try:
            claim(execution=execution, by=by, lease=lease)
        except StaleState:
            continue  # another worker was faster
        return execution
    return None


def claim_ready(
    execution_id: uuid.UUID, *, by: Actor, lease: datetime.timedelta
) -> Execution | None:
    """Claim this execution if it is ready for workers now; None when it is not, or not any more."""
    execution = (
        Execution.objects.ready_for_workers(now=timezone.now()).filter(pk=execution_id).first()
    )
    if execution is None:
        return None
    try:
        claim(execution=execution, by=by, lease=lease)
    except StaleState:
        return None  # another worker was faster
    return execution


def hold(execution: Execution, *, lease: datetime.timedelta) -> None:
    """Prove, and extend, that we hold it: a conditional UPDATE on state and fencing token.

    In a transaction this also locks the row, so that nobody can take it before we commit.
    Raises LeaseLost.
    """
    held = Execution.objects.filter(
        pk=execution.pk, state=ExecutionState.CLAIMED, fencing_token=execution.fencing_token
    ).update(lease_expires_at=timezone.now() + lease)
    if held != 1:
        raise LeaseLost(
            f"Execution {execution.pk} is no longer held under fencing token "
            f"{execution.fencing_token}; stop working on it."
        )


def sweep(*, by: Actor, on_finish: OnFinish) -> dict[str, int]:
    """Settle claims whose lease ran out; returns how many became `ready` and `in_doubt`.

    Nothing sent, or nothing that could be doubled by sending it again: ready once more.
    Anything else may have taken effect, and only a person can find out: in doubt. So is what
    has cost MAX_LAPSES workers their lives.
    """
    now = timezone.now()
    swept = {"ready": 0, "in_doubt": 0}
    for execution in Execution.objects.expired(now=now):
        try:
            with transaction.atomic():
                state = _settle_expired(execution, now=now, by=by, on_finish=on_finish)
        except StaleState:
            continue  # its holder came back, or another sweeper was faster
        swept[state] += 1
    return swept


def _settle_expired(
    execution: Execution, *, now: datetime.datetime, by: Actor, on_finish: OnFinish
) -> str:
    rows = list(execution.steps.order_by("position"))
    sent = [row for row in rows if row.state == StepState.SENT]
    lapses = execution.lapses + 1
    worn_out = lapses >= MAX_LAPSES
    unrepeatable = any(step.effect == Effect.UNKEYED for step in sent)
    doubtful = execution.mode == Mode.AGENT or unrepeatable or worn_out
    to = ExecutionState.IN_DOUBT if doubtful else ExecutionState.READY
    changes: dict[str, Any] = {"lease_expires_at": None, "lapses": lapses}
    if not doubtful:
        changes["deliver_at"] = delivery.deliver(execution.pk)
    elif sent:
        changes["error"] = f"step {sent[0].step}: {SILENCE}"
    elif worn_out:
        changes["error"] = f"{lapses} workers died while they held it; a person has to look."
    lifecycle.move(
        execution,
        to=to,
        by=by,
        fields=changes,
        where={"lease_expires_at__lte": now, "fencing_token": execution.fencing_token},
        data={"why": "the lease ran out"},
    )
    if doubtful:
        settle_steps(rows, by=by, error=SILENCE)
        on_finish(execution, by)
    return str(to)


def settle_steps(rows: list[ExecutionStep], *, by: Actor, error: str) -> None:
    """End what will not go on: in doubt where something was sent, not run where nothing was."""
    for row in rows:
        if row.state == StepState.SENT:
            lifecycle.move(row, to=StepState.IN_DOUBT, by=by, fields={"error": error})
        elif row.state == StepState.PENDING:
            fields = {"finished_at": timezone.now()}
            lifecycle.move(row, to=StepState.NOT_RUN, by=by, fields=fields)
