"""What every phase works with, and waiting for it to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.chaos.far_side import FarSide
from bench.chaos.world import World
from governance.execution import delivery
from governance.models import Execution

PATIENCE = delivery.LONGEST_WAIT.total_seconds() + 120.0
"""Seconds after which what has not ended counts as lost.

What was ready when the engine lost everything is delivered again after LONGEST_WAIT at the latest.
"""


@dataclass(frozen=True)
class Setting:
    """`lease` in seconds. `say` tells how far we are."""

    world: World
    far_side: FarSide
    lease: float
    say: Callable[[str], None]


def waiting() -> int:
    """How many executions have not ended."""
    return Execution.objects.filter(state__in=["ready", "claimed"]).count()


def settle() -> None:
    """Wait until all have ended, or for PATIENCE seconds."""
    until(lambda: not waiting())


def until(condition: Callable[[], object]) -> bool:
    """Wait for it, for PATIENCE seconds at most; whether it came."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
