from __future__ import annotations

import pytest

from governance.domain import errors
from governance.domain.errors import GovernanceError

CODES = {
    "GovernanceError": "error",
    "InvalidInput": "invalid_input",
    "NotFound": "not_found",
    "NotAllowed": "not_allowed",
    "GateRefused": "gate_refused",
    "IdempotencyConflict": "idempotency_conflict",
    "ExecutionDisabled": "execution_disabled",
    "StaleState": "stale_state",
    "NotReady": "not_ready",
    "RunHeld": "run_held",
    "AlreadyDecided": "already_decided",
    "PlanChanged": "plan_changed",
    "LeaseLost": "lease_lost",
}
CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, GovernanceError)
}


def test_every_error_has_a_code_of_its_own():
    found = {name: vars(error).get("code") for name, error in CLASSES.items()}
    assert found == CODES


@pytest.mark.parametrize("name", ["RunHeld", "AlreadyDecided", "PlanChanged", "LeaseLost"])
def test_what_is_too_late_is_a_stale_state(name):
    assert issubclass(CLASSES[name], errors.StaleState)
