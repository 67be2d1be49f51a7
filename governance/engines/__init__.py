"""Task engines: how the message "run this task" reaches a worker.

One module an engine, named as GOVERNANCE_ENGINE names it. Each has `run(stop)`: work in this
process, in its main thread (where handlers can be interrupted), until told to stop. Those that
django_tasks has no backend for bring one. They know nothing of executions.
"""

from __future__ import annotations

import threading
from importlib import import_module

from django.conf import settings


def run(stop: threading.Event) -> None:
    """Be a worker of the engine in use until `stop` is set, or a signal ends it."""
    import_module(f"{__name__}.{settings.GOVERNANCE_ENGINE}").run(stop)
