"""Lengths of time in words, and stamps: tables written by hand."""

from __future__ import annotations

import datetime

import pytest

from governance.admin.execution_steps import span, stamp

SPANS = [
    (-1, "0.00 s"),
    (0, "0.00 s"),
    (0.004, "0.00 s"),
    (0.42, "0.42 s"),
    (9.99, "9.99 s"),
    (10, "10 s"),
    (59.9, "59 s"),
    (60, "1 min 0 s"),
    (3_599, "59 min 59 s"),
    (3_600, "1 h 0 min"),
    (93_784, "26 h 3 min"),
]


@pytest.mark.parametrize(("seconds", "words"), SPANS)
def test_a_length_of_time(seconds, words):
    assert span(datetime.timedelta(seconds=seconds)) == words


def test_a_stamp_is_another_one_for_other_values():
    assert stamp(1, "a") == stamp(1, "a")
    assert len({stamp(), stamp(1), stamp("1"), stamp(1, "a"), stamp("a", 1), stamp(None)}) == 6
    assert len(stamp("x" * 100_000)) == 16
