"""Worker processes of the engine in use: started, killed with everything below them, stopped."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.db import connection

from bench.chaos.workers import Workers as Forked
from tests.engines.proxy import Line

PATIENCE = 60.0
"""Seconds after which something that should have happened counts as never happening."""

REDELIVER_SECONDS = "0.5"
OWN_COMMAND = shlex.split(os.environ.get("TEST_WORKER_COMMAND", ""))
"""The engine's own command, where workers are started by it: beside a sweeper of ours."""


def database_url(**changes: object) -> str:
    """Where a process of its own finds this test's database. `changes`: of HOST or PORT."""
    found = {name: str(value or "") for name, value in connection.settings_dict.items()}
    found |= {name: str(value) for name, value in changes.items()}
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    login = ":".join(quote(found[name], safe="") for name in ("USER", "PASSWORD"))
    return f"postgres://{login}@{found['HOST']}:{found['PORT']}/{found['NAME']}"


def environment(**changes: str) -> dict[str, str]:
    """The environment of a worker."""
    return {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "tests.engines.settings",
        "LOG_LEVEL": "INFO",
        "GOVERNANCE_LEASE_SECONDS": "1",
        "GOVERNANCE_SWEEP_SECONDS": "0.2",
        "GOVERNANCE_WORKER_POLL_SECONDS": "0.05",
        "GOVERNANCE_REDELIVER_SECONDS": REDELIVER_SECONDS,
        **changes,
    }


def broker_or_database() -> tuple[str, int]:
    """Host and port of the broker, or of the database where there is none."""
    url, database = urlsplit(settings.GOVERNANCE_BROKER_URL), connection.settings_dict
    return str(url.hostname or database["HOST"]), int(url.port or database["PORT"])


def through(line: Line) -> dict[str, str]:
    """The environment of a worker at the other end of this line to it."""
    url = urlsplit(settings.GOVERNANCE_BROKER_URL)
    if not url.scheme:
        return {"DATABASE_URL": database_url(PORT=line.port)}
    there = url.netloc.replace(str(url.port), str(line.port))
    return {"GOVERNANCE_BROKER_URL": url._replace(netloc=there).geturl()}


class Workers(Forked):
    """Forked from one process, so that none costs the start of Python."""

    _sweeper = ""

    def set_up(self, **env: str) -> None:
        """What those that are brought up from now on are told."""
        self._order = {"env": env}
        if OWN_COMMAND:
            self._order |= {"role": "module", "argv": OWN_COMMAND}

    def keep(self, number: int) -> None:
        """As many as are missing to `number`, and where they do not sweep, one that does."""
        super().keep(number)
        if OWN_COMMAND and self._sweeper not in self.alive():
            self._sweeper = self.start(role="sweeper")

    def begin(self, number: int = 1, **order: object) -> None:
        """So many, told this too."""
        for _ in range(number):
            self.start(**order)
        if OWN_COMMAND:
            self.start(role="sweeper", **order)

    def until(self, condition: Callable[[], object], *, what: str) -> None:
        until(condition, what=what, log=self.log)


def until(condition: Callable[[], object], *, what: str, log: Path) -> None:
    """Wait for it, or fail with what the workers said."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            said = log.read_text()[-6000:]
            raise AssertionError(f"{what}: it never happened. The workers said:\n{said}")
        time.sleep(0.03)


@contextlib.contextmanager
def command(
    log: Path, *arguments: str, name: str = "worker", **env: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py worker` as a person starts it; killed in the end if it is still there."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "manage.py", name, *arguments],
            cwd=settings.BASE_DIR,
            env=environment(**env),
            stdout=subprocess.PIPE,
            stderr=file,
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
