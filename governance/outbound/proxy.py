"""A forward proxy for a browser: whatever it does, it gets no further than the allow-list.

A browser that knows no other way out sends everything here: pages and what they load, redirects,
WebSockets, and what it does by itself. Each arrives as a request of its own, is judged by the
guard, and goes to the very address that was checked. HTTPS and WebSockets are tunnels (CONNECT):
their host and port are all there is to see.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import logging
import secrets
import socket
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import h11

from governance.outbound import guard
from governance.outbound.errors import NotSent, OutboundRefused
from governance.outbound.guard import Resolver
from governance.outbound.hosts import Rules
from governance.outbound.wire import LOOK_SECONDS, Budget, Spent, Wire, forward, tunnel

log = logging.getLogger(__name__)

PLAIN = frozenset({"http"})
MAX_PROBLEMS = 1_000


@dataclass(frozen=True, slots=True)
class ProxyLimits:
    """What goes through. `seconds`: until all of it is cut off; `max_bytes`: both ways together.

    `head_seconds`: for the browser to send one request's head; `connect_seconds`: for the far side
    to take a connection; `silent_seconds`: how long either may say nothing.
    """

    seconds: float = 60.0
    head_seconds: float = 10.0
    connect_seconds: float = 5.0
    silent_seconds: float = 60.0
    max_bytes: int = 50_000_000
    max_connections: int = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """A request that did not get out, to `host:port`. `refused`: by the guard, or a limit."""

    where: str
    why: str
    refused: bool


class Proxy:
    """Serves while open, on a socket that listens already, in threads of its own.

    Only who knows `username` and `password`, made up for this one, gets anything through.
    `problems` says what did not, in order.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        listener: socket.socket,
        limits: ProxyLimits = ProxyLimits(),
        resolver: Resolver | None = None,
    ) -> None:
        self.username, self.password = "browser", secrets.token_urlsafe(24)
        self.problems: list[Problem] = []
        self._rules, self._limits, self._resolver = tuple(rules), limits, resolver
        self._listener, self._open = listener, set[socket.socket]()
        self._budget = Budget(seconds=limits.seconds, max_bytes=limits.max_bytes)
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._listener.settimeout(LOOK_SECONDS)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cut off whatever is still going through."""
        self._stop.set()
        self._budget.end()
        self._thread.join()
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError as error:
                log.warning("The proxy of a browser takes no more connections: %s", error)
                return
            if len(self._open) >= self._limits.max_connections:
                sock.close()
                continue
            self._track(sock)
            threading.Thread(target=self._serve, args=(sock,), name="proxied", daemon=True).start()

    def _track(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.add(sock)

    def _close(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.discard(sock)
        sock.close()

    def _serve(self, sock: socket.socket) -> None:
        """One request or one tunnel, then the connection ends: nothing follows another's check."""
        browser = Wire(sock, h11.SERVER, self._budget)
        try:
            request = browser.receive(seconds=self._limits.head_seconds)
            if isinstance(request, h11.Request):
                self._answer(browser, request)
        except Spent as error:
            if not self._stop.is_set():
                self._note("", str(error), refused=True)
        except (OSError, h11.ProtocolError) as error:
            log.debug("A proxied connection ended: %r", error)
        finally:
            self._close(sock)

    def _answer(self, browser: Wire, request: h11.Request) -> None:
        if not self._is_ours(request):
            _refuse(browser, 407, [(b"Proxy-Authenticate", b'Basic realm="browser"')])
        elif request.method == b"CONNECT":
            self._connect(browser, request)
        else:
            self._pass_on(browser, request)

    def _is_ours(self, request: h11.Request) -> bool:
        known = base64.b64encode(f"{self.username}:{self.password}".encode())
        given = dict(request.headers).get(b"proxy-authorization", b"")
        return hmac.compare_digest(given, b"Basic " + known)

    def _connect(self, browser: Wire, request: h11.Request) -> None:
        where = request.target.decode("latin-1")
        host, _, port = where.rpartition(":")
        far_side = self._dial(host, int(port) if port.isdigit() else 0, where)
        if far_side is None:
            _refuse(browser, 403, [])
            return
        try:
            browser.send(h11.Response(status_code=200, headers=[], reason=b"Connected"))
            tunnel(browser, far_side, seconds=self._limits.silent_seconds)
        finally:
            self._close(far_side)

    def _pass_on(self, browser: Wire, request: h11.Request) -> None:
        """A request for a page without TLS. Refused, it gets no answer: ours could pass for one."""
        try:
            target = guard.permit(request.target.decode("latin-1"), self._rules, schemes=PLAIN)
        except OutboundRefused as error:
            self._note(_where(request), str(error), refused=True)
            return
        far_side = self._dial(target.host, target.port, f"{target.host}:{target.port}")
        if far_side is None:
            return
        try:
            forward(
                request,
                browser=browser,
                far_side=Wire(far_side, h11.CLIENT, self._budget),
                target=target,
                seconds=self._limits.silent_seconds,
            )
        finally:
            self._close(far_side)

    def _dial(self, host: str, port: int, where: str) -> socket.socket | None:
        try:
            sock = guard.dial(
                host,
                port,
                self._rules,
                seconds=min(self._limits.connect_seconds, self._budget.left()),
                resolver=self._resolver,
            )
        except NotSent as error:
            self._note(where, str(error), refused=isinstance(error, OutboundRefused))
            return None
        self._track(sock)
        return sock

    def _note(self, where: str, why: str, *, refused: bool) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(where, why, refused))


def _refuse(browser: Wire, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    ending = [(b"Content-Length", b"0"), (b"Connection", b"close")]
    browser.send(h11.Response(status_code=status, headers=[*headers, *ending]))
    browser.send(h11.EndOfMessage())


def _where(request: h11.Request) -> str:
    """The host and port of a request that was refused, and nothing else of its URL."""
    try:
        found = urlsplit(request.target.decode("latin-1"))
        return f"{found.hostname or ''}:{found.port or 80}"[:300]
    except ValueError:
        return ""
