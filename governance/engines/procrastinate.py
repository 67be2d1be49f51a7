"""Procrastinate: messages in PostgreSQL, and LISTEN instead of polling.

Its worker never looks again at a message whose worker died; the sweeper sends another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Sequence
from typing import Any

import psycopg
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django_tasks.backends.base import BaseTaskBackend
from django_tasks.base import Task, TaskResult
from procrastinate import App, PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ProcrastinateException
from procrastinate.jobs import Status

from governance.engines import messages

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
"""How often we look whether to stop."""

RETRY_SECONDS = 1.0
"""How long to wait for a database that failed."""

CONNECTIONS = 4
"""Of a worker's own at most: one listens, one works, two to spare; beside Django's."""


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
    """Be a worker until told to stop; a database that fails is waited for.

    The event loop gets a thread of its own, and this thread the tasks.
    """
    while not stop.is_set():
        try:
            async_to_sync(_work)(stop)
        except (ProcrastinateException, psycopg.Error, OSError) as error:
            log.warning("The database failed, trying again: %s", error)
        stop.wait(RETRY_SECONDS)


async def _work(stop: threading.Event) -> None:
    # A copy of the app: what tasks and the sweeper defer still goes through Django's connection.
    connector = PsycopgConnector(
        kwargs=connector_params(), min_size=1, max_size=CONNECTIONS, timeout=LOOK_SECONDS * 10
    )
    working = app.with_connector(connector)
    async with working.open_async():
        await _prune(working)
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
            worker.cancel()  # it finishes the task at hand
        with contextlib.suppress(asyncio.CancelledError):
            await worker


async def _prune(working: App) -> None:
    """Delete the messages of workers that died; the sweeper has sent others."""
    for job in await working.job_manager.get_stalled_jobs(queue=settings.GOVERNANCE_QUEUE):
        if job.id is not None:
            await working.job_manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
