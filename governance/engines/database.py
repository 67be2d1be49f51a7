"""The embedded engine: a table of messages, by django-tasks-db. Nothing to install or to start.

Its worker never looks again at a message whose worker died; the sweeper sends another.
"""

from __future__ import annotations

import datetime
import logging
import threading
import time
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone
from django_tasks import DEFAULT_TASK_BACKEND_ALIAS, DEFAULT_TASK_QUEUE_NAME
from django_tasks.base import TaskResultStatus
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from governance.execution import holder

log = logging.getLogger(__name__)

KEPT = datetime.timedelta(days=1)
"""How long a message stays after it was taken; then it is of no use to anybody."""

PRUNE_SECONDS = 600.0


def run(stop: threading.Event) -> None:
    """Take messages until told to stop; a database that fails is waited for."""
    wheel, pruned_at = Wheel(stop), time.monotonic()
    while not stop.is_set():
        try:
            if time.monotonic() - pruned_at >= PRUNE_SECONDS:
                pruned_at = time.monotonic()
                prune()
            # A plain read while there is nothing: taking a message locks all of SQLite.
            if DBTaskResult.objects.ready().exists():
                wheel.run()
                continue
        except DatabaseError as error:
            log.warning("The database failed, trying again: %s", error)
            connection.close()
        stop.wait(settings.GOVERNANCE_WORKER_POLL_SECONDS)


class Wheel(Worker):
    """Its `run` takes one message after the other, and returns when there is none or to stop."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(
            queue_names=[DEFAULT_TASK_QUEUE_NAME],
            interval=0,
            batch=True,
            backend_name=DEFAULT_TASK_BACKEND_ALIAS,
            startup_delay=False,
            max_tasks=None,
            worker_id=str(holder.this_process())[:64],
            excluded_queue_names=[],
        )
        self._stop = stop

    def run_task(self, db_task_result: DBTaskResult[..., Any]) -> None:
        """Run one, then see whether to stop."""
        super().run_task(db_task_result)
        self.running = not self._stop.is_set()


def prune() -> int:
    """Delete messages taken long ago, and those whose workers died; returns how many."""
    old = DBTaskResult.objects.filter(enqueued_at__lte=timezone.now() - KEPT)
    return old.exclude(status=TaskResultStatus.READY).delete()[0]
