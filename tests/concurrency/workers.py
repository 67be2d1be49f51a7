"""Worker processes for tests to kill, and what can be counted afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from governance.domain.actors import system
from governance.models import Execution, LedgerEntry
from governance.services import executions
from tests.concurrency.crash.effects import NOTED

LEASE_SECONDS = 0.3
PATIENCE = 20.0
"""Seconds after which something that should have happened counts as never happening."""

SECOND = system("second worker")


def database_url() -> str:
    """Where a process of its own finds this test's database."""
    found = {name: str(value or "") for name, value in connection.settings_dict.items()}
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    login = ":".join(quote(found[name], safe="") for name in ("USER", "PASSWORD"))
    return f"postgres://{login}@{found['HOST']}:{found['PORT']}/{found['NAME']}"


def environment(**values: str) -> dict[str, str]:
    """The environment of a worker process."""
    return {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "tests.concurrency.crash.settings",
        "GOVERNANCE_LEASE_SECONDS": str(LEASE_SECONDS),
        **values,
    }


class Nursery:
    """One process that forks workers; see `crash/management/commands/nursery.py`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "django", "nursery"],
            cwd=settings.BASE_DIR,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, **order: object) -> int:
        """Bring up a worker; returns its process id."""
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def ended(self) -> int:
        """Wait for the worker brought up last; returns its exit code, -9 when it was killed."""
        return int(self._process.stdout.readline())

    def work(self, **order: object) -> int:
        self.start(**order)
        return self.ended()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()


@dataclass(frozen=True)
class FarSide:
    """The file that the handlers `send_keyed` and `send_unkeyed` write to."""

    path: Path

    @property
    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []


def recover() -> None:
    """A second worker: it sweeps until the dead one's lease is over, and finishes everything."""
    deadline = time.monotonic() + PATIENCE
    while Execution.objects.filter(state__in=["ready", "claimed"]).exists():
        assert time.monotonic() < deadline, "nobody could finish this"
        executions.sweep(by=SECOND)
        while executions.run_next(by=SECOND) is not None:
            pass
        time.sleep(0.02)


def until(condition) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def notes(execution: Execution) -> int:
    """How often the local effect of this execution happened."""
    return LedgerEntry.objects.filter(kind=NOTED, subject_id=execution.id).count()
