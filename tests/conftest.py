"""Fixtures of all tests, and three promises: no network, no silent skips, no leftovers."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import socket
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management.commands.flush import Command as Flush
from django.db import connections
from hypothesis import settings as hypothesis_settings

from governance.execution.registry import ActionSpec
from governance.ledger import guards
from tests.factories import House, registered_handler

NO_SKIPS = os.environ.get("GOVERNANCE_NO_SKIPS") == "1"
LONGEST_NAME = 200
AIRLINE_FILES = ("actions.json", "episodes.jsonl")

# How long an example takes says nothing on a machine that runs other tests beside it.
hypothesis_settings.register_profile("tests", deadline=None, print_blob=True)
hypothesis_settings.load_profile("tests")


# --- No silent skips ------------------------------------------------------------------------------


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, and GOVERNANCE_NO_SKIPS=1: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    report = yield
    _forbid_skip(report)
    return report


# --- No endless names -----------------------------------------------------------------------------


def pytest_make_parametrize_id(val):
    """A megabyte that a test sends is no name for it: names travel between the processes."""
    if isinstance(val, str | bytes) and len(val) > LONGEST_NAME:
        return f"{type(val).__name__} of {len(val):,}"
    return None


# --- No network -----------------------------------------------------------------------------------


class NetworkBlocked(RuntimeError):
    """A test tried to leave this machine."""


def _is_here(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if host in {None, "", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def _guarded(call):
    """`call` of a socket, to a path or to this machine only."""

    def guarded(self, address, *args):
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_here(address[0]):
            self.close()  # callers close their socket on an OSError only
            raise NetworkBlocked(f"A test may not reach {address}.")
        return call(self, address, *args)

    return guarded


@pytest.fixture(autouse=True, scope="session")
def _no_network():
    resolve = socket.getaddrinfo

    def guarded_resolve(host, *args, **kwargs):
        if not _is_here(host) and not _is_numeric(host):
            raise NetworkBlocked(f"A test may not look up {host!r}.")
        return resolve(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", _guarded(socket.socket.connect_ex))
        patch.setattr(socket, "getaddrinfo", guarded_resolve)
        yield


def _is_numeric(host: object) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(str(host)))
    return False


# --- No leftovers ---------------------------------------------------------------------------------


def pytest_unconfigure(config):
    """Remove the data directory that tests/settings.py made for this session, and no other."""
    folder = Path(settings.DATA_DIR)
    made_here = folder.name.startswith("governance-tests-")
    if made_here and not hasattr(config, "workerinput"):
        shutil.rmtree(folder, ignore_errors=True)


# --- The database ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, testrun_uid):
    """On a server, name the database after this test run: several may be under way at once."""
    database = settings.DATABASES["default"]
    if database["ENGINE"] != "django.db.backends.sqlite3":
        name = database["TEST"].get("NAME") or f"test_{database['NAME']}"
        database["TEST"]["NAME"] = f"{name}_{testrun_uid[:8]}"


@pytest.fixture(autouse=True, scope="session")
def _flush_despite_guards():
    """After a transactional test Django empties every table; only for that the guards stand aside.

    They are in place while the test runs, as in earnest.
    """
    flush = Flush.handle

    def handle(self, **options):
        connection = connections[options["database"]]
        guards.remove(connection)
        try:
            return flush(self, **options)
        finally:
            guards.install(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flush, "handle", handle)
        yield


# --- What tests begin with ------------------------------------------------------------------------


@pytest.fixture
def house(db) -> House:
    """A workspace with one user a role, the built-in action types, and policy version 1."""
    return House.first()


@pytest.fixture
def registered(request):
    """Register a handler until the test ends: `registered(make_spec(...), workspace=...)`.

    Returns the action type it defined in the workspace; None where no workspace was given.
    """
    with contextlib.ExitStack() as stack:

        def register(spec: ActionSpec, *, workspace=None):
            return stack.enter_context(registered_handler(spec, workspace=workspace))

        yield register


@pytest.fixture(scope="session")
def airline() -> Path:
    """The folder of recorded conversations; the test is skipped where there is none."""
    beside = Path(settings.BASE_DIR).parent / "shared" / "data" / "airline"
    folder = Path(os.environ.get("GOVERNANCE_AIRLINE_DATA") or beside)
    missing = [name for name in AIRLINE_FILES if not (folder / name).is_file()]
    if missing:
        pytest.skip(f"airline: no {', '.join(missing)} in {folder}; set GOVERNANCE_AIRLINE_DATA")
    return folder
