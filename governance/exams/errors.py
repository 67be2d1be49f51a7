"""How a sitting can fail that no live run can. Each str() is ours, and shown to people."""

from __future__ import annotations


class Escaped(Exception):
    """The program tried what an exam does not allow, and was stopped."""


class Unloadable(Exception):
    """The program could not be loaded where it was to be examined."""


class SandboxFailed(Exception):
    """The process in which a program was to be examined did not come up. Says nothing of it."""
