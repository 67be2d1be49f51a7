"""Every refusal has a status of its own choosing."""

from __future__ import annotations

import inspect
import json

import pytest

from governance.api import problems
from governance.domain import errors
from governance.domain.errors import GovernanceError, StaleState

REFUSALS = [
    found
    for found in vars(errors).values()
    if inspect.isclass(found) and issubclass(found, GovernanceError)
]


@pytest.mark.parametrize("error", REFUSALS)
def test_every_code_is_in_the_table(error):
    assert error.code in problems.STATUS


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidInput("x"), 422),
        (errors.NotFound("x"), 404),
        (errors.NotAllowed("x"), 403),
        (errors.GateRefused("x"), 403),
        (errors.IdempotencyConflict("x"), 409),
        (errors.ExecutionDisabled("x"), 503),
        (errors.StaleState("x"), 409),
        (errors.RunHeld("x"), 409),
        (errors.AlreadyDecided("x"), 409),
        (errors.PlanChanged("x"), 409),
        (errors.LeaseLost("x"), 409),
    ],
)
def test_the_status_of_a_refusal(error, status):
    assert problems.status_of(error) == status


def test_a_refusal_that_is_not_listed_has_its_bases_status():
    class Odd(StaleState):
        code = "odd"

    answer = problems.refusal(Odd("It is odd."))
    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answer.content) == {
        "type": "urn:problem-type:agent-governance:odd",
        "title": "Conflict",
        "status": 409,
        "code": "odd",
        "detail": "It is odd.",
    }
