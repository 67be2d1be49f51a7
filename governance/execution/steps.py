"""Steps: resolve, clear, send and record one step of a claimed execution."""

from __future__ import annotations

import datetime
import json
import logging
from dataclasses import dataclass, replace
from functools import partial

from django.db import transaction
from django.utils import timezone

from governance import gate, lifecycle
from governance.domain.actors import Actor
from governance.domain.errors import GovernanceError, InvalidInput, LeaseLost, NotFound
from governance.domain.states import ExecutionState, StepState
from governance.domain.values import Json, canonical_text, require_storable
from governance.domain.words import Effect, Route
from governance.execution import claims, failpoints, registry
from governance.execution.claims import BeforeStep, OnFinish, OnStep
from governance.execution.deadline import DeadlineExceeded, deadline
from governance.execution.heartbeat import Heartbeat
from governance.execution.registry import (
    ActionFailed,
    ActionInDoubt,
    ActionNeverHappened,
    ActionWaits,
    StepContext,
)
from governance.models import Execution, ExecutionStep
from governance.policy import plans, references
from governance.policy.plans import Step
from governance.policy.redaction import clean, named_secrets, redact

log = logging.getLogger(__name__)

MAX_OUTPUT_BYTES = 256_000
MAX_ERROR = 2_000
LONGEST_BACKOFF = datetime.timedelta(minutes=5)
EARLIER = "It was sent before, and may have taken effect then. Now:"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended: `state` is done, skipped, failed or in_doubt.

    `again`: what failed may be tried again, for it had no effect or can have it only once.
    """

    state: StepState
    output: dict[str, Json] | None = None
    error: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """What every step of one execution needs. `lease`: how long a claim lasts unextended."""

    execution: Execution
    by: Actor
    lease: datetime.timedelta
    on_finish: OnFinish
    before_step: BeforeStep
    on_step: OnStep


def carry_out(work: Work, row: ExecutionStep, step: Step, outputs: references.Outputs) -> None:
    """Resolve what the step refers to, re-ask the gate, then run its handler as its effect demands.

    Leaves `row` in its new state; or, when it will be tried again, as it was, with the execution
    put back to `ready`. Raises LeaseLost.
    """
    if _held_back(work, row):
        return
    try:
        wanted = step.when is None or references.holds(step.when, outputs)
        params = references.resolve(step.params, outputs) if wanted else {}
        require_storable(params, what="resolved params", max_bytes=plans.MAX_BYTES)
    except InvalidInput as error:
        _stop(work, row, f"{error}.")
        return
    if not wanted:
        _settle(work, row, Outcome(StepState.SKIPPED, error=f"`{step.when}` was false."))
        return
    step = replace(step, params=params)
    refusal = _without_handler(step) or _refused_by_gate(work, row, step)
    failpoints.reach("cleared")
    if refusal:
        _stop(work, row, refusal)
    elif row.effect == Effect.LOCAL:
        _run_local(work, row, step)
    else:
        _run_remote(work, row, step)
    failpoints.reach("recorded")


def record(row: ExecutionStep, outcome: Outcome, *, by: Actor) -> None:
    """Move a step to its outcome. Needs the caller's transaction and hold on the execution."""
    ended = outcome.state is not StepState.IN_DOUBT
    error = _masked(row, outcome.error)
    output = _masked(row, outcome.output)
    lifecycle.move(
        row,
        to=outcome.state,
        by=by,
        fields={
            "finished_at": timezone.now() if ended else None,
            "output": "" if output is None else canonical_text(output),
            "error": error,
        },
        data={"error": error} if error else None,
    )


def check_output(output: Json) -> None:
    """Raise InvalidInput unless `output` is a JSON object of at most 256,000 bytes."""
    if not isinstance(output, dict):
        raise InvalidInput("The output must be a JSON object.")
    require_storable(output, what="output", max_bytes=MAX_OUTPUT_BYTES)


