"""What is wrong with an expression is said where it is, and in words."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput
from governance.policy import references
from governance.policy.conditions import Condition

# the expression, what is said of it
BROKEN = [
    ("", "line 1, column 1: syntax error: it ends too early"),
    ("1 +", "line 1, column 4: syntax error: it ends too early"),
    ("1 ==\n == 2", "line 2, column 2: syntax error: '==' does not belong here"),
    ("1 == 1 true", "line 1, column 8: syntax error: 'true' does not belong here"),
    ("(1 == 1", "line 1, column 8: syntax error: ')' is missing at the end"),
    ("now = 1", "line 1, column 5: syntax error: a single = means nothing; == compares"),
    ("1 == #", "line 1, column 6: syntax error: '#' is no part of CEL"),
    ("nobody == 1", "line 1, column 1: undeclared reference to 'nobody'"),
    ("'x' + 1 == 'x1'", "line 1, column 5: found no matching overload for '_+_'"),
]


@pytest.mark.parametrize(("source", "says"), BROKEN)
def test_where_and_what(source, says):
    with pytest.raises(InvalidInput) as told:
        Condition(source)
    assert says in str(told.value)
    with pytest.raises(InvalidInput) as told:
        references.check(source, earlier=("fetch",))
    assert says in str(told.value)
    for noise in ("INVALID_ARGUMENT", "<input>", "EOF", "IDENTIFIER", "container"):
        assert noise not in str(told.value)


def test_only_where_a_name_is_unknown_are_the_names_a_plan_may_use_said():
    with pytest.raises(InvalidInput, match="only earlier steps may be named"):
        references.check("steps.later.output", earlier=("fetch",))
    with pytest.raises(InvalidInput, match=r"it ends too early$"):
        references.check("1 +", earlier=("fetch",))
