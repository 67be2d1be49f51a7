"""Proposals: file a plan, cancel it, let it expire. People's verdicts are in `reviews`."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from governance import lifecycle
from governance.domain.actors import Actor, ActorKind, system
from governance.domain.errors import (
    GateRefused,
    IdempotencyConflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    StaleState,
)
from governance.domain.roles import Right
from governance.domain.states import ProposalState, RunState
from governance.domain.values import Json, digest, require_storable, require_text
from governance.domain.words import ProposalKind, Route
from governance.gate import Answer
from governance.models import Agent, Execution, Proposal, Run
from governance.policy import plans
from governance.policy.plans import Plan
from governance.policy.redaction import clean_text
from governance.services import (
    action_types,
    clearing,
    executions,
    memberships,
    outcomes,
    runs,
    watching,
    workflows,
)
from governance.services.clearing import Catalogue, Clearing

START_ACTION = "run_start"
"""The system's own action type: lets a queued run begin."""

TRAINING_ACTION = "training_start"
"""The system's own action type: puts a training on the calendar."""

SYSTEM_ACTIONS = frozenset({START_ACTION, TRAINING_ACTION})

MAX_TITLE, MAX_REASONING, MAX_REASON = 200, 10_000, 2_000
"""Longest texts, in characters."""

CATALOGUE = system("catalogue")
"""Who puts those two there, in a workspace that was set up before there were any."""


_OUTCOMES = {
    ProposalState.PROPOSED: "waits for a decision",
    ProposalState.APPROVED: "is already approved{who}; nothing was changed",
    ProposalState.REJECTED: "is already rejected{who}; nothing was changed",
    ProposalState.CANCELLED: "has been cancelled; nothing was changed",
    ProposalState.EXPIRED: "has expired, for nobody decided in time; nothing was changed",
    ProposalState.EXECUTED: "was approved{who}, and has been carried out; nothing more was done",
    ProposalState.FAILED: (
        "was approved{who}, and carrying it out has failed: its execution says why; nothing more "
        "was done"
    ),
    ProposalState.IN_DOUBT: (
        "was approved{who}, and something was sent of which nobody knows yet whether it took "
        "effect; nothing more was done"
    ),
}


@dataclass(frozen=True, slots=True)
class Filing:
    """What an agent hands in. `reasoning` is its own claim, and shown as such.

    `asked` is the plan as it was asked for, with workflows named rather than written out.
    """

    asked: Json
    title: str = ""
    reasoning: str = ""
    kind: str = ProposalKind.ACTION
    idempotency_key: str | None = None

    def check(self) -> None:
        """Raise InvalidInput for what cannot be filed."""
        if self.kind not in ProposalKind.values:
            raise InvalidInput(f"There is no proposal kind {self.kind!r}.")
        require_storable(self.asked, what="plan", max_bytes=plans.MAX_BYTES)
        require_text(self.title, what="title", max_length=MAX_TITLE)
        require_text(self.reasoning, what="reasoning", max_length=MAX_REASONING)
        if self.idempotency_key is not None:
            require_text(
                self.idempotency_key, what="idempotency key", max_length=200, required=True
            )

    def body_digest(self, run: Run | None) -> str:
        """What must be the same for the same idempotency key: what was asked, as it was asked."""
        return digest(
            {
                "plan": self.asked,
                "title": self.title,
                "reasoning": self.reasoning,
                "kind": str(self.kind),
                "run": str(run.id) if run else None,
            }
        )


def propose(
    *,
    agent: Agent,
    plan: Json,
    by: Actor,
    run: Run | None = None,
    title: str = "",
    reasoning: str = "",
    kind: str = ProposalKind.ACTION,
    idempotency_key: str | None = None,
) -> Proposal:
    """File a plan for people to decide, whether or not the gate would let it run unasked.

    The same idempotency key with the same body returns the proposal it made before, even where a
    workflow it names has a newer version by now; with another body it raises
    IdempotencyConflict. Raises InvalidInput and NotFound (nothing is written), NotAllowed,
    RunHeld while a supervisor holds the run, StaleState (it is not running), and GateRefused when
    the gate answers training or denied (the decisions are kept).
    """
    filing = Filing(plan, title, reasoning, kind, idempotency_key)
    filing.check()
    require_agent(agent, run=run, by=by)
    with transaction.atomic():
        agent = Agent.objects.select_related("workspace").get(pk=agent.pk)  # as it is now
        found = earlier(filing, agent=agent, run=run)
        if found is not None:
            return found
        parsed, origins = written_out(filing, agent=agent)
        watching.require_unpaused(run)
        require_running(run)  # only now: whoever ends a watched run has its session
        catalogue = clearing.look_up(parsed, agent=agent)
        cleared = clearing.clear(parsed, agent=agent, run=run)
        if cleared.route.within(Route.PROPOSAL):
            filed = file(
                filing,
                plan=parsed,
                origins=origins,
                catalogue=catalogue,
                cleared=cleared,
                agent=agent,
                run=run,
                by=by,
            )
            watching.note(run_id=filed.run_id, kind="proposed", data=_told(filed))
            return filed
        clearing.record(cleared, agent=agent, by=by, run=run)
    raise GateRefused(f"The gate answers {cleared.sentence}.")


