"""Executions: open, claim, report, run, sweep; and what finishing one means to its proposal."""

from __future__ import annotations

import datetime
import logging
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from governance import lifecycle
from governance.domain.actors import Actor, ActorKind
from governance.domain.errors import (
    ExecutionDisabled,
    GateRefused,
    InvalidInput,
    LeaseLost,
    NotAllowed,
    PlanChanged,
    StaleState,
)
from governance.domain.roles import Right
from governance.domain.states import (
    ExecutionState,
    ProposalState,
    RunState,
    StepState,
    WorkspaceState,
)
from governance.domain.values import Json, require_text
from governance.domain.words import Effect, Mode, Route
from governance.execution import claims, delivery, engine, steps
from governance.execution.steps import Outcome, Work
from governance.models import Agent, Execution, ExecutionStep, LedgerEntry, Proposal, Run
from governance.policy import plans
from governance.policy.plans import Plan
from governance.policy.redaction import clean_text
from governance.services import clearing, memberships, outcomes, runs, watching
from governance.services.clearing import Catalogue

log = logging.getLogger(__name__)

MAX_ERROR = 2_000


@dataclass(frozen=True, slots=True)
class Claim:
    """An agent's single-use permission: act exactly as `plan` says, then report with `token`."""

    execution: Execution
    plan: Plan

    @property
    def token(self) -> int:
        """The fencing token that a report must name."""
        return self.execution.fencing_token


def open_for(
    plan: Plan,
    *,
    catalogue: Catalogue,
    agent: Agent,
    run: Run | None,
    proposal: Proposal | None,
    digest: str,
    cleared_route: Route,
    by: Actor,
    idempotency_key: str | None = None,
    body_digest: str = "",
) -> Execution:
    """Write the execution of a cleared plan and its steps, ready. Needs a transaction.

    Raises IntegrityError when the agent used the idempotency key before.
    """
    execution = Execution(
        workspace_id=agent.workspace_id,
        agent=agent,
        run=run,
        proposal=proposal,
        mode=catalogue.mode,
        cleared_route=cleared_route,
        plan=plan.text,
        digest=digest,
        idempotency_key=idempotency_key,
        body_digest=body_digest,
    )
    if catalogue.mode is Mode.HANDLER:
        execution.deliver_at = delivery.deliver(execution.pk)
    lifecycle.begin(execution, by=by, data={"digest": digest, "steps": len(plan.steps)})
    ExecutionStep.objects.bulk_create(
        ExecutionStep(
            workspace_id=agent.workspace_id,
            execution=execution,
            position=position,
            step=step.id,
            action_type=step.action_type,
            effect=found.effect,
            max_attempts=1 if found.effect == Effect.UNKEYED else found.max_attempts,
            timeout_seconds=found.timeout_seconds,
            idempotency_key=f"{execution.id}:{step.id}",
            state=ExecutionStep.LIFECYCLE.initial,
        )
        for position, (step, found) in enumerate(zip(plan.steps, catalogue.types, strict=True))
    )
    return execution


def claim(*, execution: Execution, digest: str, by: Actor) -> Claim:
    """The agent takes what was cleared for it, once, naming the digest it means to carry out.

    Raises PlanChanged (another digest), StaleState (claimed or ended already), GateRefused (the
    gate no longer covers it; the execution has failed), ExecutionDisabled, NotAllowed.
    """
    _require_enabled()
    with transaction.atomic():
        row = Execution.objects.locked(execution.pk)
        _require_own(row, by=by)
        if row.workspace.state != WorkspaceState.ACTIVE:
            raise StaleState("The workspace is halted; what was cleared waits until it resumes.")
        if row.digest != digest:
            raise PlanChanged(
                "The digest is not that of the approved plan, which may have been edited: read "
                "the proposal again and claim with its digest."
            )
        watching.require_free(row.run)
        if row.proposal is not None and row.proposal.fingerprint != row.agent.fingerprint:
            raise PlanChanged(
                "The agent's model, prompt or tools changed after this was approved; cancel it, "
                "and propose it again."
            )
        claims.claim(execution=row, by=by, lease=_agent_lease())
        refusal = _clear_and_send(row, by=by)
    if refusal:
        raise GateRefused(refusal)
    return Claim(row, plans.parse_text(row.plan))


def claim_at_once(*, execution: Execution, by: Actor) -> Claim:
    """The claim of an execution that the gate cleared in this very transaction."""
    claims.claim(execution=execution, by=by, lease=_agent_lease())
    _send(list(execution.steps.order_by("position")), by=by)
    return Claim(execution, plans.parse_text(execution.plan))


