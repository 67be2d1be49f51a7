"""Inside the process in which a program is examined: confine it, load the program, let it run.

Every line in and out is a JSON object. Out go, in this order: `layers`; `loaded` or `unloadable`;
`act` and `report`, each answered with a result; and one of `finished`, `failed`, `misbehaved` and
`raised`. `attempt` may come at any time, and is the last.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import IO, Any, NoReturn

from governance.domain.errors import InvalidInput
from governance.domain.values import Json, canonical
from governance.exams.confinement import Bounds, confine
from governance.exams.lookout import Lookout
from governance.runtimes import in_process
from governance.runtimes.base import (
    Claim,
    Misbehaved,
    Result,
    ResultState,
    Task,
    TaskFailed,
)

MAX_LINE = 2_000_000

Run = Callable[[IO[bytes], int], NoReturn]


class Line:
    """To and from whoever holds the tools; one at a time."""

    def __init__(self, incoming: IO[bytes], outgoing: int) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._lock = threading.RLock()

    def say(self, kind: str, what: Json) -> None:
        """Send a line."""
        with self._lock:
            text = json.dumps({kind: what}, ensure_ascii=False)
            data = text.encode(errors="backslashreplace") + b"\n"
            while data:
                data = data[os.write(self._outgoing, data) :]

    def hear(self) -> dict[str, Any]:
        """The next line; the process ends where there is none."""
        line = self._incoming.readline(MAX_LINE)
        if not line:
            os._exit(1)
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, kind: str, what: Json) -> dict[str, Any]:
        """Send a line, and hear the answer."""
        with self._lock:
            self.say(kind, what)
            return self.hear()

    def end(self, kind: str, what: Json) -> NoReturn:
        """Send the last line. Nothing the program left behind runs after it."""
        try:
            self.say(kind, what)
        finally:
            os._exit(0)


class ToolsOnLine:
    """The tools of a program: whatever it asks for goes down the line."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def act(self, action_type: str, params: dict[str, Json], *, reasoning: str = "") -> Result:
        """Ask to take an action; what is no JSON is answered as in live work."""
        asked = {"action_type": action_type, "params": params, "reasoning": reasoning}
        return self._asked("act", asked)

    def report(
        self,
        claim: str,
        *,
        outcome: str,
        output: dict[str, Json] | None = None,
        error: str = "",
    ) -> Result:
        """Say how what the program itself did ended."""
        said = {"claim": claim, "outcome": outcome, "output": output, "error": error}
        return self._asked("report", said)

    def _asked(self, kind: str, what: dict[str, Json]) -> Result:
        try:
            canonical(what, what="plan")
        except InvalidInput as error:
            return Result("denied", (str(error),), ResultState.BLOCKED)
        return _result(self._line.ask(kind, what))


def prepared(plan: dict[str, Any]) -> Run:
    """What is to be done, with everything of ours loaded that it needs."""

    def run(incoming: IO[bytes], outgoing: int) -> NoReturn:
        line = Line(incoming, outgoing)
        line.say("layers", confine(Bounds(**plan["bounds"]), plan["layers"]))
        if plan["lookout"]:
            Lookout(**plan["lookout"], report=lambda tried: line.end("attempt", tried)).begin()
        _run(plan, line)

    return run


def _run(plan: dict[str, Any], line: Line) -> NoReturn:
    try:
        program = in_process.load(plan["module_path"], plan["class_name"])
    except InvalidInput as error:
        line.end("unloadable", str(error))
    except BaseException as error:  # noqa: BLE001  a module may raise anything
        line.end("unloadable", f"Its module raised {type(error).__name__}.")
    line.say("loaded", what=True)
    task = Task(**line.hear())
    try:
        runtime = in_process.InProcess(program, plan["configuration"])
        finished = runtime.run(task, ToolsOnLine(line))
    except TaskFailed as error:
        line.end("failed", str(error))
    except Misbehaved as error:
        line.end("misbehaved", str(error))
    except BaseException as error:  # noqa: BLE001  whatever a program raises is its failure
        line.end("raised", type(error).__name__)
    line.end("finished", finished.output)


def _result(said: dict[str, Any]) -> Result:
    claim = said.pop("claim")
    state, reasons = ResultState(said.pop("state")), tuple(said.pop("reasons"))
    return Result(**said, state=state, reasons=reasons, claim=claim and Claim(**claim))
