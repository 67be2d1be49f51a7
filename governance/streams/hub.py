"""The hub: one reader a process looks for new events, and hands them to every stream.

However many streams are open, it asks the database one question a look, and one more for each
session that has news. While nobody watches, it rests.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from django.db import DatabaseError, connection

from governance.models import SessionEvent, SupervisionSession
from governance.services.watching import CHANNEL

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
"""How often it looks where the database cannot tell."""

LISTEN_SECONDS = 2.0
"""How long it waits at most for PostgreSQL to tell: a message may have been lost."""

RETRY_SECONDS = 1.0
PAGE = 200
"""How many events of a session are read at once."""

QUEUED = 32
"""How many batches a stream may be behind before it is dropped; its client resumes later."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event, as it goes over the wire."""

    sequence: int
    encoded: bytes


Batch = tuple[Event, ...]


class Subscription:
    """One stream of one session: a bounded queue in the event loop that it was made in.

    An empty batch says that the stream is to end.
    """

    def __init__(self, session_id: uuid.UUID) -> None:
        self.session_id = session_id
        self.queue: asyncio.Queue[Batch] = asyncio.Queue(maxsize=QUEUED)
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._dropped = False

    def hand(self, batch: Batch) -> None:
        """Put a batch into the queue, from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._put, batch)
        except RuntimeError:
            log.debug("The loop of a stream is closed; nobody reads it.")

    def _put(self, batch: Batch) -> None:
        try:
            self.queue.put_nowait(batch)
        except asyncio.QueueFull:
            self._drop()

    def _drop(self) -> None:
        """Its client does not read, so that the stream hangs in its send, and sees no sign."""
        if self._dropped or self._task is None:
            return
        self._dropped = True
        log.warning("A slow stream of session %s is dropped; it may resume.", self.session_id)
        self._task.cancel()


@dataclass(slots=True)
class _Watched:
    """A session somebody watches. `cursor`: what its streams have been handed; None: not begun."""

    cursor: int | None = None
    subscriptions: set[Subscription] = field(default_factory=set)


class Hub:
    """Who watches what, and the reader."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[uuid.UUID, _Watched] = {}
        self._somebody = threading.Event()
        self._reader: threading.Thread | None = None
        self._closed = False

    def subscribe(self, session_id: uuid.UUID) -> Subscription:
        """A queue for what happens in a session from now on. Needs a running event loop."""
        subscription = Subscription(session_id)
        with self._lock:
            watched = self._watched.setdefault(session_id, _Watched())
            watched.subscriptions.add(subscription)
        if self._closed:
            subscription.hand(())
        return subscription

    def begin(self, subscription: Subscription, *, after: int) -> None:
        """The stream has read everything up to `after`, once it was subscribed: now what follows.

        Streams of one session share its cursor. Where another began before, whatever was handed
        out since this one subscribed is in its queue, and it leaves out what it has sent.
        """
        with self._lock:
            watched = self._watched.get(subscription.session_id)
            if watched is not None and watched.cursor is None:
                watched.cursor = after
            if self._reader is None:
                self._reader = threading.Thread(target=self._read, name="streams", daemon=True)
                self._reader.start()
        self._somebody.set()

    def unsubscribe(self, subscription: Subscription) -> None:
        """Hand it nothing any more."""
        with self._lock:
            watched = self._watched.get(subscription.session_id)
            if watched is None:
                return
            watched.subscriptions.discard(subscription)
            if not watched.subscriptions:
                del self._watched[subscription.session_id]
            if not self._watched:
                self._somebody.clear()

    def close(self) -> None:
        """End every stream, and those that come: the server stops, and would wait for them.

        May be called by a signal, which may have interrupted somebody who holds the lock.
        """
        self._closed = True
        for watched in list(self._watched.values()):
            for subscription in list(watched.subscriptions):
                subscription.hand(())

    def _read(self) -> None:
        while True:
            self._somebody.wait()
            try:
                self._follow()
            except DatabaseError as error:
                log.warning("The database failed, looking for events again later: %s", error)
                time.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("The reader of events failed, and will try again.")
                time.sleep(RETRY_SECONDS)
            finally:
                connection.close()  # while it rests it holds none

    def _follow(self) -> None:
        """Look until nobody watches any more. Database errors are raised."""
        with _told() as wait:
            while self._somebody.is_set():
                if not self.look():
                    wait()

    def look(self) -> bool:
        """Hand out what is new; whether there may be more at once."""
        with self._lock:
            cursors = {key: w.cursor for key, w in self._watched.items() if w.cursor is not None}
        if not cursors:
            return False
        found = SupervisionSession.objects.filter(pk__in=cursors).values_list("pk", "last_sequence")
        news = [key for key, newest in found if newest > cursors[key]]
        for key in news:
            self._hand_out(key, read(key, after=cursors[key]))
        return bool(news)

    def _hand_out(self, session_id: uuid.UUID, batch: Batch) -> None:
        with self._lock:
            watched = self._watched.get(session_id)
            if watched is None or not batch:
                return
            watched.cursor = batch[-1].sequence
            subscriptions = list(watched.subscriptions)
        for subscription in subscriptions:
            subscription.hand(batch)


def read(session_id: uuid.UUID, *, after: int) -> Batch:
    """The events of a session that follow `after`, at most PAGE of them."""
    rows = SessionEvent.objects.filter(session_id=session_id, sequence__gt=after)
    return tuple(Event(row.sequence, _encode(row)) for row in rows.order_by("sequence")[:PAGE])


def _encode(row: SessionEvent) -> bytes:
    said = {
        "session": str(row.session_id),
        "sequence": row.sequence,
        "kind": row.kind,
        "at": row.created_at.isoformat(),
        "data": row.data,
    }
    return f"id: {row.sequence}\ndata: {json.dumps(said)}\n\n".encode()


@contextmanager
def _told() -> Iterator[Callable[[], None]]:
    """Gives what waits until there may be news."""
    if connection.vendor != "postgresql":
        yield lambda: time.sleep(POLL_SECONDS)
        return
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")
    try:
        yield _wait_for_notice
    finally:
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute(f"UNLISTEN {CHANNEL}")  # the connection goes back to its pool


def _wait_for_notice() -> None:
    with connection.wrap_database_errors:
        for _ in connection.connection.notifies(timeout=LISTEN_SECONDS, stop_after=1):
            pass


HUB = Hub()
"""The hub of this process."""
