"""Processes to kill and to stop, from the outside."""

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
    """While open, brings up workers: `keep(n)` as many as are missing to `n`.

    They are forked, signalled and buried by one process of their own; see `nursery`. `order`:
    what every one of them is told.
    """

    def __init__(self, folder: Path, *, env: dict[str, str], **order: Any) -> None:
        self.counts: Counter[str] = Counter()
        self.log = folder / "workers.log"
        self._order = order
        self._endings = folder / "endings"
        self._endings.write_text("")
        self._names = map(str, count())
        self._alive: set[str] = set()
        self._stopped: dict[str, threading.Timer] = {}
        self._lock = threading.Lock()
        with self.log.open("a") as log:
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
        self.terminate()
        self.kill_all()
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.close()
        self._nursery.wait(GRACE)
        self._nursery.stdout.close()

    def start(self, **more: Any) -> str:
        """Bring one up; returns its name."""
        name = next(self._names)
        self._ask({"name": name, **self._order, **more})
        self._alive.add(name)
        self.counts["started"] += 1
        return name

    def keep(self, number: int) -> None:
        for _ in range(number - len(self.alive())):
            self.start()

    def run(self, **order: Any) -> int:
        """Bring one up and wait for its end; returns its exit code, -9 when it was killed."""
        name = self.start(**order)
        until = time.monotonic() + GRACE
        while name not in self.endings():
            if time.monotonic() > until:
                self._signal(name, signal.SIGKILL)
                raise TimeoutError(f"{order} did not end within {GRACE} s")
            time.sleep(0.01)
        return self.endings()[name]

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
            self.counts["killed"] += self._kill(random.choice(alive))

    def kill_all(self) -> None:
        """SIGKILL for every one, and wait until they are gone."""
        killed = self.alive()
        self.counts["killed"] += sum(self._kill(name) for name in killed)
        self._wait_for(killed)

    def terminate(self) -> list[int]:
        """Ask all to stop, and wait for at most GRACE seconds; returns the exit codes."""
        self.wake()
        asked = self.alive()
        for name in asked:
            self._signal(name, signal.SIGTERM)
        self._wait_for(asked)
        return [code for name, code in self.endings().items() if name in asked]

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

    def _kill(self, name: str) -> bool:
        self._alive.discard(name)
        return self._signal(name, signal.SIGKILL)

    def _wait_for(self, names: list[str]) -> None:
        until = time.monotonic() + GRACE
        while set(names) - self.endings().keys() and time.monotonic() < until:
            time.sleep(0.02)

    def _signal(self, name: str, number: int) -> bool:
        """Whether there was such a process."""
        return self._ask({"name": name, "signal": number}) == "sent"

    def _ask(self, order: dict[str, Any]) -> str:
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        with self._lock:
            self._nursery.stdin.write(json.dumps(order) + "\n")
            self._nursery.stdin.flush()
            return self._nursery.stdout.readline().strip()
