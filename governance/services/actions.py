"""Actions: an agent asks to act in its run, and the gate's answer is carried out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.conf import settings
from django.db import IntegrityError, transaction

from governance import gate
from governance.domain.actors import Actor, system
from governance.domain.states import ExecutionState, SupervisionState
from governance.domain.values import Json
from governance.domain.words import Mode, Route
from governance.models import Agent, Decision, Execution, Proposal, Run, SupervisionSession
from governance.policy import plans
from governance.policy.plans import Plan
from governance.services import clearing, executions, proposals, supervision, watching, workflows
from governance.services.clearing import Catalogue, Clearing
from governance.services.executions import Claim
from governance.services.proposals import Filing

GATE = system("gate")
NOBODY = "no supervisor is available; ask again, it goes on once somebody watches"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the agent is told.

    `claim`: act now, and report (route execution, agent mode). `execution`: a worker carries it
    out (route execution, handler mode). `proposal`: it waits for people. `held`: ask again later,
    the supervisor has paused the run or has yet to appear. None of them: nothing will happen, and
    `reasons` say why. `guidance`: what the supervisor wants the agent to know.
    """

    route: Route
    reasons: tuple[str, ...]
    decision: Decision | None
    execution: Execution | None = None
    claim: Claim | None = None
    proposal: Proposal | None = None
    held: bool = False
    guidance: str = ""


def request(
    *,
    run: Run,
    action_type: str,
    params: dict[str, Json],
    by: Actor,
    reasoning: str = "",
    title: str = "",
    idempotency_key: str | None = None,
) -> Answer:
    """Ask the gate about one action and do what it answers, in one transaction.

    Whatever the gate cannot accept (an unknown action type, params its schema refuses, a paused
    agent) is an answer with the route `denied`, and kept. The same idempotency key with the same
    body gets the answer it got before, and nothing is cleared twice.

    Raises InvalidInput for what is no plan at all, StaleState when the run is not running,
    NotAllowed, IdempotencyConflict.
    """
    asked = plans.single(action_type, params)
    filing = Filing(asked, title, reasoning, idempotency_key=idempotency_key)
    filing.check()
    proposals.require_agent(run.agent, run=run, by=by)
    with transaction.atomic():
        agent = Agent.objects.select_related("workspace").get(pk=run.agent_id)
        before = _answered_before(filing, agent=agent, run=run)
        if before is not None:
            return before
        session = watching.standing(run)
        proposals.require_running(run)  # only now: whoever ends a watched run has its session
        wish = watching.Wish(action_type, params, reasoning)
        if session is not None and session.state == SupervisionState.PAUSED:
            watching.hold_back(session, wish=wish)
            return Answer(Route.SUPERVISION, (watching.PAUSED,), None, held=True)
        plan, origins = proposals.written_out(filing, agent=agent)
        cleared = clearing.clear(plan, agent=agent, run=run)
        if cleared.route is Route.SUPERVISION and session is None:
            session = supervision.assign(run=run, by=GATE)
        if cleared.route is Route.PROPOSAL:
            answer = _waiting(
                proposals.file(
                    filing,
                    plan=plan,
                    origins=origins,
                    catalogue=clearing.look_up(plan, agent=agent),
                    cleared=cleared,
                    agent=agent,
                    run=run,
                    by=by,
                )
            )
        else:
            answer = _settle(filing, plan, cleared, session, agent=agent, run=run, by=by)
        if answer.decision is None:
            return answer
        guidance = watching.asked(
            session=session, decision=answer.decision, wish=wish, led_to=_led_to(answer)
        )
    return replace(answer, guidance=guidance)


def _led_to(answer: Answer) -> dict[str, Json]:
    """What became of it, for those who watch."""
    rows = {"proposal": answer.proposal, "execution": answer.execution}
    return {name: str(row.pk) for name, row in rows.items() if row is not None}


def _settle(
    filing: Filing,
    plan: Plan,
    cleared: Clearing,
    session: SupervisionSession | None,
    *,
    agent: Agent,
    run: Run,
    by: Actor,
) -> Answer:
    """Do what needs no proposal. Under a running session, what needs supervision has it."""
    supervised = cleared.route is Route.SUPERVISION and session is not None
    if cleared.route is Route.EXECUTION or supervised:
        return _execute(filing, plan, cleared, agent=agent, run=run, by=by)
    decision = clearing.record(cleared, agent=agent, by=by, run=run)
    reasons = cleared.deciding.verdict.reasons
    if cleared.route is Route.SUPERVISION:
        return Answer(cleared.route, (*reasons, NOBODY), decision, held=True)
    return Answer(cleared.route, reasons, decision)


