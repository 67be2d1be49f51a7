"""A deadline for handlers: one that hangs is interrupted, and the worker lives on."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TO_RECORD = 0.5
"""Seconds an outer deadline leaves after it cut an inner one short, to record what happened."""

AT_ONCE = 0.001
"""Seconds to what is over already: a timer of 0 would never go off."""


class DeadlineExceeded(BaseException):
    """Raised inside a handler that took too long.

    A BaseException, so that a handler's own `except Exception` does not swallow it.
    """


_ends: list[float] = []
"""When the deadlines in force end, on the monotonic clock, the outermost first."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise DeadlineExceeded in the block once `seconds` (above 0) have passed.

    Works in the main thread, where workers run handlers; in any other thread it does nothing,
    because Python delivers signals to the main thread only. Deadlines nest: whichever comes first
    is raised in the innermost block, and the outer one is in force again behind it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    limit = min(seconds, _left(AT_ONCE)) if _ends else seconds

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the signal module's signature
        raise DeadlineExceeded(f"It took longer than {limit:.4g} s.")

    before = signal.signal(signal.SIGALRM, interrupt)
    _ends.append(time.monotonic() + limit)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        _ends.pop()
        if _ends:
            signal.setitimer(signal.ITIMER_REAL, _left(TO_RECORD))


@contextmanager
def suspended() -> Iterator[None]:
    """Stop the clock of the innermost deadline while the block runs: it waits for a person.

    The deadlines around that one keep their own time, and interrupt the block.
    """
    if threading.current_thread() is not threading.main_thread() or not _ends:
        yield
        return
    mine, began = _ends.pop(), time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, _left(AT_ONCE) if _ends else 0)
    try:
        yield
    finally:
        later = mine + time.monotonic() - began
        _ends.append(min(later, _ends[-1]) if _ends else later)
        signal.setitimer(signal.ITIMER_REAL, _left(TO_RECORD))


def _left(at_least: float) -> float:
    """What is left of the innermost deadline, in seconds."""
    return max(_ends[-1] - time.monotonic(), at_least)
