"""Worker processes to kill and to stop, from the outside."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

GRACE = 30.0
"""Seconds a worker has to end when it is asked to."""


class Workers:
    """While open, keeps workers alive: `keep(n)` brings up as many as are missing.

    They are forked, signalled and buried by one process of their own; see `nursery`.
    """

    def __init__(self, folder: Path, *, env: dict[str, str], **order: Any) -> None:
        self.counts: Counter[str] = Counter()
        self._order = order
        self._endings = folder / "endings"
        self._endings.write_text("")
        self._names = map(str, count())
        self._alive: set[str] = set()
        self._stopped: dict[str, threading.Timer] = {}
        self._lock = threading.Lock()
        with (folder / "workers.log").open("a") as log:
            self._nursery = subprocess.Popen(
                [sys.executable, "-m", "bench.chaos.nursery"],
                env={**env, "CHAOS_ENDINGS": str(self._endings)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.wake()
        for name in self.alive():
            self._signal(name, signal.SIGTERM)
        until = time.monotonic() + GRACE
        while self.alive() and time.monotonic() < until:
            time.sleep(0.05)
        for name in self.alive():
            self._signal(name, signal.SIGKILL)
        assert self._nursery.stdin is not None
        self._nursery.stdin.close()
        self._nursery.wait(GRACE)

    def start(self, **more: Any) -> str:
        """Bring up a worker; returns its name."""
        name = next(self._names)
        self._ask({"name": name, **self._order, **more})
        self._alive.add(name)
        self.counts["started"] += 1
        return name

    def keep(self, number: int) -> None:
        for _ in range(number - len(self.alive())):
            self.start()

    def alive(self) -> list[str]:
        self._alive -= self.endings().keys()
        return sorted(self._alive)

    def endings(self) -> dict[str, int]:
        """Exit code by name, -9 for those killed."""
        lines = self._endings.read_text().splitlines()
        return {name: int(code) for name, code in (line.split() for line in lines)}

    def kill(self) -> None:
        """SIGKILL for one of them, whether it runs or stands still."""
        alive = self.alive()
        if alive:
            name = random.choice(alive)
            self._alive.discard(name)
            self.counts["killed"] += self._signal(name, signal.SIGKILL)

    def stop(self, *, seconds: float) -> None:
        """SIGSTOP for one that runs, and SIGCONT after so many seconds."""
        running = [name for name in self.alive() if name not in self._stopped]
        if len(running) > 1:  # somebody has to take over
            name = random.choice(running)
            self.counts["stopped"] += self._signal(name, signal.SIGSTOP)
            # By a thread: what stands still may hold the lock that we are waiting for.
            self._stopped[name] = threading.Timer(seconds, self._wake, [name])
            self._stopped[name].start()

    def wake(self) -> None:
        """SIGCONT for all that stand still."""
        for name, timer in list(self._stopped.items()):
            timer.cancel()
            self._wake(name)

    def _wake(self, name: str) -> None:
        if self._stopped.pop(name, None) is not None:
            self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, number: int) -> bool:
        """Whether there was such a worker."""
        return self._ask({"name": name, "signal": number}) == "sent"

    def _ask(self, order: dict[str, Any]) -> str:
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        with self._lock:
            self._nursery.stdin.write(json.dumps(order) + "\n")
            self._nursery.stdin.flush()
            return self._nursery.stdout.readline().strip()
