"""Files of one object a line: read one by one, and never more of a line than is accepted."""

from __future__ import annotations

import tracemalloc

import pytest

from governance.domain.errors import InvalidInput
from governance.management import lines
from governance.runtimes.recorded import MAX_LINE_BYTES, parse_line


def test_lines_come_with_their_numbers_and_without_their_ends(tmp_path):
    path = tmp_path / "file.jsonl"
    path.write_bytes(b'{"a": 1}\n\n  \n{"b": 2}\r\n{"c": 3}\xff')
    found = list(lines.read(str(path), doing="testing"))
    assert found == [(1, '{"a": 1}'), (4, '{"b": 2}'), (5, '{"c": 3}\udcff')]


def test_a_line_that_is_too_long_is_cut_and_the_next_one_is_read(tmp_path):
    path = tmp_path / "file.jsonl"
    with path.open("wb") as file:
        file.write(b"{}" + b" " * (MAX_LINE_BYTES - 2) + b"\n")
        for _ in range(5):
            file.write(b"x" * MAX_LINE_BYTES)
        file.write(b'\n{"next": 1}\n')
    tracemalloc.start()
    found = [(number, len(line), line[:9]) for number, line in lines.read(str(path), doing="x")]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [each[0] for each in found] == [1, 2, 3]
    assert [each[1] > MAX_LINE_BYTES for each in found] == [False, True, False]
    assert found[2][2] == '{"next": '
    assert most < 5 * MAX_LINE_BYTES  # bytes and text of a line, and of the next one


def test_what_is_cut_is_refused_for_its_length(tmp_path):
    path = tmp_path / "file.jsonl"
    path.write_bytes(b"[" * (MAX_LINE_BYTES + 1_000))
    [(_, line)] = lines.read(str(path), doing="testing")
    with pytest.raises(InvalidInput, match="at most 10,000,000"):
        parse_line(line)
