"""Worker processes of the engine in use: started, killed with everything below them, stopped."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

PATIENCE = 60.0
"""Seconds after which something that should have happened counts as never happening."""

OUR_OWN = f"manage.py worker --parent {os.getpid()}"
COMMAND = os.environ.get("TEST_WORKER_COMMAND", OUR_OWN)
"""How a worker is started; another than our own is joined by one of our own, to sweep."""


def database_url() -> str:
    """Where a process of its own finds this test's database."""
    found = {name: str(value or "") for name, value in connection.settings_dict.items()}
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    login = ":".join(quote(found[name], safe="") for name in ("USER", "PASSWORD"))
    return f"postgres://{login}@{found['HOST']}:{found['PORT']}/{found['NAME']}"


class Workers:
    """Each leads a process group of its own, so that a kill takes its children too."""

    def __init__(self, log: Path, **env: str) -> None:
        self._log = log
        self._processes: list[subprocess.Popen[bytes]] = []
        self._env = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "bench.chaos.settings",
            "LOG_LEVEL": "INFO",
            "GOVERNANCE_LEASE_SECONDS": "1.5",
            "GOVERNANCE_SWEEP_SECONDS": "0.2",
            "GOVERNANCE_WORKER_POLL_SECONDS": "0.05",
            "GOVERNANCE_REDELIVER_SECONDS": "1",
            **env,
        }

    def start(self, number: int = 1, **env: str) -> None:
        for command in [COMMAND] * number + [OUR_OWN] * (COMMAND != OUR_OWN):
            with self._log.open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, *shlex.split(command)],
                    cwd=settings.BASE_DIR,
                    env={**self._env, **env},
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self._processes.append(process)

    def kill(self) -> None:
        """SIGKILL for every process of every worker, without warning."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self._processes:
            process.wait(PATIENCE)
        self._processes.clear()

    def terminate(self) -> list[int]:
        """Ask them to stop; returns their exit codes."""
        for process in self._processes:
            process.terminate()
        codes = [process.wait(PATIENCE) for process in self._processes]
        self._processes.clear()
        return codes

    def until(self, condition: Callable[[], object], *, what: str) -> None:
        """Wait for it, or fail with what the workers said."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                said = self._log.read_text()[-6000:]
                raise AssertionError(f"{what}: it never happened. The workers said:\n{said}")
            time.sleep(0.05)