def report(
    *,
    execution: Execution,
    token: int,
    outcome: str,
    by: Actor,
    output: dict[str, Json] | None = None,
    error: str = "",
) -> Execution:
    """The agent says how it went: `done` with an output, or `failed` with an error.

    Raises LeaseLost when the lease has ended or another token is in force (the execution is,
    or will be, in doubt: a person settles it), InvalidInput, NotAllowed.
    """
    state = _reported(outcome, output=output, error=error)
    with transaction.atomic():
        row = Execution.objects.locked(execution.pk)
        _require_own(row, by=by)
        held = row.state == ExecutionState.CLAIMED and row.fencing_token == token
        if not held or row.lease_expires_at is None or row.lease_expires_at <= timezone.now():
            raise LeaseLost(
                "The lease has ended or was never held under this token; the outcome was not "
                "recorded, and a person will have to say what happened."
            )
        work = _work(row, by=by, lease=_agent_lease())
        rows = list(row.steps.order_by("position"))
        for step in rows:
            steps.record(step, Outcome(state, output, error), by=by)
            watching.on_step(step)
        engine.finish(work, rows)
    return row


def run(*, execution_id: uuid.UUID, by: Actor) -> Execution | None:
    """Claim this execution and carry it out; None when it is not ready, which is normal.

    It may have been delivered twice, cancelled, put off for a retry, or halted with its workspace.
    Raises LeaseLost when another worker took it over.
    """
    if not settings.GOVERNANCE_EXECUTION_ENABLED:
        return None
    return _carry_out(claims.claim_ready(execution_id, by=by, lease=_lease()), by=by)


def run_next(*, by: Actor) -> Execution | None:
    """Claim the oldest ready execution and carry it out; None when there was nothing to do.

    With GOVERNANCE_EXECUTION_ENABLED false there is never anything to do: it all waits. Raises
    LeaseLost when another worker took it over.
    """
    if not settings.GOVERNANCE_EXECUTION_ENABLED:
        return None
    return _carry_out(claims.claim_next(by=by, lease=_lease()), by=by)


def redeliver() -> int:
    """Ask the engine again to run what is ready and due and nobody picked up; returns how many."""
    return delivery.redeliver() if settings.GOVERNANCE_EXECUTION_ENABLED else 0


def _carry_out(execution: Execution | None, *, by: Actor) -> Execution | None:
    """Carry it out; what cannot be carried out at all fails, and does not stop the worker."""
    if execution is None:
        return None
    work = _work(execution, by=by, lease=_lease())
    try:
        engine.carry_out(work)
    except (LeaseLost, DatabaseError):
        raise  # another worker has it, or will have it when the lease runs out
    except Exception as error:
        log.exception("Execution %s cannot be carried out", execution.pk)
        engine.give_up(work, f"It cannot be carried out: {type(error).__name__}; see the log.")
    return execution


def sweep(*, by: Actor) -> dict[str, int]:
    """Settle what dead workers and silent agents left; counts by the state it went to."""
    return claims.sweep(by=by, on_finish=settle)


def reconcile(*, execution: Execution, outcome: str, note: str, by: Actor) -> Execution:
    """A person who looked says what became of an execution in doubt: `done` or `failed`.

    The steps in doubt become what was found. An execution is done only when every step is, so
    one whose later steps were not run is failed whatever was found. Raises StaleState when it
    is not in doubt, saying who settled it before; InvalidInput, NotAllowed.
    """
    if outcome not in {StepState.DONE, StepState.FAILED}:
        raise InvalidInput(f"The outcome must be done or failed, not {outcome!r}.")
    require_text(note, what="note", max_length=MAX_ERROR, required=True)
    with transaction.atomic():
        memberships.require_person(by=by, workspace_id=execution.workspace_id, right=Right.DECIDE)
        row = Execution.objects.locked(execution.pk)
        if row.state != ExecutionState.IN_DOUBT:
            what = f"The execution is {row.state}; only one in doubt can be reconciled."
            raise StaleState(f"{what} {finding(row)}".rstrip())
        found = f"{by.label} found: {clean_text(note)}"
        for step in row.steps.filter(state=StepState.IN_DOUBT):
            steps.record(step, Outcome(StepState(outcome), error=found), by=by)
        engine.reconcile(row, by=by, found=found, on_finish=settle)
    return row


def finding(execution: Execution) -> str:
    """What was found by the person who settled its doubt; empty where nobody had to."""
    ends = {f"execution.{state}" for state in (ExecutionState.DONE, ExecutionState.FAILED)}
    entry = LedgerEntry.objects.about(execution.pk).filter(kind__in=ends).last()
    return str(entry.data["data"].get("note", "")) if entry else ""


def cancel(*, execution: Execution, reason: str, by: Actor) -> None:
    """Cancel what no worker or agent has in hand. Needs the caller's transaction.

    Steps that were carried out stay so; the others are recorded as not run. Raises StaleState for
    what was sent: it may have taken effect, and cannot be taken back.
    """
    obstacle = uncancellable(execution)
    if obstacle:
        raise StaleState(f"{obstacle} Its page shows what becomes of it.")
    rows = list(execution.steps.order_by("position"))
    lifecycle.move(
        execution,
        to=ExecutionState.CANCELLED,
        by=by,
        fields={"finished_at": timezone.now(), "waiting_for": None},
        data={
            "reason": reason,
            "done": [row.step for row in rows if row.state == StepState.DONE],
        },
    )
    claims.settle_steps(rows, by=by, error=reason)


