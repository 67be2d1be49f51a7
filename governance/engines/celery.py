"""Celery, on RabbitMQ or Redis.

A message is acknowledged after its work, so that a killed worker's message comes back (at once from
RabbitMQ, after the visibility timeout from Redis); the sweeper does not wait for that.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from celery import Celery, shared_task
from django.conf import settings
from django.utils.module_loading import import_string
from django_tasks.backends.base import BaseTaskBackend
from django_tasks.base import Task, TaskResult

from governance.engines import messages


@shared_task(  # type: ignore[untyped-decorator]
    name=messages.NAME, acks_late=True, reject_on_worker_lost=True, ignore_result=True
)
def deliver(path: str, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """What Celery's workers run."""
    messages.call(path, args, kwargs)


class CeleryBackend(BaseTaskBackend):
    """Sends every task as one message. Needs OPTIONS["app"], the dotted path of the Celery app."""

    def enqueue(
        self, task: Task[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> TaskResult[Any]:
        """Send it; raises what the broker raises."""
        self.validate_task(task)
        app = import_string(self.options["app"])
        sent = app.send_task(messages.NAME, args=[task.module_path, list(args), kwargs])
        return messages.receipt(task, sent.id, args, kwargs)


def run(stop: threading.Event) -> None:  # noqa: ARG001  Celery has its own signal handlers
    """Be a Celery worker with one process: this one. Ctrl-C or SIGTERM ends it."""
    app: Celery = import_string(settings.TASKS["default"]["OPTIONS"]["app"])
    app.Worker(
        pool="solo",
        concurrency=1,
        loglevel=None,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
    ).start()
