"""Recorded conversations (OpenAI chat format, one JSON object a line) as something to replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, parse_json

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


class _Line(BaseModel):
    model_config = ConfigDict(strict=True)
    messages: list[_Message]
    reward: float | None = None


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
class Conversation:
    """One recorded conversation. `reward` 1.0: it succeeded; below: it failed; None: unknown."""

    calls: tuple[Call, ...]
    reward: float | None


def parse_line(line: str) -> Conversation:
    """Read one line, whole or not at all. Raises InvalidInput saying what is wrong with it."""
    data = parse_json(line, what="line", max_bytes=MAX_LINE_BYTES)
    if not isinstance(data, dict):
        raise InvalidInput("The line is not a JSON object.")
    try:
        found = _Line.model_validate(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = "/".join(str(part) for part in problem["loc"]) or "the line"
        raise InvalidInput(f"{where}: {problem['msg']}.") from error
    return Conversation(tuple(_calls(found.messages)), found.reward)


def _calls(messages: list[_Message]) -> Iterator[Call]:
    results = {m.tool_call_id: m.content for m in messages if m.role == "tool"}
    for message in messages:
        for call in message.tool_calls or []:
            arguments = parse_json(
                call.function.arguments,
                what=f"arguments of {call.function.name}",
                max_bytes=MAX_ARGUMENT_BYTES,
            )
            if not isinstance(arguments, dict):
                raise InvalidInput(f"The arguments of {call.function.name} are not an object.")
            yield Call(call.function.name, arguments, results.get(call.id))
