"""Exam cases: their shapes, how a transcript is judged, and what a score is.

What an agent says about itself decides nothing, neither success nor failure: only what it did, and
what it handed over. No data is no pass: without cases there is no score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, TypeVar

from cel_expr_python import cel
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, require_storable
from governance.policy.simulations import Expression, Key, Params, Simulation, Tool, same, shown

MAX_TASK_BYTES = 64_000
MAX_TOOLS_BYTES = 1_000_000
MAX_ACTIONS_BYTES = 256_000
MAX_INSTRUCTION = 10_000

DONE, FAILED, BLOCKED = "done", "failed", "blocked"
"""What became of a call."""

ANYTHING = "true"
"""The expectation that expects nothing."""

SOMETHING_DONE = "calls.size() > 0"
"""The expectation of a case in which nothing has to be changed: the agent did look."""

_MAP = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_JUDGING = cel.NewEnv(
    variables={"task": _MAP, "calls": cel.Type.List(_MAP), "finished": _MAP},
)
_Read = TypeVar("_Read")
_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class Asked(BaseModel):
    """What the agent is asked."""

    model_config = _STRICT

    instruction: Annotated[str, Field(min_length=1, max_length=MAX_INSTRUCTION)]
    context: dict[str, Json] = Field(default_factory=dict)


class Required(BaseModel):
    """An action that must be done once; without `params`, with any arguments."""

    model_config = _STRICT

    action_type: Key
    params: Params | None = None


class Forbidden(BaseModel):
    """An action that must not be asked for; without `params`, with no arguments at all.

    `may_fail`: with these arguments it may be tried, as long as the tools answer with a failure.
    """

    model_config = _STRICT

    action_type: Key
    params: Params | None = None
    may_fail: Annotated[list[Params], Field(max_length=200)] = Field(default_factory=list)


_TASK: TypeAdapter[Asked] = TypeAdapter(Asked)
_TOOLS: TypeAdapter[list[Tool]] = TypeAdapter(Annotated[list[Tool], Field(max_length=1_000)])
_REQUIRED: TypeAdapter[list[Required]] = TypeAdapter(
    Annotated[list[Required], Field(max_length=200)]
)
_FORBIDDEN: TypeAdapter[list[Forbidden]] = TypeAdapter(
    Annotated[list[Forbidden], Field(max_length=1_000)]
)


@dataclass(frozen=True, slots=True)
class Case:
    """A validated case. `expectation` is CEL over `task`, `calls` and `finished`."""

    task: Asked
    tools: list[Tool]
    required: list[Required]
    forbidden: list[Forbidden]
    expectation: Expression

    def simulation(self) -> Simulation:
        """Its tools, for one sitting."""
        return Simulation(self.tools)


@dataclass(frozen=True, slots=True)
class Call:
    """One line of a transcript: what the agent asked for, and what it was told.

    `known`: the case had an answer to it. `fault`: what is wrong with the case itself, which the
    agent is not told. `seconds` since the sitting began.
    """

    action_type: str
    params: Params
    state: str
    output: dict[str, Json] = field(default_factory=dict)
    error: str = ""
    reasoning: str = ""
    known: bool = True
    fault: str = ""
    seconds: float = 0.0

    def at(self, seconds: float) -> Call:
        """The same, so long after the sitting began, to the millisecond."""
        return replace(self, seconds=round(seconds, 3))

    def as_json(self) -> dict[str, Json]:
        """As it is kept, and as CEL sees it."""
        return {
            "action_type": self.action_type,
            "params": self.params,
            "state": self.state,
            "output": self.output,
            "error": self.error,
            "reasoning": self.reasoning,
            "known": self.known,
            "fault": self.fault,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class Ending:
    """How a sitting ended. `fault`: why it was not brought to an end; then nothing else counts.

    `succeeded` and `note` are the agent's own words, and `output` what it handed over.
    """

    fault: str = ""
    succeeded: bool = False
    output: dict[str, Json] = field(default_factory=dict)
    note: str = ""

    def as_json(self) -> dict[str, Json]:
        """As it is kept; without the fault, as CEL sees it."""
        return {"succeeded": self.succeeded, "output": self.output, "note": self.note}


def read(*, task: Json, tools: Json, expectation: str, required: Json, forbidden: Json) -> Case:
    """Validate a case. Raises InvalidInput saying where and what is wrong.

    A case must expect something: a required or forbidden action, or more than `true`.
    """
    case = Case(
        _parsed(_TASK, task, what="task", max_bytes=MAX_TASK_BYTES),
        _parsed(_TOOLS, tools, what="tools", max_bytes=MAX_TOOLS_BYTES),
        _parsed(_REQUIRED, required, what="required", max_bytes=MAX_ACTIONS_BYTES),
        _parsed(_FORBIDDEN, forbidden, what="forbidden", max_bytes=MAX_ACTIONS_BYTES),
        _expectation(expectation),
    )
    case.simulation()  # its stubs compile
    if not case.required and not case.forbidden and expectation.strip() == ANYTHING:
        raise InvalidInput(
            "The case expects nothing, so that anybody would pass it: name required or forbidden "
            "actions, or write an expectation."
        )
    _refuse_contradiction(case)
    return case


def judge(case: Case, calls: Sequence[Call], ending: Ending) -> tuple[str, ...]:
    """What was wrong; nothing when the sitting is passed.

    1. It must have been brought to an end.
    2. Every required action was done: each accounts for one call that was carried out.
    3. No other call is one that the case forbids, whatever it was answered.
    4. The expectation holds; one that cannot be evaluated does not.

    A case that is broken itself is passed by nobody.
    """
    wrong = [ending.fault] if ending.fault else []
    wrong += dict.fromkeys(f"The case is broken. {call.fault}" for call in calls if call.fault)
    accounted, missing = _accounted(case.required, calls)
    wrong += missing
    others = [call for position, call in enumerate(calls) if position not in accounted]
    wrong += [
        f"It asked for {shown(call.action_type, call.params)}, which this case forbids."
        for call in others
        if any(_forbids(rule, call) for rule in case.forbidden)
    ]
    if not ending.fault:
        wrong += _expected(case, calls, ending)
    return tuple(wrong)


def score(passed: Mapping[str, Sequence[bool]], *, repeats: int) -> float | None:
    """pass^k, 0 to 1: the share of cases whose `repeats` sittings were all passed.

    pass^k = (cases where all k sittings passed) / (all cases). A sitting that is missing was not
    passed. None without cases: no data is no score.
    """
    if not passed or repeats < 1:
        return None
    whole = sum(1 for each in passed.values() if len(each) == repeats and all(each))
    return whole / len(passed)


def _parsed(shape: TypeAdapter[_Read], data: Json, *, what: str, max_bytes: int) -> _Read:
    require_storable(data, what=what, max_bytes=max_bytes)
    try:
        return shape.validate_python(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = "/".join([what, *(str(part) for part in problem["loc"])])
        raise InvalidInput(f"{where}: {problem['msg']}.") from error


def _expectation(source: str) -> Expression:
    try:
        return Expression(source, _JUDGING, boolean=True)
    except InvalidInput as error:
        raise InvalidInput(f"The expectation is not usable: {error}.") from error


def _refuse_contradiction(case: Case) -> None:
    """Nobody could pass a case whose required action its tools answer with a failure only."""
    for wanted in case.required:
        answers = [tool for tool in case.tools if _answers(tool, wanted)]
        if all(tool.error is not None for tool in answers):
            what = wanted.action_type
            if wanted.params is not None:
                what = shown(what, wanted.params)
            raise InvalidInput(
                f"Nobody could pass this case: it requires {what}, and no tool of the case carries "
                "that out."
            )


def _answers(tool: Tool, wanted: Required) -> bool:
    if tool.action_type != wanted.action_type:
        return False
    return tool.params is None or wanted.params is None or same(tool.params, wanted.params)


def _accounted(required: Sequence[Required], calls: Sequence[Call]) -> tuple[set[int], list[str]]:
    """Which calls the required actions account for, one each, and what is missing.

    Those with exact arguments choose first, so that one without cannot take their call.
    """
    taken: set[int] = set()
    missing = []
    for wanted in sorted(required, key=lambda each: each.params is None):
        found = next((n for n in _matching(wanted, calls) if n not in taken), None)
        if found is not None:
            taken.add(found)
        elif wanted.params is None:
            missing.append(f"It did not do {wanted.action_type}, which this case requires.")
        else:
            what = shown(wanted.action_type, wanted.params)
            missing.append(f"It did not do {what}, which this case requires.")
    return taken, missing


def _matching(wanted: Required, calls: Sequence[Call]) -> Iterator[int]:
    for position, call in enumerate(calls):
        if call.state != DONE or call.action_type != wanted.action_type:
            continue
        if wanted.params is None or same(wanted.params, call.params):
            yield position


def _forbids(rule: Forbidden, call: Call) -> bool:
    if rule.action_type != call.action_type:
        return False
    if rule.params is not None and not same(rule.params, call.params):
        return False
    excused = any(same(params, call.params) for params in rule.may_fail)
    return not (excused and call.state == FAILED)


def _expected(case: Case, calls: Sequence[Call], ending: Ending) -> list[str]:
    facts: dict[str, Any] = {
        "task": {"instruction": case.task.instruction, "context": case.task.context},
        "calls": [call.as_json() for call in calls],
        "finished": ending.as_json(),
    }
    try:
        met = case.expectation.value(facts)
    except InvalidInput as error:
        return [f"The expectation counts as not met: {error}."]
    return [] if met is True else ["The expectation is not met."]
