"""The tools of a sitting: what its program asks for is answered from the case, and written down."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, require_text
from governance.domain.words import Complexity, Maturity, Route
from governance.policy import plans
from governance.policy.exams import BLOCKED, DONE, FAILED, Call
from governance.policy.gate import ACTION_ROUTES
from governance.policy.simulations import Simulation
from governance.runtimes.base import Result, ResultState, Stopped

MAX_REASONING = 10_000

Reasons = Callable[[str], tuple[str, ...]]


class SimulatedTools:
    """Bound to one sitting, for at most `turns` calls; then they raise Stopped, as live ones do.

    What the case knows is answered as carried out, in the words the gate has for it (`reasons`, by
    action type). What it does not know is answered as a tool that found nothing. `calls` is the
    transcript.
    """

    def __init__(self, simulation: Simulation, *, reasons: Reasons, turns: int) -> None:
        self.calls: list[Call] = []
        self._simulation, self._reasons = simulation, reasons
        self._turns = self._left = turns
        self._began = time.monotonic()

    def act(self, action_type: str, params: dict[str, Json], *, reasoning: str = "") -> Result:
        """Answer from the case. Raises Stopped."""
        self._count()
        try:
            step = plans.parse(plans.single(action_type, params)).steps[0]
            require_text(reasoning, what="reasoning", max_length=MAX_REASONING)
        except InvalidInput as error:
            self._note(Call("", {}, BLOCKED, error=str(error)))  # what it asked for is no JSON
            return _blocked(str(error))
        before = [call.as_json() for call in self.calls]
        answer = self._simulation.answer(step.action_type, step.params, before)
        self._note(
            Call(
                step.action_type,
                step.params,
                FAILED if answer.error else DONE,
                output=answer.output,
                error=answer.error,
                reasoning=reasoning,
                known=answer.known,
                fault=answer.fault,
            )
        )
        reasons = self._reasons(step.action_type)
        if answer.error:
            reasons = (*reasons, answer.error)
            return Result(Route.EXECUTION.value, reasons, ResultState.FAILED)
        return Result(Route.EXECUTION.value, reasons, ResultState.DONE, output=answer.output)

    def report(
        self,
        claim: str,
        *,
        outcome: str,
        output: dict[str, Json] | None = None,
        error: str = "",
    ) -> Result:
        """Nothing is claimed here: what is asked for is carried out. Raises Stopped."""
        del outcome, output, error
        self._count()
        return _blocked(f"There is no open claim {claim!r} in this run.")

    def _count(self) -> None:
        if self._left == 0:
            raise Stopped(f"It did not finish within {self._turns} turns.")
        self._left -= 1

    def _note(self, call: Call) -> None:
        self.calls.append(call.at(time.monotonic() - self._began))


def gate_words(maturity: Maturity, complexities: Mapping[str, int]) -> Reasons:
    """What the gate says of an action that an agent of this maturity gets carried out."""

    def reasons(action_type: str) -> tuple[str, ...]:
        if action_type not in complexities:
            return ()
        complexity = Complexity(complexities[action_type])
        base = ACTION_ROUTES[maturity][complexity]
        said = f"{maturity.value} agent, complexity {complexity.value}: {base.value}"
        if base.within(Route.SUPERVISION):
            return (said,)
        return (said, f"a grant loosens it to {Route.EXECUTION.value}")

    return reasons


def _blocked(reason: str) -> Result:
    return Result(Route.DENIED.value, (reason,), ResultState.BLOCKED)
