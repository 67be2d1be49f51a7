"""The other phases of a chaos run: the storm, and standing still with and without the guards."""

from __future__ import annotations

import random
import time
from itertools import cycle

from bench.chaos import broker
from bench.chaos.audit import Verdict, audit
from bench.chaos.setting import PATIENCE, Setting, settle, waiting
from bench.chaos.workers import Workers
from bench.chaos.world import KINDS, Job

PAUSE = 3.0
"""How many leases a worker stands still for."""

BACKLOG = 24
ALIVE = 4
STOPS = 0.5
"""The chance that a SIGSTOP goes with a SIGKILL."""

LOSSES = 25
"""Once in so many SIGKILLs, everything the engine knows is lost."""


def storm(
    setting: Setting, workers: Workers, *, kills: int, executions: int, losses: int = LOSSES
) -> Verdict:
    """Kill and stop workers at random moments while work keeps coming; then let all of it end.

    Kills and work keep step, so that workers are hit at work from the first to the last. A stop
    lasts up to twice the lease. Once in `losses` kills the engine loses everything.
    """
    jobs: list[Job] = []
    kinds = cycle(KINDS)
    while workers.counts["killed"] < kills or len(jobs) < executions:
        workers.keep(ALIVE)
        left = waiting()
        due = min(executions, executions * workers.counts["killed"] // kills + BACKLOG)
        missing = min(due - len(jobs), BACKLOG - left, ALIVE)
        jobs += [setting.world.job(next(kinds)) for _ in range(missing)]
        time.sleep(random.expovariate(1 / 0.1))
        begun = (len(jobs) - left) / executions
        if workers.counts["killed"] < kills * begun:
            _strike(setting, workers, begun=len(jobs), losses=losses)
    workers.wake()
    workers.keep(ALIVE)
    settle()
    return audit(jobs, setting.far_side)


def _strike(setting: Setting, workers: Workers, *, begun: int, losses: int) -> None:
    workers.kill()
    if random.random() < STOPS:
        workers.stop(seconds=random.uniform(0.0, 2 * setting.lease))
    if workers.counts["killed"] % losses == 0:
        broker.lose_everything()
        workers.counts["messages_lost"] += 1
    if workers.counts["killed"] % 50 == 0:
        counts = workers.counts
        setting.say(f"storm: {counts['killed']} killed, {counts['stopped']} stopped, {begun} begun")


def standing_still(setting: Setting, workers: Workers, *, executions: int) -> Verdict:
    """Workers that pause for longer than their lease just before they act, and then act.

    With little to do, so that another has done it by then.
    """
    jobs: list[Job] = []
    kinds = cycle(KINDS)
    workers.keep(ALIVE)
    until = time.monotonic() + PATIENCE
    while len(jobs) < executions and time.monotonic() < until:
        if waiting() < ALIVE:
            jobs.append(setting.world.job(next(kinds)))
        time.sleep(0.02)
    settle()
    time.sleep(PAUSE * setting.lease)  # the last of them wake up
    return audit(jobs, setting.far_side)
