"""Typed errors. Each message is one sentence that tells its reader what to do."""

from __future__ import annotations

from typing import ClassVar


class GovernanceError(Exception):
    """Base of every refusal. `code` is stable and machine-readable; str() is for people."""

    code: ClassVar[str] = "error"


class InvalidInput(GovernanceError):
    """What was sent cannot be used as it is; nothing was written."""

    code = "invalid_input"


class NotFound(GovernanceError):
    """No such row in this workspace."""

    code = "not_found"


class NotAllowed(GovernanceError):
    """The actor has no right to do this."""

    code = "not_allowed"


class GateRefused(GovernanceError):
    """The gate's answer does not permit what was asked."""

    code = "gate_refused"


class IdempotencyConflict(GovernanceError):
    """The idempotency key was already used with another body."""

    code = "idempotency_conflict"


class ExecutionDisabled(GovernanceError):
    """Execution is switched off; what is approved waits."""

    code = "execution_disabled"


class StaleState(GovernanceError):
    """The row is not, or no longer, in the state this move starts from."""

    code = "stale_state"


class NotReady(GovernanceError):
    """The agent has not shown enough for what was asked."""

    code = "not_ready"


class RunHeld(StaleState):
    """A supervisor holds the run's next action, or has yet to appear; ask again later."""

    code = "run_held"


class AlreadyDecided(StaleState):
    """Somebody decided the proposal first."""

    code = "already_decided"


class PlanChanged(StaleState):
    """The plan or the agent is not what the reviewer saw."""

    code = "plan_changed"


class LeaseLost(StaleState):
    """The execution is no longer held under this fencing token."""

    code = "lease_lost"
