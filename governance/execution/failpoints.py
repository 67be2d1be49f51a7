"""Deterministic crashes for tests: the process kills itself at a named point, as SIGKILL would."""

from __future__ import annotations

import os
import signal

NAMES = (
    "claimed",
    "cleared",
    "sent",
    "handled",
    "recorded",
    "before_finish",
    "finished",
)
"""Every point between two steps of a worker, in order."""

BESIDE = ("delivering", "delivered")
"""Before and after a message is handed to the engine, by whoever does so."""

_ARMED = os.environ.get("GOVERNANCE_FAILPOINT", "")


def reach(name: str) -> None:
    """Die here, at once and without cleaning up, when GOVERNANCE_FAILPOINT names this point."""
    if name == _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
