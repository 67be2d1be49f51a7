"""A server and a worker of this test's database, in processes of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from tests.concurrency.workers import database_url

PATIENCE = 60.0
"""Seconds after which something that should have happened counts as never happening."""


class Processes:
    """Each leads a process group of its own, so that a kill takes its children too."""

    def __init__(self, log: Path, **env: str) -> None:
        self._log = log
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._env = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "tests.live.settings",
            "LOG_LEVEL": "INFO",
            "GOVERNANCE_SWEEP_SECONDS": "0.2",
            "GOVERNANCE_WORKER_POLL_SECONDS": "0.05",
            **env,
        }
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self) -> None:
        """Start the server, and wait until it answers."""
        command = ["-m", "uvicorn", "config.asgi:application", "--lifespan", "off"]
        self._start("server", [*command, "--port", str(self.port), "--log-level", "warning"])
        self.until(self._answers, what="the server answers")

    def serve_and_work(self) -> None:
        """Both, as `manage.py serve` does; it answers when this returns."""
        self._start("serve", ["manage.py", "serve", "--port", str(self.port)])
        self.until(self._answers, what="the server answers")

    def work(self) -> None:
        """Start a worker, which starts agents' programs."""
        self._start("worker", ["manage.py", "worker", "--parent", str(os.getpid())])

    def kill(self, name: str) -> None:
        """SIGKILL, without warning, for it and everything below it."""
        process = self._running.pop(name, None)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)

    def stop(self, name: str) -> int:
        """Ask it to stop; returns its exit code."""
        process = self._running.pop(name)
        process.terminate()
        return process.wait(PATIENCE)

    def close(self) -> None:
        """A worker is asked, so that it takes its programs along."""
        if "worker" in self._running:
            self.stop("worker")
        for name in list(self._running):
            self.kill(name)

    def until(self, condition: Callable[[], object], *, what: str) -> None:
        """Wait for it, or fail with what the processes said."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"{what}: it never happened.\n{self.said}"
            time.sleep(0.05)

    @property
    def said(self) -> str:
        return self._log.read_text()[-6000:] if self._log.exists() else ""

    def _start(self, name: str, command: list[str]) -> None:
        with self._log.open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, *command],
                cwd=settings.BASE_DIR,
                env=self._env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


def running_programs() -> dict[str, int]:
    """The processes of programs on this machine: their process ids by the keys of their runs."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"run_program" in words and b"--run" in words:
                found[words[words.index(b"--run") + 1].decode()] = int(folder.name)
    return found
