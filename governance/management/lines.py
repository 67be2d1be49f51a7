"""Files of one JSON object a line, read under a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from governance.domain.errors import InvalidInput


def read(path: str, *, doing: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers from 1; the bar is on standard error.

    What is no UTF-8 comes with its bytes escaped, for whoever parses the line to refuse.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise InvalidInput(f"The file cannot be read: {error.strerror}: {path}") from error
    columns = (doing, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True, markup=False)) as progress:
        for number, line in enumerate(progress.track(lines, total=len(lines)), start=1):
            if line.strip():
                yield number, line.decode(errors="surrogateescape")
