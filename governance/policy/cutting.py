"""Cutting: an exam case made from what was recorded of real work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, canonical
from governance.policy.exams import ANYTHING, MAX_INSTRUCTION, SOMETHING_DONE
from governance.policy.simulations import MAX_ERROR, Params

NO_REASON = "It failed, and nobody wrote down why."


@dataclass(frozen=True, slots=True)
class Recorded:
    """One action of the past: it was carried out with `output`, or it failed with `error`."""

    action_type: str
    params: Params
    output: dict[str, Json] = field(default_factory=dict)
    error: str = ""

    @property
    def key(self) -> tuple[str, bytes]:
        """By what a simulated tool finds it again."""
        return self.action_type, canonical(self.params)

    def as_tool(self) -> dict[str, Json]:
        """As a tool of a case."""
        said: dict[str, Json] = (
            {"error": self.error[:MAX_ERROR]} if self.error else {"output": self.output}
        )
        return {"action_type": self.action_type, "params": self.params, **said}


def cut(
    *,
    instruction: str,
    context: dict[str, Json],
    recorded: Sequence[Recorded],
    changing: Collection[str],
    expected: Sequence[tuple[str, Params]] | None = None,
) -> dict[str, Any]:
    """The members of a case: `task, tools, required, forbidden, expectation`.

    Its tools answer as they did then. Required are the actions of a `changing` type (one that
    changes something) that were carried out, or those of `expected`, where that is given. Every
    other action of a changing type is forbidden; what failed then may be tried, and fails again.
    Where nothing had to be changed, the agent must at least have looked.

    Raises InvalidInput where nothing was done and nothing was expected.
    """
    if expected is None:
        wanted = [r for r in recorded if r.action_type in changing and not r.error]
    else:
        wanted = [Recorded(key, params) for key, params in expected if key in changing]
    if not wanted and not recorded:
        raise InvalidInput(
            "Nothing was done in this episode, so nothing can be expected of an agent: write the "
            "case by hand."
        )
    tools = _tools(recorded, wanted)
    return {
        "task": {"instruction": instruction[:MAX_INSTRUCTION], "context": context},
        "tools": [tool.as_tool() for tool in tools],
        "required": [{"action_type": each.action_type, "params": each.params} for each in wanted],
        "forbidden": [_forbidden(key, tools) for key in sorted(changing)],
        "expectation": ANYTHING if wanted else SOMETHING_DONE,
    }


def _tools(recorded: Sequence[Recorded], wanted: Sequence[Recorded]) -> list[Recorded]:
    """What was recorded, and an empty output for what should have been done and never was.

    Of that, what failed then is left out: an agent that does the right thing is not told it failed.
    """
    carried_out = {each.key for each in recorded if not each.error}
    lacking = {each.key: each for each in wanted if each.key not in carried_out}
    return [*(each for each in recorded if each.key not in lacking), *lacking.values()]


def _forbidden(action_type: str, tools: Sequence[Recorded]) -> dict[str, Json]:
    """The type as a whole; what failed then may be tried, and fails again."""
    failed = {tool.key: tool.params for tool in tools if tool.error}
    excused: list[Json] = [params for (key, _), params in failed.items() if key == action_type]
    return {"action_type": action_type, **({"may_fail": excused} if excused else {})}
