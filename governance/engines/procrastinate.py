"""Procrastinate: messages in PostgreSQL, and LISTEN instead of polling."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from typing import Any, cast

from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django_tasks.backends.base import BaseTaskBackend
from django_tasks.base import Task, TaskResult
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector

from governance.engines import messages

LOOK_SECONDS = 0.2
"""How often we look whether to stop."""


@app.task(name=messages.NAME, queue=settings.GOVERNANCE_QUEUE)
async def deliver(path: str, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """What its workers run: in the main thread, where a handler that hangs can be interrupted."""
    await sync_to_async(messages.call, thread_sensitive=True)(path, args, kwargs)


class ProcrastinateBackend(BaseTaskBackend):
    """Writes every task as one job, through Django's own connection."""

    def enqueue(
        self, task: Task[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> TaskResult[Any]:
        """Write it; raises what the database raises."""
        self.validate_task(task)
        job = deliver.defer(path=task.module_path, args=list(args), kwargs=kwargs)
        return messages.receipt(task, str(job), args, kwargs)


def run(stop: threading.Event) -> None:
    """Be a worker. The event loop gets a thread of its own, and this thread the tasks."""
    async_to_sync(_work)(stop)


async def _work(stop: threading.Event) -> None:
    # A copy of the app: what tasks and the sweeper defer still goes through Django's connection.
    connector = cast(DjangoConnector, app.connector).get_worker_connector()
    working = app.with_connector(connector)
    async with working.open_async():
        worker = asyncio.create_task(
            working.run_worker_async(
                queues=[settings.GOVERNANCE_QUEUE],
                concurrency=1,
                install_signal_handlers=False,
                delete_jobs="always",
            )
        )
        while not stop.is_set() and not worker.done():
            await asyncio.wait({worker}, timeout=LOOK_SECONDS)
        if stop.is_set():
            worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker
