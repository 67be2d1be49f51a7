"""Lines to and from a process that is not trusted."""

from __future__ import annotations

import os
import time

import pytest

from governance.exams.channel import Channel, OutOfTime
from governance.runtimes.base import Misbehaved


@pytest.fixture
def pair():
    """A channel, and both ends of the other side."""
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
    yield Channel(reads=ours_in, writes=ours_out), theirs_in, theirs_out
    for descriptor in (theirs_in, ours_out, ours_in, theirs_out):
        try:
            os.close(descriptor)
        except OSError:
            continue


def soon(seconds=0.2):
    return time.monotonic() + seconds


def test_lines_come_one_at_a_time_however_they_are_cut(pair):
    channel, _, out = pair
    os.write(out, b'{"a": 1}\n{"b"')
    assert channel.receive(until=soon()) == {"a": 1}
    os.write(out, b": 2}\n")
    assert channel.receive(until=soon()) == {"b": 2}
    os.close(out)
    assert channel.receive(until=soon()) is None


def test_what_ends_in_the_middle_of_a_line_has_ended(pair):
    channel, _, out = pair
    os.write(out, b'{"a"')
    os.close(out)
    assert channel.receive(until=soon()) is None


@pytest.mark.parametrize("line", [b"x\n", b'{"a": NaN}\n', b'{"a": 1, "a": 2}\n', b"\xff\n"])
def test_what_is_no_json_is_refused(pair, line):
    channel, _, out = pair
    os.write(out, line)
    with pytest.raises(Misbehaved):
        channel.receive(until=soon())


def test_waiting_has_an_end(pair):
    channel, _, _ = pair
    began = time.monotonic()
    with pytest.raises(OutOfTime):
        channel.receive(until=soon())
    assert 0.1 < time.monotonic() - began < 2


def test_sending_to_somebody_who_does_not_read_has_an_end(pair):
    channel, _, _ = pair
    with pytest.raises(OutOfTime):
        channel.send({"text": "x" * 1_000_000}, until=soon())


def test_sending_to_nobody_is_a_broken_pipe(pair):
    channel, their_in, _ = pair
    os.close(their_in)
    with pytest.raises(BrokenPipeError):
        channel.send({"a": 1}, until=soon())


def test_what_is_sent_is_a_line(pair):
    channel, their_in, _ = pair
    channel.send({"a": "é"}, until=soon())
    assert os.read(their_in, 100).decode() == '{"a": "é"}\n'
