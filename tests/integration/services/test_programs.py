"""Programs: which runs wait for a process, who takes one on, and how each ends."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.utils import timezone

from governance.domain.errors import InvalidInput, StaleState
from governance.models import Run
from governance.runtimes.in_process import InProcess
from governance.services import programs
from tests.agents import Echo
from tests.factories import (
    BY_SYSTEM,
    QueuedRunFactory,
    RunFactory,
    SupervisionSessionFactory,
    finished,
    halted,
    held,
    let_go,
    terminated,
)

pytestmark = pytest.mark.django_db

ECHO = {"module_path": "tests.agents", "class_name": "Echo"}
SOON = datetime.timedelta(seconds=3)


def state(run) -> str:
    return Run.objects.values_list("state", flat=True).get(pk=run.pk)


def waiting() -> list:
    """What a worker finds three seconds from now."""
    with time_machine.travel(timezone.now() + SOON, tick=False):
        return programs.waiting_programs()


# --- Which wait ----------------------------------------------------------------------------------


def test_a_run_of_ours_waits_once_it_has_begun_and_settled(house):
    queued = QueuedRunFactory(agent=house.agent("supervised", **ECHO))
    assert waiting() == []
    SupervisionSessionFactory(run=queued)
    assert programs.waiting_programs() == []  # whoever began it may be about to run it
    assert waiting() == [queued.pk]


def test_of_agents_we_cannot_reach_nothing_waits(house):
    house.run("autonomous")
    reachable = RunFactory(agent=house.agent(configuration={"endpoint": "http://127.0.0.1/turn"}))
    ours = RunFactory(agent=house.agent(**ECHO))
    assert waiting() == [reachable.pk, ours.pk]


def test_what_ended_was_taken_or_is_halted_does_not_wait(house):
    agent = house.agent(**ECHO)
    finished(RunFactory(agent=agent))
    taken, left = RunFactory(agent=agent), RunFactory(agent=agent)
    assert programs.take(taken.pk)
    assert waiting() == [left.pk]
    halted(house.workspace)
    assert waiting() == []


def test_a_program_is_taken_once(house):
    run = RunFactory(agent=house.agent(**ECHO))
    assert [programs.take(run.pk) for _ in range(3)] == [True, False, False]
    with pytest.raises(StaleState, match="Another process runs this program already"):
        programs.run_at_once(run=run, runtime=InProcess(Echo, {}))
    assert not programs.take(finished(RunFactory(agent=run.agent)).pk)


# --- How it ends ---------------------------------------------------------------------------------

#    program        outcome      note
ENDINGS = (
    ("Echo", "succeeded", ""),
    ("Fails", "failed", "There are no sales."),
    ("Raises", "failed", "Its program raised ValueError; the log says where."),
    ("Exits", "failed", "Its program raised SystemExit; the log says where."),
)


@pytest.mark.parametrize(("name", "outcome", "note"), ENDINGS)
def test_a_program_is_run_to_its_end(house, name, outcome, note):
    agent = house.agent(module_path="tests.agents", class_name=name)
    run = RunFactory(agent=agent, type="nightly", context={"day": "Monday"})
    programs.take(run.pk)
    ending = programs.run_program(run_id=run.pk)
    assert (ending.outcome, ending.note) == (outcome, note)
    assert state(run) == outcome
    if name == "Echo":  # it was told what its trigger says
        assert ending.output == {"instruction": "nightly", "answers": []}


def test_an_interrupted_program_leaves_its_run_abandoned(house):
    run = RunFactory(agent=house.agent(module_path="tests.agents", class_name="Interrupted"))
    programs.take(run.pk)
    with pytest.raises(KeyboardInterrupt):
        programs.run_program(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.outcome) == (
        "abandoned",
        "It was interrupted (KeyboardInterrupt).",
    )


#    what the supervisor does meanwhile                outcome
MEANWHILE = ((let_go, "succeeded"), (terminated, "abandoned"))


@pytest.mark.parametrize(("verb", "outcome"), MEANWHILE)
def test_a_program_that_is_done_while_its_run_is_paused_waits(house, monkeypatch, verb, outcome):
    agent = house.agent("supervised", **ECHO)
    session = SupervisionSessionFactory(run=QueuedRunFactory(agent=agent))
    programs.take(session.run_id)
    held(session)
    waited = []
    monkeypatch.setattr(programs.time, "sleep", lambda seconds: waited.append(verb(session)))
    assert programs.run_program(run_id=session.run_id).outcome == outcome
    assert state(session.run) == outcome
    assert len(waited) == 1


def test_an_agent_that_cannot_be_reached_leaves_its_run_abandoned(house):
    run = RunFactory(agent=house.agent(module_path="tests.nowhere", class_name="Agent"))
    programs.take(run.pk)
    with pytest.raises(InvalidInput, match=r"there is no module tests\.nowhere"):
        programs.run_program(run_id=run.pk)
    run.refresh_from_db()
    assert run.state == "abandoned"
    assert "tests.nowhere" in run.outcome


#    seconds since its process was last seen       how many are abandoned
@pytest.mark.parametrize(("seconds", "count"), [(0, 0), (59, 0), (60, 1), (600, 1)])
def test_a_process_that_is_silent_for_long_is_dead(house, seconds, count):
    run = RunFactory(agent=house.agent(**ECHO))
    programs.take(run.pk)
    seen = Run.objects.get(pk=run.pk).program_seen_at
    with time_machine.travel(seen + datetime.timedelta(seconds=seconds), tick=False):
        assert programs.abandon_overdue(by=BY_SYSTEM) == count
        assert programs.abandon_overdue(by=BY_SYSTEM) == 0
    assert state(run) == ("abandoned" if count else "running")


def test_a_run_nobody_took_is_never_overdue(house):
    run = RunFactory(agent=house.agent(**ECHO))
    with time_machine.travel(timezone.now() + datetime.timedelta(days=1), tick=False):
        assert programs.abandon_overdue(by=BY_SYSTEM) == 0
    assert state(run) == "running"


def test_a_process_that_died_is_told_of_once(house):
    run = RunFactory(agent=house.agent(**ECHO))
    done = finished(RunFactory(agent=run.agent))
    assert programs.abandon_dead(run_id=run.pk, by=BY_SYSTEM)
    assert not programs.abandon_dead(run_id=run.pk, by=BY_SYSTEM)
    assert not programs.abandon_dead(run_id=done.pk, by=BY_SYSTEM)
    run.refresh_from_db()
    assert (run.state, run.outcome) == ("abandoned", "The process that ran its program died.")
    assert state(done) == "succeeded"
