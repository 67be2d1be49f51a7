"""What was read on a page, as a step's output: masked, bounded, and of use to a later step."""

from __future__ import annotations

import re
from collections.abc import Sequence

from governance.browser import tables
from governance.domain.values import Json, canonical
from governance.policy.redaction import redact

MAX_OUTPUT = 180_000
"""Bytes of all readings of a step together, as JSON; below what a step may return."""

MAX_TEXT = 40_000
MAX_CELL = 1_000
MAX_HEADING = 200
MAX_COLUMNS = 50
MAX_ROWS = 1_000
LONGEST_ESCAPE = 6  # as in \u0041

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,10})?")


class Readings:
    """Collects by name. `revealed`: the secrets to mask; it may grow meanwhile."""

    def __init__(self, revealed: Sequence[str]) -> None:
        self.found: dict[str, Json] = {}
        self.truncated: list[str] = []
        self._revealed, self._left = revealed, MAX_OUTPUT

    def text(self, name: str, read: str, *, cut: bool) -> None:
        """Keep a text. `cut`: it is not all there was."""
        whole = self._masked(read, cut=cut)
        kept = whole[:MAX_TEXT]
        while kept and _size(kept) > self._left:
            kept = kept[: len(kept) // 2]
        self._keep(name, kept, truncated=cut or len(kept) < len(whole))

    def table(self, name: str, columns: list[str], rows: list[list[str]], *, cut: bool) -> None:
        """Keep a table, every row as long as there are columns, plain numbers as numbers."""
        wanted = max([len(columns), *(len(row) for row in rows)])
        width = min(wanted, MAX_COLUMNS)
        heads = [self.line(head, most=MAX_HEADING) for head in columns[:width]]
        heads += [""] * (width - len(heads))
        found: dict[str, Json] = {
            "columns": [head or f"Column {n}" for n, head in enumerate(heads, start=1)],
            "rows": [],
        }
        left = self._left - _size(found)
        for row in rows[:MAX_ROWS]:
            cells = [_value(self.line(cell, most=MAX_CELL)) for cell in row[:width]]
            cells += [None] * (width - len(cells))
            left -= _size(cells) + 1
            if left < 0:
                break
            found["rows"].append(cells)
        complete = width == wanted and len(found["rows"]) == len(rows)
        self._keep(name, found, truncated=cut or not complete)

    def line(self, read: str, *, most: int) -> str:
        """Something short, of at most `most` characters."""
        return self._masked(read, cut=len(read) >= tables.MAX_CELL)[:most]

    def _keep(self, name: str, found: Json, *, truncated: bool) -> None:
        self._left = max(self._left - _size(found), 0)
        self.found[name] = found
        if truncated:
            self.truncated.append(name)

    def _masked(self, read: str, *, cut: bool) -> str:
        """Without the secrets, and without what no database keeps."""
        masked = str(redact(read, self._revealed)).replace("\x00", "\ufffd")
        if cut and self._revealed:
            # Where the text was cut, a secret may have been cut, and is then not recognised.
            masked = masked[: -LONGEST_ESCAPE * max(len(secret) for secret in self._revealed)]
        return masked.encode("utf-8", "replace").decode()


def _value(cell: str) -> Json:
    """A number where the cell is nothing but one; codes with leading zeros stay texts."""
    if not _NUMBER.fullmatch(cell):
        return cell
    return float(cell) if "." in cell else int(cell)


def _size(found: Json) -> int:
    return len(canonical(found))
