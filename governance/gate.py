"""Ask the gate: read the agent and the policy now, ask the pure core, record the decision."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.utils import timezone

from governance import ledger
from governance.domain.actors import Actor
from governance.domain.errors import InvalidInput
from governance.domain.states import AgentState, CeilingState, WorkspaceState
from governance.domain.values import Json, canonical, digest
from governance.domain.words import Complexity, DecisionKind, Maturity, Route, TriggerSource
from governance.models import (
    ActionType,
    Agent,
    Ceiling,
    Decision,
    Execution,
    Grant,
    PolicyVersion,
    Proposal,
    Run,
    Trigger,
)
from governance.policy import references, schemas
from governance.policy.conditions import Condition
from governance.policy.facts import ActionFacts, ActionQuestion, AgentFacts, GrantFacts
from governance.policy.gate import Verdict, denied, judge_action, judge_trigger
from governance.policy.redaction import clean
from governance.policy.rules import CompiledPolicy, seal

MAX_REFUSED_BYTES = 256_000
"""As a plan: what is refused is kept whole, for the constitution to know it again."""

NO_POLICY = "no policy version is published"
UNREADABLE = "the agent's state cannot be read"


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict, and what it was based on. `policy` is None where none is published.

    `refused`: the params of what was refused for what it is, and not because it cannot be read.
    """

    verdict: Verdict
    kind: DecisionKind
    maturity: str
    policy: PolicyVersion | None
    action_type: str = ""
    step: str = ""
    params_digest: str = ""
    refused: dict[str, Json] | None = None

    @property
    def route(self) -> Route:
        """The verdict's route."""
        return self.verdict.route


def ask_to_start(*, agent_id: uuid.UUID, source: TriggerSource) -> Answer:
    """May this agent start on a trigger from `source`? Reads only; raises nothing."""
    agent = Agent.objects.select_related("workspace").get(pk=agent_id)
    policy = PolicyVersion.objects.newest(agent.workspace_id)
    facts = _agent_facts(agent)
    if policy is None:
        verdict = denied(NO_POLICY)
    else:
        verdict = judge_trigger(facts, source) if facts else denied(UNREADABLE)
    return Answer(verdict, DecisionKind.TRIGGER, agent.maturity, policy)


def ask_to_act(
    *,
    agent_id: uuid.UUID,
    action_type: str,
    params: dict[str, Json],
    run: Run | None = None,
    step: str = "",
    by_system: bool = False,
    unresolved: bool = False,
) -> Answer:
    """May this agent take this action now? Reads only.

    Whatever cannot be found, read or evaluated is an answer too: denied, with the reason.
    Action types marked `system_only` are denied unless the system itself asks. `unresolved`:
    the params may refer to outputs that are not known yet; rules that look at those count as
    matched, and the gate is asked again when they are known.
    """
    agent = Agent.objects.select_related("workspace").get(pk=agent_id)
    policy = PolicyVersion.objects.newest(agent.workspace_id)
    found = ActionType.objects.of(agent.workspace_id).enabled().filter(key=action_type).first()
    if found is None:
        verdict = denied(f"there is no enabled action type {action_type!r}")
    elif found.system_only and not by_system:
        verdict = denied(f"action type {action_type!r} is reserved to the system")
    else:
        wrong = schemas.problems(found.params_schema, params, unresolved=unresolved)
        verdict = (
            denied(f"invalid params: {'; '.join(wrong)}")
            if wrong
            else _judge(
                agent=agent,
                policy=policy,
                found=found,
                params=references.known(params) if unresolved else params,
                run=run,
            )
        )
    return Answer(
        verdict,
        DecisionKind.ACTION,
        agent.maturity,
        policy,
        action_type,
        step,
        digest(params, what="params"),
        params if verdict.route is Route.TRAINING or _by_rule(verdict) else None,
    )


def supposing(
    *, agent_id: uuid.UUID, maturity: Maturity | None, policy: PolicyVersion | None
) -> Callable[[str, dict[str, Json], Run | None], Route]:
    """The gate as it would be, for "what if": a function of action type, params and run.

    With another maturity (without its ceiling), or by another policy version, a draft included.
    Reads only, and records nothing. Raises InvalidInput for rules that do not compile.
    """
    agent = Agent.objects.select_related("workspace").get(pk=agent_id)
    chosen = policy or PolicyVersion.objects.newest(agent.workspace_id)
    facts = _agent_facts(agent)
    if facts is None or chosen is None:
        return lambda *_: Route.DENIED
    facts = facts if maturity is None else replace(facts, maturity=maturity, ceiling=None)
    compiled = CompiledPolicy(id=str(chosen.id), number=chosen.number or 0, rules=chosen.sources())
    types = {row.key: row for row in ActionType.objects.of(agent.workspace_id).enabled()}

    def judge(action_type: str, params: dict[str, Json], run: Run | None) -> Route:
        found = types.get(action_type)
        action = _action_facts(found) if found and not found.system_only else None
        if found is None or action is None:
            return Route.DENIED
        if schemas.problems(found.params_schema, params, unresolved=True):
            return Route.DENIED
        question = _question(agent, facts, action, references.known(params), run)
        return judge_action(question, compiled).route

    return judge


