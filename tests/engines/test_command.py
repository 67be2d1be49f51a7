"""`manage.py worker` as a person starts it: how it works, and how it stops."""

from __future__ import annotations

import json
import signal

import pytest

from governance.models import Execution
from tests.engines.workers import PATIENCE, command, until

pytestmark = pytest.mark.services


def state(job) -> str:
    return Execution.objects.get(pk=job.execution).state


def test_it_waits_for_work_and_ends_when_asked(world, workers, far_side, tmp_path):
    with command(tmp_path / "log", "--json", CHAOS_FAR_SIDE=far_side.address) as worker:
        for _ in range(3):
            job = world.job("local")
            until(lambda: state(job) == "done", what="it is done", log=tmp_path / "log")  # noqa: B023
        worker.terminate()
        said, _ = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0
    assert json.loads(said).keys() == {
        "swept_to_ready",
        "swept_to_in_doubt",
        "proposals_expired",
        "delivered_again",
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_finishes_the_execution_at_hand(
    world, workers, far_side, tmp_path, number
):
    first, second = world.job("keyed"), world.job("keyed")
    far_side.delays = dict.fromkeys([first.refs["keyed"], second.refs["keyed"]], 1.5)
    with command(tmp_path / "log", CHAOS_FAR_SIDE=far_side.address) as worker:
        until(lambda: far_side.calls, what="one was sent", log=tmp_path / "log")
        worker.send_signal(number)
        worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0
    assert sorted([state(first), state(second)]) == ["done", "ready"]


def test_only_sweeping_delivers_and_carries_out_nothing(world, workers, tmp_path):
    job, log = world.job("local"), tmp_path / "log"
    with command(log, "--sweep", "--json") as sweeper:
        until(lambda: delivered_again(job), what="it was delivered again", log=log)
        assert state(job) == "ready"
        sweeper.terminate()
        said, _ = sweeper.communicate(timeout=PATIENCE)
    assert sweeper.returncode == 0
    assert json.loads(said)["delivered_again"] >= 1
    with command(log):
        until(lambda: state(job) == "done", what="it is done", log=log)


def delivered_again(job) -> bool:
    """The second delivery puts the third off by as long as the execution is old."""
    row = Execution.objects.get(pk=job.execution)
    return (row.deliver_at - row.created_at).total_seconds() > 0.9
