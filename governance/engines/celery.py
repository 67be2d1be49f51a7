"""Celery, on RabbitMQ or Redis.

A message is acknowledged after its work, so that a killed worker's message comes back (at once from
RabbitMQ, after the visibility timeout from Redis); the sweeper does not wait for that.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

from celery import shared_task
from celery.apps.worker import Worker
from celery.exceptions import Reject
from celery.worker import state
from celery.worker.request import Request
from django.conf import settings
from django.utils.module_loading import import_string
from django_tasks.backends.base import BaseTaskBackend
from django_tasks.base import Task, TaskResult

from governance.engines import messages


class Answered(Request):  # type: ignore[misc]
    """A message. When the broker cannot be told what became of it, the worker connects anew.

    Celery's own logs that and goes on; with Redis, the message then counts as under way for ever,
    and the worker takes no other.
    """

    acknowledged: bool

    def acknowledge(self) -> None:
        """Raises what the connection raises."""
        if not self.acknowledged:
            self.message.ack()
            self.acknowledged = True

    def reject(self, requeue: bool = False) -> None:  # noqa: FBT001, FBT002  Celery's signature
        """Raises what the connection raises."""
        if not self.acknowledged:
            self.message.reject(requeue=requeue)
            self.acknowledged = True


@shared_task(  # type: ignore[untyped-decorator]
    name=messages.NAME,
    acks_late=True,
    reject_on_worker_lost=True,
    ignore_result=True,
    Request=f"{__name__}:Answered",
)
def deliver(path: str, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """What Celery's workers run. One that is to stop gives back what it was sent meanwhile."""
    if state.should_stop is not None:
        raise Reject("This worker stops.", requeue=True)
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


class Solo(Worker):  # type: ignore[misc]
    """Celery's worker, but for its signal handlers: ours stay, and the output is ours alone."""

    def install_platform_tweaks(self, worker: Worker) -> None:
        """None."""


def run(stop: threading.Event) -> None:
    """Be a Celery worker with one process: this one. A broker that is away is waited for."""
    threading.Thread(target=_pass_on, args=[stop], name="celery-stop", daemon=True).start()
    Solo(
        app=import_string(settings.TASKS["default"]["OPTIONS"]["app"]),
        hostname=f"governance-{os.getpid()}@%h",  # several on one machine are told apart
        pool="solo",
        concurrency=1,
        # While it works it could not keep up the heartbeats that an event loop promises a broker.
        use_eventloop=False,
        loglevel=None,
        quiet=True,
        # No events for who watches Celery: sending them waits silently for a broker that is away.
        without_gossip=True,
        without_heartbeat=True,
        without_mingle=True,
    ).start()


def _pass_on(stop: threading.Event) -> None:
    stop.wait()
    state.should_stop = os.EX_OK
