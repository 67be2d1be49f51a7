"""A supervised agent's program, really running in a process of its own beside a real worker."""

from __future__ import annotations

import datetime
import os
import signal

import pytest
import time_machine
from django.utils import timezone

from governance.models import Canvas, Execution, Intervention, Run, SessionEvent, SupervisionSession
from governance.services import programs, supervision, workflows
from tests.factories import (
    BY_SYSTEM,
    PresenceFactory,
    QueuedRunFactory,
    RunFactory,
    registered_handler,
    rule,
)
from tests.live.processes import Processes, running_programs
from tests.live.slow import LETTERS, SPEC

pytestmark = pytest.mark.django_db(transaction=True)

GUIDE = {"module_path": "governance.runtimes.samples", "class_name": "TourGuide"}
WRITER = {"module_path": "tests.live.agents", "class_name": "LetterWriter"}
SLEEPER = {"module_path": "tests.live.agents", "class_name": "Sleeper"}


@pytest.fixture
def processes(tmp_path, db):
    found = Processes(tmp_path / "processes.log")
    yield found
    found.close()


@pytest.fixture
def letters(house):
    """The catalogue has letters, and a stored plan of three."""
    with registered_handler(SPEC, workspace=house.workspace):
        workflows.define(
            workspace=house.workspace,
            name="three_letters",
            title="Three letters",
            plan=LETTERS,
            params_schema={
                "type": "object",
                "properties": {"seconds": {"type": "number"}},
                "required": ["seconds"],
            },
            by=BY_SYSTEM,
        )
        yield house


def queued(house, program, **configuration) -> Run:
    agent = house.agent("supervised", **program, configuration=configuration)
    return QueuedRunFactory(agent=agent, type="newcomer_arrived")


def session_of(run) -> SupervisionSession | None:
    return SupervisionSession.objects.filter(run=run).first()


def state(row) -> str:
    return type(row).objects.values_list("state", flat=True).get(pk=row.pk)


def kinds(session) -> list[str]:
    return list(session.events.order_by("sequence").values_list("kind", flat=True))


def steer(verb, session, by, **more):
    session.refresh_from_db()
    verb(session=session, seen=session.version, by=by, **more)


def test_a_run_from_its_trigger_to_its_rating(house, processes):
    """Queued; somebody comes online; paused, corrected, resumed; finished, and rated."""
    run = queued(house, GUIDE, pause_seconds=0.5)
    by = house.by_supervisor
    processes.work()
    processes.until(lambda: state(run) == "queued", what="it waits")
    assert session_of(run) is None
    PresenceFactory(user=house.supervisor)
    processes.until(lambda: session_of(run), what="somebody watches")
    session = session_of(run)
    assert session.supervisor == house.supervisor
    processes.until(lambda: "action" in kinds(session), what="its program acts")

    steer(supervision.pause, session, by)
    processes.until(lambda: kinds(session)[-1] == "held", what="its next action waits")
    shown = Canvas.objects.count()
    assert str(run.pk) in running_programs()
    steer(supervision.correct, session, by, guidance="Speak of May only.")
    assert (Canvas.objects.count(), Intervention.objects.get(kind="correct").delivered_at) == (
        shown,
        None,
    )
    steer(supervision.resume, session, by)
    processes.until(lambda: state(run) != "running", what="its program ends")

    run.refresh_from_db()
    assert (run.state, Canvas.objects.count()) == ("succeeded", 5)
    correction = Intervention.objects.get(kind="correct")
    assert correction.delivered_at is not None
    assert correction.followed_by.action_type == "canvas_present"
    # It says so in its next action, and in what that shows.
    events = SessionEvent.objects.filter(session=session, kind="action").order_by("sequence")
    told = [event.data["reasoning"].endswith("I was told: Speak of May only.") for event in events]
    assert told == sorted(told)
    assert sum(told) >= 1
    last = Canvas.objects.order_by("-created_at", "-id").first()
    assert last.content["markdown"].endswith("I was told: Speak of May only.")
    session.refresh_from_db()
    assert (session.state, kinds(session)[-1]) == ("running", "run_ended")
    steer(supervision.complete, session, by, rating=5, feedback="It listened.")
    assert state(session) == "completed"
    run.agent.refresh_from_db()
    assert (run.agent.confidence_score, run.agent.maturity) == (0.08, "supervised")


