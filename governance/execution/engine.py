"""The engine: carries out one claimed execution, step by step."""

from __future__ import annotations

import datetime
import logging
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from governance import gate, lifecycle
from governance.domain.actors import Actor
from governance.domain.errors import GovernanceError, InvalidInput, LeaseLost, NotFound
from governance.domain.states import ExecutionState, StepState
from governance.domain.values import Json, canonical_text, require_storable
from governance.domain.words import Effect, Route
from governance.execution import claims, failpoints, registry
from governance.execution.claims import OnFinish
from governance.execution.heartbeat import Heartbeat
from governance.execution.registry import ActionFailed, StepContext
from governance.models import Execution, ExecutionStep
from governance.policy import plans

log = logging.getLogger(__name__)

MAX_OUTPUT_BYTES = 256_000
MAX_ERROR = 2_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended: `state` is done, failed or in_doubt."""

    state: StepState
    output: dict[str, Json] | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """What every step of one execution needs. `lease`: how long a claim lasts unextended."""

    execution: Execution
    by: Actor
    lease: datetime.timedelta
    on_finish: OnFinish


def carry_out(work: Work) -> None:
    """Carry out an execution that `work.by` has claimed, to its end.

    1. Steps that ended in an earlier attempt never run again.
    2. A step that does not end `done` stops the plan; what follows is recorded as not run.
    3. The execution's state is decided by its steps, in the transaction that runs `on_finish`.

    Raises LeaseLost when somebody else took over; what was committed until then stands.
    """
    failpoints.reach("claimed")
    steps = list(work.execution.steps.order_by("position"))
    plan = plans.parse_text(work.execution.plan)
    last = StepState.DONE
    for row, step in zip(steps, plan.steps, strict=True):
        if row.state in {StepState.PENDING, StepState.SENT}:
            _carry_out_step(work, row, step)
        last = StepState(row.state)
        if last is not StepState.DONE:
            break
    failpoints.reach("before_finish")
    finish(work, steps)
    failpoints.reach("finished")


def _carry_out_step(work: Work, row: ExecutionStep, step: plans.Step) -> None:
    """Re-ask the gate, then run the handler as its effect class demands."""
    refusal = _without_handler(step) or _refused_by_gate(work, row, step)
    failpoints.reach("cleared")
    if refusal:
        state = StepState.IN_DOUBT if row.state == StepState.SENT else StepState.FAILED
        with transaction.atomic():
            claims.hold(work.execution, lease=work.lease)
            record(row, Outcome(state, error=refusal), by=work.by)
    elif row.effect == Effect.LOCAL:
        _run_local(work, row, step)
    else:
        _run_remote(work, row, step)
    failpoints.reach("recorded")


def _without_handler(step: plans.Step) -> str:
    try:
        registry.find(step.action_type)
    except NotFound as error:
        return f"{error} Nothing was sent."
    return ""


def _refused_by_gate(work: Work, row: ExecutionStep, step: plans.Step) -> str:
    """Why the gate no longer covers this step, as of now; empty when it does."""
    execution = work.execution
    with transaction.atomic():
        answer = gate.ask_to_act(
            agent_id=execution.agent_id,
            action_type=step.action_type,
            params=step.params,
            run=execution.run,
            step=row.step,
            by_system=True,
        )
        if answer.route.within(Route(execution.cleared_route)):
            return ""
        gate.record(
            answer, agent=execution.agent, by=work.by, run=execution.run, execution=execution
        )
    reasons = "; ".join(answer.verdict.reasons)
    sent = "It had been sent before" if row.state == StepState.SENT else "Nothing was sent"
    return f"The gate now answers {answer.route.value}: {reasons}. {sent}."


def _run_local(work: Work, row: ExecutionStep, step: plans.Step) -> None:
    """Exactly once: the effect and its record are one transaction."""
    with transaction.atomic():
        claims.hold(work.execution, lease=work.lease)
        try:
            with transaction.atomic():
                outcome = Outcome(StepState.DONE, _call(work.execution, row, step))
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  whatever a handler raises is its failure, and rolled back
            outcome = Outcome(StepState.FAILED, error=_explain(row, error))
        failpoints.reach("handled")
        record(row, outcome, by=work.by)


def _run_remote(work: Work, row: ExecutionStep, step: plans.Step) -> None:
    """1. Commit that it is sent. 2. Send, outside any transaction. 3. Commit what came back.

    A death between 1 and 3 leaves `sent`: a keyed step is sent again under the same key,
    an unkeyed one becomes in doubt.
    """
    resending = row.state == StepState.SENT
    if not resending:
        with transaction.atomic():
            claims.hold(work.execution, lease=work.lease)
            lifecycle.move(row, to=StepState.SENT, by=work.by, fields={"sent_at": timezone.now()})
    failpoints.reach("sent")
    claims.hold(work.execution, lease=work.lease)  # stopped for a while, we may have lost it
    if resending and row.effect != Effect.KEYED:
        outcome = Outcome(StepState.IN_DOUBT, error="It was sent before, and never reported.")
    else:
        with Heartbeat(work.execution, lease=work.lease):
            outcome = _call_remote(work.execution, row, step)
    failpoints.reach("handled")
    with transaction.atomic():
        claims.hold(work.execution, lease=work.lease)
        record(row, outcome, by=work.by)


def _call_remote(execution: Execution, row: ExecutionStep, step: plans.Step) -> Outcome:
    try:
        return Outcome(StepState.DONE, _call(execution, row, step))
    except ActionFailed as error:
        return Outcome(StepState.FAILED, error=_explain(row, error))
    except Exception as error:  # noqa: BLE001  an unknown failure after sending may have taken effect: doubt
        return Outcome(StepState.IN_DOUBT, error=_explain(row, error))


def _call(execution: Execution, row: ExecutionStep, step: plans.Step) -> dict[str, Json]:
    context = StepContext(
        workspace_id=execution.workspace_id,
        agent_id=execution.agent_id,
        run_id=execution.run_id,
        execution_id=execution.id,
        step_id=row.id,
        idempotency_key=row.idempotency_key,
    )
    output = registry.find(step.action_type).handler(context, step.params)
    check_output(output)
    return output


def check_output(output: Json) -> None:
    """Raise InvalidInput unless `output` is a JSON object of at most 256,000 bytes."""
    if not isinstance(output, dict):
        raise InvalidInput("The output must be a JSON object.")
    require_storable(output, what="output", max_bytes=MAX_OUTPUT_BYTES)


def record(row: ExecutionStep, outcome: Outcome, *, by: Actor) -> None:
    """Move a step to its outcome. Needs the caller's transaction and hold on the execution."""
    ended = outcome.state is not StepState.IN_DOUBT
    lifecycle.move(
        row,
        to=outcome.state,
        by=by,
        fields={
            "finished_at": timezone.now() if ended else None,
            "output": "" if outcome.output is None else canonical_text(outcome.output),
            "error": outcome.error,
        },
        data={"error": outcome.error} if outcome.error else None,
    )


