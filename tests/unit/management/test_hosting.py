"""Hosting: as many programs as there is room for, each in a process, and none left behind.

The processes are real; what they run is a sleep. Real programs: tests/concurrency/test_programs.py.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
import time_machine
from django.utils import timezone

from governance.management import hosting
from governance.management.hosting import Programs
from governance.models import Run
from governance.services import programs
from tests.factories import RunFactory
from tests.integration.services.test_programs import ECHO, SOON

pytestmark = pytest.mark.django_db

POPEN = subprocess.Popen
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("here", flush=True)
time.sleep(60)
"""


@pytest.fixture
def started(monkeypatch):
    """What would have been run, and the processes that sleep in its place."""
    found: list[tuple[list[str], subprocess.Popen[bytes]]] = []

    def sleep(command, **options):
        process = POPEN([sys.executable, "-c", "import time; time.sleep(60)"], **options)
        found.append((command, process))
        return process

    monkeypatch.setattr(hosting.subprocess, "Popen", sleep)
    yield found
    for _, process in found:
        process.kill()
        process.wait()


def runs_of(house, count) -> list[Run]:
    agent = house.agent(**ECHO)
    return [RunFactory(agent=agent) for _ in range(count)]


def look(found) -> int:
    with time_machine.travel(timezone.now() + SOON, tick=False):
        return found.look()


def test_each_program_has_a_process_and_no_more_than_there_is_room_for(house, started, settings):
    settings.GOVERNANCE_PROGRAMS = 2
    first, second, third = runs_of(house, 3)
    with Programs() as found:
        assert (look(found), look(found)) == (2, 0)
        commands = [command[2:] for command, _ in started]
        assert commands == [
            ["run_program", "--run", str(first.pk)],
            ["run_program", "--run", str(second.pk)],
        ]
        started[0][1].kill()
        started[0][1].wait()
        assert look(found) == 1
        assert started[2][0][-1] == str(third.pk)
    assert all(process.poll() is not None for _, process in started)


def test_with_no_room_nothing_is_taken(house, started, settings):
    settings.GOVERNANCE_PROGRAMS = 0
    (run,) = runs_of(house, 1)
    with Programs() as found:
        assert look(found) == 0
    run.refresh_from_db()
    assert run.program_started_at is None


def test_what_another_worker_took_is_left_to_it(house, started, monkeypatch):
    runs_of(house, 1)
    monkeypatch.setattr(programs, "take", lambda run_id: False)
    with Programs() as found:
        assert look(found) == 0
    assert started == []


def test_a_process_that_was_killed_leaves_its_run_abandoned(house, started):
    (run,) = runs_of(house, 1)
    with Programs() as found:
        look(found)
        started[0][1].kill()
        started[0][1].wait()
        look(found)
        run.refresh_from_db()
        assert (run.state, run.outcome) == (
            "abandoned",
            "The process that ran its program died.",
        )


def test_at_the_end_all_are_stopped_and_those_that_ignore_it_are_killed(
    house, started, monkeypatch
):
    monkeypatch.setattr(hosting, "STOP_SECONDS", 0.2)
    run, other = runs_of(house, 2)
    with Programs() as found:
        look(found)
        slow = hosting.Child(POPEN([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE), None)
        slow.process.stdout.readline()  # it ignores the signal by now
        found._children.append(slow)
    slow.process.stdout.close()
    assert slow.process.returncode == -9
    assert {process.returncode for _, process in started[:2]} == {-15}
    for row in (run, other):
        row.refresh_from_db()
        assert row.state == "abandoned"