def test_a_plan_is_terminated_on_its_way(letters, processes):
    """The step at hand is carried out; the next is not; what else it asks is refused."""
    run = queued(letters, WRITER, seconds=2)
    session = supervision.start(run=run, by=letters.by_supervisor)
    processes.work()
    processes.until(lambda: "step" in kinds(session), what="the first letter is under way")
    steer(supervision.terminate, session, letters.by_supervisor, reason="Wrong people.")
    assert (state(session), state(run)) == ("terminated", "abandoned")
    execution = Execution.objects.get()
    processes.until(lambda: state(execution) == "failed", what="the plan stops")
    rows = list(execution.steps.order_by("position").values_list("step", "state"))
    assert [found for _, found in rows] == ["done", "failed", "not_run"]
    ben = execution.steps.get(position=1)
    assert "nothing is carried out in it any more" in ben.error
    processes.until(lambda: str(run.pk) not in running_programs(), what="its program ends")
    assert Execution.objects.count() == 1  # the one more letter was not even asked of the gate
    run.refresh_from_db()
    assert run.outcome.startswith("Terminated by")


def test_a_plan_waits_between_its_steps_and_goes_on(letters, processes):
    run = queued(letters, WRITER, seconds=0.7)
    session = supervision.start(run=run, by=letters.by_supervisor)
    processes.work()
    processes.until(lambda: "step" in kinds(session), what="the first letter is under way")
    steer(supervision.pause, session, letters.by_supervisor)
    execution = Execution.objects.get()

    def waits():
        execution.refresh_from_db()
        return execution.waiting_for == session.pk

    processes.until(waits, what="the second letter waits")
    assert execution.steps.filter(state="done").count() == 1
    steer(supervision.resume, session, letters.by_supervisor)
    processes.until(lambda: state(run) == "succeeded", what="all letters are written")
    assert list(Execution.objects.values_list("state", flat=True)) == ["done", "done"]


def test_a_program_that_needs_a_supervisor_waits_until_there_is_one(letters, processes):
    """Started by hand, with nobody there: its first action is held, and goes on by itself."""
    letters.publish(rule(scope="letter_write", route="supervision"))
    agent = letters.agent("supervised", **WRITER, configuration={"seconds": 0})
    run = RunFactory(agent=agent)
    processes.work()
    processes.until(lambda: run.decisions.filter(route="supervision").exists(), what="it is held")
    assert session_of(run) is None
    PresenceFactory(user=letters.governor)
    processes.until(lambda: state(run) == "succeeded", what="it goes on")
    assert session_of(run).supervisor == letters.governor
    assert Execution.objects.filter(state="done").count() == 2


@pytest.fixture
def sleeper(house, processes):
    """A run whose program sleeps, in a process of its own: the run, and its session."""
    run = queued(house, SLEEPER)
    session = supervision.start(run=run, by=house.by_supervisor)
    processes.work()
    processes.until(lambda: "action" in kinds(session), what="its program runs")
    return run, session


def test_a_killed_program_leaves_its_run_abandoned(sleeper, processes):
    run, session = sleeper
    os.kill(running_programs()[str(run.pk)], signal.SIGKILL)
    processes.until(lambda: state(run) == "abandoned", what="its worker sees that it died")
    run.refresh_from_db()
    assert run.outcome == "The process that ran its program died."
    assert (state(session), kinds(session)[-1]) == ("failed", "run_ended")


def test_when_worker_and_program_are_killed_another_worker_sees_it(sleeper, processes):
    run, session = sleeper
    processes.kill("worker")
    os.kill(running_programs()[str(run.pk)], signal.SIGKILL)
    assert programs.abandon_overdue(by=BY_SYSTEM) == 0  # it may only be slow
    later = timezone.now() + datetime.timedelta(seconds=61)
    with time_machine.travel(later, tick=False):
        assert programs.abandon_overdue(by=BY_SYSTEM) == 1
    assert (state(run), state(session)) == ("abandoned", "failed")


def test_a_worker_that_stops_takes_its_programs_along(sleeper, processes):
    run, _ = sleeper
    assert processes.stop("worker") == 0
    assert str(run.pk) not in running_programs()
    run.refresh_from_db()
    assert run.state == "abandoned"
    assert run.outcome == "It was interrupted (KeyboardInterrupt)."
