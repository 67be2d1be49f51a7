"""Files of one JSON object a line, read under a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from governance.domain.errors import InvalidInput
from governance.runtimes.recorded import MAX_LINE_BYTES

MAX_READ = MAX_LINE_BYTES + len(b"\r\n")
"""The most that is held of a line: too much to be parsed, which is refused there."""

CHUNK = 65_536


def read(path: str, *, doing: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers from 1; the bar is on standard error.

    One at a time: the file may be larger than the memory. What is no UTF-8 comes with its bytes
    escaped, and a line that is too long comes cut, for whoever parses the line to refuse.
    """
    try:
        size = Path(path).stat().st_size
        file = Path(path).open("rb")  # noqa: SIM115  closed below
    except OSError as error:
        raise InvalidInput(f"The file cannot be read: {error.strerror}: {path}") from error
    columns = (doing, BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with file, Progress(*columns, console=Console(stderr=True, markup=False)) as progress:
        bar = progress.add_task(doing, total=size)
        number = 0
        while line := _next(file):
            number += 1
            progress.update(bar, completed=file.tell())
            if line.strip():
                yield number, line.rstrip(b"\r\n").decode(errors="surrogateescape")


def _next(file: BinaryIO) -> bytes:
    """The next line, or what is held of it where it is too long; the rest of it is passed over."""
    line = file.readline(MAX_READ)
    ended = len(line) < MAX_READ or line.endswith(b"\n")
    while not ended:
        rest = file.readline(CHUNK)
        ended = len(rest) < CHUNK or rest.endswith(b"\n")
    return line