def propose_start(*, run: Run, answer: Answer, by: Actor) -> Proposal:
    """File the proposal to let a queued run begin, as the gate's `answer` to its trigger wants.

    Needs the caller's transaction.
    """
    agent = run.agent
    plan = plans.parse(plans.single(START_ACTION, {"run": str(run.id)}))
    title = f"Start {agent.name}: {run.trigger.type}"[:200]
    catalogue = _own_catalogue(plan, agent=agent)
    return file(
        Filing(plan.as_json(), title=title),
        plan=plan,
        catalogue=catalogue,
        cleared=Clearing((answer,)),
        agent=agent,
        run=run,
        by=by,
    )


def propose_training(
    filing: Filing, *, plan: Plan, agent: Agent, answer: Answer, by: Actor
) -> Proposal:
    """File a training, because of the gate's `answer` to a trigger, which the caller keeps.

    Needs the caller's transaction.
    """
    return file(
        filing,
        plan=plan,
        catalogue=_own_catalogue(plan, agent=agent),
        cleared=Clearing((answer,)),
        agent=agent,
        run=None,
        by=by,
        keep=False,
    )


def written_out(filing: Filing, *, agent: Agent) -> tuple[Plan, tuple[dict[str, Json], ...]]:
    """The plan that was asked for, with its workflows written out, and which they were."""
    found = workflows.expanded(filing.asked, workspace=agent.workspace)
    return plans.parse(found.plan), found.origins


def file(
    filing: Filing,
    *,
    plan: Plan,
    catalogue: Catalogue,
    cleared: Clearing,
    agent: Agent,
    run: Run | None,
    by: Actor,
    origins: tuple[dict[str, Json], ...] = (),
    keep: bool = True,
) -> Proposal:
    """Write the proposal and, with `keep`, the decisions that sent it here.

    Needs the caller's transaction.

    When another process files under the same idempotency key at the same instant, its proposal
    is returned, or IdempotencyConflict raised.
    """
    now = timezone.now()
    proposal = Proposal(
        workspace_id=agent.workspace_id,
        agent=agent,
        run=run,
        kind=filing.kind,
        title=clean_text(filing.title)[:MAX_TITLE] or _title(plan, catalogue),
        reasoning=clean_text(filing.reasoning)[:MAX_REASONING],
        route=cleared.route,
        plan=plan.text,
        digest=seal(plan, agent=agent, policy_number=cleared.policy.number or 0),
        fingerprint=agent.fingerprint,
        policy=cleared.policy,
        required_approvals=catalogue.required_approvals,
        idempotency_key=filing.idempotency_key,
        body_digest=filing.body_digest(run),
        created_at=now,
        expires_at=now + catalogue.expires_after,
    )
    try:
        with transaction.atomic():
            lifecycle.begin(
                proposal,
                by=by,
                data={
                    "digest": proposal.digest,
                    "route": str(cleared.route),
                    "titled": bool(filing.title) and by.kind is ActorKind.AGENT,
                    "workflows": list(origins),
                },
            )
    except IntegrityError:
        found = earlier(filing, agent=agent, run=run)
        if found is None:
            raise
        return found
    if keep:
        clearing.record(cleared, agent=agent, by=by, run=run, proposal=proposal)
    return proposal


def earlier(filing: Filing, *, agent: Agent, run: Run | None) -> Proposal | None:
    """The proposal this idempotency key made before. Raises IdempotencyConflict."""
    if filing.idempotency_key is None:
        return None
    found = Proposal.objects.under_key(agent_id=agent.id, idempotency_key=filing.idempotency_key)
    if found is not None:
        require_same_body(found.body_digest, filing, run=run)
    return found


def require_same_body(body_digest: str, filing: Filing, *, run: Run | None) -> None:
    """Raise IdempotencyConflict unless this is the body the idempotency key was used for."""
    if body_digest != filing.body_digest(run):
        raise IdempotencyConflict(
            f"The idempotency key {filing.idempotency_key!r} was used for another proposal or "
            "action; send the same body again, or use a new key."
        )


