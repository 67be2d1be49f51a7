"""Sittings: one agent, one case, once. What it did is judged, and what it says is not believed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from django.conf import ENVIRONMENT_VARIABLE, settings
from django.db import connections

from governance.domain.values import Json, canonical
from governance.domain.words import Maturity
from governance.exams import layers, surroundings
from governance.exams.errors import Escaped, Unloadable
from governance.exams.sandbox import Sandbox
from governance.exams.tools import SimulatedTools, gate_words
from governance.execution.deadline import DeadlineExceeded
from governance.models import ActionType, Agent, ExamCase
from governance.models.base import new_id
from governance.outbound.errors import NotSent
from governance.policy import exams
from governance.policy.exams import Call, Ending
from governance.policy.redaction import clean
from governance.runtimes.base import (
    MAX_NOTE,
    Finished,
    Misbehaved,
    Runtime,
    Stopped,
    Task,
    TaskFailed,
    Unreachable,
)
from governance.runtimes.http import Http
from governance.services import programs

MAX_KEPT = 20_000
"""Bytes of params or of an output that a transcript keeps; of more it keeps how much it was."""


class NeverBegan(Exception):
    """The agent was not reached, or not loaded, so this says nothing of it yet. str() says why.

    `sent`: whether the case may have reached it all the same.
    """

    def __init__(self, why: str, *, sent: bool = False) -> None:
        super().__init__(why)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Sitting:
    """What became of it. `why`: what was wrong; empty when it passed. `layers`: of isolation."""

    why: list[str]
    transcript: list[Json]
    ending: dict[str, Json]
    seconds: float
    layers: list[str]


@dataclass(frozen=True, slots=True)
class Room:
    """Where an agent sits its exams. `reach`: its runtime, for so many seconds."""

    agent: Agent
    complexities: dict[str, int]
    reach: Callable[[float], Runtime]

    def sit(self, case: ExamCase) -> Sitting:
        """Let the agent do the case once.

        Raises NeverBegan, and SandboxFailed where the process for it did not come up.
        """
        read = exams.read(
            task=case.task,
            tools=case.tools,
            expectation=case.expectation,
            required=case.required,
            forbidden=case.forbidden,
        )
        words = gate_words(Maturity(self.agent.maturity), self.complexities)
        turns = settings.GOVERNANCE_AGENT_TURNS
        tools = SimulatedTools(read.simulation(), reasons=words, turns=turns)
        runtime = self.reach(float(case.seconds))
        task = Task(str(new_id()), read.task.instruction, read.task.context)
        began = time.monotonic()
        ending = _ending(runtime, task, tools)
        return Sitting(
            why=list(exams.judge(read, tools.calls, ending)),
            transcript=[_kept(call) for call in tools.calls],
            ending={} if ending.fault else _whole(ending.as_json()),
            seconds=round(time.monotonic() - began, 3),
            layers=list(runtime.obtained) if isinstance(runtime, Sandbox) else [layers.REMOTE],
        )


@contextlib.contextmanager
def room(agent: Agent) -> Iterator[Room]:
    """A room for the agent, as it is registered.

    Raises InvalidInput where there is no way to it, and OutboundRefused.
    """
    catalogue = ActionType.objects.of(agent.workspace_id).values_list("key", "complexity")
    complexities = dict(catalogue)
    if programs.is_in_process(agent):
        around = surroundings.of_program(
            agent.module_path,
            project=[os.environ[ENVIRONMENT_VARIABLE], settings.ROOT_URLCONF],
            private=_private(),
        )
        yield Room(agent, complexities, lambda seconds: _sandbox(agent, around, seconds))
        return
    with programs.reached(agent) as runtime:
        yield Room(agent, complexities, lambda seconds: _at_most(runtime, seconds))


def _sandbox(agent: Agent, around: surroundings.Surroundings, seconds: float) -> Sandbox:
    return Sandbox(agent.module_path, agent.class_name, agent.configuration, around, seconds)


def _at_most(runtime: Runtime, seconds: float) -> Runtime:
    return replace(runtime, seconds=seconds) if isinstance(runtime, Http) else runtime


def _private() -> list[Path]:
    """What no program may read, wherever it lies: keys, settings, the database."""
    found = [Path(path) for path in settings.GOVERNANCE_PRIVATE_PATHS]
    for each in connections.all():
        if each.vendor == "sqlite":
            name = str(each.settings_dict["NAME"])
            found += [Path(name + suffix) for suffix in ("", "-journal", "-wal", "-shm")]
    return found


def _ending(runtime: Runtime, task: Task, tools: SimulatedTools) -> Ending:
    """How it ended. Raises NeverBegan, where the agent has not done anything yet."""
    try:
        return _said(runtime.run(task, tools))
    except (Unloadable, Unreachable) as error:
        if not tools.calls:
            raise NeverBegan(str(error), sent=_may_be_sent(error)) from error
        return Ending(fault=str(error))
    except TaskFailed as error:
        return Ending(succeeded=False, note=_shown(str(error)))
    except (Escaped, Misbehaved, Stopped, DeadlineExceeded) as error:
        return Ending(fault=_shown(str(error)))


def _may_be_sent(error: Unloadable | Unreachable) -> bool:
    """Not where it was refused here, or where there was no connection; else it may have been."""
    nothing = (NotSent, httpx.ConnectError, httpx.ConnectTimeout)
    return isinstance(error, Unreachable) and not isinstance(error.__cause__, nothing)


def _said(finished: Finished) -> Ending:
    return Ending(succeeded=finished.succeeded, output=finished.output, note=_shown(finished.note))


def _kept(call: Call) -> Json:
    """A line of the transcript as it is kept: without secrets, and with nothing beyond bounds."""
    whole = replace(call, params=_short(call.params), output=_short(call.output))
    return clean(whole.as_json())


def _whole(ending: dict[str, Json]) -> dict[str, Json]:
    return {**ending, "output": clean(_short(ending["output"]))}


def _short(value: dict[str, Json]) -> dict[str, Json]:
    size = len(canonical(value))
    return value if size <= MAX_KEPT else {"left_out": f"{size:,} bytes"}


def _shown(text: str) -> str:
    return "".join(char for char in text if char.isprintable() or char == "\n")[:MAX_NOTE]
