"""Delivery: ask the task engine to run an execution.

A message is a hint, the row is the truth: whatever happens to messages, the sweeper delivers again
what is ready. Which engine carries them is a matter of the settings (TASKS); the task is found by
its dotted path, because tasks stand above everything that delivers.
"""

from __future__ import annotations

import datetime
import logging
import uuid
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from governance.execution import failpoints
from governance.models import Execution

log = logging.getLogger(__name__)

TASK = "governance.tasks.run_execution"
LONGEST_WAIT = datetime.timedelta(minutes=5)
AT_ONCE = 50
"""How many executions one sweep delivers again, so that a backlog does not double itself."""


def deliver(execution_id: uuid.UUID) -> datetime.datetime:
    """Ask the engine to run it once this transaction has committed.

    Returns the `deliver_at` to write into its row: when to ask again, should nobody have come.
    """
    transaction.on_commit(partial(enqueue, execution_id))
    return timezone.now() + _shortest_wait()


def enqueue(execution_id: uuid.UUID) -> bool:
    """Hand the message to the engine now; whether it took it. Never raises."""
    failpoints.reach("delivering")
    try:
        import_string(TASK).enqueue(str(execution_id))
    except Exception as error:  # noqa: BLE001  every engine fails in its own way, and nothing is lost by it
        log.warning("Execution %s was not delivered, trying again later: %r", execution_id, error)
        return False
    failpoints.reach("delivered")
    return True


def wake(subject_id: uuid.UUID) -> int:
    """Let go on what waits for this row, once this transaction has committed; returns how many.

    Needs the transaction that changed the row, and its lock (see `ActionWaits`).
    """
    waiting = Execution.objects.waiting_for(subject_id).values_list("pk", flat=True)
    return sum(
        Execution.objects.waiting_for(subject_id)
        .filter(pk=pk)
        .update(waiting_for=None, not_before=None, deliver_at=deliver(pk))
        for pk in list(waiting)
    )


def redeliver() -> int:
    """Deliver what is ready, due, and was not picked up in time; returns how many.

    1. A conditional UPDATE of `deliver_at`: of several sweepers, one delivers.
    2. The next time is as far off as the execution is old (at least
       GOVERNANCE_REDELIVER_SECONDS, at most 5 minutes): in a backlog it would only wait again.
    3. An engine that does not take one message is asked again soon, and not now for the others.
    """
    now, delivered = timezone.now(), 0
    for execution in Execution.objects.undelivered(now=now)[:AT_ONCE]:
        wait = min(max(now - execution.created_at, _shortest_wait()), LONGEST_WAIT)
        mine = Execution.objects.filter(pk=execution.pk, deliver_at=execution.deliver_at).update(
            deliver_at=now + wait
        )
        if mine and not enqueue(execution.pk):
            missed = Execution.objects.filter(pk=execution.pk, deliver_at=now + wait)
            missed.update(deliver_at=now + _shortest_wait())
            break
        delivered += mine
    return delivered


def _shortest_wait() -> datetime.timedelta:
    return datetime.timedelta(seconds=settings.GOVERNANCE_REDELIVER_SECONDS)
