"""Whatever engine delivers: carried out exactly as promised, whatever dies or is lost."""

from __future__ import annotations

from collections import Counter

import pytest
from django_tasks import task_backends

from bench.chaos import broker, phases
from bench.chaos.audit import audit
from bench.chaos.setting import Setting
from governance.execution import delivery, failpoints
from governance.models import Execution, ExecutionStep
from governance.services import workspaces
from tests.engines.workers import OWN_COMMAND

pytestmark = pytest.mark.services

NOTHING_DOUBLED = {"local": [], "keyed": [], "unkeyed": []}


def states(jobs) -> Counter:
    ids = [job.execution for job in jobs]
    return Counter(Execution.objects.filter(pk__in=ids).values_list("state", flat=True))


def settled(workers, jobs) -> Counter:
    """Wait until all have ended; returns how many ended how."""
    workers.until(lambda: not states(jobs) & Counter(ready=99, claimed=99), what="all have ended")
    return states(jobs)


def as_promised(jobs, far_side) -> list[str]:
    """Nothing lost, nothing doubled, nothing wrong; returns the unkeyed steps left in doubt."""
    verdict = audit(jobs, far_side)
    assert (verdict.lost, verdict.wrong, verdict.doubled) == ([], [], NOTHING_DOUBLED)
    assert verdict.states == {
        state: number
        for state, number in (
            ("done", len(jobs) - len(verdict.doubts)),
            ("in_doubt", len(verdict.doubts)),
        )
        if number
    }
    return verdict.doubts


def test_what_is_approved_is_carried_out(world, workers, far_side):
    jobs = world.jobs(12)
    assert broker.waiting() == 12
    workers.begin(2)
    assert settled(workers, jobs) == {"done": 12}
    assert as_promised(jobs, far_side) == []
    assert audit(jobs, far_side).sent_again == 0
    workers.until(lambda: broker.waiting() == 0, what="the queue is empty")


def test_whole_workers_killed_in_the_middle_of_their_work(world, workers, far_side):
    jobs = []
    for _ in range(8):
        jobs += world.jobs(4)
        before = sum(far_side.calls.values())
        workers.begin()
        workers.until(lambda: sum(far_side.calls.values()) > before, what="something was sent")  # noqa: B023
        workers.kill_all()
    workers.begin(2)
    settled(workers, jobs)
    as_promised(jobs, far_side)


def deaths(workers) -> int:
    """How many died; of Celery's own command a child does, and it brings up another."""
    if OWN_COMMAND:
        return workers.log.read_text().count("exited with 'signal 9 (SIGKILL)'")
    return list(workers.endings().values()).count(-9)


def test_a_worker_dies_at_every_labelled_point(world, workers, far_side):
    jobs = []
    for point in failpoints.NAMES:
        jobs += world.jobs(4)
        before = deaths(workers)
        workers.begin(failpoint=point)
        workers.until(lambda: deaths(workers) > before, what=f"somebody died at {point}")  # noqa: B023
        workers.kill_all()
    workers.begin(2)
    settled(workers, jobs)
    as_promised(jobs, far_side)


def test_workers_killed_and_stopped_at_random_and_messages_lost(world, workers, far_side):
    setting = Setting(world, far_side, lease=1.0, say=print)
    verdict = phases.storm(setting, workers, kills=12, executions=40, losses=4)
    assert (verdict.lost, verdict.wrong, verdict.doubled) == ([], [], NOTHING_DOUBLED)
    assert sum(verdict.states.values()) == 40
    assert verdict.states["in_doubt"] == len(verdict.doubts)


def test_losing_everything_the_engine_knows_loses_nothing(world, workers, far_side):
    jobs = world.jobs(12)
    broker.lose_everything()
    assert broker.waiting() == 0
    workers.begin()
    assert settled(workers, jobs) == {"done": 12}
    assert as_promised(jobs, far_side) == []


def test_losing_it_while_workers_are_at_work(world, workers, far_side):
    """They are not restarted: an engine that forgot its queue is given another."""
    workers.begin(2)
    jobs = world.jobs(20)
    workers.until(lambda: states(jobs)["done"] >= 3, what="some are done")
    broker.lose_everything()
    jobs += world.jobs(8)
    broker.lose_everything()
    assert settled(workers, jobs) == {"done": 28}
    late = world.jobs(4)
    assert settled(workers, late) == {"done": 4}
    assert as_promised(jobs + late, far_side) == []


def test_an_engine_that_takes_nothing_does_not_hold_up_an_approval(
    world, workers, far_side, monkeypatch
):
    def refuse(*args, **kwargs):
        raise ConnectionRefusedError("nobody listens")

    with monkeypatch.context() as patch:
        patch.setattr(type(task_backends["default"]), "enqueue", refuse)
        jobs = world.jobs(4)
    assert states(jobs) == {"ready": 4}
    workers.begin()
    assert settled(workers, jobs) == {"done": 4}
    assert as_promised(jobs, far_side) == []


def test_delivered_many_times_it_is_done_once(world, workers, far_side):
    jobs = world.jobs(4)
    for job in jobs * 5:
        assert delivery.enqueue(job.execution)
    assert broker.waiting() == 24
    workers.begin(2)
    assert settled(workers, jobs) == {"done": 4}
    workers.until(lambda: broker.waiting() == 0, what="the queue is empty")
    assert as_promised(jobs, far_side) == []
    assert audit(jobs, far_side).sent_again == 0


def test_what_failed_is_tried_again_later(world, workers, far_side):
    job = world.job("keyed")
    far_side.refusals[job.refs["keyed"]] = 1
    workers.begin()
    assert settled(workers, [job]) == {"done": 1}
    step = ExecutionStep.objects.get(execution=job.execution)
    assert (step.attempts, far_side.keyed[job.refs["keyed"]]) == (2, 1)


def test_a_handler_that_hangs_is_interrupted(world, workers, far_side):
    hanging, other = world.job("hanging"), world.job("local")
    workers.begin()
    assert settled(workers, [hanging, other]) == {"in_doubt": 1, "done": 1}
    step = ExecutionStep.objects.get(execution=hanging.execution)
    assert "It took longer than 1 s." in step.error


def test_switched_off_it_waits_and_switched_on_it_is_done(world, workers, far_side):
    jobs = world.jobs(4)
    workers.begin(settings={"GOVERNANCE_EXECUTION_ENABLED": False})
    workers.until(lambda: broker.waiting() == 0, what="the messages were taken")
    assert states(jobs) == {"ready": 4}
    workers.kill_all()
    workers.begin()
    assert settled(workers, jobs) == {"done": 4}


def test_a_halted_workspace_waits_until_it_resumes(world, workers, far_side):
    jobs = world.jobs(4)
    workspaces.halt(workspace=world.workspace, reason="for a test", by=world.reviewer)
    workers.begin()
    workers.until(lambda: broker.waiting() == 0, what="the messages were taken")
    assert states(jobs) == {"ready": 4}
    world.workspace.refresh_from_db()
    workspaces.resume(workspace=world.workspace, reason="for a test", by=world.reviewer)
    assert settled(workers, jobs) == {"done": 4}
