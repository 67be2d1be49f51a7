"""Facts for the pure core, with only what a test is about said out loud."""

from __future__ import annotations

import datetime
from typing import Any

from governance.domain.states import AgentState
from governance.domain.words import Complexity, Maturity, Route
from governance.policy.conditions import Condition, Facts
from governance.policy.facts import ActionFacts, ActionQuestion, AgentFacts, GrantFacts
from governance.policy.rules import CompiledPolicy, RuleSource

NOW = datetime.datetime(2026, 3, 4, 12, 0, tzinfo=datetime.UTC)
TOMORROW = NOW + datetime.timedelta(days=1)


def agent(maturity: str = "autonomous", **values: Any) -> AgentFacts:
    given = {
        "id": "a1",
        "name": "Ada",
        "category": "finance",
        "state": AgentState(values.pop("state", "active")),
        "confidence_score": 0.6,
        "capabilities": ("read", "pay"),
        **values,
    }
    if given.get("ceiling"):
        given["ceiling"] = Maturity(given["ceiling"])
    return AgentFacts(maturity=Maturity(maturity), **given)


def action(complexity: int = 3, key: str = "pay_invoice") -> ActionFacts:
    return ActionFacts(
        key=key,
        complexity=Complexity(complexity),
        reversibility="irreversible",
        mode="handler",
        effect="keyed",
    )


def grant(
    route: str = "execution",
    *,
    id: str = "g1",  # noqa: A002
    expires_at: datetime.datetime = TOMORROW,
    condition: str | None = None,
    broken: bool = False,
) -> GrantFacts:
    return GrantFacts(
        id=id,
        route=Route(route),
        expires_at=expires_at,
        condition=Condition(condition) if condition else None,
        broken=broken,
    )


def question(
    maturity: str = "autonomous",
    complexity: int = 3,
    *,
    key: str = "pay_invoice",
    params: dict[str, Any] | None = None,
    grants: tuple[GrantFacts, ...] = (),
    trigger: dict[str, Any] | None = None,
    run: dict[str, Any] | None = None,
    **of_agent: Any,
) -> ActionQuestion:
    return ActionQuestion(
        agent=agent(maturity, **of_agent),
        action=action(complexity, key),
        params=params or {},
        now=NOW,
        grants=grants,
        trigger=trigger or {},
        run=run or {},
    )


def rule(
    route: str = "denied",
    condition: str = "true",
    *,
    key: str = "rule",
    scope: str = "*",
    reason: str = "because",
) -> RuleSource:
    return RuleSource(key, scope, condition, route, reason)


def policy(*rules: RuleSource) -> CompiledPolicy:
    return CompiledPolicy(id="p1", number=1, rules=rules)


def facts(
    params: dict[str, Any] | None = None, *, now: datetime.datetime = NOW, **others: Any
) -> Facts:
    return Facts(
        agent=others.get("agent", agent().as_map()),
        action=others.get("action", action().as_map()),
        params=params or {},
        trigger=others.get("trigger", {}),
        run=others.get("run", {}),
        now=now,
    )
