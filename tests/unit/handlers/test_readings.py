"""What was read on a page: masked, bounded, and of use to a later step."""

from __future__ import annotations

import pytest

from governance.domain.values import canonical
from governance.handlers.browsing.readings import Readings

SECRET = "correct-horse-battery"


def table(columns, rows, *, cut=False, revealed=()):
    readings = Readings(revealed)
    readings.table("t", columns, rows, cut=cut)
    return readings.found["t"], readings.truncated


TABLES = [
    (["a", "b"], [["x", "y"]], ["a", "b"], [["x", "y"]]),
    ([], [["x", "y"], ["z"]], ["Column 1", "Column 2"], [["x", "y"], ["z", None]]),
    (["a"], [["x", "y"]], ["a", "Column 2"], [["x", "y"]]),
    (["a", "", "c"], [], ["a", "Column 2", "c"], []),
    ([], [], [], []),
]


@pytest.mark.parametrize(("columns", "rows", "heads", "cells"), TABLES, ids=range(len(TABLES)))
def test_every_row_is_as_long_as_there_are_columns(columns, rows, heads, cells):
    assert table(columns, rows) == ({"columns": heads, "rows": cells}, [])


NUMBERS = [
    ("12", 12),
    ("-3.50", -3.5),
    ("0", 0),
    ("0.5", 0.5),
    ("999999999999999", 999999999999999),
    ("9999999999999999", "9999999999999999"),  # not exact as a number
    ("007", "007"),
    ("1,000", "1,000"),
    ("€ 3", "€ 3"),
    ("1e5", "1e5"),
    ("+31612345678", "+31612345678"),
    ("٣", "٣"),
    ("", ""),
    ("-", "-"),
    (".5", ".5"),
]


@pytest.mark.parametrize(("cell", "value"), NUMBERS)
def test_a_cell_that_is_nothing_but_a_number_is_one(cell, value):
    found, _ = table(["a"], [[cell]])
    assert found["rows"] == [[value]]
    assert type(found["rows"][0][0]) is type(value)


def test_a_table_is_bounded():
    found, truncated = table(["h" * 500], [["c" * 3_000]])
    assert ([len(head) for head in found["columns"]], len(found["rows"][0][0])) == ([200], 1_000)
    assert truncated == []
    found, truncated = table([], [["x"] * 60])
    assert (len(found["columns"]), len(found["rows"][0]), truncated) == (50, 50, ["t"])
    found, truncated = table([], [["x"]] * 1_200)
    assert (len(found["rows"]), truncated) == (1_000, ["t"])
    found, truncated = table([], [["x" * 1_000] * 50] * 100)
    assert len(canonical(found)) <= 180_000
    assert truncated == ["t"]
    assert table(["a"], [], cut=True)[1] == ["t"]


def test_all_readings_together_are_bounded():
    readings = Readings(())
    for number in range(10):
        readings.text(f"text{number}", "ü" * 40_000, cut=False)
    readings.table("t", ["a"], [["b" * 1_000] * 3], cut=False)
    assert len(canonical(readings.found)) < 182_000
    assert readings.truncated == [f"text{n}" for n in range(2, 10)] + ["t"]


def test_secrets_are_masked_before_anything_is_cut():
    found, _ = table([SECRET], [["x" * 990 + SECRET, "12345678"]], revealed=[SECRET, "12345678"])
    assert found["columns"][0] == "[redacted]"
    assert found["rows"] == [["x" * 990 + "[redacted]", "[redacted]"]]
    readings = Readings([SECRET])
    readings.text("t", "a" * 39_990 + SECRET, cut=False)
    assert readings.found["t"] == "a" * 39_990 + "[redacted]"


def test_where_a_text_was_cut_no_part_of_a_secret_is_left():
    readings = Readings([SECRET])
    readings.text("t", "a" * 300 + SECRET[:10], cut=True)
    assert readings.found["t"] == "a" * (310 - 6 * len(SECRET))
    assert readings.truncated == ["t"]


def test_what_no_database_keeps_is_replaced():
    readings = Readings(())
    readings.text("t", "a\0b\ud800c", cut=False)
    assert readings.found["t"] == "a\ufffdb?c"
    assert readings.line("x" * 30, most=20) == "x" * 20