def finish(work: Work, steps: list[ExecutionStep]) -> None:
    """Move the execution to the state its steps decide; run `on_finish` in that transaction."""
    state, error = _decide(steps)
    _end(work, steps, state=state, error=error)


def give_up(work: Work, error: str) -> None:
    """Fail an execution that cannot be carried out; in doubt where something was sent already.

    Raises LeaseLost.
    """
    steps = list(work.execution.steps.order_by("position"))
    unsure = any(row.state in {StepState.SENT, StepState.IN_DOUBT} for row in steps)
    state = ExecutionState.IN_DOUBT if unsure else ExecutionState.FAILED
    _end(work, steps, state=state, error=error)


def _end(work: Work, steps: list[ExecutionStep], *, state: ExecutionState, error: str) -> None:
    execution, ended = work.execution, state is not ExecutionState.IN_DOUBT
    with transaction.atomic():
        claims.hold(execution, lease=work.lease)
        claims.settle_steps(steps, by=work.by, error=error)
        lifecycle.move(
            execution,
            to=state,
            by=work.by,
            fields={
                "lease_expires_at": None,
                "finished_at": timezone.now() if ended else None,
                "error": error,
            },
            where={"fencing_token": execution.fencing_token},
            data={"error": error} if error else None,
        )
        work.on_finish(execution, work.by)


def _decide(steps: list[ExecutionStep]) -> tuple[ExecutionState, str]:
    """Done only when every step is done; in doubt when any is; failed otherwise."""
    for bad in (StepState.IN_DOUBT, StepState.FAILED):
        for row in steps:
            if row.state == bad:
                return ExecutionState(bad.value), f"step {row.step}: {row.error}"
    if all(row.state == StepState.DONE for row in steps):
        return ExecutionState.DONE, ""
    return ExecutionState.FAILED, "A step did not run."


def _explain(row: ExecutionStep, error: Exception) -> str:
    log.warning("Step %s of execution %s: %r", row.step, row.execution_id, error)
    if isinstance(error, ActionFailed | GovernanceError):
        return _storable(str(error)) or type(error).__name__
    # The text of an unforeseen error may hold anything, secrets included: only its kind is kept.
    return f"The handler of {row.action_type} raised {type(error).__name__}; see the worker's log."


def _storable(text: str) -> str:
    """A far side may answer anything: what no database keeps is replaced, the rest is bounded."""
    kept = text[:MAX_ERROR].replace("\x00", "\ufffd")
    return kept.encode("utf-8", "replace").decode()
