"""Wires: one side of an HTTP exchange each, within a budget of bytes and time they share."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from typing import Any, cast

import h11

from governance.outbound.guard import Target

CHUNK = 65_536
MAX_HEAD = 65_536
LOOK_SECONDS = 0.2
"""How often a tunnel that is silent looks whether the budget is spent."""

OF_ONE_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"upgrade",
    }
)
"""Headers that are meant for the next hop, which is us (RFC 9110, 7.6.1)."""

Headers = list[tuple[bytes, bytes]]


class Spent(Exception):
    """The bytes or the seconds are used up, or the budget was ended."""


class Budget:
    """What many connections may cost together. `seconds` from now, `max_bytes` both ways."""

    def __init__(self, *, seconds: float, max_bytes: int) -> None:
        self._ends_at = time.monotonic() + seconds
        self._bytes, self._max_bytes, self._ended = 0, max_bytes, False
        self._lock = threading.Lock()

    def spend(self, count: int) -> None:
        """Count bytes that came in. Raises Spent."""
        with self._lock:
            self._bytes += count
        self.left()

    def left(self) -> float:
        """The seconds left. Raises Spent when there are none, or no bytes."""
        left = self._ends_at - time.monotonic()
        if self._ended or left <= 0:
            raise Spent("The time for this browser is up.")
        if self._bytes > self._max_bytes:
            raise Spent(f"More than {self._max_bytes:,} bytes went through this browser.")
        return left

    def end(self) -> None:
        """Nothing more goes through."""
        self._ended = True


class Wire:
    """One connection on which one HTTP message goes each way; `role` is ours.

    Its methods raise OSError, h11.ProtocolError (the other side breaks HTTP's rules), Spent.
    """

    def __init__(
        self, sock: socket.socket, role: type[h11.CLIENT] | type[h11.SERVER], budget: Budget
    ) -> None:
        self.sock, self.budget = sock, budget
        self._http = h11.Connection(role, max_incomplete_event_size=MAX_HEAD)

    def receive(self, *, seconds: float) -> Any:
        """The next event, a head among them, which has to be complete within `seconds`."""
        ends_at = time.monotonic() + seconds
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(self._read(ends_at))
        return event

    def _read(self, ends_at: float) -> bytes:
        left = min(self.budget.left(), ends_at - time.monotonic())
        self.sock.settimeout(max(left, 0.001))
        try:
            data = self.sock.recv(CHUNK)
        except TimeoutError:
            self.budget.left()  # which of the two it was
            raise
        self.budget.spend(len(data))
        return data

    def send(self, event: h11.Event) -> None:
        """Send it; waits for a slow reader as long as the budget lasts."""
        data = self._http.send(event)
        if data:
            self.sock.settimeout(self.budget.left())
            self.sock.sendall(data)

    @property
    def unread(self) -> bytes:
        """What arrived after the message."""
        return self._http.trailing_data[0]


def forward(
    request: h11.Request, *, browser: Wire, far_side: Wire, target: Target, seconds: float
) -> None:
    """Pass one request on, to where its URL was found to lead, and its answer back.

    Each head is written anew: nothing that one side understands otherwise than the other goes
    through. `seconds`: the longest silence.
    """
    far_side.send(
        h11.Request(
            method=request.method,
            target=target.url.raw_path,
            headers=[
                (b"Host", target.url.netloc),
                *_passed_on(request.headers, without=frozenset({b"host"})),
                (b"Connection", b"close"),
            ],
        )
    )
    _pass_body(browser, far_side, seconds=seconds)
    answer = far_side.receive(seconds=seconds)
    while isinstance(answer, h11.InformationalResponse):
        answer = far_side.receive(seconds=seconds)
    if not isinstance(answer, h11.Response):
        raise h11.RemoteProtocolError("The far side hung up before it answered.")
    browser.send(
        h11.Response(
            status_code=answer.status_code,
            reason=answer.reason,
            headers=[*_passed_on(answer.headers), (b"Connection", b"close")],
        )
    )
    _pass_body(far_side, browser, seconds=seconds)


def tunnel(browser: Wire, far_side: socket.socket, *, seconds: float) -> None:
    """Pass bytes both ways until both sides have hung up. `seconds`: the longest silence."""
    far_side.settimeout(browser.budget.left())
    far_side.sendall(browser.unread)
    with selectors.DefaultSelector() as waiting:
        waiting.register(browser.sock, selectors.EVENT_READ, data=far_side)
        waiting.register(far_side, selectors.EVENT_READ, data=browser.sock)
        silent_since = time.monotonic()
        while waiting.get_map() and time.monotonic() - silent_since < seconds:
            browser.budget.left()
            for key, _ in waiting.select(LOOK_SECONDS):
                silent_since = time.monotonic()
                if not _pass_bytes(cast(socket.socket, key.fileobj), key.data, browser.budget):
                    waiting.unregister(key.fileobj)


def _pass_bytes(sock: socket.socket, other: socket.socket, budget: Budget) -> bool:
    """Pass on what has arrived; whether there may be more."""
    data = sock.recv(CHUNK)
    budget.spend(len(data))
    if not data:
        other.shutdown(socket.SHUT_WR)
        return False
    other.settimeout(budget.left())
    other.sendall(data)
    return True


def _pass_body(giver: Wire, taker: Wire, *, seconds: float) -> None:
    while isinstance(event := giver.receive(seconds=seconds), h11.Data):
        taker.send(h11.Data(data=event.data))
    if not isinstance(event, h11.EndOfMessage):
        raise h11.RemoteProtocolError("The message ended early.")
    taker.send(h11.EndOfMessage())


def _passed_on(headers: Any, *, without: frozenset[bytes] = frozenset()) -> Headers:
    """The headers that go on to the next hop; h11 gives their names in lower case."""
    named = {
        name.strip().lower()
        for key, value in headers
        if key == b"connection"
        for name in value.split(b",")
    }
    left_out = OF_ONE_HOP | named | without
    return [(key, value) for key, value in headers if key not in left_out]
