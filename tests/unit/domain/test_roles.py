from __future__ import annotations

import pytest

from governance.domain.roles import Right, Role, may

#              view  start decide supervise govern
TABLE = {
    "viewer": "x     .     .      .         .",
    "auditor": "x     .     .      .         .",
    "reviewer": "x     .     x      .         .",
    "supervisor": "x     x     x      x         .",
    "governor": "x     x     x      x         x",
}
COLUMNS = ["view", "start", "decide", "supervise", "govern"]


def cells():
    for role, row in TABLE.items():
        for right, cell in zip(COLUMNS, row.split(), strict=True):
            yield role, right, cell == "x"


@pytest.mark.parametrize(("role", "right", "expected"), list(cells()))
def test_what_each_role_may(role, right, expected):
    assert may(role, Right(right)) is expected


def test_the_table_covers_every_role_and_every_right():
    assert set(Role.values) == set(TABLE)
    assert set(Right.values) == set(COLUMNS)


@pytest.mark.parametrize("role", ["", "admin", "superuser", "Governor", "governor ", "owner"])
def test_an_unknown_role_may_nothing(role):
    assert not any(may(role, right) for right in Right)
