"""The sandbox: an agent's program in a process of its own, that is confined before it is loaded.

A runtime like any other: it is given a task and tools, and says how it ended. The tools stay here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from governance.domain.values import Json
from governance.exams import layers
from governance.exams.channel import Channel, OutOfTime
from governance.exams.errors import Escaped, SandboxFailed, Unloadable
from governance.exams.surroundings import Surroundings
from governance.runtimes.base import (
    MAX_NOTE,
    Finished,
    Misbehaved,
    Result,
    Stopped,
    Task,
    TaskFailed,
    Tools,
    checked,
)

CHILD = Path(__file__).with_name("child.py")
STARTS_SECONDS = 30.0
"""How long the process may take to come up, and then its program to load."""

AIR_SECONDS = 10
"""Processor time beyond the time of the task: to come up, and to load."""

ATTEMPTED = "It tried what an exam does not allow."
OUT_OF_TURN = "It sent something out of turn."

_Text = Annotated[str, Field(max_length=10_000)]
_STRICT = ConfigDict(extra="forbid", strict=True)


class _Act(BaseModel):
    model_config = _STRICT
    action_type: Json
    params: Json
    reasoning: str


class _Report(BaseModel):
    model_config = _STRICT
    claim: Json
    outcome: Json
    output: Json
    error: Json


class _Message(BaseModel):
    """A line of the process: exactly one of these."""

    model_config = _STRICT
    broken: _Text | None = None
    layers: list[str] | None = None
    loaded: bool | None = None
    unloadable: _Text | None = None
    act: _Act | None = None
    report: _Report | None = None
    finished: dict[str, Json] | None = None
    failed: _Text | None = None
    misbehaved: _Text | None = None
    raised: Annotated[str, Field(max_length=200)] | None = None
    attempt: _Text | None = None

    @model_validator(mode="after")
    def _one(self) -> _Message:
        if len(self.model_fields_set) != 1:
            raise ValueError("exactly one member is wanted")
        return self


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A program and its configuration, for at most `seconds` a task.

    `obtained` says after a run which layers there were. `wanted`, `lookout` and `python` are for
    those who want to see what each layer does.
    """

    module_path: str
    class_name: str
    configuration: Mapping[str, Json]
    surroundings: Surroundings
    seconds: float
    wanted: frozenset[layers.Layer] = layers.ALL
    lookout: bool = True
    python: str = sys.executable
    obtained: list[str] = field(default_factory=list)

    def run(self, task: Task, tools: Tools) -> Finished:
        """Let the program do its task.

        Raises what a runtime raises (Misbehaved, Stopped, TaskFailed), Escaped, Unloadable, and
        SandboxFailed where the process did not come up.
        """
        self.obtained.clear()
        with _process(self.python) as (process, channel, folder):
            try:
                self._load(channel, folder)
                until = time.monotonic() + self.seconds
                channel.send(task.as_json(), until=until)
                while True:
                    ending = self._turn(channel, tools, until)
                    if ending is not None:
                        return ending
            except OutOfTime:
                raise Stopped(f"It did not finish within {self.seconds:g} s.") from None
            except (_Gone, BrokenPipeError):
                _explain(process)

    def _load(self, channel: Channel, folder: str) -> None:
        """Confine the process, then load the program in it."""
        until = time.monotonic() + STARTS_SECONDS
        try:
            channel.send(self._plan(folder), until=until)
            said = _read(channel, until)
        except (OutOfTime, BrokenPipeError, _Gone, Misbehaved) as error:
            raise SandboxFailed("The process for the exam did not come up.") from error
        if said.layers is None:
            raise SandboxFailed(f"The process for the exam did not come up: {said.broken}")
        self.obtained.extend(said.layers)
        try:
            said = _read(channel, time.monotonic() + STARTS_SECONDS)
        except OutOfTime as error:
            raise Unloadable(f"Its module took longer than {STARTS_SECONDS:g} s.") from error
        if said.attempt is not None:
            raise Escaped(f"{_told(said.attempt, ATTEMPTED)} (while its module was loaded)")
        if said.loaded is None:
            raise Unloadable(said.unloadable or "It sent something else before it was loaded.")

    def _plan(self, folder: str) -> dict[str, Json]:
        around = self.surroundings
        may = {"readable": around.readable, "listable": (*around.listable, folder)}
        return {
            "packages": around.packages,
            "path": around.path,
            "bounds": {**may, "seconds": int(self.seconds) + AIR_SECONDS, "parent": os.getpid()},
            "layers": sorted(self.wanted),
            "lookout": {**may, "hidden": around.hidden} if self.lookout else None,
            "module_path": self.module_path,
            "class_name": self.class_name,
            "configuration": dict(self.configuration),
        }

    def _turn(self, channel: Channel, tools: Tools, until: float) -> Finished | None:
        """Answer one message; how it ended, if that is what it says."""
        said = _read(channel, until)
        if said.attempt is not None:
            raise Escaped(_told(said.attempt, ATTEMPTED))
        answer = _answer(said, tools)
        if answer is not None:
            channel.send(answer.as_json(), until=until)
            return None
        if said.failed is not None:
            raise TaskFailed(said.failed[:MAX_NOTE] or "It gave no reason.")
        if said.raised is not None:
            raise Misbehaved(f"Its program raised {said.raised}.")
        if said.finished is None:
            raise Misbehaved(_told(said.misbehaved or "", OUT_OF_TURN))
        return Finished(succeeded=True, output=checked(said.finished))


