"""What the gate knows when it is asked: frozen values, read fresh for every decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from governance.domain.states import AgentState
from governance.domain.values import Json
from governance.domain.words import Complexity, Maturity, Route
from governance.policy.conditions import Condition


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """An agent as it stands in the database now. `ceiling` None: no ceiling."""

    id: str
    name: str
    category: str
    maturity: Maturity
    state: AgentState
    confidence_score: float
    capabilities: tuple[str, ...] = ()
    ceiling: Maturity | None = None
    workspace_halted: bool = False

    def as_map(self) -> dict[str, Json]:
        """The CEL variable `agent`."""
        return {
            "id": self.id,
            "name": self.name,
            "category": self.category,
            "maturity": self.maturity.value,
            "state": self.state.value,
            "confidence_score": self.confidence_score,
            "capabilities": list(self.capabilities),
        }


@dataclass(frozen=True, slots=True)
class ActionFacts:
    """A catalogue entry. `complexity` 1..4."""

    key: str
    complexity: Complexity
    reversibility: str
    mode: str
    effect: str

    def as_map(self) -> dict[str, Json]:
        """The CEL variable `action`."""
        return {
            "key": self.key,
            "complexity": int(self.complexity),
            "reversibility": self.reversibility,
            "mode": self.mode,
            "effect": self.effect,
        }


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """An unrevoked grant for exactly this agent and action type.

    `condition` None: unconditional. A stored condition that no longer compiles is given as
    `broken=True`, and the grant counts as absent.
    """

    id: str
    route: Route
    expires_at: datetime
    condition: Condition | None = None
    broken: bool = False


@dataclass(frozen=True, slots=True)
class ActionQuestion:
    """May this agent take this action now?"""

    agent: AgentFacts
    action: ActionFacts
    params: Mapping[str, Json]
    now: datetime
    grants: tuple[GrantFacts, ...] = ()
    trigger: Mapping[str, Json] = field(default_factory=dict)
    run: Mapping[str, Json] = field(default_factory=dict)
