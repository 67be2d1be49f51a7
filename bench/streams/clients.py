"""Clients on raw sockets, which come back with the last event they saw, as EventSource does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

AGAIN_SECONDS = 0.1


@dataclass
class Client:
    """One stream. `resumes`: whether it says what it has; else it asks for everything again.

    `delays`: of its first connection, in seconds; when it was away, it says nothing.
    """

    session: str
    cookie: str
    resumes: bool = True
    seen: list[int] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    connections: int = 0
    statuses: list[int] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    half: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, port: int, *, until: int) -> None:
        """Stay connected, whatever happens, until event number `until` is there."""
        while not self.seen or self.seen[-1] < until:
            try:
                async for line in self._lines(port):
                    self._take(line, until)
                    if self.seen and self.seen[-1] >= until:
                        return
            except (OSError, asyncio.IncompleteReadError):
                pass
            self.opened.clear()
            await asyncio.sleep(AGAIN_SECONDS)

    def _take(self, line: str, until: int) -> None:
        name, _, value = line.partition(": ")
        if name == "retry":
            self.opened.set()
        elif name == "id":
            self.seen.append(int(value))
            if self.seen[-1] * 2 > until:
                self.half.set()
        elif name == "data" and self.connections == 1:
            written = datetime.fromisoformat(json.loads(value)["at"])
            self.delays.append((timezone.now() - written).total_seconds())

    async def _lines(self, port: int) -> AsyncIterator[str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        last = f"Last-Event-ID: {self.seen[-1]}\r\n" if self.seen and self.resumes else ""
        # HTTP/1.0: the body is not chunked, and ends with the connection.
        request = (
            f"GET /supervision/{self.session}/events HTTP/1.0\r\nHost: localhost\r\n"
            f"Accept: text/event-stream\r\nCookie: {self.cookie}\r\n{last}\r\n"
        )
        try:
            writer.write(request.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            self.statuses.append(int(head.split()[1]))
            self.connections += 1
            while line := await reader.readline():
                yield line.decode().rstrip("\n")
        finally:
            writer.close()


def now() -> float:
    """For durations."""
    return time.monotonic()
