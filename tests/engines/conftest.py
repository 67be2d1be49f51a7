"""Fixtures of the engine tests."""

from __future__ import annotations

import pytest
from django.conf import settings

from bench.chaos import broker
from bench.chaos.far_side import FarSide
from bench.chaos.world import World
from tests.engines.workers import Workers


@pytest.fixture
def far_side():
    with FarSide(slow=0.02) as found:
        yield found


@pytest.fixture
def workers(db_of_processes, far_side, tmp_path):
    found = Workers(tmp_path / "workers.log", CHAOS_FAR_SIDE=far_side.address)
    yield found
    found.kill()


@pytest.fixture
def db_of_processes(transactional_db):
    """The test's database, as other processes see it; and an engine that knows nothing yet."""
    broker.lose_everything()
    yield
    broker.lose_everything()


@pytest.fixture
def world(db_of_processes) -> World:
    return World()


def pytest_report_header():
    return f"task engine: {settings.GOVERNANCE_ENGINE} {settings.GOVERNANCE_BROKER_URL}"
