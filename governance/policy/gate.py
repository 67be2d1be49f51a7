"""The gate's two questions, as pure functions: may it start, and may it take this action?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from governance.domain.states import AgentState
from governance.domain.values import Json
from governance.domain.words import Complexity, Maturity, Route, TriggerSource, strictest
from governance.policy.conditions import Facts
from governance.policy.facts import ActionQuestion, AgentFacts, GrantFacts
from governance.policy.redaction import clean_text, named_secrets, redact
from governance.policy.rules import CompiledPolicy, Match

TRIGGER_ROUTES: Mapping[Maturity, Route] = {
    Maturity.STUDENT: Route.TRAINING,
    Maturity.INTERN: Route.PROPOSAL,
    Maturity.SUPERVISED: Route.SUPERVISION,
    Maturity.AUTONOMOUS: Route.EXECUTION,
}
"""Where a trigger from an automated source goes."""

ACTION_ROUTES: Mapping[Maturity, Mapping[Complexity, Route]] = {
    Maturity.STUDENT: {
        Complexity.READ: Route.EXECUTION,
        Complexity.DRAFT: Route.TRAINING,
        Complexity.CHANGE: Route.TRAINING,
        Complexity.IRREVERSIBLE: Route.TRAINING,
    },
    Maturity.INTERN: {
        Complexity.READ: Route.EXECUTION,
        Complexity.DRAFT: Route.EXECUTION,
        Complexity.CHANGE: Route.PROPOSAL,
        Complexity.IRREVERSIBLE: Route.PROPOSAL,
    },
    Maturity.SUPERVISED: {
        Complexity.READ: Route.EXECUTION,
        Complexity.DRAFT: Route.EXECUTION,
        Complexity.CHANGE: Route.SUPERVISION,
        Complexity.IRREVERSIBLE: Route.PROPOSAL,
    },
    Maturity.AUTONOMOUS: {
        Complexity.READ: Route.EXECUTION,
        Complexity.DRAFT: Route.EXECUTION,
        Complexity.CHANGE: Route.EXECUTION,
        Complexity.IRREVERSIBLE: Route.EXECUTION,
    },
}
"""Where an action goes, by the agent's maturity and the action type's complexity."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer. `grant` is the id of the grant that loosened it, or empty."""

    route: Route
    reasons: tuple[str, ...]
    matches: tuple[Match, ...] = ()
    grant: str = ""


def denied(reason: str) -> Verdict:
    """The answer to everything that cannot be read, found or evaluated."""
    return Verdict(Route.DENIED, (reason,))


def judge_trigger(agent: AgentFacts, source: TriggerSource) -> Verdict:
    """May this agent start on this trigger?

    A manual trigger starts the run, with a warning below autonomous, and lifts nothing: each
    action inside still meets `judge_action`.
    """
    blocked = _blocked(agent)
    if blocked:
        return denied(blocked)
    maturity = _effective(agent)
    if source is not TriggerSource.MANUAL:
        return Verdict(TRIGGER_ROUTES[maturity], (f"{source.value} trigger, {_standing(agent)}",))
    reasons = ["a person asked for it"]
    if maturity is not Maturity.AUTONOMOUS:
        reasons.append(
            f"warning: {_standing(agent)}; an automated trigger would go to "
            f"{TRIGGER_ROUTES[maturity].value}, and every action still meets the gate"
        )
    return Verdict(Route.EXECUTION, tuple(reasons))


def judge_action(question: ActionQuestion, policy: CompiledPolicy) -> Verdict:
    """May this agent take this action now?

    1. Maturity and complexity give the base route.
    2. A grant may loosen the base route.
    3. Rules tighten; the strictest wins. A grant does not loosen a rule.
    4. A ceiling caps the result, grants included: never looser than at that maturity.
    """
    agent, action = question.agent, question.action
    blocked = _blocked(agent)
    if blocked:
        return denied(blocked)
    rules = policy.rules_for(action.key)
    facts = _facts(question) if rules or question.grants else None

    base = ACTION_ROUTES[agent.maturity][action.complexity]
    reasons = [f"{agent.maturity.value} agent, complexity {action.complexity.value}: {base.value}"]
    grant = _loosening(question, base, facts)
    route = grant.route if grant else base
    if grant:
        reasons.append(f"a grant loosens it to {grant.route.value}")

    found = (match for rule in rules if facts and (match := rule.match(facts)))
    matches = tuple(_masked(match, question.params) for match in found)
    reasons += [_explain(match) for match in matches]
    route = strictest([route, *(match.route for match in matches)])

    if agent.ceiling is not None:
        cap = ACTION_ROUTES[agent.ceiling][action.complexity]
        if not cap.within(route):
            reasons.append(f"the agent's ceiling is {agent.ceiling.value}: {cap.value}")
            route = cap
    return Verdict(route, tuple(reasons), matches, grant.id if grant else "")


def _blocked(agent: AgentFacts) -> str:
    if agent.workspace_halted:
        return "the workspace is halted"
    if agent.state is not AgentState.ACTIVE:
        return f"the agent is {agent.state.value}"
    return ""


def _effective(agent: AgentFacts) -> Maturity:
    if agent.ceiling is None:
        return agent.maturity
    return min(agent.maturity, agent.ceiling, key=lambda maturity: maturity.rank)


def _standing(agent: AgentFacts) -> str:
    effective = _effective(agent)
    if effective is agent.maturity:
        return f"{agent.maturity.value} agent"
    return f"{agent.maturity.value} agent with a ceiling of {effective.value}"


def _facts(question: ActionQuestion) -> Facts:
    return Facts(
        agent=question.agent.as_map(),
        action=question.action.as_map(),
        params=question.params,
        trigger=question.trigger,
        run=question.run,
        now=question.now,
    )


def _loosening(question: ActionQuestion, base: Route, facts: Facts | None) -> GrantFacts | None:
    """The loosest grant that holds now and is looser than `base`; a grant that fails is absent."""
    holding = [
        g for g in question.grants if _holds(g, question, facts) and not base.within(g.route)
    ]
    return min(holding, key=lambda grant: grant.route.strictness, default=None)


def _holds(grant: GrantFacts, question: ActionQuestion, facts: Facts | None) -> bool:
    if grant.broken or grant.expires_at <= question.now:
        return False
    if grant.condition is None:
        return True
    return facts is not None and grant.condition.evaluate(facts).true


def _masked(match: Match, params: Mapping[str, Json]) -> Match:
    """CEL quotes the key it did not find, and the ledger keeps the reason for ever."""
    if not match.error:
        return match
    error: str = redact(match.error, named_secrets(params))
    return replace(match, error=clean_text(error))


def _explain(match: Match) -> str:
    text = f"rule {match.rule}: {match.route.value}, {match.reason}"
    return f"{text} (counted as matched: {match.error})" if match.error else text
