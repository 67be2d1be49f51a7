"""Agents of the tests: programs in this process, and a real HTTP agent on loopback."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from governance.domain.words import TriggerSource
from governance.models import Run
from governance.runtimes.base import AgentProgram, Result, ResultState, TaskFailed
from governance.services import agent_runs, runs
from tests.factories import BY_SYSTEM

SECRET = "hunter2-hunter2"


def as_plain(result: Result) -> dict[str, Any]:
    return {"state": result.state.value, "reasons": list(result.reasons), "output": result.output}


def execute(agent, instruction="Do it.", *, context=None, **values):
    return agent_runs.execute(
        agent=agent,
        instruction=instruction,
        context=context,
        **{"source": TriggerSource.AI_COORDINATOR, "by": BY_SYSTEM, **values},
    )


class Echo(AgentProgram):
    """Acts as its context says: a list of [action type, params]; returns the answers."""

    def run(self, task, tools):
        answers = [tools.act(key, params) for key, params in task.context.get("acts", [])]
        return {"instruction": task.instruction, "answers": [as_plain(a) for a in answers]}


class Does(AgentProgram):
    """Carries out an action in agent mode itself, and reports as its context says."""

    def run(self, task, tools):
        asked = tools.act("thing_do", {"amount": 5})
        assert asked.state is ResultState.CLAIMED, asked
        claim = asked.claim
        if task.context.get("ended"):
            run = Run.objects.get(pk=task.run)
            runs.finish(run=run, outcome="abandoned", note="Enough.", by=BY_SYSTEM)
        told = tools.report(task.context.get("claim", claim.id), **task.context["report"])
        again = tools.report(claim.id, outcome="done")
        return {
            "claim": [claim.action_type, claim.params],
            "told": as_plain(told),
            "again": as_plain(again),
        }


class Delegates(AgentProgram):
    """Asks another agent, if its configuration names one; fails when that did not work."""

    def run(self, task, tools):
        other = self.configuration.get("delegate")
        if other is None:
            return {"did": task.instruction}
        asked = tools.act("agent_execute", {"agent": other, "instruction": task.instruction})
        if asked.state is not ResultState.DONE:
            raise TaskFailed("; ".join(asked.reasons))
        return {"got": asked.output["output"]}


class Raises(AgentProgram):
    def run(self, task, tools):
        raise ValueError(SECRET)


class Fails(AgentProgram):
    def run(self, task, tools):
        raise TaskFailed("There are no sales.\x00")


class Exits(AgentProgram):
    def run(self, task, tools):
        sys.exit(3)


class Interrupted(AgentProgram):
    def run(self, task, tools):
        raise KeyboardInterrupt


class Hangs(AgentProgram):
    """Swallows every Exception, as a careless program might."""

    def run(self, task, tools):
        while True:
            with contextlib.suppress(Exception):
                time.sleep(60)


class Endless(AgentProgram):
    def run(self, task, tools):
        while True:
            with contextlib.suppress(Exception):
                tools.act("thing_read", {})


class Garbage(AgentProgram):
    """Returns what its context names."""

    VALUES = {
        "none": None,
        "list": [1],
        "object": {"it": object()},
        "nan": {"it": float("nan")},
        "large": {"it": "x" * 250_000},
    }

    def run(self, task, tools):
        return self.VALUES[task.context["value"]]


class Mutates(AgentProgram):
    """Tries to change what it was given before it acts."""

    def run(self, task, tools):
        task.context["amount"] = 0
        self.configuration["endpoint"] = "https://example.com"
        return as_plain(tools.act("thing_read", {}))


class Advises(AgentProgram):
    """Gives its configured opinion, after trying to act: an adviser has no tools."""

    def run(self, task, tools):
        assert tools.act("thing_read", {}).state is ResultState.BLOCKED
        assert tools.report("x", outcome="done").state is ResultState.BLOCKED
        return self.configuration["says"]


class Abstract(AgentProgram):
    """Has no run."""


class NoProgram:
    pass


@dataclass
class HttpAgent:
    """A server at `url` that answers each turn with `turn(asked)`; `seen` keeps what it got."""

    turn: Callable[[dict[str, Any]], Any]
    seen: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/turn"


@contextmanager
def http_agent(turn: Callable[[dict[str, Any]], Any]) -> Iterator[HttpAgent]:
    """`turn` returns what is sent as JSON; or bytes, sent as they are; or a status."""
    agent = HttpAgent(turn)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            agent.seen.append(asked)
            agent.headers.append({name.lower(): value for name, value in self.headers.items()})
            answer = agent.turn(asked)
            status, body = 200, answer
            if isinstance(answer, int):
                status, body = answer, b""
            elif not isinstance(answer, bytes):
                body = json.dumps(answer).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", agent.url)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with serving(Handler) as agent.port:
        yield agent


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server on loopback; yields its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
