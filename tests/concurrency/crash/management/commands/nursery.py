"""nursery: bring up worker processes by forking, each a real one and none costing a start-up."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection, transaction

from governance.domain.states import StepState
from governance.execution import failpoints, steps
from governance.execution.steps import Outcome
from governance.management.working import Worker


class Command(BaseCommand):
    """Takes one order a line from standard input, as JSON.

    `failpoint` to die at, `skip` how often it is passed first, `killed_after` so many seconds,
    `lease` in seconds, `unsafe` for the control, `env`, and the file `counts` for what the worker
    did. Answers with the worker's process id and, when it has ended, its exit code.
    """

    requires_system_checks = ()

    def handle(self, **options):
        for line in sys.stdin:
            order = json.loads(line)
            pid = bring_up(order)
            self.answer(pid)
            if "killed_after" in order:
                time.sleep(order["killed_after"])
                os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            self.answer(os.waitstatus_to_exitcode(status))

    def answer(self, number):
        self.stdout.write(str(number))
        self.stdout.flush()


def bring_up(order) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # answers are the nursery's alone
    code = 70
    try:
        work(order)
        code = 0
    except BaseException:  # noqa: BLE001  the exit code says so
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def work(order) -> None:
    os.environ.update(order.get("env", {}))
    settings.GOVERNANCE_LEASE_SECONDS = order.get("lease", settings.GOVERNANCE_LEASE_SECONDS)
    arm(order.get("failpoint", ""), skip=order.get("skip", 0))
    if order.get("unsafe"):
        steps._run_local = effect_apart_from_its_record
    worker = Worker(stop=threading.Event())
    worker.drain()
    connection.close()
    if order.get("counts"):
        Path(order["counts"]).write_text(json.dumps(+worker.counts))


def arm(name: str, *, skip: int) -> None:
    """As GOVERNANCE_FAILPOINT does at start-up, but only after passing the point `skip` times."""
    passed, reach = [0], failpoints.reach

    def later(reached: str) -> None:
        passed[0] += reached == name
        if passed[0] > skip:
            reach(reached)

    failpoints._ARMED, failpoints.reach = name, later


def effect_apart_from_its_record(work, row, step) -> None:
    """The control: commits a local effect first, and its record afterwards."""
    with transaction.atomic():
        output = steps._call(work.execution, row, step)
    failpoints.reach("handled")
    with transaction.atomic():
        steps.record(row, Outcome(StepState.DONE, output), by=work.by)
