"""Sessions: a browser in a process of its own, from its start to its certain end."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from types import TracebackType
from typing import Any, Self

from governance.browser import installed, processes
from governance.domain.errors import GovernanceError
from governance.outbound import Resolver, Rules
from governance.outbound.proxy import Proxy, ProxyLimits

Answer = dict[str, Any]

DRIVER = ("-m", "governance.browser.driver")
LIMITS = ProxyLimits()
START_SECONDS = 30.0
GRACE_SECONDS = 15.0
"""What an answer may take beyond the time its verb was given: loading may go on for a while."""

END_SECONDS = 3.0
MAX_ANSWER = 8_000_000
"""Bytes of one answer; a picture is the largest."""


class BrowserFailed(GovernanceError):
    """The browser could not do what it was asked; `kind` says why in one word, as `driver` does.

    `silent`: it gave no answer in time, or is gone; what it did meanwhile nobody knows.
    """

    code = "browser_failed"

    def __init__(self, kind: str, answer: Answer | None = None) -> None:
        super().__init__(kind)
        self.kind, self.answer = kind, answer or {}


class Session:
    """A browser that reaches what `rules` allow, through a proxy of its own; ended with the block.

    `seconds`: when everything is cut off. `sent` and `failed` are as the driver last told them.
    Raises BrowserFailed when it cannot be started.
    """

    def __init__(self, rules: Rules, *, seconds: float, resolver: Resolver | None = None) -> None:
        self.own_network = self.sandboxed = False
        self.sent, self.failed = 0, ""
        self._rules, self._resolver = tuple(rules), resolver
        self._ends_at = time.monotonic() + seconds
        self._unread = b""
        self._ending = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ending:
            home = tempfile.mkdtemp(prefix="governance-browser-")
            ending.callback(shutil.rmtree, home, ignore_errors=True)
            self._channel, theirs = socket.socketpair()
            ending.callback(self._channel.close)
            process = _start(theirs, home)
            ending.callback(_end, process, self._channel)
            listener = self._greet()
            self.proxy = ending.enter_context(
                Proxy(
                    self._rules,
                    listener=listener,
                    limits=dataclasses.replace(LIMITS, seconds=self.left()),
                    resolver=self._resolver,
                )
            )
            self._open()
            self._ending = ending.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ending.close()

    def left(self) -> float:
        """The seconds left; at least a little, so that it can be waited for."""
        return max(self._ends_at - time.monotonic(), 0.1)

    def ask(self, do: str, *, seconds: float, **params: Any) -> Answer:
        """Have it do something, in at most these seconds. Raises BrowserFailed."""
        limit = min(seconds, self.left())
        self._say({"do": do, "ms": limit * 1_000, **params})
        return self._hear(limit + GRACE_SECONDS)

    def _greet(self) -> socket.socket:
        """Take over the socket on which the driver listens, in its own network if it has one."""
        self._channel.settimeout(min(START_SECONDS, self.left()))
        try:
            line, (listener,), _, _ = socket.recv_fds(self._channel, 1_000, 1)
            obtained = json.loads(line)
            self.own_network, self.sandboxed = obtained["network"], obtained["sandbox"]
        except (OSError, ValueError) as error:
            raise BrowserFailed("silent") from error
        return socket.socket(fileno=listener)

    def _open(self) -> None:
        limit = min(START_SECONDS, self.left())
        self._say(
            {
                "executable": installed.executable(),
                "username": self.proxy.username,
                "password": self.proxy.password,
                "ms": limit * 1_000,
            }
        )
        self._hear(limit + GRACE_SECONDS)

    def _say(self, message: Answer) -> None:
        try:
            self._channel.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise BrowserFailed("silent") from error

    def _hear(self, seconds: float) -> Answer:
        ends_at = min(time.monotonic() + seconds, self._ends_at + END_SECONDS)
        parts = [self._unread]
        while b"\n" not in parts[-1]:
            parts.append(self._receive(ends_at - time.monotonic()))
            if sum(len(part) for part in parts) > MAX_ANSWER:
                raise BrowserFailed("silent")
        line, _, self._unread = b"".join(parts).partition(b"\n")
        try:
            answer: Answer = json.loads(line)
        except ValueError as error:
            raise BrowserFailed("silent") from error
        self.sent = answer.get("sent", self.sent)
        self.failed = answer.get("failed", self.failed)
        if "error" in answer:
            raise BrowserFailed(answer["error"], answer)
        return answer

    def _receive(self, seconds: float) -> bytes:
        try:
            self._channel.settimeout(max(seconds, 0.01))
            data = self._channel.recv(1_000_000)
        except OSError as error:
            raise BrowserFailed("silent") from error
        if not data:
            raise BrowserFailed("silent")
        return data


def _start(theirs: socket.socket, home: str) -> subprocess.Popen[bytes]:
    """The driver, which is given nothing of our environment: that holds keys and passwords."""
    environment = {
        "HOME": home,
        "TMPDIR": home,
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(installed.import_paths()),
    }
    with theirs:
        return subprocess.Popen(  # noqa: S603  nothing in it comes from outside
            [sys.executable, "-P", *DRIVER, str(theirs.fileno()), home],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            cwd=home,
            env=environment,
            start_new_session=True,
        )


def _end(process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    """Ask it to end; then make sure, also of what it started."""
    try:
        channel.settimeout(END_SECONDS)
        channel.sendall(b'{"do": "end"}\n')
        process.wait(END_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        pass  # it is not going to end by itself
    finally:
        processes.kill(process)
