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


class DeadlineExceeded(BaseException):
    """Raised inside a handler that took too long.

    A BaseException, so that a handler's own `except Exception` does not swallow it.
    """


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

    outer, _ = signal.getitimer(signal.ITIMER_REAL)  # 0: there is none
    limit = min(seconds, outer or seconds)

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the signal module's signature
        raise DeadlineExceeded(f"It took longer than {limit:.4g} s.")

    before = signal.signal(signal.SIGALRM, interrupt)
    began = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if outer:
            left = outer - (time.monotonic() - began)
            signal.setitimer(signal.ITIMER_REAL, max(left, TO_RECORD))


@contextmanager
def suspended() -> Iterator[None]:
    """Stop the clock of the deadline in force while the block runs: it waits for a person.

    The deadlines around that one keep their own time.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        if left:
            signal.setitimer(signal.ITIMER_REAL, left)
