"""What an agent's program sees: its task, its tools, and nothing else.

The same in live work and in exams. Whatever carries the tools out stands behind the `Tools`
protocol, so a program cannot tell which it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, require_storable

MAX_OUTPUT_BYTES = 250_000
"""Largest output of a run, in bytes: one of a step, and some air."""

MAX_NOTE = 2_000


class ResultState(StrEnum):
    """What became of an action, as the program is told."""

    DONE = "done"
    FAILED = "failed"
    WAITING = "waiting"
    BLOCKED = "blocked"
    CLAIMED = "claimed"


@dataclass(frozen=True, slots=True)
class Claim:
    """A single-use permission: do exactly this, then report under this id."""

    id: str
    action_type: str
    params: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one action.

    done, failed: it was carried out, and how it ended. waiting: for people, or for somebody else
    to finish it; `proposal` is set when it is a proposal. blocked: nothing will happen, and
    `reasons` say why. claimed: the program itself does what `claim` says, then reports.

    `guidance` is what a supervisor wants the agent to know; empty when there is none.
    """

    route: str
    reasons: tuple[str, ...]
    state: ResultState
    output: dict[str, Json] = field(default_factory=dict)
    guidance: str = ""
    proposal: str = ""
    claim: Claim | None = None

    def as_json(self) -> dict[str, Json]:
        """For agents that are reached over HTTP."""
        claim = self.claim
        return {
            "route": self.route,
            "reasons": list(self.reasons),
            "state": self.state.value,
            "output": self.output,
            "guidance": self.guidance,
            "proposal": self.proposal,
            "claim": claim
            and {"id": claim.id, "action_type": claim.action_type, "params": claim.params},
        }


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of the agent, in one run."""

    run: str
    instruction: str
    context: dict[str, Json] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """For agents that are reached over HTTP."""
        return {"run": self.run, "instruction": self.instruction, "context": self.context}


class Tools(Protocol):
    """All that a program can do. Both may raise Stopped, which a program lets pass."""

    def act(self, action_type: str, params: dict[str, Json], *, reasoning: str = "") -> Result:
        """Ask to take an action; whatever the gate answers is carried out, and told."""

    def report(
        self,
        claim: str,
        *,
        outcome: str,
        output: dict[str, Json] | None = None,
        error: str = "",
    ) -> Result:
        """Say how what the program itself did ended: `done`, or `failed` with an error."""


class AgentProgram(ABC):
    """The base of in-process agents: one instance a run.

    `configuration` is the agent's own, as registered: the model, the prompt, and so on.
    """

    def __init__(self, configuration: Mapping[str, Json]) -> None:
        """Subclasses that need more set it up here, without acting."""
        self.configuration = configuration

    @abstractmethod
    def run(self, task: Task, tools: Tools) -> dict[str, Json]:
        """Do the task; returns a JSON object of at most 250,000 bytes. Raises TaskFailed."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How the agent says its task ended. `note`: its own words, at most 2,000 characters."""

    succeeded: bool
    output: dict[str, Json]
    note: str = ""


class Runtime(Protocol):
    """One way to reach agents."""

    def run(self, task: Task, tools: Tools) -> Finished:
        """Let the agent do its task. Raises Misbehaved, Unreachable, Stopped, or anything."""


class TaskFailed(Exception):
    """A program raises this when it could not do its task. str() is shown to people."""


class Misbehaved(Exception):
    """The agent did not keep to the interface. str() is ours, and shown to people."""


class Unreachable(Exception):
    """The agent could not be asked, or did not answer. str() is ours, and shown to people."""


class Stopped(BaseException):
    """The run is over, whatever its program still wants. str() says why, and is ours.

    A BaseException, so that a program's own `except Exception` does not swallow it.
    """


def checked(output: object) -> dict[str, Json]:
    """The output, if it is what a program may return. Raises Misbehaved."""
    if not isinstance(output, dict):
        raise Misbehaved(f"It returned {type(output).__name__}, and must return a JSON object.")
    try:
        # Judged inside the object that it will be kept in, which is one level deeper.
        require_storable({"output": output}, what="output", max_bytes=MAX_OUTPUT_BYTES)
    except InvalidInput as error:
        raise Misbehaved(str(error)) from error
    return output
