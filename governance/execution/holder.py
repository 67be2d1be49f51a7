"""Who holds what this process claims."""

from __future__ import annotations

import os
import socket

from governance.domain.actors import Actor, ActorKind


def this_process() -> Actor:
    """The worker that is this process: `by` of its claims, and what `claimed_by` shows."""
    return Actor(ActorKind.SYSTEM, "worker", f"{socket.gethostname()}:{os.getpid()}")