def _held_back(work: Work, row: ExecutionStep) -> bool:
    """Whether somebody keeps this step from being carried out, now or for good."""
    with transaction.atomic():
        claims.hold(work.execution, lease=work.lease)
        try:
            work.before_step(row)
        except ActionWaits as wait:
            _wait(work, row, wait)
        except ActionFailed as error:
            _stop(work, row, str(error))
        else:
            return False
    return True


def _without_handler(step: Step) -> str:
    try:
        registry.find(step.action_type)
    except NotFound as error:
        return str(error)
    return ""


def _refused_by_gate(work: Work, row: ExecutionStep, step: Step) -> str:
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
    return f"The gate now answers {answer.route.value}: {reasons}."


def _run_local(work: Work, row: ExecutionStep, step: Step) -> None:
    """Exactly once: the effect and its record are one transaction."""
    with transaction.atomic():
        claims.hold(work.execution, lease=work.lease)
        found = _call_local(work, row, step)
        if isinstance(found, ActionWaits):
            # Whatever it locked, the rollback let go of: the row may have changed since it looked.
            found.lock()
            found = _call_local(work, row, step)
        if isinstance(found, ActionWaits):
            _wait(work, row, found)
            return
        failpoints.reach("handled")
        _conclude(work, row, found)


def _call_local(work: Work, row: ExecutionStep, step: Step) -> Outcome | ActionWaits:
    """What the handler made of it; unless that is done, what it did is rolled back."""
    try:
        with transaction.atomic():
            return Outcome(StepState.DONE, _call(work.execution, row, step))
    except LeaseLost:
        raise
    except ActionWaits as error:
        return error
    except (ActionFailed, GovernanceError) as error:
        return Outcome(StepState.FAILED, error=_explain(row, error))
    except (Exception, DeadlineExceeded) as error:  # noqa: BLE001  whatever a handler raises is its failure, and rolled back
        return Outcome(StepState.FAILED, error=_explain(row, error), again=True)


def _run_remote(work: Work, row: ExecutionStep, step: Step) -> None:
    """1. Commit that it is sent. 2. Send, outside any transaction. 3. Commit what came back.

    A death between 1 and 3 leaves `sent`: a keyed step is sent again under the same key,
    an unkeyed one becomes in doubt.
    """
    resending = row.state == StepState.SENT
    if not resending:
        with transaction.atomic():
            claims.hold(work.execution, lease=work.lease)
            lifecycle.move(row, to=StepState.SENT, by=work.by, fields={"sent_at": timezone.now()})
            work.on_step(row)
    failpoints.reach("sent")
    claims.hold(work.execution, lease=work.lease)  # stopped for a while, we may have lost it
    if resending and row.effect != Effect.KEYED:
        outcome = Outcome(StepState.IN_DOUBT, error="It was sent before, and never reported.")
    else:
        extend = partial(claims.hold, work.execution, lease=work.lease)
        with Heartbeat(extend, seconds=work.lease.total_seconds() / 3):
            outcome = _call_remote(work.execution, row, step, resending=resending)
    failpoints.reach("handled")
    _settle(work, row, outcome)


def _call_remote(
    execution: Execution, row: ExecutionStep, step: Step, *, resending: bool
) -> Outcome:
    """A handler that knows that nothing took effect knows it of this attempt only."""
    try:
        return Outcome(StepState.DONE, _call(execution, row, step))
    except ActionFailed as error:
        if resending and not isinstance(error, ActionNeverHappened):
            return Outcome(StepState.IN_DOUBT, error=f"{EARLIER} {_explain(row, error)}")
        return Outcome(StepState.FAILED, error=_explain(row, error))
    except ActionInDoubt as error:
        return Outcome(StepState.IN_DOUBT, error=_explain(row, error))
    except (Exception, DeadlineExceeded) as error:  # noqa: BLE001  an unknown failure after sending may have taken effect
        keyed = row.effect == Effect.KEYED
        return Outcome(StepState.IN_DOUBT, error=_explain(row, error), again=keyed)


