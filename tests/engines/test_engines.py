"""Whatever engine delivers: carried out exactly as promised, whatever dies or is lost."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from django_tasks import task_backends

from bench.chaos import broker
from bench.chaos.audit import audit
from governance.execution import delivery
from governance.models import Execution, ExecutionStep
from governance.services import workspaces

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

KINDS = ("local", "keyed", "unkeyed", "plan")


def states(jobs) -> Counter:
    ids = [job.execution for job in jobs]
    return Counter(Execution.objects.filter(pk__in=ids).values_list("state", flat=True))


def settled(workers, jobs) -> Counter:
    """Wait until all have ended; returns how many ended how."""
    workers.until(lambda: not states(jobs) & Counter(ready=99, claimed=99), what="all have ended")
    return states(jobs)


def test_what_is_approved_is_carried_out(world, workers, far_side):
    jobs = [world.job(kind) for kind in KINDS * 3]
    assert broker.waiting() == 12
    workers.start(2)
    assert settled(workers, jobs) == {"done": 12}
    verdict = audit(jobs, far_side)
    assert (verdict.clean, verdict.doubts, verdict.sent_again) == (True, [], 0)
    workers.until(lambda: broker.waiting() == 0, what="the queue is empty")


def test_workers_wait_for_work_and_end_when_asked(world, workers):
    workers.start()
    for _ in range(3):
        assert settled(workers, [world.job("local")]) == {"done": 1}
    assert set(workers.terminate()) == {0}


def test_whole_workers_killed_in_the_middle_of_their_work(world, workers, far_side):
    jobs = []
    for _ in range(8):
        jobs += [world.job(kind) for kind in KINDS]
        before = sum(far_side.calls.values())
        workers.start()
        workers.until(lambda: sum(far_side.calls.values()) > before, what="something was sent")  # noqa: B023
        workers.kill()
    workers.start()
    ended = settled(workers, jobs)
    verdict = audit(jobs, far_side)
    assert (verdict.lost, verdict.wrong, verdict.doubled) == (
        [],
        [],
        {"local": [], "keyed": [], "unkeyed": []},
    )
    assert ended["done"] + ended["in_doubt"] == len(jobs)
    assert ended["in_doubt"] == len(verdict.doubts)


@pytest.mark.parametrize("point", ["claimed", "sent", "handled", "before_finish"])
def test_a_worker_that_dies_at_a_labelled_point(world, workers, far_side, point):
    jobs = [world.job(kind) for kind in KINDS]
    workers.start(GOVERNANCE_FAILPOINT=point)
    workers.until(lambda: states(jobs)["claimed"] or states(jobs)["in_doubt"], what="a claim")
    time.sleep(0.5)
    workers.kill()
    workers.start()
    settled(workers, jobs)
    assert audit(jobs, far_side).clean


def test_losing_everything_the_engine_knows_loses_nothing(world, workers, far_side):
    jobs = [world.job(kind) for kind in KINDS * 3]
    broker.lose_everything()
    workers.start()
    assert settled(workers, jobs) == {"done": 12}
    assert audit(jobs, far_side).clean


def test_losing_it_while_workers_are_at_work(world, workers, far_side):
    jobs = [world.job(kind) for kind in KINDS * 5]
    workers.start(2)
    workers.until(lambda: states(jobs)["done"] >= 3, what="some are done")
    workers.kill()
    broker.lose_everything()
    jobs += [world.job(kind) for kind in KINDS]
    broker.lose_everything()
    workers.start(2)
    settled(workers, jobs)
    assert audit(jobs, far_side).clean


def test_an_engine_that_takes_nothing_does_not_hold_up_an_approval(
    world, workers, far_side, monkeypatch
):
    def refuse(*args, **kwargs):
        raise ConnectionRefusedError("nobody listens")

    with monkeypatch.context() as patch:
        patch.setattr(type(task_backends["default"]), "enqueue", refuse)
        jobs = [world.job(kind) for kind in KINDS]
    assert states(jobs) == {"ready": 4}
    workers.start()
    assert settled(workers, jobs) == {"done": 4}
    assert audit(jobs, far_side).clean


def test_delivered_many_times_it_is_done_once(world, workers, far_side):
    jobs = [world.job(kind) for kind in KINDS]
    for job in jobs * 5:
        assert delivery.enqueue(job.execution)
    workers.start(2)
    assert settled(workers, jobs) == {"done": 4}
    workers.until(lambda: broker.waiting() == 0, what="the queue is empty")
    verdict = audit(jobs, far_side)
    assert (verdict.clean, verdict.sent_again) == (True, 0)


def test_what_failed_is_tried_again_later(world, workers, far_side):
    job = world.job("keyed")
    far_side.refusals[job.refs["keyed"]] = 1
    workers.start()
    assert settled(workers, [job]) == {"done": 1}
    step = ExecutionStep.objects.get(execution=job.execution)
    assert (step.attempts, far_side.keyed[job.refs["keyed"]]) == (2, 1)


def test_a_handler_that_hangs_is_interrupted(world, workers, far_side):
    hanging, other = world.job("hanging"), world.job("local")
    workers.start()
    assert settled(workers, [hanging, other]) == {"in_doubt": 1, "done": 1}
    step = ExecutionStep.objects.get(execution=hanging.execution)
    assert "It took longer than 1 s." in step.error


def test_switched_off_it_waits_and_switched_on_it_is_done(world, workers, far_side):
    jobs = [world.job(kind) for kind in KINDS]
    workers.start(GOVERNANCE_EXECUTION_ENABLED="false")
    workers.until(lambda: broker.waiting() == 0, what="the messages were taken")
    assert states(jobs) == {"ready": 4}
    workers.kill()
    workers.start()
    assert settled(workers, jobs) == {"done": 4}


def test_a_halted_workspace_waits_until_it_resumes(world, workers, far_side):
    jobs = [world.job(kind) for kind in KINDS]
    workspaces.halt(workspace=world.workspace, reason="for a test", by=world.reviewer)
    workers.start()
    workers.until(lambda: broker.waiting() == 0, what="the messages were taken")
    assert states(jobs) == {"ready": 4}
    world.workspace.refresh_from_db()
    workspaces.resume(workspace=world.workspace, reason="for a test", by=world.reviewer)
    assert settled(workers, jobs) == {"done": 4}
