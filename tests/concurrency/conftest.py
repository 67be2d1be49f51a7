"""Fixtures of the tests that kill and pause workers."""

from __future__ import annotations

import contextlib

import pytest

from tests.concurrency.crash.effects import SPECS
from tests.concurrency.workers import FarSide, Nursery
from tests.factories import registered_handler


@pytest.fixture(scope="session")
def nursery(django_db_setup, django_db_blocker):
    """Brings up workers on this session's test database."""
    with django_db_blocker.unblock():
        found = Nursery()
    yield found
    found.close()


@pytest.fixture
def far_side(tmp_path, monkeypatch) -> FarSide:
    found = FarSide(tmp_path / "outbox")
    monkeypatch.setenv("CRASH_OUTBOX", str(found.path))
    return found


@pytest.fixture
def effects(house, far_side):
    """The handlers of the crash tests, in this process too, and in the house's catalogue."""
    with contextlib.ExitStack() as stack:
        for spec in SPECS:
            stack.enter_context(registered_handler(spec, workspace=house.workspace))
        yield far_side
