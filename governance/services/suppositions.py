"""What if: an agent's last decisions again, as they would be at another maturity or by a draft."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from governance import gate
from governance.domain.errors import InvalidInput
from governance.domain.values import Json
from governance.domain.words import DecisionKind, Maturity, Route
from governance.models import Agent, Decision, PolicyVersion
from governance.policy import plans

USUAL, MOST = 100, 10_000


@dataclass(slots=True)
class Supposed:
    """What becomes of one action type. `alone`: would run without a person, and did not then.

    `before` and `after`: how many went each route, then and supposedly. `unknown`: decisions of
    which nobody kept what was asked, and which are left out.
    """

    action_type: str
    decisions: int = 0
    alone: int = 0
    unknown: int = 0
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)


def suppose(
    *,
    agent: Agent,
    maturity: Maturity | None = None,
    policy: PolicyVersion | None = None,
    last: int = USUAL,
) -> list[Supposed]:
    """Judge the agent's last decisions about actions again; the worst action types first.

    `maturity`: as if it had that one, whatever its ceiling; `policy`: by this version, a draft
    included. Grants and the catalogue are those of now. Reads only. Raises InvalidInput.
    """
    if not 1 <= last <= MOST:
        raise InvalidInput(f"Between 1 and {MOST:,} decisions are looked at, not {last}.")
    if policy is not None and policy.workspace_id != agent.workspace_id:
        raise InvalidInput("That policy version belongs to another workspace.")
    rows = Decision.objects.filter(agent=agent, kind=DecisionKind.ACTION)
    judge = gate.supposing(agent_id=agent.pk, maturity=maturity, policy=policy)
    found: dict[str, Supposed] = {}
    looked_at = rows.select_related("execution", "proposal", "run__trigger")
    for row in looked_at.order_by("-created_at", "-id")[:last]:
        one = found.setdefault(row.action_type, Supposed(row.action_type))
        params = _params(row)
        if params is None:
            one.unknown += 1
            continue
        route = judge(row.action_type, params, row.run)
        one.decisions += 1
        one.before[str(row.route)] += 1
        one.after[str(route)] += 1
        one.alone += route is Route.EXECUTION and row.route != Route.EXECUTION
    return sorted(found.values(), key=lambda one: (-one.alone, -one.decisions, one.action_type))


def _params(row: Decision) -> dict[str, Json] | None:
    """What was asked for: from the plan it led to, or as it was kept with the refusal."""
    led_to = row.execution or row.proposal
    if led_to is None:
        return row.params if isinstance(row.params, dict) else None
    steps = [step for step in plans.parse_text(led_to.plan).steps if step.id == row.step]
    return steps[0].params if steps else None
