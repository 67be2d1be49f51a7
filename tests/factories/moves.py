"""Rows in later states, moved there by the services that move them in earnest.

Each takes a row in an earlier state and returns it, read again.
"""

from __future__ import annotations

import datetime
from typing import Any, TypeVar

import time_machine
from django.conf import settings
from django.utils import timezone

from governance.domain.actors import Actor, system
from governance.domain.roles import Role
from governance.domain.states import ExecutionState, ProposalState, RunState
from governance.domain.words import Mode
from governance.models import (
    Agent,
    Ceiling,
    Execution,
    Grant,
    PolicyVersion,
    Proposal,
    Run,
    Workspace,
)
from governance.services import (
    agents,
    executions,
    grants,
    policies,
    proposals,
    reviews,
    runs,
    workspaces,
)
from tests.factories.people import BY_SYSTEM, member_of

WHY = "for a test"
WORKER = system("worker")
Row = TypeVar("Row")


def _again(row: Row) -> Row:
    return type(row)._default_manager.get(pk=row.pk)  # type: ignore[attr-defined]


def halted(workspace: Workspace, *, by: Actor = BY_SYSTEM) -> Workspace:
    workspaces.halt(workspace=workspace, reason=WHY, by=by)
    return _again(workspace)


def paused(agent: Agent, *, by: Actor = BY_SYSTEM) -> Agent:
    agents.pause(agent=agent, reason=WHY, by=by)
    return _again(agent)


def resumed(row: Agent | Workspace, *, by: Actor = BY_SYSTEM) -> Any:
    if isinstance(row, Agent):
        agents.resume(agent=row, reason=WHY, by=by)
    else:
        workspaces.resume(workspace=row, reason=WHY, by=by)
    return _again(row)


def retired(agent: Agent, *, by: Actor = BY_SYSTEM) -> Agent:
    agents.retire(agent=agent, reason=WHY, by=by)
    return _again(agent)


def published(version: PolicyVersion, *, by: Actor = BY_SYSTEM) -> PolicyVersion:
    newest = PolicyVersion.objects.newest(version.workspace_id)
    policies.publish(version=version, replaces=newest.number if newest else None, by=by)
    return _again(version)


def discarded(version: PolicyVersion, *, by: Actor = BY_SYSTEM) -> PolicyVersion:
    policies.discard(version=version, by=by)
    return _again(version)


def revoked(grant: Grant, *, by: Actor = BY_SYSTEM) -> Grant:
    grants.revoke(grant=grant, reason=WHY, by=by)
    return _again(grant)


def lifted(ceiling: Ceiling, *, by: Actor = BY_SYSTEM) -> Ceiling:
    grants.lift_ceiling(agent=ceiling.agent, reason=WHY, by=by)
    return _again(ceiling)


def finished(run: Run, *, outcome: str = RunState.SUCCEEDED) -> Run:
    runs.finish(run=run, outcome=outcome, by=run.agent.actor)
    return _again(run)


def abandoned(run: Run) -> Run:
    return finished(run, outcome=RunState.ABANDONED)


def approved(
    proposal: Proposal, *, by: Actor | None = None, comment: str = "", edited_plan: Any = None
) -> Proposal:
    """By a reviewer of the workspace, unless somebody else is named."""
    reviews.approve(
        proposal=proposal,
        digest=proposal.digest,
        comment=comment,
        edited_plan=edited_plan,
        by=by or member_of(proposal.workspace, Role.REVIEWER),
    )
    return _again(proposal)


def rejected(proposal: Proposal, *, by: Actor | None = None, reason: str = WHY) -> Proposal:
    reviews.reject(
        proposal=proposal,
        digest=proposal.digest,
        reason=reason,
        by=by or member_of(proposal.workspace, Role.REVIEWER),
    )
    return _again(proposal)


def cancelled(proposal: Proposal, *, by: Actor | None = None) -> Proposal:
    """By its own agent, unless somebody else is named."""
    proposals.cancel(proposal=proposal, reason=WHY, by=by or proposal.agent.actor)
    return _again(proposal)


def expired(proposal: Proposal) -> Proposal:
    """Nobody decided in time: the sweeper looks a second after it ran out."""
    with time_machine.travel(proposal.expires_at + datetime.timedelta(seconds=1), tick=False):
        proposals.expire_overdue(by=BY_SYSTEM)
    return _again(proposal)


def claimed(execution: Execution) -> Execution:
    """In agent mode: its agent holds it, and the step is sent."""
    executions.claim(execution=execution, digest=execution.digest, by=execution.agent.actor)
    return _again(execution)


def executed(proposal: Proposal, *, output: dict[str, Any] | None = None) -> Proposal:
    """Approved where it still waits, and carried out: by its agent, or by a worker."""
    return _carried_out(proposal, "done", output=output)


def failed(proposal: Proposal, *, error: str = "It did not work.") -> Proposal:
    """As `executed`, in agent mode, but its agent reports a failure."""
    return _carried_out(proposal, "failed", error=error)


def in_doubt(proposal: Proposal) -> Proposal:
    """Claimed by its agent, which never reported: the sweeper comes after the lease."""
    execution = claimed(_approved_execution(proposal))
    later = timezone.now() + datetime.timedelta(seconds=settings.GOVERNANCE_AGENT_LEASE_SECONDS + 1)
    with time_machine.travel(later, tick=False):
        executions.sweep(by=WORKER)
    return _in_state(_again(execution.proposal), ProposalState.IN_DOUBT)


def run_worker() -> list[Execution]:
    """Carry out everything that is ready for workers; returns it in order."""
    found = []
    while (execution := executions.run_next(by=WORKER)) is not None:
        found.append(execution)
    return found


def run_worker_to_the_end() -> list[datetime.timedelta]:
    """As `run_worker`, and again whenever something is due to be tried again.

    Returns how long each of these waits was, to the microsecond: the clock stands still meanwhile.
    """
    waits = []
    with time_machine.travel(timezone.now(), tick=False) as clock:
        run_worker()
        while due := _next_due():
            waits.append(due - timezone.now())
            clock.move_to(due)
            run_worker()
    return waits


def _next_due() -> datetime.datetime | None:
    ready = Execution.objects.filter(state=ExecutionState.READY, not_before__gt=timezone.now())
    return ready.order_by("not_before").values_list("not_before", flat=True).first()


def _approved_execution(proposal: Proposal) -> Execution:
    if proposal.state == ProposalState.PROPOSED:
        proposal = approved(proposal)
    return proposal.execution


def _carried_out(proposal: Proposal, outcome: str, **said: Any) -> Proposal:
    execution = _approved_execution(proposal)
    if execution.mode == Mode.AGENT:
        actor = execution.agent.actor
        claim = executions.claim(execution=execution, digest=execution.digest, by=actor)
        executions.report(execution=execution, token=claim.token, outcome=outcome, by=actor, **said)
    else:
        run_worker()
    expected = {"done": ExecutionState.DONE, "failed": ExecutionState.FAILED}[outcome]
    _in_state(_again(execution), expected)
    return _again(proposal)


def _in_state(row: Any, state: str) -> Any:
    assert row.state == state, f"{row} is {row.state}, and a test asked for {state}"
    return row
