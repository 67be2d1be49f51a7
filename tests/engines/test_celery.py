"""A broker that is gone does not hold up approvals, and nobody is restarted when it is back."""

from __future__ import annotations

import time

import pytest
from django_tasks import task_backends

from governance.execution import delivery
from tests.engines import behind
from tests.engines.test_engines import as_promised, states
from tests.engines.workers import PATIENCE, command, through, until

pytestmark = pytest.mark.services


def test_approvals_go_on_without_a_broker_and_are_carried_out_when_it_is_back(
    world, line, far_side, tmp_path, monkeypatch
):
    env, log = through(line), tmp_path / "log"
    behind.app.conf.broker_url = env["GOVERNANCE_BROKER_URL"]
    options = task_backends["default"].options
    monkeypatch.setitem(options, "app", "tests.engines.behind.app")
    with command(log, CHAOS_FAR_SIDE=far_side.address, **env):
        before = world.jobs(4)
        until(lambda: states(before) == {"done": 4}, what="all is well", log=log)
        line.cut()
        began = time.monotonic()
        meanwhile = world.jobs(4)
        assert time.monotonic() - began < PATIENCE / 4
        assert states(meanwhile) == {"ready": 4}
        line.mend()
        until(lambda: states(meanwhile) == {"done": 4}, what="it is back", log=log)
        after = world.jobs(4)
        assert delivery.enqueue(after[0].execution)
        until(lambda: states(after) == {"done": 4}, what="all is well again", log=log)
    assert as_promised([*before, *meanwhile, *after], far_side) == []


def test_a_broker_that_goes_away_in_the_middle_of_an_execution(world, line, far_side, tmp_path):
    """It cannot be told then that the message was dealt with; the worker must take others after."""
    log, job = tmp_path / "log", world.job("keyed")
    far_side.delays[job.refs["keyed"]] = 1.0
    with command(log, CHAOS_FAR_SIDE=far_side.address, **through(line)):
        until(lambda: far_side.calls, what="it was begun", log=log)
        line.cut()
        until(lambda: states([job]) == {"done": 1}, what="it is done", log=log)
        time.sleep(0.5)  # in which it answers the broker, and fails
        line.mend()
        late = world.jobs(4)
        until(lambda: states(late) == {"done": 4}, what="others are done", log=log)
    assert as_promised([job, *late], far_side) == []
