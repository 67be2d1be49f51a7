"""Deadlines: alone and nested."""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import pytest

from governance.execution.deadline import DeadlineExceeded, deadline, suspended


def interrupted(seconds, work) -> str:
    """The words of the deadline that interrupts `work`."""
    with pytest.raises(DeadlineExceeded) as raised, deadline(seconds):
        work()
    return str(raised.value)


def test_what_takes_too_long_is_interrupted_though_it_swallows_exceptions():
    def careless():
        while True:
            with contextlib.suppress(Exception):
                time.sleep(5)

    assert interrupted(0.05, careless) == "It took longer than 0.05 s."


def test_the_outer_deadline_is_in_force_again_after_an_inner_block():
    def work():
        with deadline(30):
            pass
        time.sleep(5)

    assert interrupted(0.6, work) == "It took longer than 0.6 s."


def test_an_inner_deadline_leaves_the_outer_one_as_it_was():
    with deadline(30):
        assert interrupted(0.05, lambda: time.sleep(5)) == "It took longer than 0.05 s."
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        assert 25 < left < 30
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_the_outer_deadline_cuts_an_inner_block_short_and_leaves_time_to_record():
    recorded = []

    def work():
        try:
            with deadline(30):
                time.sleep(5)
        except DeadlineExceeded:
            time.sleep(0.1)
            recorded.append("it was too long")
        time.sleep(5)

    assert interrupted(0.1, work) == "It took longer than 0.1 s."
    assert recorded == ["it was too long"]


def test_other_threads_are_let_be():
    ended = []

    def work():
        with deadline(0.01):
            time.sleep(0.05)
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [True]


def test_while_it_waits_for_a_person_the_clock_stands_still():
    with deadline(0.4):
        with suspended():
            time.sleep(0.5)
        time.sleep(0.1)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_was_left_before_is_left_afterwards():
    def work():
        with suspended():
            time.sleep(0.3)
        time.sleep(5)

    began = time.monotonic()
    assert interrupted(0.2, work) == "It took longer than 0.2 s."
    assert 0.45 < time.monotonic() - began < 2


def test_waiting_for_a_person_does_not_stop_the_deadline_around():
    def work():
        with deadline(30), suspended():
            time.sleep(5)

    began = time.monotonic()
    with pytest.raises(DeadlineExceeded), deadline(0.2):
        work()
    assert time.monotonic() - began < 2
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_without_a_deadline_there_is_nothing_to_stop():
    with suspended():
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
