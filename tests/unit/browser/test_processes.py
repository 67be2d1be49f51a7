"""A process and all that it started end together."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from governance.browser import processes

FAMILY = """
import subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
subprocess.Popen(sleep)
subprocess.Popen(sleep, start_new_session=True)
parent = f"import subprocess, time; subprocess.Popen({sleep!r}); time.sleep(60)"
subprocess.Popen([sys.executable, "-c", parent], start_new_session=True)
print("started", flush=True)
time.sleep(60)
"""
ON_LINUX = Path("/proc/self/stat").exists()


def alive(pid):
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not ON_LINUX, reason="there is no /proc on this machine")
def test_nothing_that_a_process_started_outlives_it():
    process = subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE)
    with process.stdout:
        assert process.stdout.readline() == b"started\n"
    for _ in range(100):
        found = processes.descendants(process.pid)
        if len(found) == 4:
            break
        time.sleep(0.05)
    assert len(found) == 4
    processes.kill(process)
    assert process.returncode == -9
    for _ in range(100):
        if not any(map(alive, found)):
            break
        time.sleep(0.05)
    assert not any(map(alive, found))


def test_a_process_that_has_ended_is_no_trouble():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    processes.kill(process)
    assert processes.descendants(process.pid) == []