def ask(
    *, agent: Agent, action_type: str, params: dict[str, Json], by: Actor, keep: bool = True
) -> gate.Answer:
    """What would the gate answer? Records the decision when `keep`, and carries nothing out.

    Raises NotFound for an unknown action type and InvalidInput for params its schema refuses:
    a person who mistypes has asked nothing yet.
    """
    steps = plans.single(action_type, params)
    plan = plans.parse(workflows.expanded(steps, workspace=agent.workspace).plan)
    with transaction.atomic():
        clearing.look_up(plan, agent=agent)
        answer = clearing.clear(plan, agent=agent, run=None).deciding
        if keep:
            gate.record(answer, agent=agent, by=by)
    return answer


def _waiting(proposal: Proposal) -> Answer:
    decision = proposal.decisions.order_by("created_at", "id").first()
    reasons = tuple(decision.reasons) if decision else ()
    return Answer(Route(proposal.route), reasons, decision, proposal=proposal)


def _answered_before(filing: Filing, *, agent: Agent, run: Run) -> Answer | None:
    """What this idempotency key led to before, with the guidance that went with it.

    Whoever asks again may never have had the answer. Raises IdempotencyConflict.
    """
    found = proposals.earlier(filing, agent=agent, run=run)
    if found is not None:
        return replace(_waiting(found), guidance=watching.guidance_with(found.decisions.all()))
    before = _cleared_before(filing, agent=agent, run=run)
    if before is None or before.execution is None:
        return before
    decisions = before.execution.decisions.all()
    return replace(before, guidance=watching.guidance_with(decisions))


def _cleared_before(filing: Filing, *, agent: Agent, run: Run) -> Answer | None:
    """The answer this idempotency key got before. Raises IdempotencyConflict."""
    if filing.idempotency_key is None:
        return None
    execution = Execution.objects.under_key(
        agent_id=agent.id, idempotency_key=filing.idempotency_key
    )
    if execution is None:
        return None
    proposals.require_same_body(execution.body_digest, filing, run=run)
    decision = execution.decisions.order_by("created_at", "id").first()
    held = execution.mode == Mode.AGENT and execution.state == ExecutionState.CLAIMED
    return Answer(
        Route(execution.cleared_route),
        tuple(decision.reasons) if decision else (),
        decision,
        execution=execution,
        claim=Claim(execution, plans.parse_text(execution.plan)) if held else None,
    )


def _execute(
    filing: Filing, plan: Plan, cleared: Clearing, *, agent: Agent, run: Run, by: Actor
) -> Answer:
    """Open the execution; in agent mode, claim it for the agent at once."""
    catalogue = clearing.look_up(plan, agent=agent)
    try:
        with transaction.atomic():
            execution = _open(filing, plan, cleared, catalogue, agent=agent, run=run, by=by)
    except IntegrityError:  # another process was faster under the same idempotency key
        before = _cleared_before(filing, agent=agent, run=run)
        if before is None:
            raise
        return before
    decision = clearing.record(cleared, agent=agent, by=by, run=run, execution=execution)
    claim = None
    if catalogue.mode is Mode.AGENT and settings.GOVERNANCE_EXECUTION_ENABLED:
        claim = executions.claim_at_once(execution=execution, by=by)
    reasons = cleared.deciding.verdict.reasons
    return Answer(cleared.route, reasons, decision, execution=execution, claim=claim)


def _open(
    filing: Filing,
    plan: Plan,
    cleared: Clearing,
    catalogue: Catalogue,
    *,
    agent: Agent,
    run: Run,
    by: Actor,
) -> Execution:
    policy_number = cleared.policy.number or 0
    return executions.open_for(
        plan,
        catalogue=catalogue,
        agent=agent,
        run=run,
        proposal=None,
        digest=proposals.seal(plan, agent=agent, policy_number=policy_number),
        cleared_route=cleared.route,
        by=by,
        idempotency_key=filing.idempotency_key,
        body_digest=filing.body_digest(run),
    )
