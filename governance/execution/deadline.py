"""A deadline for handlers: one that hangs is interrupted, and the worker lives on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class DeadlineExceeded(BaseException):
    """Raised inside a handler that took too long.

    A BaseException, so that a handler's own `except Exception` does not swallow it.
    """


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise DeadlineExceeded in the block once `seconds` (above 0) have passed.

    Works in the main thread, where workers run handlers; in any other thread it does nothing,
    because Python delivers signals to the main thread only.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the signal module's signature
        raise DeadlineExceeded(f"It took longer than {seconds:g} s.")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
