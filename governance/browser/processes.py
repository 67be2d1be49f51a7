"""Ending a process with everything it started, also what gave itself a session of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

PROC = Path("/proc")


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill it and its descendants at once, and wait for it.

    Where there is no /proc, its own kin is killed and the rest ends because its pipes are closed.
    """
    kill_descendants(process.pid)
    process.kill()
    process.wait()


def kill_descendants(pid: int) -> None:
    """Kill what a process started, and leave it alone."""
    for found in descendants(pid):
        # Gone meanwhile, or a set-uid helper that ends with the browser it serves.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(found, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """The processes that a process started, and those that they started, by Linux's /proc."""
    children: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name stands in parentheses and may hold anything; state and parent follow it.
            after_name = entry.read_text(errors="replace").rpartition(")")[2].split()
            children.setdefault(int(after_name[1]), []).append(int(entry.parent.name))
    found, waiting = [], [pid]
    while waiting:
        started = children.get(waiting.pop(), [])
        found += started
        waiting += started
    return found
