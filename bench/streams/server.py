"""One server process, to kill and start again on the same port."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPLICATION = "streams"
PATIENCE = 60.0
"""Seconds after which something that should have happened counts as never happening."""


class Server:
    """uvicorn with config.asgi, as in earnest, on a free port of loopback.

    PostgreSQL knows each process by a name of its own, for those who count connections.
    """

    def __init__(self, log: Path, env: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._log, self._env = log, env
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "uvicorn", "config.asgi:application"]
        command += ["--port", str(self.port), "--lifespan", "off", "--log-level", "warning"]
        self._starts += 1
        env = {**os.environ, **self._env, "PGAPPNAME": f"{APPLICATION} {self._starts}"}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220  takes no time to speak of
                command, cwd=ROOT, env=env, stdout=log, stderr=log
            )
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():  # noqa: ASYNC110  it is another process
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL: no stream is ended, every connection breaks."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    @property
    def megabytes(self) -> float:
        """What the process holds in memory."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) / 1024

    @property
    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text()[-4000:]

    async def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"The server ended:\n{self.said}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True
