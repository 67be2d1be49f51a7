"""What is measured: streams open, events come, the server is killed and started midway."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from statistics import median

from bench.streams.clients import Client, now
from bench.streams.server import PATIENCE, ROOT, Server

WRITERS = 2
"""Processes that write into the same sessions."""


@dataclass
class Result:
    """What came out. `wrong`: the clients that did not get every event once and in order."""

    streams: int
    events: int
    received: int
    wrong: list[list[int]]
    connections: int
    refused: int
    doubled_by_control: int
    seconds: float
    megabytes: float
    median_delay_ms: float
    worst_delay_ms: float

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass
class Scene:
    """`sessions`: their keys. `cookie`: of somebody who may watch them all."""

    server: Server
    sessions: list[str]
    cookie: str
    streams: int
    events: int
    seconds: float
    env: dict[str, str] = field(default_factory=dict)

    async def play(self) -> Result:
        """1. Open all streams. 2. Write. 3. Kill the server midway. 4. Wait for the last event."""
        each, last = len(self.sessions), 1 + self.events * WRITERS  # the first: it was started
        clients = [Client(self.sessions[n % each], self.cookie) for n in range(self.streams)]
        control = Client(self.sessions[0], self.cookie, resumes=False)
        await self.server.start()
        tasks = [
            asyncio.create_task(client.watch(self.server.port, until=last))
            for client in [*clients, control]
        ]
        await _all_open(clients)
        megabytes, began = self.server.megabytes, now()
        writers = [self._writer() for _ in range(WRITERS)]
        async with asyncio.timeout(PATIENCE):
            await clients[0].half.wait()
        self.server.kill()
        await self.server.start()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks)
        ended = [writer.wait(PATIENCE) for writer in writers]
        assert ended == [0] * WRITERS, "a writer failed"
        # Not of the first event, which was there before anybody came.
        delays = sorted(delay for client in clients for delay in client.delays[1:])
        whole = list(range(1, last + 1))
        return Result(
            streams=self.streams,
            events=last * each,
            received=sum(len(client.seen) for client in clients),
            wrong=[client.seen for client in clients if client.seen != whole],
            connections=sum(client.connections for client in clients),
            refused=sum(status != 200 for client in clients for status in client.statuses),
            doubled_by_control=len(control.seen) - len(set(control.seen)),
            seconds=round(now() - began, 2),
            megabytes=round(megabytes, 1),
            median_delay_ms=round(median(delays) * 1000, 1),
            worst_delay_ms=round(delays[-1] * 1000, 1),
        )

    def _writer(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "bench.streams.writer", *self.sessions]
        command += ["--events", str(self.events), "--seconds", str(self.seconds)]
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **self.env})


async def _all_open(clients: list[Client]) -> None:
    async with asyncio.timeout(PATIENCE):
        for client in clients:
            await client.opened.wait()
