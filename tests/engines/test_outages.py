"""Brokers and databases that go away and come back, while nobody is restarted."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import connection

from tests.engines.test_engines import as_promised, settled, states
from tests.engines.workers import PATIENCE, command, through, until

pytestmark = pytest.mark.services

SAYS = "Trying again in" if settings.GOVERNANCE_BROKER_URL else "error connecting"


def test_a_worker_waits_for_what_is_away_and_says_so(world, line, far_side, tmp_path):
    log = tmp_path / "log"
    line.cut()
    with command(log, CHAOS_FAR_SIDE=far_side.address, **through(line)) as worker:
        until(lambda: SAYS in log.read_text(), what="it said so", log=log)
        job = world.job("local")
        line.mend()
        until(lambda: states([job]) == {"done": 1}, what="it worked", log=log)
        said = log.read_text().count(SAYS)
        line.cut()
        until(lambda: log.read_text().count(SAYS) > said, what="it said so again", log=log)
        worker.terminate()
        worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0


def test_a_database_that_hangs_up_on_everybody(world, workers, far_side):
    workers.begin(2)
    jobs = world.jobs(12)
    for number in (2, 5, 8):
        workers.until(lambda: states(jobs)["done"] >= number, what=f"{number} are done")  # noqa: B023
        hang_up()
    settled(workers, jobs)
    late = world.jobs(4)
    settled(workers, late)
    as_promised([*jobs, *late], far_side)


def hang_up() -> None:
    """On all but us, as a server that is restarted does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
