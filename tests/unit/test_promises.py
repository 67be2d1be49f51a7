"""What conftest promises of every test: no network, no silent skips, guards that come back."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import DatabaseError, connection

from governance.models import LedgerEntry
from tests.factories import LedgerEntryFactory
from tests.unit.sql import execute


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("example.com", 443), ("2001:db8::1", 80)])
def test_the_network_is_out_of_reach(address):
    with pytest.raises(RuntimeError, match="A test may not"):
        socket.create_connection(address, timeout=1)


def test_this_machine_is_within_reach():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=5).close()


SKIPPING = """
import pytest

def test_one():
    pytest.skip("by itself")

@pytest.mark.skip(reason="by a mark")
def test_two():
    pass

@pytest.fixture
def missing():
    pytest.skip("by a fixture")

def test_three(missing):
    pass

def test_four():
    pass
"""


def test_a_skip_fails_by_name_where_skips_are_forbidden(tmp_path):
    hooks = "from tests.conftest import pytest_make_collect_report, pytest_runtest_makereport"
    (tmp_path / "conftest.py").write_text(hooks)
    (tmp_path / "test_skipping.py").write_text(SKIPPING)
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-rfE", str(tmp_path)],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "GOVERNANCE_NO_SKIPS": "1",
            # a session removes the data directory it made, and this one's is still in use
            "GOVERNANCE_DATA_DIR": str(tmp_path / "data"),
        },
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert said.returncode == 1, said.stdout + said.stderr
    for name in ("test_one", "test_two", "test_three"):
        assert f"{name} was skipped, and GOVERNANCE_NO_SKIPS=1" in said.stdout
    assert "1 failed, 1 passed, 2 errors" in said.stdout  # two skip before their call


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "second"])
def test_the_guards_are_up_during_and_after_a_transactional_test(time):
    assert not LedgerEntry.objects.exists()  # the test before was cleared away
    LedgerEntryFactory()
    assert not connection.in_atomic_block
    with pytest.raises(DatabaseError, match="append-only"):
        execute("DELETE FROM governance_ledgerentry")
