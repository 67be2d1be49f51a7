"""What engines that only carry messages need: what to carry, and what to do on arrival."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.db import close_old_connections
from django.utils import timezone
from django.utils.module_loading import import_string
from django_tasks.base import Task, TaskResult, TaskResultStatus

NAME = "governance.call"
"""What the message is called in the engine's own records."""


def call(path: str, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """A message arrived: call the task at this path. What was not declared a task is not called.

    As around every request, a database connection that has failed is not used again.
    """
    task = import_string(path)
    if not isinstance(task, Task):
        raise SuspiciousOperation(f"The message asks for {path!r}, which is not a task.")
    close_old_connections()
    try:
        task.call(*args, **kwargs)
    finally:
        close_old_connections()


def receipt(
    task: Task[..., Any], message_id: str, args: Sequence[Any], kwargs: dict[str, Any]
) -> TaskResult[Any]:
    """What django_tasks returns of a message that was sent. There is no result to read later."""
    return TaskResult(
        task=task,
        id=message_id,
        status=TaskResultStatus.READY,
        enqueued_at=timezone.now(),
        started_at=None,
        finished_at=None,
        last_attempted_at=None,
        args=list(args),
        kwargs=kwargs,
        backend=task.backend,
        errors=[],
        worker_ids=[],
    )