def uncancellable(execution: Execution) -> str:
    """Why the execution, as it is now, cannot be cancelled; empty when it can."""
    sent = execution.steps.filter(state=StepState.SENT).order_by("position").first()
    if sent is None and execution.state == ExecutionState.READY:
        return ""
    what = "it may have been sent" if sent is None else f"step {sent.step} was sent"
    return (
        f"The execution is {execution.state.replace('_', ' ')}, and {what} already: what was sent "
        "cannot be cancelled."
    )


PROPOSAL_AFTER = {
    ExecutionState.DONE: ProposalState.EXECUTED,
    ExecutionState.FAILED: ProposalState.FAILED,
    ExecutionState.IN_DOUBT: ProposalState.IN_DOUBT,
}
"""The outcome decides the proposal's state."""


def settle(execution: Execution, by: Actor) -> None:
    """What must happen in the transaction that finishes an execution."""
    watching.settled(execution)
    if execution.proposal_id is not None:
        _settle_proposal(execution.proposal_id, execution, by=by)
    outcomes.execution_ended(execution, by=by)


def _settle_proposal(proposal_id: uuid.UUID, execution: Execution, *, by: Actor) -> None:
    proposal = Proposal.objects.locked(proposal_id)
    to = PROPOSAL_AFTER[ExecutionState(execution.state)]
    if not proposal.LIFECYCLE.allows(proposal.state, to):
        log.error("Proposal %s is %s and cannot become %s", proposal.pk, proposal.state, to)
        return  # the execution's own outcome is what happened, and must be kept
    lifecycle.move(proposal, to=to, by=by, data={"execution": str(execution.id)})
    run = proposal.run
    if run is not None and run.state == RunState.QUEUED and to is ProposalState.FAILED:
        runs.abandon(run=run, by=by, note="The start that was approved failed.")


def _require_enabled() -> None:
    if not settings.GOVERNANCE_EXECUTION_ENABLED:
        raise ExecutionDisabled(
            "Execution is switched off (GOVERNANCE_EXECUTION_ENABLED); what was approved waits."
        )


def _work(execution: Execution, *, by: Actor, lease: datetime.timedelta) -> Work:
    return Work(execution, by, lease, settle, watching.before_step, watching.on_step)


def _lease() -> datetime.timedelta:
    return datetime.timedelta(seconds=settings.GOVERNANCE_LEASE_SECONDS)


def _require_own(execution: Execution, *, by: Actor) -> None:
    if by.kind is not ActorKind.AGENT or by.id != str(execution.agent_id):
        raise NotAllowed("Only the agent it was cleared for may claim or report an execution.")
    if execution.mode != Mode.AGENT:
        raise NotAllowed("A worker carries this execution out; the agent reads its outcome.")


def _clear_and_send(execution: Execution, *, by: Actor) -> str:
    """Re-ask the gate; mark the steps sent, or fail the execution and return why."""
    plan, rows = plans.parse_text(execution.plan), list(execution.steps.order_by("position"))
    now_cleared = clearing.clear(plan, agent=execution.agent, run=execution.run, by_system=True)
    if now_cleared.route.within(Route(execution.cleared_route)):
        _send(rows, by=by)
        return ""
    clearing.record(
        now_cleared, agent=execution.agent, by=by, run=execution.run, execution=execution
    )
    refusal = f"The gate now answers {now_cleared.sentence}. Nothing was sent."
    steps.record(rows[0], Outcome(StepState.FAILED, error=refusal), by=by)
    engine.finish(_work(execution, by=by, lease=_agent_lease()), rows)
    return refusal


def _send(rows: list[ExecutionStep], *, by: Actor) -> None:
    for step in rows:
        lifecycle.move(step, to=StepState.SENT, by=by, fields={"sent_at": timezone.now()})


def _reported(outcome: str, *, output: dict[str, Json] | None, error: str) -> StepState:
    require_text(error, what="error", max_length=MAX_ERROR, required=outcome == StepState.FAILED)
    if error and outcome == StepState.DONE:
        raise InvalidInput("What is done has no error; put remarks into the output.")
    if output is not None and outcome == StepState.FAILED:
        raise InvalidInput("What failed has no output; put what is known into the error.")
    if outcome == StepState.DONE:
        steps.check_output({} if output is None else output)
        return StepState.DONE
    if outcome == StepState.FAILED:
        return StepState.FAILED
    raise InvalidInput(f"The outcome must be done or failed, not {outcome!r}.")


def _agent_lease() -> datetime.timedelta:
    return datetime.timedelta(seconds=settings.GOVERNANCE_AGENT_LEASE_SECONDS)
