"""Brings up processes by forking: each a real one, and none costing the start of Python.

One order a line on standard input, as JSON, and one answer each. With `signal`: send it to the
process `name`; the answer is `sent`, or `gone`. Without: bring up a process of this name, in the
`role` that `roles` describes. How processes ended is written into the file CHAOS_ENDINGS: name and
exit code. Only their parent can signal them without ever hitting another process that has since
been given the same number.

Each leads a group of its own: what kills, stops or wakes it does so to its children too.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django

LOOK_SECONDS = 0.02
TO_THE_GROUP = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT}


def main() -> None:
    django.setup()
    # Now that Django is set up; and before the first fork, so that no child has to.
    from bench.chaos import roles

    roles.preload()
    children: dict[str, int] = {}
    for order in _orders(children):
        name = order["name"]
        if "signal" in order:
            print("sent" if _signal(children.get(name), order["signal"]) else "gone", flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            _be(roles.ROLES[order.get("role", "worker")], order)
        children[name] = pid
        _lead(pid)
        print("started", flush=True)


def _signal(pid: int | None, number: int) -> bool:
    """Whether there was such a process. Until it is buried, nobody else is given its number."""
    if pid is None:
        return False
    if number in TO_THE_GROUP:
        os.killpg(pid, number)
    else:
        os.kill(pid, number)
    return True


def _lead(pid: int) -> None:
    """Make it the leader of its group; both it and we do, because either may be first."""
    with contextlib.suppress(PermissionError, ProcessLookupError):  # it is one already, or dead
        os.setpgid(pid, pid)


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


def _be(role: Any, order: dict[str, Any]) -> None:
    _lead(os.getpid())
    with Path(os.devnull).open() as nothing:  # orders are the nursery's alone, and so are answers
        os.dup2(nothing.fileno(), 0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    code = 70
    try:
        role(order)
        code = 0
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else int(done.code is not None)
    except BaseException:  # noqa: BLE001  the exit code says so
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
