"""Fixtures of the engine tests."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from bench.chaos import broker
from bench.chaos.far_side import FarSide
from bench.chaos.world import World
from tests.engines.proxy import Line
from tests.engines.workers import (
    OWN_COMMAND,
    REDELIVER_SECONDS,
    Workers,
    broker_or_database,
    environment,
)

# What cannot be tried is not collected: a file has no line to be cut, and our own command is tried
# where workers are started by it.
collect_ignore: list[str] = []
if connection.vendor == "sqlite":
    collect_ignore += ["test_outages.py"]
if settings.GOVERNANCE_ENGINE != "database":
    collect_ignore += ["test_serve.py"]
if settings.GOVERNANCE_ENGINE != "celery":
    collect_ignore += ["test_celery.py"]
if OWN_COMMAND:
    collect_ignore += ["test_command.py", "test_outages.py", "test_celery.py"]


@pytest.fixture(scope="session")
def test_database(django_test_environment, django_db_modify_db_settings, django_db_blocker):
    """One for all of these tests, not emptied between them: other processes work on it."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
        yield
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session")
def world(test_database) -> World:
    return World()


@pytest.fixture(autouse=True)
def soon(settings):
    """Whoever approves asks as soon as workers do whether somebody came."""
    settings.GOVERNANCE_REDELIVER_SECONDS = float(REDELIVER_SECONDS)


@pytest.fixture(scope="session")
def nursery(test_database, tmp_path_factory):
    with Workers(tmp_path_factory.mktemp("workers"), env=environment()) as found:
        yield found


@pytest.fixture
def far_side():
    with FarSide(slow=0.02) as found:
        yield found


@pytest.fixture
def workers(world, nursery, far_side):
    """None yet; and an engine that knows nothing."""
    broker.lose_everything()
    assert broker.waiting() == 0  # looking brings RabbitMQ's queue back
    nursery.set_up(CHAOS_FAR_SIDE=far_side.address)
    yield nursery
    nursery.kill_all()
    broker.lose_everything()


@pytest.fixture
def line(workers):
    """To the broker, or to the database where there is none."""
    with Line(*broker_or_database()) as found:
        yield found


def pytest_report_header():
    return f"task engine: {settings.GOVERNANCE_ENGINE} {settings.GOVERNANCE_BROKER_URL}"
