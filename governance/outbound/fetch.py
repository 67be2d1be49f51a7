"""Fetch: one request and its answer, bounded in size and time, redirects checked at each hop."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx

from governance.outbound.errors import OutboundRefused, TooManyRedirects
from governance.outbound.transport import Limits

SAFE = frozenset({"GET", "HEAD"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})

OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers a caller may not set: they say where a message goes and where it ends."""

KEPT_ELSEWHERE = frozenset({"accept", "accept-language", "user-agent"})
"""Headers that go along to another host; the others may carry secrets meant for the first."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is decoded and cut at the limit, which `truncated` says."""

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    truncated: bool


def fetch(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    limits: Limits = Limits(),  # noqa: B008  frozen
) -> Answer:
    """Send one request with a guarded client; follow redirects of GET and HEAD only.

    A redirect of anything else is an answer like any other. Raises NotSent (OutboundRefused among
    them) when nothing was sent, or for a safe request when a redirect was refused;
    TooManyRedirects; and httpx.TransportError when nobody can know what the far side did.
    """
    check_headers(headers or {})
    sending = dict(headers or {})
    request = client.build_request(method, url, headers=sending, content=content)
    for _ in range(limits.max_redirects + 1):
        answer = client.send(request, stream=True)
        try:
            onward = _redirect(request, answer)
            if onward is None:
                return _read(answer, limits.max_bytes)
        finally:
            answer.close()
        request = client.build_request(
            request.method, onward, headers=_along(sending, request.url, onward)
        )
    raise TooManyRedirects(
        f"{httpx.URL(url).host} redirected more than {limits.max_redirects} times."
    )


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise OutboundRefused for headers that could end a message early or lead it elsewhere."""
    for name, value in headers.items():
        proxying = name.lower().startswith("proxy-")
        if name.lower() in OURS or proxying or not _NAME.fullmatch(name):
            raise OutboundRefused(f"The header {name!r} may not be set.")
        if not _VALUE.fullmatch(value):
            raise OutboundRefused(f"The value of the header {name!r} holds a forbidden character.")


def _redirect(request: httpx.Request, answer: httpx.Response) -> httpx.URL | None:
    """Where a safe request is sent on to; None when this answer is the one."""
    onward = answer.headers.get("location")
    if request.method not in SAFE or answer.status_code not in REDIRECTS or not onward:
        return None
    try:
        found = request.url.join(onward)
    except (httpx.InvalidURL, ValueError) as error:
        raise OutboundRefused("The far side redirected to a malformed URL.") from error
    if request.url.scheme == "https" and found.scheme != "https":
        raise OutboundRefused("The far side redirected from https to an unprotected URL.")
    return found


def _along(headers: Mapping[str, str], before: httpx.URL, after: httpx.URL) -> dict[str, str]:
    same = (before.scheme, before.host, before.port) == (after.scheme, after.host, after.port)
    return {
        name: value for name, value in headers.items() if same or name.lower() in KEPT_ELSEWHERE
    }


def _read(answer: httpx.Response, max_bytes: int) -> Answer:
    body = bytearray()
    for chunk in _decoded(answer, max_bytes + 1):
        body += chunk
        if len(body) > max_bytes:
            break
    return Answer(
        url=str(answer.url),
        status=answer.status_code,
        headers=tuple(answer.headers.multi_items()),
        body=bytes(body[:max_bytes]),
        truncated=len(body) > max_bytes,
    )


def _decoded(answer: httpx.Response, max_bytes: int) -> Iterator[bytes]:
    """The body in pieces of at most `max_bytes`: no small answer unpacks into a large one."""
    coding = answer.headers.get("content-encoding", "identity").lower()
    if coding not in {"gzip", "x-gzip", "deflate"}:
        yield from answer.iter_raw()
        return
    unpack = zlib.decompressobj(wbits=47)  # gzip or zlib, whichever it is
    for chunk in answer.iter_raw():
        waiting = chunk
        while waiting and not unpack.eof:
            try:
                yield unpack.decompress(waiting, max_bytes)
            except zlib.error:
                return  # what came so far stands; the status is known whatever the body is
            waiting = unpack.unconsumed_tail
