"""The tools of a live run: what its program asks for goes through its agent's own gate."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace

from django.conf import settings

from governance.domain.errors import (
    InvalidInput,
    LeaseLost,
    NotAllowed,
    NotFound,
    StaleState,
)
from governance.domain.states import ExecutionState, StepState
from governance.domain.values import Json
from governance.domain.words import Mode, Route
from governance.execution import holder
from governance.execution.deadline import suspended
from governance.models import Execution, Run
from governance.models.execution import EXECUTION_ENDED
from governance.runtimes.base import Claim, Result, ResultState, Stopped
from governance.services import actions, executions, supervision, watching

POLL_SECONDS = 0.1
"""How often an execution is looked at that another worker was faster to claim."""

HELD_SECONDS = 0.5
"""How often it is looked whether a run that is held may go on."""

OUTCOMES = {
    ExecutionState.DONE: ResultState.DONE,
    ExecutionState.FAILED: ResultState.FAILED,
    ExecutionState.CANCELLED: ResultState.FAILED,
}


class LiveTools:
    """Bound to one running run, for at most `turns` calls in at most `seconds`.

    Calls raise Stopped when those are used up, and when somebody ended the run. `waiting` are
    the ids of the proposals the run leaves for people.
    """

    def __init__(self, run: Run, *, turns: int, seconds: float) -> None:
        self.waiting: list[str] = []
        self._run, self._by = run, run.agent.actor
        self._turns_left, self._turns = turns, turns
        self._seconds, self._ends_at = seconds, time.monotonic() + seconds
        self._claims: dict[str, executions.Claim] = {}

    def act(self, action_type: str, params: dict[str, Json], *, reasoning: str = "") -> Result:
        """Ask the gate, and carry out what it answers before returning. Raises Stopped."""
        self._count()
        try:
            answer = self._ask(action_type, params, reasoning)
        except (InvalidInput, NotFound) as error:
            return _blocked(str(error))  # no plan at all: nothing was asked
        except (StaleState, NotAllowed) as error:
            raise Stopped(str(error)) from error
        return replace(self._result(answer), guidance=answer.guidance)

    def _ask(self, action_type: str, params: dict[str, Json], reasoning: str) -> actions.Answer:
        """Ask; while a supervisor holds the run, or has yet to appear, wait and ask again.

        That time is not the program's.
        """
        while True:
            answer = actions.request(
                run=self._run,
                action_type=action_type,
                params=params,
                reasoning=reasoning,
                by=self._by,
            )
            if not answer.held:
                return answer
            with self._clock_stopped():
                self._wait_for_supervisor(appears=answer.decision is not None)

    def _wait_for_supervisor(self, *, appears: bool) -> None:
        """Until the run may go on. `appears`: until somebody watches it at all."""
        while watching.is_held(self._run.pk, unwatched=appears):
            time.sleep(HELD_SECONDS)
            if appears:
                supervision.assign(run=self._run, by=actions.GATE)

    @contextlib.contextmanager
    def _clock_stopped(self) -> Iterator[None]:
        """What passes in the block is not the program's time."""
        began = time.monotonic()
        try:
            with suspended():
                yield
        finally:
            self._ends_at += time.monotonic() - began

    def _result(self, answer: actions.Answer) -> Result:
        if answer.execution is not None:
            return self._carried_out(answer, answer.execution)
        if answer.proposal is None:
            return Result(answer.route.value, answer.reasons, ResultState.BLOCKED)
        proposal = str(answer.proposal.id)
        self.waiting.append(proposal)
        return Result(answer.route.value, answer.reasons, ResultState.WAITING, proposal=proposal)

    def report(
        self,
        claim: str,
        *,
        outcome: str,
        output: dict[str, Json] | None = None,
        error: str = "",
    ) -> Result:
        """Say how a claimed action ended, once. Raises Stopped.

        What was done is recorded whenever the claim still holds, even after the run was ended.
        """
        held = self._claims.get(claim)
        if held is None:
            self._count()
            return _blocked(f"There is no open claim {claim!r} in this run.")
        try:
            execution = executions.report(
                execution=held.execution,
                token=held.token,
                outcome=outcome,
                output=output,
                error=error,
                by=self._by,
            )
        except InvalidInput as problem:
            self._count()
            return _blocked(str(problem))  # not recorded; it may be reported again
        except LeaseLost as problem:
            del self._claims[claim]
            return Result(Route.EXECUTION.value, (str(problem),), ResultState.WAITING)
        del self._claims[claim]
        return _result(execution, ())

    def _carried_out(self, answer: actions.Answer, execution: Execution) -> Result:
        if answer.claim is not None:
            step, key = answer.claim.plan.steps[0], str(execution.id)
            self._claims[key] = answer.claim
            claim = Claim(key, step.action_type, step.params)
            return Result(answer.route.value, answer.reasons, ResultState.CLAIMED, claim=claim)
        if execution.mode == Mode.AGENT or not settings.GOVERNANCE_EXECUTION_ENABLED:
            reasons = (*answer.reasons, "execution is switched off; what was cleared waits")
            return Result(answer.route.value, reasons, ResultState.WAITING)
        return _result(self._settled(execution.pk), answer.reasons)

    def _settled(self, execution_id: uuid.UUID) -> Execution:
        """Carry it out here, or, where a worker was faster, wait until it has.

        What waits for a person is left waiting: the run has its own time to keep.
        """
        while True:
            with contextlib.suppress(LeaseLost):  # a worker took it over, and will end it
                executions.run(execution_id=execution_id, by=holder.this_process())
            execution = Execution.objects.get(pk=execution_id)
            if watching.holds(execution):
                with self._clock_stopped():
                    self._wait_for_supervisor(appears=False)
                continue
            ended = execution.state in {*EXECUTION_ENDED, ExecutionState.IN_DOUBT}
            waits = execution.waiting_for is not None
            if ended or waits or time.monotonic() >= self._ends_at:
                return execution
            time.sleep(POLL_SECONDS)

    def _count(self) -> None:
        if time.monotonic() >= self._ends_at:
            raise Stopped(f"It did not finish within {self._seconds:g} s.")
        if self._turns_left == 0:
            raise Stopped(f"It did not finish within {self._turns} turns.")
        self._turns_left -= 1


def _blocked(reason: str) -> Result:
    return Result(Route.DENIED.value, (reason,), ResultState.BLOCKED)


def _result(execution: Execution, reasons: tuple[str, ...]) -> Result:
    state = OUTCOMES.get(ExecutionState(execution.state), ResultState.WAITING)
    if execution.error:
        reasons = (*reasons, execution.error)
    elif state is ResultState.WAITING:
        reasons = (*reasons, f"the execution is {execution.state}, and not ended yet")
    return Result(Route.EXECUTION.value, reasons, state, output=_output(execution))


def _output(execution: Execution) -> dict[str, Json]:
    """The step's output; of several steps, each by its id."""
    rows = list(execution.steps.order_by("position"))
    found: dict[str, Json] = {
        row.step: json.loads(row.output or "{}") for row in rows if row.state == StepState.DONE
    }
    return found.get(rows[0].step, {}) if len(rows) == 1 else found
