"""Agents that are reached over HTTP, turn by turn, so that they need no way to call back.

We POST the task and the last result; the agent answers with what it wants to do next. It keeps
its own state under the run's id, and may see the same turn once only: nothing is sent again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from governance.domain.errors import GovernanceError, InvalidInput
from governance.domain.values import Json, parse_json
from governance.outbound import Limits, fetch
from governance.policy.redaction import redact
from governance.runtimes.base import (
    MAX_NOTE,
    Finished,
    Misbehaved,
    Result,
    Stopped,
    Task,
    Tools,
    Unreachable,
    checked,
)

MAX_ANSWER_BYTES = 300_000
"""Largest answer read: a plan or an output at its own limit, and some air."""

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
_Strict = ConfigDict(extra="forbid", strict=True)


class _Act(BaseModel):
    model_config = _Strict
    action_type: Annotated[str, Field(min_length=1, max_length=100)]
    params: dict[str, Json]
    reasoning: Annotated[str, Field(max_length=10_000)] = ""


class _Report(BaseModel):
    model_config = _Strict
    claim: Annotated[str, Field(min_length=1, max_length=100)]
    outcome: Literal["done", "failed"]
    output: dict[str, Json] | None = None
    error: Annotated[str, Field(max_length=MAX_NOTE)] = ""


class _Finish(BaseModel):
    model_config = _Strict
    outcome: Literal["succeeded", "failed"]
    output: dict[str, Json]
    note: Annotated[str, Field(max_length=MAX_NOTE)] = ""


class _Answer(BaseModel):
    model_config = _Strict
    act: _Act | None = None
    report: _Report | None = None
    finish: _Finish | None = None

    @model_validator(mode="after")
    def _one(self) -> _Answer:
        if [self.act, self.report, self.finish].count(None) != 2:  # noqa: PLR2004  two of three
            raise ValueError("exactly one of act, report and finish is wanted")
        return self


@dataclass(frozen=True, slots=True)
class Http:
    """An endpoint and the guarded client that may reach it.

    At most `turns` requests in at most `seconds` together; how long one may take is the client's.
    `headers` go along with each; `secrets`, which are in them, are masked wherever they come back.
    """

    endpoint: str
    client: httpx.Client
    turns: int
    seconds: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def run(self, task: Task, tools: Tools) -> Finished:
        """Take turns until the agent finishes. Raises Misbehaved, Unreachable, Stopped."""
        ends_at = time.monotonic() + self.seconds
        last: Result | None = None
        for turn in range(1, self.turns + 1):
            if time.monotonic() >= ends_at:
                raise Stopped(f"It did not finish within {self.seconds:g} s.")
            answer = self._turn(task, turn, last)
            if answer.finish is not None:
                said = answer.finish
                return Finished(
                    succeeded=said.outcome == "succeeded",
                    output=checked(said.output),
                    note=said.note,
                )
            last = _carry_out(answer, tools)
        raise Stopped(f"It did not finish within {self.turns} turns.")

    def _turn(self, task: Task, turn: int, last: Result | None) -> _Answer:
        asked = {"task": task.as_json(), "turn": turn, "last": last and last.as_json()}
        return _parse(self._post(json.dumps(asked).encode(), turn), self.secrets)

    def _post(self, body: bytes, turn: int) -> bytes:
        headers = {**_HEADERS, **self.headers}
        limits = Limits(max_bytes=MAX_ANSWER_BYTES)
        try:
            answer = fetch(
                self.client, "POST", self.endpoint, headers=headers, content=body, limits=limits
            )
        except GovernanceError as error:
            raise Unreachable(str(error)) from error  # the guard's words: refused, or not sent
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"Turn {turn} was not answered ({type(error).__name__}).") from error
        if answer.status != httpx.codes.OK:
            raise Misbehaved(f"It answered turn {turn} with status {answer.status}.")
        if answer.truncated:
            raise Misbehaved(f"It answered turn {turn} with more than {MAX_ANSWER_BYTES:,} bytes.")
        return answer.body


def _parse(body: bytes, secrets: tuple[str, ...]) -> _Answer:
    try:
        data = parse_json(body, what="answer", max_bytes=MAX_ANSWER_BYTES)
        return _Answer.model_validate(redact(data, secrets))
    except InvalidInput as error:
        raise Misbehaved(str(error)) from error
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = "/".join(["answer", *(str(part) for part in problem["loc"])])
        raise Misbehaved(f"{where}: {problem['msg']}.") from error


def _carry_out(answer: _Answer, tools: Tools) -> Result:
    if answer.act is not None:
        act = answer.act
        return tools.act(act.action_type, act.params, reasoning=act.reasoning)
    if answer.report is None:  # the model has exactly one of the three
        raise Misbehaved("The answer says nothing.")
    said = answer.report
    return tools.report(said.claim, outcome=said.outcome, output=said.output, error=said.error)
