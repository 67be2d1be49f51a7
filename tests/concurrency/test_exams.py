"""Exams beside one another, and exams whose process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
import time_machine
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from governance.domain.errors import StaleState
from governance.management.hosting import Programs
from governance.models import Exam
from governance.services import exams, maturity
from tests.concurrency.harness import race
from tests.concurrency.workers import database_url, until
from tests.factories import BY_SYSTEM, ExamCaseFactory, ExamineeFactory

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 8


@pytest.fixture
def school(house):
    with transaction.atomic():
        maturity.install(workspace=house.workspace, by=BY_SYSTEM)
    return house


def pupils(school, count, **values):
    with transaction.atomic():
        return [ExamineeFactory(workspace=school.workspace, **values) for _ in range(count)]


def test_of_two_starts_at_once_one_begins_and_the_other_is_told(school):
    ExamCaseFactory(workspace=school.workspace)
    agents = pupils(school, ROUNDS)

    def starting(round_):
        return exams.start(agent=agents[round_], by=school.by_governor)

    for one, other in race(ROUNDS, starting, starting):
        assert sorted([type(one).__name__, type(other).__name__]) == ["Exam", "StaleState"]
        refusal = one if isinstance(one, StaleState) else other
        assert "sitting an exam already" in str(refusal)
    assert sorted(Exam.objects.values_list("attempt", flat=True)) == [1] * ROUNDS


def test_attempts_are_numbered_without_gaps_whoever_starts_and_aborts(school):
    ExamCaseFactory(workspace=school.workspace)
    (agent,) = pupils(school, 1)

    def start_and_abort(round_):
        exam = exams.start(agent=agent, by=school.by_governor)
        exams.abort(exam=exam, reason="next", by=school.by_governor)
        return exam.attempt

    found = [each for pair in race(ROUNDS, start_and_abort, start_and_abort) for each in pair]
    begun = sorted(each for each in found if isinstance(each, int))
    assert begun == list(range(1, len(begun) + 1))
    assert len(begun) >= ROUNDS


def test_of_two_takers_one_takes(school):
    ExamCaseFactory(workspace=school.workspace)
    waiting = [exams.start(agent=a, by=school.by_governor) for a in pupils(school, ROUNDS)]

    def taking(round_):
        return exams.take(waiting[round_].pk)

    assert all(sorted(pair) == [False, True] for pair in race(ROUNDS, taking, taking))


def test_an_abort_and_the_verdict_at_once_leave_one_of_them(school):
    ExamCaseFactory(workspace=school.workspace)
    running = [
        exams.start(agent=a, by=school.by_governor, repeats=1, here=True)
        for a in pupils(school, ROUNDS)
    ]

    def run(round_):
        return exams.run(exam=running[round_], by=BY_SYSTEM).state

    def abort(round_):
        time.sleep(0.02 * round_)
        exams.abort(exam=running[round_], reason="stop", by=school.by_governor)
        return "aborted"

    for verdict, told in race(ROUNDS, run, abort):
        assert verdict in {"passed", "aborted"}
        assert (told == "aborted") == (verdict == "aborted"), (verdict, told)


# --- A process of its own -------------------------------------------------------------------------


@pytest.fixture
def hanging(school):
    """An exam that a process of its own has taken, and whose agent never ends."""
    ExamCaseFactory(workspace=school.workspace, context={"how": "hanging"}, seconds=600)
    (agent,) = pupils(school, 1, class_name="Ends")
    exam = exams.start(agent=agent, by=school.by_governor)
    assert exams.take(exam.pk)
    command = [sys.executable, "manage.py", "run_program", "--exam", str(exam.pk)]
    environment = {**os.environ, "DATABASE_URL": database_url()}
    with subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.DEVNULL
    ) as process:
        until(lambda: sandboxes(process.pid))
        yield exam, process
        process.kill()


def sandboxes(parent):
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "child.py" in line]


def gone(process_id):
    listed = subprocess.run(
        ["ps", "-ww", "-o", "stat=", "-p", str(process_id)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return not listed or listed.startswith("Z")


def test_an_exam_whose_process_is_killed_is_aborted_later_and_its_sandbox_is_gone(hanging):
    exam, process = hanging
    (sandbox,) = sandboxes(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: gone(sandbox))
    assert exams.abort_overdue(by=BY_SYSTEM) == 0
    exam.refresh_from_db()
    assert exam.state == "running"
    with time_machine.travel(timezone.now() + exams.OVERDUE, tick=False):
        assert exams.abort_overdue(by=BY_SYSTEM) == 1
    exam.refresh_from_db()
    assert (exam.state, exam.note) == ("aborted", "The process that ran it died.")
    with pytest.raises(StaleState, match="the next may begin at"):  # it had shown a case
        exams.start(agent=exam.agent, by=BY_SYSTEM)


def test_a_process_that_is_told_to_stop_aborts_its_exam(hanging):
    exam, process = hanging
    (sandbox,) = sandboxes(process.pid)
    process.terminate()
    assert process.wait(20) == 1
    exam.refresh_from_db()
    assert (exam.state, exam.note) == ("aborted", "It was interrupted (KeyboardInterrupt).")
    until(lambda: gone(sandbox))


def test_it_shows_that_it_is_alive(hanging):
    exam, _ = hanging
    before = Exam.objects.get(pk=exam.pk).seen_at
    until(lambda: Exam.objects.get(pk=exam.pk).seen_at > before)


def test_a_worker_runs_what_waits_in_a_process_of_its_own(school, monkeypatch):
    ExamCaseFactory(workspace=school.workspace)
    first, second = (
        exams.start(agent=a, by=school.by_governor, repeats=1) for a in pupils(school, 2)
    )
    monkeypatch.setattr(sys, "argv", [str(settings.BASE_DIR / "manage.py")])
    monkeypatch.setenv("DATABASE_URL", database_url())
    monkeypatch.setattr(settings, "GOVERNANCE_PROGRAMS", 1)
    with Programs() as programs:
        assert programs.look() == 1
        assert programs.look() == 0  # there is room for one
        until(lambda: Exam.objects.get(pk=first.pk).state == "passed")
        until(lambda: programs.look() == 1)
        until(lambda: Exam.objects.get(pk=second.pk).state == "passed")
