"""Recorded conversations (OpenAI chat format, one JSON object a line) as something to replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, digest, parse_json, require_storable

MAX_LINE_BYTES = 10_000_000
MAX_ARGUMENT_BYTES = 256_000


class _Function(BaseModel):
    model_config = ConfigDict(strict=True)
    name: str
    arguments: str


class _ToolCall(BaseModel):
    model_config = ConfigDict(strict=True)
    id: str
    function: _Function


class _Message(BaseModel):
    model_config = ConfigDict(strict=True)
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str | None = None


class _Expected(BaseModel):
    model_config = ConfigDict(strict=True)
    name: str
    arguments: dict[str, Json]


class _Line(BaseModel):
    model_config = ConfigDict(strict=True)
    messages: list[_Message]
    reward: float | None = None
    expected_actions: list[_Expected] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call. `result` is what the tool answered; None when the recording has no answer."""

    name: str
    arguments: dict[str, Json]
    result: str | None

    @property
    def failed(self) -> bool:
        """Whether the tool said so itself, or never answered."""
        return self.result is None or self.result.startswith("Error:")


@dataclass(frozen=True, slots=True)
class Said:
    """One message in words. `role`: who said it, as the recording names them."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """One recorded conversation. `reward` 1.0: it succeeded; below: it failed; None: unknown.

    `instruction`: what its user said first; empty where none said anything. `expected`: the calls
    that a correct agent makes, by name and arguments; None where the recording does not say.
    `turns`: everything that was said and called, in order, and the calls are among them.
    `name`: what the recording calls it. `digest`: of the turns, whatever else the line says.
    """

    calls: tuple[Call, ...]
    reward: float | None
    instruction: str = ""
    expected: tuple[tuple[str, dict[str, Json]], ...] | None = None
    turns: tuple[Said | Call, ...] = ()
    name: str = ""
    digest: str = ""


def parse_line(line: str) -> Conversation:
    """Read one line, whole or not at all. Raises InvalidInput saying what is wrong with it."""
    data = parse_json(line, what="line", max_bytes=MAX_LINE_BYTES)
    if not isinstance(data, dict):
        raise InvalidInput("The line is not a JSON object.")
    require_storable(data, what="line", max_bytes=MAX_LINE_BYTES)
    try:
        found = _Line.model_validate(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = "/".join(str(part) for part in problem["loc"]) or "the line"
        raise InvalidInput(f"{where}: {problem['msg']}.") from error
    expected = found.expected_actions
    turns = tuple(_turns(found.messages))
    return Conversation(
        tuple(turn for turn in turns if isinstance(turn, Call)),
        found.reward,
        next((m.content for m in found.messages if m.role == "user" and m.content), ""),
        None if expected is None else tuple((each.name, each.arguments) for each in expected),
        turns,
        _name(data),
        digest([_identity(turn) for turn in turns], what="line"),
    )


def _identity(turn: Said | Call) -> list[Json]:
    """A turn for the digest: the ids of calls say nothing but which answer is whose."""
    if isinstance(turn, Said):
        return [turn.role, turn.text]
    return ["call", turn.name, turn.arguments, turn.result]


def _name(data: dict[str, Json]) -> str:
    """Such as "Task 3, trial 1", where the recording has such numbers."""
    parts = [
        f"{word} {data[key]}"
        for word, key in (("task", "task_id"), ("trial", "trial"))
        if isinstance(data.get(key), int | str)
    ]
    return ", ".join(parts).capitalize()[:200]


def _turns(messages: list[_Message]) -> Iterator[Said | Call]:
    """In order. An id may be used again: an answer belongs to the last call before it."""
    for message, answers in zip(messages, _answers(messages), strict=True):
        if message.content and message.role != "tool":
            yield Said(message.role, message.content)
        for call, answer in zip(message.tool_calls or [], answers, strict=True):
            what = f"arguments of {call.function.name}"
            arguments = parse_json(call.function.arguments, what=what, max_bytes=MAX_ARGUMENT_BYTES)
            if not isinstance(arguments, dict):
                raise InvalidInput(f"The arguments of {call.function.name} are not an object.")
            require_storable(arguments, what=what, max_bytes=MAX_ARGUMENT_BYTES)
            yield Call(call.function.name, arguments, answer)


def _answers(messages: list[_Message]) -> list[list[str | None]]:
    """What the tools said to the calls of each message; gone through once, from the end.

    It is the first answer to a call's id, unless the id is called again before.
    """
    following: dict[str, str | None] = {}
    found: list[list[str | None]] = []
    for message in reversed(messages):
        calls = message.tool_calls or []
        found.append([following.get(call.id) for call in calls])
        following.update(dict.fromkeys(call.id for call in calls))
        if message.role == "tool" and message.tool_call_id is not None:
            following[message.tool_call_id] = message.content
    return found[::-1]
