"""The transport: an httpx client that can reach allowed hosts only, at the addresses checked."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from governance.outbound import guard, hosts
from governance.outbound.errors import NotSent, OutboundRefused
from governance.outbound.guard import Resolver
from governance.outbound.hosts import Rules


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost. `seconds` covers it from dialling to the last byte read."""

    seconds: float = 30.0
    connect_seconds: float = 10.0
    max_bytes: int = 1_000_000
    max_redirects: int = 5


def client(
    rules: Rules,
    *,
    limits: Limits = Limits(),
    resolver: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> httpx.Client:
    """A client that refuses what is not allowed, whoever uses it and however.

    No proxy, no certificate and no password comes from the environment; redirects are answers, not
    orders: `fetch` follows them, checked. Raises OutboundRefused and NotSent when used, and
    httpx's own errors once something may have been sent.
    """
    return httpx.Client(
        transport=_Transport(tuple(rules), limits=limits, resolver=resolver, tls=tls),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(limits.seconds, connect=limits.connect_seconds),
        headers={"User-Agent": "agent-governance", "Accept-Encoding": "identity"},
    )


class _Transport(httpx.BaseTransport):
    """Every request is checked against the list, then sent over its own connection."""

    def __init__(
        self,
        rules: tuple[hosts.HostRule, ...],
        *,
        limits: Limits,
        resolver: Resolver | None,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._rules = rules
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(trust_env=False),
            max_keepalive_connections=0,  # each request has a connection, and its time, to itself
            http1=True,
            http2=False,
            retries=0,
            network_backend=_Backend(rules, limits=limits, resolver=resolver),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        target = guard.permit(str(request.url), self._rules)
        outgoing = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=target.scheme.encode(),
                host=target.url.raw_host,
                port=target.port,
                target=target.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx(request):
            answer = self._pool.handle_request(outgoing)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer, request),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Backend(httpcore.NetworkBackend):
    """Resolves once, checks every address, and dials those very addresses."""

    def __init__(
        self, rules: tuple[hosts.HostRule, ...], *, limits: Limits, resolver: Resolver | None
    ) -> None:
        self._rules, self._limits, self._resolver = rules, limits, resolver
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        ends_at = time.monotonic() + self._limits.seconds
        name = hosts.normal(host)
        rule = hosts.find(name, port, self._rules)
        failed: httpcore.NetworkError | httpcore.TimeoutException | None = None
        for address in guard.resolve(name, port, rule, resolver=self._resolver):
            try:
                stream = self._inner.connect_tcp(
                    address, port, _left(ends_at, timeout), local_address, socket_options
                )
            except (httpcore.NetworkError, httpcore.TimeoutException) as error:
                failed = error
            else:
                return _Stream(stream, ends_at)
        raise failed or httpcore.ConnectError(f"{name} has no address")

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002  httpcore's signature
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        raise OutboundRefused(f"Sockets in the file system, such as {path}, are not dialled.")

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """A connection that ends when its time is up, however slowly the far side drips."""

    def __init__(self, inner: httpcore.NetworkStream, ends_at: float) -> None:
        self._inner, self._ends_at = inner, ends_at

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = _left(self._ends_at, timeout)
        if left <= 0:
            raise httpcore.ReadTimeout("the time for this request is up")
        return self._inner.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = _left(self._ends_at, timeout)
        if left <= 0:
            raise httpcore.WriteTimeout("the time for this request is up")
        self._inner.write(buffer, left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = max(_left(self._ends_at, timeout), 0.001)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._ends_at)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Body(httpx.SyncByteStream):
    """The answer's bytes, with httpx's errors."""

    def __init__(self, answer: httpcore.Response, request: httpx.Request) -> None:
        self._answer, self._request = answer, request

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx(self._request):
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


NOT_SENT = (
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.PoolTimeout,
    httpcore.UnsupportedProtocol,
)
UNKNOWN = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """Name httpcore's errors: nothing was sent (NotSent), or nobody knows (httpx's own)."""
    try:
        yield
    except NOT_SENT as error:
        host = request.url.host
        raise NotSent(f"{host} could not be reached ({error}). Nothing was sent.") from error
    except UNKNOWN as error:
        kind: type[httpx.RequestError] = getattr(httpx, type(error).__name__)
        raise kind(str(error), request=request) from error


def _left(ends_at: float, timeout: float | None) -> float:
    left = ends_at - time.monotonic()
    return left if timeout is None else min(left, timeout)
