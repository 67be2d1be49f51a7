"""What a forked process may be. An order may also hold:

`env` and `settings`: to be set before it begins; `failpoint`, and `skip`: to die there, after
having passed it so often; `pause`: seconds to stand still between being cleared and acting, one
time in four; `unguarded`: for the control.
"""

from __future__ import annotations

import os
import random
import runpy
import sys
import threading
import time
import uuid
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from bench.chaos.world import reviewer
from governance import lifecycle, tasks
from governance.domain.states import StepState
from governance.execution import claims, failpoints
from governance.management.working import Sweeper, Worker, stop_on_signals
from governance.models import Proposal
from governance.services import executions, reviews

SHARE_PAUSED = 0.25

Order = dict[str, Any]


def worker(order: Order) -> None:
    """A whole worker of the engine in use, as `manage.py worker` is one."""
    _prepare(order)
    stop = threading.Event()
    stop_on_signals(stop)
    Worker(stop=stop, parent=os.getppid()).run()


def sweeper(order: Order) -> None:
    """A sweeper alone, as `manage.py worker --sweep`: for workers of the engine's own command."""
    _prepare(order)
    stop = threading.Event()
    stop_on_signals(stop)
    Worker(stop=stop, parent=os.getppid()).sweep()


def module(order: Order) -> None:
    """Python's `-m`, with the arguments `argv`: the engine's own command."""
    _prepare(order)
    sys.argv = order["argv"]
    runpy.run_module(order["argv"][0], run_name="__main__", alter_sys=True)


def delivery(order: Order) -> None:
    """One message arrives: "run the execution of this key"."""
    _prepare(order)
    tasks.run_execution.call(order["execution"])
    connection.close()


def approval(order: Order) -> None:
    """A person approves the proposal of this key."""
    _prepare(order)
    proposal = Proposal.objects.get(pk=uuid.UUID(order["proposal"]))
    reviews.approve(proposal=proposal, digest=proposal.digest, by=reviewer())
    connection.close()


def sweep(order: Order) -> None:
    """Leases that ran out are settled, once."""
    _prepare(order)
    executions.sweep(by=Sweeper().by)
    connection.close()


def redelivery(order: Order) -> None:
    """What nobody picked up is delivered again, once."""
    _prepare(order)
    executions.redeliver()
    connection.close()


ROLES = {
    role.__name__: role for role in (worker, sweeper, module, delivery, approval, sweep, redelivery)
}


def preload() -> None:
    """Import what a worker would import first."""
    engine = settings.GOVERNANCE_ENGINE
    import_module(f"governance.engines.{engine}")
    if engine == "celery":
        for name in ("config.celery", "celery.__main__", "celery.bin.celery", "celery.apps.worker"):
            import_module(name)


def _prepare(order: Order) -> None:
    random.seed()
    os.environ.update(order.get("env", {}))
    for name, value in order.get("settings", {}).items():
        setattr(settings, name, value)
    _arm(order.get("failpoint", ""), skip=order.get("skip", 0))
    if order.get("pause"):
        _stand_still(order["pause"])
    if order.get("unguarded"):
        _switch_off_the_guards()


def _arm(name: str, *, skip: int) -> None:
    """As GOVERNANCE_FAILPOINT does at start-up, but only after passing the point `skip` times."""
    if not name:
        return
    passed, reach = [0], failpoints.reach

    def later(reached: str) -> None:
        passed[0] += reached == name
        if passed[0] > skip:
            reach(reached)

    failpoints._ARMED, failpoints.reach = name, later


def _stand_still(seconds: float) -> None:
    reach = failpoints.reach

    def later(name: str) -> None:
        if name == "cleared" and random.random() < SHARE_PAUSED:
            time.sleep(seconds)
        reach(name)

    failpoints.reach = later


def _switch_off_the_guards() -> None:
    """The control: nobody proves that they still hold the row, and no move compares what it finds.

    Neither the fencing token, nor the state, nor the version; and what the database's own CHECK
    constraints would refuse (a step that was sent and is finished) is made to fit.
    """

    def move(row, *, to, by, fields=None, where=None, data=None):
        before, changes = str(row.state), {"state": str(to), **(fields or {})}
        if to == StepState.SENT:
            changes["finished_at"] = None
        version = row.version + 1
        with transaction.atomic():
            rows = type(row)._default_manager.filter(pk=row.pk)
            rows.update(version=F("version") + 1, **changes)
            lifecycle._record(row, by=by, before=before, after=str(to), version=version, data=data)
        row.version = version
        for name, value in changes.items():
            setattr(row, name, value)

    claims.hold = lambda execution, *, lease: None
    lifecycle.move = move