def _call(execution: Execution, row: ExecutionStep, step: Step) -> dict[str, Json]:
    context = StepContext(
        workspace_id=execution.workspace_id,
        agent_id=execution.agent_id,
        run_id=execution.run_id,
        execution_id=execution.id,
        step_id=row.id,
        idempotency_key=row.idempotency_key,
    )
    handler = registry.find(step.action_type).handler
    with deadline(row.timeout_seconds):
        output = handler(context, step.params)
    check_output(output)
    return output


def _stop(work: Work, row: ExecutionStep, why: str) -> None:
    """End a step that must not be sent; one that was sent before is in doubt."""
    if row.state == StepState.SENT:
        outcome = Outcome(StepState.IN_DOUBT, error=f"{why} It had been sent before.")
    else:
        outcome = Outcome(StepState.FAILED, error=f"{why} Nothing was sent.")
    _settle(work, row, outcome)


def _settle(work: Work, row: ExecutionStep, outcome: Outcome) -> None:
    with transaction.atomic():
        claims.hold(work.execution, lease=work.lease)
        _conclude(work, row, outcome)


def _conclude(work: Work, row: ExecutionStep, outcome: Outcome) -> None:
    """Record the outcome, or put the execution back to try again. Needs the hold."""
    attempts = row.attempts + 1
    again = outcome.again and attempts < row.max_attempts
    ExecutionStep.objects.filter(pk=row.pk).update(attempts=attempts, error=outcome.error)
    row.attempts, row.error = attempts, outcome.error
    if again:
        _put_back(work, row)
    elif outcome.again:
        record(
            row,
            Outcome(StepState.FAILED, error=f"{outcome.error} Tried {attempts} times."),
            by=work.by,
        )
    else:
        record(row, outcome, by=work.by)
    if not again:
        work.on_step(row)


def _wait(work: Work, row: ExecutionStep, wait: ActionWaits) -> None:
    """Put the execution back until somebody has acted; waiting is no attempt."""
    lifecycle.move(
        work.execution,
        to=ExecutionState.READY,
        by=work.by,
        fields={
            "lease_expires_at": None,
            "not_before": wait.until,
            "deliver_at": wait.until,
            "waiting_for": wait.subject,
        },
        where={"fencing_token": work.execution.fencing_token},
        data={"why": f"step {row.step} waits: {_masked(row, str(wait))}"},
    )


def _put_back(work: Work, row: ExecutionStep) -> None:
    backoff = min(datetime.timedelta(seconds=2 ** (row.attempts - 1)), LONGEST_BACKOFF)
    due = timezone.now() + backoff
    lifecycle.move(
        work.execution,
        to=ExecutionState.READY,
        by=work.by,
        fields={"lease_expires_at": None, "not_before": due, "deliver_at": due},
        where={"fencing_token": work.execution.fencing_token},
        data={"why": f"step {row.step}, attempt {row.attempts}: {row.error}"},
    )


def _explain(row: ExecutionStep, error: BaseException) -> str:
    shown = _masked(row, repr(error))
    log.warning("Step %s of execution %s: %s", row.step, row.execution_id, shown)
    if isinstance(error, ActionFailed | ActionInDoubt | GovernanceError | DeadlineExceeded):
        return _storable(_masked(row, str(error))) or type(error).__name__
    # The text of an unforeseen error may hold anything, secrets included: only its kind is kept.
    return f"The handler of {row.action_type} raised {type(error).__name__}; see the worker's log."


def _masked(row: ExecutionStep, value: Json) -> Json:
    """Without what looks like a secret, and without what the plan names as one, whole or quoted."""
    secrets = named_secrets(json.loads(row.execution.plan))
    return clean(redact(value, secrets))


def _storable(text: str) -> str:
    """A far side may answer anything: what no database keeps is replaced, the rest is bounded."""
    kept = text[:MAX_ERROR].replace("\x00", "\ufffd")
    return kept.encode("utf-8", "replace").decode()