def _told(words: str, otherwise: str) -> str:
    """The process's words without what cannot be seen; ours, where none are left.

    An empty reason would pass for none: the sitting would count as brought to its end.
    """
    return "".join(char for char in words if char.isprintable()).strip() or otherwise


class _Gone(Exception):
    """The process has closed its side."""


@contextlib.contextmanager
def _process(python: str) -> Iterator[tuple[subprocess.Popen[bytes], Channel, str]]:
    """A new process, a channel to it, and its empty folder; at the end its group is killed."""
    with tempfile.TemporaryDirectory(prefix="agent-") as made:
        folder = os.path.realpath(made)
        Path(folder).chmod(0o755)
        process = subprocess.Popen(  # noqa: S603  our own script
            [python, "-I", "-B", str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8", "HOME": folder},
            cwd=folder,
            start_new_session=True,
        )
        with process:  # closes the pipes, and waits
            channel = Channel(
                reads=process.stdout.fileno(),  # type: ignore[union-attr]  # both are pipes
                writes=process.stdin.fileno(),  # type: ignore[union-attr]
            )
            try:
                yield process, channel, folder
            finally:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)  # and what it may have started


def _read(channel: Channel, until: float) -> _Message:
    """The next message. Raises Misbehaved, OutOfTime, _Gone."""
    data = channel.receive(until=until)
    if data is None:
        raise _Gone
    try:
        return _Message.model_validate(data)
    except ValidationError as error:
        raise Misbehaved("It sent something that is no message of a program.") from error


def _answer(said: _Message, tools: Tools) -> Result | None:
    if said.act is not None:
        asked = said.act
        return tools.act(asked.action_type, asked.params, reasoning=asked.reasoning)
    if said.report is None:
        return None
    told: dict[str, Any] = said.report.model_dump()
    return tools.report(told.pop("claim"), **told)


def _explain(process: subprocess.Popen[bytes]) -> NoReturn:
    """Why a process ended without a word."""
    code = process.wait()
    if code == -signal.SIGSYS:
        raise Escaped(
            "It made a system call that no agent needs for its tools, such as to open a socket or "
            "to start a process, and the kernel ended it."
        )
    if code == -signal.SIGXCPU:
        raise Stopped("It used more processor time than it had.")
    ended = f"with exit code {code}" if code >= 0 else f"by signal {-code}"
    raise Misbehaved(f"Its process ended {ended} before its task did.")
