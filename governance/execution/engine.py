"""The engine: carries out one claimed execution, step by step, and finishes it."""

from __future__ import annotations

import json

from django.db import transaction
from django.utils import timezone

from governance import lifecycle
from governance.domain.actors import Actor
from governance.domain.states import ExecutionState, StepState
from governance.domain.values import Json
from governance.execution import claims, failpoints, steps
from governance.execution.claims import OnFinish
from governance.execution.steps import Work
from governance.models import Execution, ExecutionStep
from governance.policy import plans

PASSED = frozenset({StepState.DONE, StepState.SKIPPED})
"""The ends of a step after which the plan goes on."""


def carry_out(work: Work) -> None:
    """Carry out an execution that `work.by` has claimed, to its end.

    1. Steps that ended in an earlier attempt never run again.
    2. A step whose `when` is false is skipped. One that ends neither `done` nor `skipped` stops
       the plan; what follows is recorded as not run.
    3. A step that will be tried again puts the execution back to `ready`, for later.
    4. The execution's state is decided by its steps, in the transaction that runs `on_finish`.

    Raises LeaseLost when somebody else took over; what was committed until then stands.
    """
    failpoints.reach("claimed")
    rows = list(work.execution.steps.order_by("position"))
    plan = plans.parse_text(work.execution.plan)
    outputs: dict[str, dict[str, Json]] = {}
    for row, step in zip(rows, plan.steps, strict=True):
        if row.state in {StepState.PENDING, StepState.SENT}:
            steps.carry_out(work, row, step, outputs)
        if work.execution.state == ExecutionState.READY:
            return
        if row.state not in PASSED:
            break
        outputs[step.id] = {"state": str(row.state), "output": json.loads(row.output or "{}")}
    failpoints.reach("before_finish")
    finish(work, rows)
    failpoints.reach("finished")


def finish(work: Work, rows: list[ExecutionStep]) -> None:
    """Move the execution to the state its steps decide; run `on_finish` in that transaction."""
    state, error = _decide(rows)
    _finish(work, rows, state=state, error=error)


def give_up(work: Work, error: str) -> None:
    """Fail an execution that cannot be carried out; in doubt where something was sent already.

    Raises LeaseLost.
    """
    rows = list(work.execution.steps.order_by("position"))
    unsure = any(row.state in {StepState.SENT, StepState.IN_DOUBT} for row in rows)
    state = ExecutionState.IN_DOUBT if unsure else ExecutionState.FAILED
    _finish(work, rows, state=state, error=error)


def reconcile(execution: Execution, *, by: Actor, found: str, on_finish: OnFinish) -> None:
    """End an execution whose doubt about every step is settled. Needs the caller's transaction."""
    rows = list(execution.steps.order_by("position"))
    claims.settle_steps(rows, by=by, error=found)
    state, error = _decide(rows)
    _end(execution, by=by, state=state, error=error, note=found)
    on_finish(execution, by)


def _finish(work: Work, rows: list[ExecutionStep], *, state: ExecutionState, error: str) -> None:
    with transaction.atomic():
        claims.hold(work.execution, lease=work.lease)
        claims.settle_steps(rows, by=work.by, error=error)
        _end(work.execution, by=work.by, state=state, error=error)
        work.on_finish(work.execution, work.by)


def _end(
    execution: Execution, *, by: Actor, state: ExecutionState, error: str, note: str = ""
) -> None:
    ended = state is not ExecutionState.IN_DOUBT
    lifecycle.move(
        execution,
        to=state,
        by=by,
        fields={
            "lease_expires_at": None,
            "finished_at": timezone.now() if ended else None,
            "error": error,
        },
        where={"fencing_token": execution.fencing_token},
        data={key: text for key, text in (("error", error), ("note", note)) if text} or None,
    )


def _decide(rows: list[ExecutionStep]) -> tuple[ExecutionState, str]:
    """Done only when every step is done or skipped; in doubt when any is; failed otherwise."""
    for bad in (StepState.IN_DOUBT, StepState.FAILED):
        for row in rows:
            if row.state == bad:
                return ExecutionState(bad.value), f"step {row.step}: {row.error}"
    if all(row.state in PASSED for row in rows):
        return ExecutionState.DONE, ""
    return ExecutionState.FAILED, "Not every step was run."
