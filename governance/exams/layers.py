"""The layers of isolation between a program that is examined and everything else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum


class Layer(StrEnum):
    """Declared in the order they are put on."""

    NETWORK = "network"
    LIMITS = "limits"
    USER = "user"
    PRIVILEGES = "privileges"
    FILES = "files"
    SYSCALLS = "syscalls"


SAYS: Mapping[Layer, str] = {
    Layer.NETWORK: "a network of its own, with nothing in it (network namespace)",
    Layer.LIMITS: "limits on processor time, memory, files and processes (rlimits)",
    Layer.USER: "a user other than root",
    Layer.PRIVILEGES: "a ban on privileges (capabilities, no_new_privs)",
    Layer.FILES: "a ban on all files but those of its own program (Landlock)",
    Layer.SYSCALLS: "a ban on sockets, processes and system calls it does not need (seccomp)",
}
"""What each layer is, for people."""

ALL = frozenset(Layer)

REMOTE = "remote"
"""Instead of layers: the agent is reached over HTTP, and its host isolates it or does not."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
"""What programs open that is no file: nothing, and chance."""


def missing(obtained: Collection[str]) -> list[Layer]:
    """The layers that were not obtained, in their order."""
    return [layer for layer in Layer if layer.value not in obtained]