def record(
    answer: Answer,
    *,
    agent: Agent,
    by: Actor,
    run: Run | None = None,
    trigger: Trigger | None = None,
    proposal: Proposal | None = None,
    execution: Execution | None = None,
) -> Decision:
    """INSERT the Decision; unless it is a plain execution, append it to the ledger as well."""
    verdict = answer.verdict
    with transaction.atomic():
        decision = Decision.objects.create(
            workspace_id=agent.workspace_id,
            kind=answer.kind,
            agent=agent,
            run=run,
            trigger=trigger,
            proposal=proposal,
            execution=execution,
            action_type=answer.action_type,
            step=answer.step,
            params_digest=answer.params_digest,
            params=_kept(answer.refused),
            route=verdict.route,
            reasons=list(verdict.reasons),
            matched_rules=[match.as_json() for match in verdict.matches],
            grant_id=verdict.grant,
            maturity=answer.maturity,
            policy=answer.policy,
        )
        if verdict.route is not Route.EXECUTION:
            _append(decision, by=by)
    return decision


def _by_rule(verdict: Verdict) -> bool:
    return verdict.route is Route.DENIED and bool(verdict.matches)


def _kept(params: dict[str, Json] | None) -> Json:
    """Without secrets; None for what is too large to keep, which its digest still names."""
    if params is None or len(canonical(params, what="params")) > MAX_REFUSED_BYTES:
        return None
    return clean(params)


def _judge(
    *,
    agent: Agent,
    policy: PolicyVersion | None,
    found: ActionType,
    params: dict[str, Json],
    run: Run | None,
) -> Verdict:
    facts = _agent_facts(agent)
    if facts is None:
        return denied(UNREADABLE)
    if policy is None:
        return denied(NO_POLICY)
    try:
        compiled = _compiled(policy.id, policy.number or 0, policy.digest or "")
    except InvalidInput as error:
        return denied(str(error))
    action = _action_facts(found)
    if action is None:
        return denied(f"the action type {found.key!r} cannot be read")
    return judge_action(_question(agent, facts, action, params, run), compiled)


def _question(
    agent: Agent, facts: AgentFacts, action: ActionFacts, params: dict[str, Json], run: Run | None
) -> ActionQuestion:
    return ActionQuestion(
        agent=facts,
        action=action,
        params=params,
        now=timezone.now(),
        grants=_grants(agent_id=agent.id, action_type=action.key),
        trigger=run.trigger.as_map() if run else {},
        run=run.as_map() if run else {},
    )


def _agent_facts(agent: Agent) -> AgentFacts | None:
    ceiling = Ceiling.objects.filter(agent_id=agent.id, state=CeilingState.ACTIVE).first()
    try:
        return AgentFacts(
            id=str(agent.id),
            name=agent.name,
            category=agent.category,
            maturity=Maturity(agent.maturity),
            state=AgentState(agent.state),
            confidence_score=float(agent.confidence_score),
            capabilities=agent.capabilities,
            ceiling=Maturity(ceiling.maturity) if ceiling else None,
            workspace_halted=agent.workspace.state != WorkspaceState.ACTIVE,
        )
    except (ValueError, TypeError, AttributeError):
        return None


def _action_facts(found: ActionType) -> ActionFacts | None:
    try:
        complexity = Complexity(found.complexity)
    except ValueError:
        return None
    return ActionFacts(
        key=found.key,
        complexity=complexity,
        reversibility=found.reversibility,
        mode=found.mode,
        effect=found.effect,
    )


def _grants(*, agent_id: uuid.UUID, action_type: str) -> tuple[GrantFacts, ...]:
    rows = Grant.objects.in_force(agent_id=agent_id, action_type=action_type)
    return tuple(facts for row in rows if (facts := _grant_facts(row)))


def _grant_facts(row: Grant) -> GrantFacts | None:
    try:
        route = Route(row.route)
    except ValueError:
        return None  # a grant that cannot be read counts as absent
    try:
        condition, broken = (Condition(row.condition) if row.condition else None), False
    except InvalidInput:
        condition, broken = None, True
    return GrantFacts(str(row.id), route, row.expires_at, condition, broken)


@lru_cache(maxsize=1_000)
def _compiled(policy_id: uuid.UUID, number: int, sealed: str) -> CompiledPolicy:
    """Compile a published version once; its rules must still match the digest of publishing."""
    sources = PolicyVersion.objects.get(pk=policy_id).sources()
    if seal(sources) != sealed:
        raise InvalidInput(
            f"policy version {number} does not match the digest it was published with"
        )
    return CompiledPolicy(id=str(policy_id), number=number, rules=sources)


def _append(decision: Decision, *, by: Actor) -> None:
    data: dict[str, Any] = {
        "decision": str(decision.id),
        "question": decision.kind,
        "route": decision.route,
        "reasons": decision.reasons,
        "matched_rules": decision.matched_rules,
        "action_type": decision.action_type,
        "params_digest": decision.params_digest,
        "maturity": decision.maturity,
        "policy": str(decision.policy_id) if decision.policy_id else None,
        "run": str(decision.run_id) if decision.run_id else None,
    }
    ledger.append(
        kind=f"decision.{decision.route}",
        by=by,
        workspace_id=decision.workspace_id,
        subject_id=decision.agent_id,
        data=data,
    )
