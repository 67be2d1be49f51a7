"""The phases of a chaos run: every failpoint, the storm, the control."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.chaos.audit import Verdict, audit
from bench.chaos.far_side import FarSide
from bench.chaos.workers import Workers
from bench.chaos.world import Job, World
from governance.execution import failpoints
from governance.models import Execution

PATIENCE = 120.0
"""Seconds after which what has not ended counts as lost."""

PAUSE = 3.0
"""How many leases a worker stands still for."""

BACKLOG = 24
ALIVE = 4
Say = Callable[[str], None]


@dataclass(frozen=True)
class Setting:
    """What every phase works with. `lease` in seconds."""

    world: World
    far_side: FarSide
    lease: float
    say: Say


def every_failpoint(setting: Setting, workers: Workers) -> tuple[Verdict, dict[str, int]]:
    """At each point three workers die (one an effect class); another one recovers.

    Returns the verdict and how many died where.
    """
    jobs: list[Job] = []
    deaths: dict[str, int] = {}
    for name in failpoints.NAMES:
        jobs += [setting.world.job(kind) for kind in ("local", "keyed", "unkeyed")]
        armed = {workers.start(failpoint=name) for _ in range(3)}
        until = time.monotonic() + 3 * setting.lease
        while armed & set(workers.alive()) and time.monotonic() < until and waiting():
            time.sleep(0.05)
        ends = workers.endings()
        deaths[name] = sum(ends.get(name) == -9 for name in armed)
        workers.start()
        settle()
        for _ in workers.alive():
            workers.kill()
        setting.say(f"failpoint {name}: {deaths[name]} died there")
    return audit(jobs, setting.far_side), deaths


def storm(setting: Setting, workers: Workers, *, kills: int, executions: int) -> Verdict:
    """Kill and stop workers at random moments while work keeps coming; then let all of it end.

    Kills keep step with the work, so that none of them hits idle workers only. One stop for every
    four kills, for up to twice the lease.
    """
    jobs: list[Job] = []
    told = 0
    while workers.counts["killed"] < kills or len(jobs) < executions:
        workers.keep(ALIVE)
        left = waiting()
        missing = min(executions - len(jobs), BACKLOG - left, ALIVE)
        jobs += [setting.world.job() for _ in range(missing)]
        time.sleep(random.expovariate(1 / 0.1))
        begun = (len(jobs) - left) / executions
        if workers.counts["killed"] < kills * begun:
            workers.kill()
            if workers.counts["killed"] % 4 == 0:
                workers.stop(seconds=random.uniform(0.0, 2 * setting.lease))
        if workers.counts["killed"] >= told + 50:
            told = workers.counts["killed"]
            setting.say(
                f"{told} killed, {workers.counts['stopped']} stopped, {len(jobs)} executions begun"
            )
    workers.wake()
    workers.keep(ALIVE)
    settle()
    return audit(jobs, setting.far_side)


def standing_still(setting: Setting, workers: Workers, *, executions: int) -> Verdict:
    """Workers that pause for longer than their lease just before they act, and then act.

    With little to do, so that another has done it by then.
    """
    jobs: list[Job] = []
    workers.keep(ALIVE)
    while len(jobs) < executions:
        if waiting() < ALIVE:
            jobs.append(setting.world.job())
        time.sleep(0.02)
    settle()
    time.sleep(PAUSE * setting.lease)  # the last of them wake up
    return audit(jobs, setting.far_side)


def waiting() -> int:
    """How many executions have not ended."""
    return Execution.objects.filter(state__in=["ready", "claimed"]).count()


def settle() -> None:
    """Wait until all have ended, or for PATIENCE seconds."""
    until = time.monotonic() + PATIENCE
    while waiting() and time.monotonic() < until:
        time.sleep(0.1)
