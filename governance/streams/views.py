"""The stream of one session's events: what was missed, then what happens."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from functools import partial

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from governance.domain.roles import Right
from governance.models import Membership, SupervisionSession
from governance.services import memberships
from governance.streams import hub
from governance.streams.hub import HUB, PAGE, Batch, Subscription

KEEP_ALIVE_SECONDS = 15.0
"""How often a silent stream says that it lives, so that nothing between us takes it for dead."""

LONGEST_SECONDS = 600.0
"""How long a stream lasts at most. Its client resumes."""

RECHECK_SECONDS = 10.0
"""How long a stream goes on at most for somebody who was signed out, or may not watch any more."""

LARGEST = 2**31 - 1
OPENING, KEEP_ALIVE = b"retry: 2000\n\n", b": still here\n\n"


@require_GET
async def events(request: HttpRequest, session_id: uuid.UUID) -> HttpResponseBase:
    """`text/event-stream` of a session's events after `Last-Event-ID`, or `?after=`.

    For members who may read the workspace; for anybody else there is no such session.
    """
    if not isinstance(request, ASGIRequest):
        return HttpResponse("Streams need an ASGI server.\n", "text/plain", status=501)
    after = _after(request)
    if after is None:
        return HttpResponse("Last-Event-ID is a whole number.\n", "text/plain", status=400)
    # In the thread that this request's middleware ran in, whose connection it closes.
    if not await sync_to_async(_may_watch)(request, session_id):
        raise Http404
    return StreamingHttpResponse(
        _Stream(session_id, after=after, may_watch=partial(_may_still_watch, request, session_id)),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-store", "X-Accel-Buffering": "no"},
    )


def _after(request: HttpRequest) -> int | None:
    """The last event that the client has; None where it says something else."""
    said = request.headers.get("Last-Event-ID") or request.GET.get("after") or "0"
    if not (said.isascii() and said.isdecimal()) or len(said) > len(str(LARGEST)):
        return None
    return min(int(said), LARGEST)


def _may_watch(request: HttpRequest, session_id: uuid.UUID) -> bool:
    """Whether there is such a session in a workspace that this person may read."""
    try:
        if not request.user.is_authenticated:
            return False
        found = SupervisionSession.objects.filter(pk=session_id).values_list("workspace_id")
        return any(
            Membership.objects.may(
                by=memberships.person(request.user), workspace_id=workspace_id, right=Right.VIEW
            )
            for (workspace_id,) in found
        )
    finally:
        # The request lasts as long as the stream; its connection would be missed elsewhere.
        connection.close()


def _may_still_watch(request: HttpRequest, session_id: uuid.UUID) -> bool:
    """`_may_watch`, of what the database says now: the request has its user from its beginning."""
    probe = HttpRequest()
    probe.session = type(request.session)(request.session.session_key)
    probe.user = get_user(probe)
    return _may_watch(probe, session_id)


class _Stream:
    """The content of a response: what was missed, then what comes."""

    def __init__(self, session_id: uuid.UUID, *, after: int, may_watch: Callable[[], bool]) -> None:
        self._session_id, self._sent = session_id, after
        self._may_watch = sync_to_async(may_watch, thread_sensitive=False)
        self._subscription: Subscription | None = None

    def close(self) -> None:
        """Called by Django when the response is over, however it ended.

        A generator whose client was cut off in the middle of a chunk is not closed by anybody.
        """
        if self._subscription is not None:
            HUB.unsubscribe(self._subscription)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """1. Subscribe. 2. Send what was missed. 3. Send what comes, without what was sent.

        Sequences have no gaps and are in the order of commits, so that nothing is lost between 1
        and 2, and nothing doubled between 2 and 3.
        """
        self._subscription = HUB.subscribe(self._session_id)
        yield OPENING
        read = sync_to_async(_missed, thread_sensitive=False)
        while missed := await read(self._session_id, self._sent):
            yield self._sending(missed)
            if len(missed) < PAGE:
                break
        HUB.begin(self._subscription, after=self._sent)
        now = time.monotonic()
        ends, checks, speaks = (
            now + LONGEST_SECONDS,
            now + RECHECK_SECONDS,
            now + KEEP_ALIVE_SECONDS,
        )
        while now < ends:
            batch = await _next(self._subscription, seconds=min(ends, checks, speaks) - now)
            now = time.monotonic()
            if now >= checks:
                if not await self._may_watch():
                    return
                checks = now + RECHECK_SECONDS
            if batch is None:
                if now >= speaks:
                    yield KEEP_ALIVE
                    speaks = now + KEEP_ALIVE_SECONDS
                continue
            fresh = tuple(event for event in batch if event.sequence > self._sent)
            if not batch or (fresh and fresh[0].sequence != self._sent + 1):
                return  # its client resumes where it was
            if fresh:
                yield self._sending(fresh)
                speaks = now + KEEP_ALIVE_SECONDS

    def _sending(self, batch: Batch) -> bytes:
        self._sent = batch[-1].sequence
        return b"".join(event.encoded for event in batch)


async def _next(subscription: Subscription, *, seconds: float) -> Batch | None:
    """The next batch; None where there was none for so long."""
    try:
        return await asyncio.wait_for(subscription.queue.get(), seconds)
    except TimeoutError:
        return None


def _missed(session_id: uuid.UUID, after: int) -> Batch:
    try:
        return hub.read(session_id, after=after)
    finally:
        connection.close()  # threads come and go, and each would keep one
