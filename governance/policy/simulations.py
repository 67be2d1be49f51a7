"""Simulated tools: what the tools of an exam case answer, and to which calls.

A tool of a case is recorded (an action type, its exact arguments, and what it answered) or a stub
(an action type, and CEL that says when and what). Matching is exact: by the whole key, and by the
canonical form of the arguments, in which 3 and 3.0 are one number and members have no order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from cel_expr_python import cel
from pydantic import BaseModel, ConfigDict, Field, model_validator

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, canonical, canonical_text
from governance.policy import cel_errors

MAX_EXPRESSION = 2_000
"""Longest CEL expression accepted, in characters."""

MAX_ERROR = 2_000

UNKNOWN = "no such record"
"""What a simulated tool answers to what its case does not know."""

Key = Annotated[str, Field(min_length=1, max_length=100)]
Params = dict[str, Json]

_MAP = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_STUB = cel.NewEnv(variables={"action": _MAP, "params": _MAP, "calls": cel.Type.List(_MAP)})


class Tool(BaseModel):
    """One answer. With `params` it is recorded; without, a stub, which `when` may narrow.

    It answers with `output`, with what `cel` gives, or with a failure that says `error`.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    action_type: Key
    params: Params | None = None
    when: Annotated[str, Field(min_length=1)] | None = None
    output: dict[str, Json] | None = None
    cel: Annotated[str, Field(min_length=1)] | None = None
    error: Annotated[str, Field(min_length=1, max_length=MAX_ERROR)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Tool:
        if [self.output, self.cel, self.error].count(None) != 2:  # noqa: PLR2004  two of three
            raise ValueError("exactly one of output, cel and error is wanted")
        if self.params is not None and (self.when is not None or self.cel is not None):
            raise ValueError("a recorded answer (with params) takes neither when nor cel")
        return self


@dataclass(frozen=True, slots=True)
class Answer:
    """What the program is told: an output, or an error. `known`: the case has an answer to it.

    `fault` says what is wrong with the case itself; the call is then answered as unknown.
    """

    output: dict[str, Json] = field(default_factory=dict)
    error: str = ""
    known: bool = True
    fault: str = ""


class Expression:
    """One compiled CEL expression, whose value is JSON."""

    def __init__(self, source: str, environment: Any, *, boolean: bool = False) -> None:
        """Compile. Raises InvalidInput on bad syntax, unknown names, and a wrong type."""
        if len(source) > MAX_EXPRESSION:
            raise InvalidInput(f"it is longer than {MAX_EXPRESSION:,} characters")
        self._environment = environment
        try:
            self._compiled = environment.compile(source)
        except (RuntimeError, TypeError, ValueError) as error:  # TypeError: no valid Unicode
            raise InvalidInput(f"it does not compile: {cel_errors.plain(error)}") from error
        if boolean and self._compiled.return_type() != cel.Type.BOOL:
            raise InvalidInput("it must be true or false; compare it with something")

    def value(self, facts: Mapping[str, Json]) -> Json:
        """Evaluate. Raises InvalidInput where there is no value, or none that is JSON."""
        try:
            found = self._compiled.eval(self._environment.Activation(dict(facts)))
        except Exception as error:  # the binding documents no error types
            raise InvalidInput(f"it cannot be evaluated: {cel_errors.plain(error)}") from error
        if found.type() == cel.Type.ERROR:
            raise InvalidInput(f"it cannot be evaluated: {found.value()}")
        value = found.plain_value()
        canonical(value, what="value")
        return value


@dataclass(frozen=True, slots=True)
class _Stub:
    tool: Tool
    when: Expression | None
    output: Expression | None


class Simulation:
    """The tools of one sitting. Recorded answers to the same call are given in their order.

    The last of them is given again to every further such call. Stubs answer what no record does;
    the first whose `when` holds.
    """

    def __init__(self, tools: Sequence[Tool]) -> None:
        """Compile. Raises InvalidInput naming the tool."""
        self._served: Counter[tuple[str, bytes]] = Counter()
        self._recorded: dict[tuple[str, bytes], list[Tool]] = {}
        self._stubs: dict[str, list[_Stub]] = {}
        for position, tool in enumerate(tools):
            if tool.params is not None:
                self._recorded.setdefault(_call(tool.action_type, tool.params), []).append(tool)
            else:
                stub = _compiled(tool, position)
                self._stubs.setdefault(tool.action_type, []).append(stub)

    def answer(self, action_type: str, params: Params, calls: Sequence[dict[str, Json]]) -> Answer:
        """What this call is answered; `calls` are the ones before it, as CEL sees them."""
        call = _call(action_type, params)
        recorded = self._recorded.get(call)
        if recorded is not None:
            number = min(self._served[call], len(recorded) - 1)
            self._served[call] += 1
            return _said(recorded[number])
        facts = {"action": {"key": action_type}, "params": params, "calls": list(calls)}
        try:
            return self._stubbed(action_type, facts)
        except InvalidInput as error:
            return Answer(error=UNKNOWN, known=False, fault=f"The tool {action_type}: {error}.")

    def _stubbed(self, action_type: str, facts: dict[str, Json]) -> Answer:
        for stub in self._stubs.get(action_type, []):
            if stub.when is not None and stub.when.value(facts) is not True:
                continue
            if stub.output is None:
                return _said(stub.tool)
            output = stub.output.value(facts)
            if not isinstance(output, dict):
                raise InvalidInput("its CEL must give a map, and gave something else")
            return Answer(output)
        return Answer(error=UNKNOWN, known=False)


def same(params: Params, other: Params) -> bool:
    """Whether these are the same arguments, by their canonical form."""
    return canonical(params) == canonical(other)


def _call(action_type: str, params: Params) -> tuple[str, bytes]:
    return action_type, canonical(params, what=f"params of {action_type}")


def _compiled(tool: Tool, position: int) -> _Stub:
    try:
        when = tool.when and Expression(tool.when, _STUB, boolean=True)
        output = tool.cel and Expression(tool.cel, _STUB)
    except InvalidInput as error:
        raise InvalidInput(f"tools/{position} ({tool.action_type}): {error}.") from error
    return _Stub(tool, when or None, output or None)


def _said(tool: Tool) -> Answer:
    if tool.error is not None:
        return Answer(error=tool.error)
    return Answer(dict(tool.output or {}))


def shown(action_type: str, params: Params, *, most: int = 300) -> str:
    """A call in a sentence, cut after `most` characters of its arguments."""
    text = canonical_text(params)
    return f"{action_type} {text if len(text) <= most else f'{text[:most]}...'}"