def cancel(*, proposal: Proposal, reason: str, by: Actor) -> Proposal:
    """Take back what waits, or what is approved and not yet claimed; its agent or a person may.

    Its own training is not an agent's to take back: the system filed that.
    Raises StaleState for anything else: what was sent cannot be taken back. NotAllowed.
    """
    require_text(reason, what="reason", max_length=MAX_REASON, required=True)
    with transaction.atomic():
        if by.kind is ActorKind.AGENT:
            require_agent(proposal.agent, run=None, by=by)
            if plans.parse_text(proposal.plan).steps[0].action_type == TRAINING_ACTION:
                raise NotAllowed("The system filed this training; people decide about it.")
        else:
            memberships.require(by=by, workspace_id=proposal.workspace_id, right=Right.DECIDE)
        return withdraw(proposal=proposal, reason=reason, by=by)


def withdraw(*, proposal: Proposal, reason: str, by: Actor) -> Proposal:
    """`cancel`, by a caller that was allowed to. Raises StaleState. Needs a transaction."""
    # The execution is locked before its proposal, as its worker does.
    execution = Execution.objects.of_proposal(proposal.pk)
    if execution is not None:
        executions.cancel(execution=execution, reason=reason, by=by)
    row = Proposal.objects.locked(proposal.pk)
    if execution is None and row.state == ProposalState.APPROVED:
        raise StaleState(f"The proposal has just become {row.state}; read it again.")
    close(row, to=ProposalState.CANCELLED, reason=reason, by=by)
    if execution is not None:
        outcomes.execution_ended(execution, by=by)
    return row


def expire_overdue(*, by: Actor) -> int:
    """Expire every proposal that nobody decided in time; returns how many."""
    expired = 0
    for proposal in Proposal.objects.overdue(now=timezone.now()):
        try:
            with transaction.atomic():
                row = Proposal.objects.locked(proposal.pk)
                close(row, to=ProposalState.EXPIRED, reason="Nobody decided in time.", by=by)
        except StaleState:
            continue  # decided, or expired by another sweeper, in between
        expired += 1
    return expired


def close(
    proposal: Proposal,
    *,
    to: ProposalState,
    reason: str,
    by: Actor,
    decided_by: int | None = None,
) -> None:
    """End a proposal that will not be carried out, and the run that waited for it."""
    reason = clean_text(reason)[:MAX_REASON]
    fields: dict[str, object] = {"closing_reason": reason}
    if decided_by is not None:
        fields |= {"decided_at": timezone.now(), "decided_by_id": decided_by}
    lifecycle.move(proposal, to=to, by=by, fields=fields, data={"reason": reason})
    if proposal.run is not None and proposal.run.state == RunState.QUEUED:
        runs.abandon(run=proposal.run, by=by, note=f"The proposal to start it was {to}.")


def is_systems(plan: Plan) -> bool:
    """Whether the system itself filed the plan: to start a run, or to train an agent."""
    return len(plan.steps) == 1 and plan.steps[0].action_type in SYSTEM_ACTIONS


def outcome(proposal: Proposal) -> str:
    """What became of a proposal that waits no longer, for whoever comes too late to decide it."""
    who = f" {proposal.decider}" if proposal.decider else ""
    return f"This proposal {_OUTCOMES[ProposalState(proposal.state)].format(who=who)}."


def seal(plan: Plan, *, agent: Agent, policy_number: int) -> str:
    """The digest that binds reviews to this plan, agent, fingerprint and policy version."""
    return plans.seal(
        plan=plan,
        agent_id=str(agent.id),
        fingerprint=agent.fingerprint,
        policy_version=policy_number,
    )


def require_agent(agent: Agent, *, run: Run | None, by: Actor) -> None:
    """Raise NotAllowed unless `by` is this agent, and the run, if any, is its own."""
    if by.kind is not ActorKind.AGENT or by.id != str(agent.id):
        raise NotAllowed(f"Only the agent {agent.name} itself may do this, and {by} asked.")
    if run is not None and run.agent_id != agent.id:
        raise NotAllowed("The run belongs to another agent.")


def require_running(run: Run | None) -> None:
    """Raise StaleState unless the run, read again now, is running."""
    if run is not None and not Run.objects.filter(pk=run.pk, state=RunState.RUNNING).exists():
        raise StaleState("The run is not running; nothing can be asked in it.")


def _own_catalogue(plan: Plan, *, agent: Agent) -> Catalogue:
    """The catalogue of a plan that the system files, put right where its own type is missing."""
    try:
        return clearing.look_up(plan, agent=agent, by_system=True)
    except NotFound:
        action_types.install_own(workspace=agent.workspace, by=CATALOGUE)
        return clearing.look_up(plan, agent=agent, by_system=True)


def _told(proposal: Proposal) -> dict[str, Json]:
    """For those who watch the run."""
    return {"proposal": str(proposal.pk), "title": proposal.title}


def _title(plan: Plan, catalogue: Catalogue) -> str:
    titles = ", then ".join(found.title for found in catalogue.types)
    return titles if len(titles) <= 200 else f"{titles[:180]}... ({len(plan.steps)} steps)"  # noqa: PLR2004
