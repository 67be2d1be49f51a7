"""A channel to a process that is not trusted: bounded lines, and no wait without an end."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Sequence

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, parse_json
from governance.runtimes.base import Misbehaved

MAX_LINE = 600_000
"""Longest line that is read, in bytes: params or an output at their limits, and some air."""

CHUNK = 65_536


class OutOfTime(Exception):
    """The other side kept us waiting."""


class Channel:
    """Over two pipes. Both calls raise OutOfTime at `until`, a time of `time.monotonic`."""

    def __init__(self, *, reads: int, writes: int) -> None:
        self._reads, self._writes = reads, writes
        self._rest = b""
        for descriptor in (reads, writes):
            os.set_blocking(descriptor, False)

    def send(self, message: Json, *, until: float) -> None:
        """Send a line. Raises BrokenPipeError when nobody reads any more."""
        data = memoryview(json.dumps(message, ensure_ascii=False).encode() + b"\n")
        while data:
            _wait([], [self._writes], until)
            data = data[os.write(self._writes, data[:CHUNK]) :]

    def receive(self, *, until: float) -> Json | None:
        """The next line; None at the end. Raises Misbehaved for what is no JSON or too long."""
        while b"\n" not in self._rest:
            _wait([self._reads], [], until)
            more = os.read(self._reads, CHUNK)
            if not more:
                return None
            self._rest += more
            if len(self._rest) > MAX_LINE:
                raise Misbehaved(f"It sent more than {MAX_LINE:,} bytes at once.")
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            return parse_json(line, what="message", max_bytes=MAX_LINE)
        except InvalidInput as error:
            raise Misbehaved(str(error)) from error


def _wait(reads: Sequence[int], writes: Sequence[int], until: float) -> None:
    left = until - time.monotonic()
    if left <= 0 or not any(select.select(reads, writes, [], left)):
        raise OutOfTime
