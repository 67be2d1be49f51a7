"""Every stream gets every event once and in order, while the server is killed and started again.

As many streams as STREAMS says (default 40); `python -m bench.streams` measures 200.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time

import pytest
from django.db import connection

from bench.streams.clients import Client
from bench.streams.scene import Scene
from bench.streams.server import APPLICATION, Server
from bench.streams.world import cookie, watched_sessions
from governance.management import serving
from tests.concurrency.workers import database_url
from tests.live.processes import Processes

pytestmark = pytest.mark.django_db(transaction=True)

STREAMS = int(os.environ.get("STREAMS", "40"))
POOL = 10
"""The largest number of connections that one process takes from PostgreSQL."""


class Connections(threading.Thread):
    """Counts, until it is stopped, the connections of each server process to this test's database.

    PostgreSQL takes a while to see that one was killed: its connections are not the next one's.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self._stop_counting = 0, threading.Event()

    def run(self) -> None:
        while connection.vendor == "postgresql" and not self._stop_counting.wait(0.1):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND application_name LIKE %s GROUP BY application_name",
                    [f"{APPLICATION} %"],
                )
                self.most = max([self.most, *(count for (count,) in cursor.fetchall())])
        connection.close()

    def stop(self) -> int:
        self._stop_counting.set()
        self.join()
        return self.most


def test_every_stream_gets_every_event_once_and_in_order_across_a_restart(tmp_path, db):
    env = {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    user, sessions = watched_sessions(4)
    server = Server(tmp_path / "server.log", env)
    scene = Scene(server, sessions, cookie(user), streams=STREAMS, events=15, seconds=3.0, env=env)
    counting = Connections()
    counting.start()
    began = time.monotonic()
    try:
        result = asyncio.run(scene.play())
    finally:
        server.kill()
        most = counting.stop()
    assert result.wrong == [], server.said
    assert (result.refused, result.received) == (0, STREAMS * 31)
    assert result.connections >= STREAMS * 2  # everybody was cut off, and came back
    # The control: a client that does not say what it has gets things twice, and that is seen.
    assert result.doubled_by_control > 0
    if connection.vendor == "postgresql":
        assert 1 <= most <= POOL
    assert time.monotonic() - began < 120


def test_a_server_that_is_told_to_stop_ends_its_streams(tmp_path, db):
    """It would wait for them for ever: `serve` in earnest, with its worker."""
    user, (session,) = watched_sessions(1)
    processes = Processes(tmp_path / "processes.log")
    client = Client(session, cookie(user))

    async def scene() -> tuple[int, float]:
        watching = asyncio.create_task(client.watch(processes.port, until=1_000))
        async with asyncio.timeout(30):
            await client.opened.wait()
        began = time.monotonic()
        code = await asyncio.to_thread(processes.stop, "serve")
        watching.cancel()
        return code, time.monotonic() - began

    try:
        processes.serve_and_work()
        code, seconds = asyncio.run(scene())
    finally:
        processes.close()
    assert (code, client.seen) == (0, [1])
    assert seconds < serving.STOP_SECONDS  # nobody had to be cut off
