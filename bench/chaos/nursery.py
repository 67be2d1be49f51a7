"""Brings up workers by forking: each a real process, and none costing the start of Python.

One order a line on standard input, as JSON, and one answer each. With `signal`: send it to the
worker `name`; the answer is `sent`, or `gone`. Without: bring up a worker of this name, with a
`failpoint` to die at; a `pause`, in seconds, to stand still between being cleared and acting, one
time in five; `unguarded` for the control. How workers ended is written into the file
CHAOS_ENDINGS: name and exit code. Only their parent can signal them without ever hitting another
process that has since been given the same number.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from django.db import transaction
from django.db.models import F

SHARE_PAUSED = 0.2
LOOK_SECONDS = 0.02


def main() -> None:
    django.setup()
    children: dict[str, int] = {}
    for order in _orders(children):
        name = order["name"]
        if "signal" in order:
            if name in children:
                os.kill(children[name], order["signal"])
            print("sent" if name in children else "gone", flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            _be_a_worker(order)
        children[name] = pid
        print("started", flush=True)


def _orders(children: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Orders as they come; between them, the dead are buried."""
    text = b""
    while True:
        readable, _, _ = select.select([0], [], [], LOOK_SECONDS)
        if readable:
            read = os.read(0, 65_536)
            if not read:
                return
            *lines, text = (text + read).split(b"\n")
            for line in lines:
                yield json.loads(line)
        _bury(children)


def _bury(children: dict[str, int]) -> None:
    for name, pid in list(children.items()):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            del children[name]
            with Path(os.environ["CHAOS_ENDINGS"]).open("a") as file:
                file.write(f"{name} {os.waitstatus_to_exitcode(status)}\n")


def _be_a_worker(order: dict[str, Any]) -> None:
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    code = 70
    try:
        _work(order)
        code = 0
    except BaseException:  # noqa: BLE001  the exit code says so
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _work(order: dict[str, Any]) -> None:
    # Now that Django is set up, and in the worker only.
    from governance.execution import failpoints
    from governance.management.working import Worker, stop_on_signals

    random.seed()
    failpoints._ARMED = order.get("failpoint", "")
    if order.get("pause"):
        _stand_still(order["pause"])
    if order.get("unguarded"):
        _switch_off_the_guards()
    stop = threading.Event()
    stop_on_signals(stop)
    Worker(stop=stop, parent=os.getppid()).run()


def _stand_still(seconds: float) -> None:
    from governance.execution import failpoints

    reach = failpoints.reach

    def later(name: str) -> None:
        if name == "cleared" and random.random() < SHARE_PAUSED:
            time.sleep(seconds)
        reach(name)

    failpoints.reach = later


def _switch_off_the_guards() -> None:
    """The control: nobody proves that he still holds the row, and no move compares its state."""
    from governance import lifecycle
    from governance.execution import claims

    def move(row, *, to, by, fields=None, where=None, data=None):
        changes = {"state": str(to), **(fields or {})}
        type(row)._default_manager.filter(pk=row.pk).update(version=F("version") + 1, **changes)
        before = str(row.state)
        row.version += 1
        for name, value in changes.items():
            setattr(row, name, value)
        with transaction.atomic():
            lifecycle._record(row, by=by, before=before, data=data)

    claims.hold = lambda execution, *, lease: None
    lifecycle.move = move


if __name__ == "__main__":
    main()
