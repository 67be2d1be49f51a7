"""`manage.py serve`: the web server, and a worker that is brought back when it dies."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.engines.test_engines import states
from tests.engines.workers import PATIENCE, command, until

pytestmark = pytest.mark.services


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def status(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/admin/login/", headers={"Host": "localhost"})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_killed_worker_comes_back_and_both_end_when_asked(
    world, workers, far_side, tmp_path, number
):
    port, log = free_port(), tmp_path / "log"
    arguments = ("--port", str(port), "--json")
    with command(log, *arguments, name="serve", CHAOS_FAR_SIDE=far_side.address) as server:
        first = world.job("local")
        until(lambda: states([first]) == {"done": 1}, what="it works", log=log)
        [killed] = children(server.pid)
        os.kill(killed, signal.SIGKILL)
        second = world.job("keyed")
        far_side.delays[second.refs["keyed"]] = 1.0
        until(lambda: far_side.calls, what="another came and works", log=log)
        assert status(port) == 200
        server.send_signal(number)
        said, _ = server.communicate(timeout=PATIENCE)
    assert (server.returncode, json.loads(said)) == (0, {"stopped": True})
    assert states([second]) == {"done": 1}  # the execution at hand was finished
    assert f"The worker ended with {-signal.SIGKILL}; starting another." in log.read_text()
    assert "Traceback" not in log.read_text()


def test_when_it_is_killed_its_worker_ends_too(world, workers, far_side, tmp_path):
    log = tmp_path / "log"
    arguments = ("--port", str(free_port()))
    with command(log, *arguments, name="serve", CHAOS_FAR_SIDE=far_side.address) as server:
        job = world.job("local")
        until(lambda: states([job]) == {"done": 1}, what="it works", log=log)
        [worker] = children(server.pid)
        server.kill()
        server.communicate(timeout=PATIENCE)
        until(lambda: not Path(f"/proc/{worker}").exists(), what="the worker ended", log=log)
