"""CEL conditions: checked when saved, evaluated against one set of facts, failing closed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cel_expr_python import cel

from governance.domain.errors import InvalidInput
from governance.domain.values import Json
from governance.policy import cel_errors

MAX_LENGTH = 2_000
"""Longest condition accepted, in characters."""

_FACT_MAP = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_ENV = cel.NewEnv(
    variables={
        "agent": _FACT_MAP,
        "action": _FACT_MAP,
        "params": _FACT_MAP,
        "trigger": _FACT_MAP,
        "run": _FACT_MAP,
        "now": cel.Type.TIMESTAMP,
    }
)


MEMBERS = {
    "agent": {
        "id",
        "name",
        "category",
        "maturity",
        "state",
        "confidence_score",
        "capabilities",
    },
    "action": {"key", "complexity", "reversibility", "mode", "effect"},
    "trigger": {"source", "type", "context"},
    "run": {"id", "kind", "state", "maturity"},
}
"""What each variable holds; `params` hold what the action type's schema says."""

_STRING = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_MEMBER = re.compile(r"(?<![\w.])(agent|action|trigger|run)\s*\.\s*(\w+)")


def check_members(source: str) -> None:
    """Raise InvalidInput for a member that no fact has, such as `agent.maturty`.

    CEL's checker sees maps, whose keys it cannot know; at run time a missing key counts as
    matched, and a typo would deny everything.
    """
    for variable, member in _MEMBER.findall(_STRING.sub("''", source)):
        if member not in MEMBERS[variable]:
            known = ", ".join(sorted(MEMBERS[variable]))
            raise InvalidInput(f"The condition names {variable}.{member}; {variable} has {known}.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A condition's answer. `error` is set exactly when it could not be evaluated."""

    true: bool
    error: str = ""


class Facts:
    """What conditions may look at, prepared once and read by many conditions."""

    def __init__(
        self,
        *,
        agent: Mapping[str, Json],
        action: Mapping[str, Json],
        params: Mapping[str, Json],
        trigger: Mapping[str, Json],
        run: Mapping[str, Json],
        now: datetime,
    ) -> None:
        self.activation: Any = _ENV.Activation(
            {
                "agent": agent,
                "action": action,
                "params": params,
                "trigger": trigger,
                "run": run,
                "now": now,
            }
        )


class Condition:
    """One compiled boolean CEL expression over `agent, action, params, trigger, run, now`."""

    def __init__(self, source: str) -> None:
        """Compile. Raises InvalidInput on bad syntax, unknown names and non-boolean results."""
        self.source = source
        if len(source) > MAX_LENGTH:
            raise InvalidInput(
                f"The condition is {len(source):,} characters long; at most {MAX_LENGTH:,} are "
                "accepted."
            )
        try:
            self._expression = _ENV.compile(source)
        except (RuntimeError, TypeError, ValueError) as error:  # TypeError: no valid Unicode
            message = f"The condition does not compile: {cel_errors.plain(error)}."
            raise InvalidInput(message) from error
        if self._expression.return_type() != cel.Type.BOOL:
            message = (
                f"The condition must be true or false, and this gives "
                f"{self._expression.return_type().name().lower()}: compare it with something, "
                "as in `params.amount > 100`."
            )
            raise InvalidInput(message)

    def evaluate(self, facts: Facts) -> Outcome:
        """Evaluate against `facts`. Never raises: what cannot be evaluated is an error."""
        try:
            value = self._expression.eval(facts.activation)
            if value.type() == cel.Type.BOOL:
                return Outcome(true=bool(value.value()))
            return Outcome(true=False, error=str(value))
        except Exception as error:  # noqa: BLE001  the binding documents no error types, and an unevaluated condition must fail closed
            return Outcome(true=False, error=cel_errors.plain(error))
