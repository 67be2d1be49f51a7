"""The hub: one reader for all, without a gap, a double, or a queue without bounds."""

from __future__ import annotations

import asyncio
import json
import logging
import threading

import pytest
from django.db import DatabaseError, connection, transaction

from governance.models import SupervisionSession
from governance.services import watching
from governance.streams import hub
from governance.streams.hub import Hub
from tests.factories import SupervisionSessionFactory, held

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(house):
    return SupervisionSessionFactory()


class Stream:
    """A stream in a loop of its own that runs only when a test says so."""

    def __init__(self, found: Hub, session) -> None:
        self.hub, self._loop = found, asyncio.new_event_loop()
        self.queue = self.run(self._subscribe(session))

    def run(self, work):
        return self._loop.run_until_complete(work)

    async def _subscribe(self, session):
        return self.hub.subscribe(session.pk)

    def begin(self, *, after: int) -> None:
        self.hub.begin(self.queue, after=after)

    @property
    def handed(self) -> list[int]:
        """What has been handed to it since it was last asked."""
        return [event.sequence for batch in self.batches for event in batch]

    @property
    def batches(self) -> list[hub.Batch]:
        self.run(asyncio.sleep(0))
        found = []
        while not self.queue.queue.empty():
            found.append(self.queue.queue.get_nowait())
        return found

    def close(self) -> None:
        self._loop.close()


@pytest.fixture
def open_stream(session, monkeypatch):
    """Opens streams of one hub, whose reader does not run by itself: tests say when it looks."""
    monkeypatch.setattr(Hub, "_read", lambda self: None)
    found, opened = Hub(), []

    def open_one(of=None):
        opened.append(Stream(found, of or session))
        return opened[-1]

    open_one.hub = found
    yield open_one
    for stream in opened:
        stream.close()


def happen(session, count=1):
    for _ in range(count):
        with transaction.atomic():
            watching.append(session, kind="tick", data={"says": "a\nb"})


def test_an_event_on_the_wire(session):
    held(session)
    first, second = hub.read(session.pk, after=0)
    assert (first.sequence, second.sequence) == (1, 2)
    head, body, *end = second.encoded.decode().split("\n")
    assert (head, end) == ("id: 2", ["", ""])
    said = json.loads(body.removeprefix("data: "))
    assert said["session"] == str(session.pk)
    assert (said["sequence"], said["kind"]) == (2, "intervention")
    assert said["data"]["kind"] == "pause"
    assert said["at"].endswith("+00:00")


def test_line_breaks_cannot_forge_another_event(session):
    happen(session)
    (_, event) = hub.read(session.pk, after=0)
    assert event.encoded.count(b"\n") == 3
    assert hub.read(session.pk, after=2) == ()
    assert len(hub.read(session.pk, after=1)) == 1


def test_however_many_streams_there_are_one_look_asks_twice(
    session, open_stream, django_assert_num_queries
):
    found, other = open_stream.hub, SupervisionSessionFactory()
    streams = [open_stream(of) for of in (session, other) for _ in range(50)]
    for stream in streams:
        stream.begin(after=1)
    happen(session, 3)
    with django_assert_num_queries(2):  # where all stand, and what is new in one session
        assert found.look() is True
    with django_assert_num_queries(1):
        assert found.look() is False
    assert [stream.handed for stream in streams] == [[2, 3, 4]] * 50 + [[]] * 50
    for stream in streams:
        found.unsubscribe(stream.queue)
    with django_assert_num_queries(0):
        assert found.look() is False


def test_a_stream_that_has_not_begun_misses_nothing(session, open_stream):
    """It subscribes; events come; it reads what was missed; it begins."""
    first = open_stream()
    first.begin(after=1)
    late = open_stream()
    happen(session, 2)
    open_stream.hub.look()  # handed to both, though the second has read nothing yet
    read = [event.sequence for event in hub.read(session.pk, after=0)]
    late.begin(after=read[-1])
    happen(session)
    open_stream.hub.look()
    assert read == [1, 2, 3]
    assert late.handed == [2, 3, 4]  # it leaves out what it has sent
    assert first.handed == [2, 3, 4]


def test_nothing_is_handed_out_before_somebody_has_begun(session, open_stream):
    stream = open_stream()
    happen(session)
    assert open_stream.hub.look() is False
    stream.begin(after=2)
    assert open_stream.hub.look() is False
    assert stream.handed == []


def test_many_events_are_handed_out_a_page_at_a_time(session, open_stream, monkeypatch):
    monkeypatch.setattr(hub, "PAGE", 3)
    stream = open_stream()
    stream.begin(after=1)
    happen(session, 7)
    assert [open_stream.hub.look() for _ in range(4)] == [True, True, True, False]
    batches = stream.batches
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert [event.sequence for batch in batches for event in batch] == [2, 3, 4, 5, 6, 7, 8]


def test_a_stream_whose_client_does_not_read_is_dropped(session, open_stream, caplog):
    """It hangs in its send: only cancelling it lets go of it."""
    slow, quick, got = open_stream(), open_stream(), []

    async def hangs():
        open_stream.hub.unsubscribe(slow.queue)
        slow.queue = open_stream.hub.subscribe(session.pk)
        await asyncio.Event().wait()

    sending = slow._loop.create_task(hangs())
    slow.run(asyncio.sleep(0))
    quick.begin(after=1)
    with caplog.at_level(logging.WARNING, "governance.streams.hub"):
        for _ in range(hub.QUEUED + 1):
            happen(session)
            open_stream.hub.look()
            got += quick.handed
        happen(session)
        open_stream.hub.look()  # it is told once
        assert not sending.done()
        slow.run(asyncio.gather(sending, return_exceptions=True))
    assert sending.cancelled()
    assert slow.queue.queue.qsize() == hub.QUEUED
    assert got == list(range(2, hub.QUEUED + 3))
    assert caplog.text.count("A slow stream of session") == 1


def test_closing_ends_the_streams_there_are_and_those_that_come(open_stream):
    stream = open_stream()
    open_stream.hub.close()
    later = open_stream()
    assert (stream.batches, later.batches) == ([()], [()])


def test_a_stream_of_a_loop_that_is_gone_does_no_harm(session, open_stream):
    stream = open_stream()
    stream.begin(after=1)
    stream.close()
    happen(session)
    assert open_stream.hub.look() is True


# --- The reader -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_reader_finds_events_by_itself_and_outlives_a_database_that_fails(
    house, monkeypatch, caplog
):
    session, found, failed = SupervisionSessionFactory(), Hub(), threading.Event()
    monkeypatch.setattr(hub, "RETRY_SECONDS", 0.01)
    look = Hub.look

    def fails_once(self):
        if not failed.is_set():
            failed.set()
            raise DatabaseError("gone")
        return look(self)

    monkeypatch.setattr(Hub, "look", fails_once)

    async def scene():
        stream = found.subscribe(session.pk)
        found.begin(stream, after=0)
        batch = await asyncio.wait_for(stream.queue.get(), 20)
        await asyncio.to_thread(_happen_elsewhere, session)
        more = await asyncio.wait_for(stream.queue.get(), 20)
        found.unsubscribe(stream)
        return [event.sequence for event in batch + more]

    with caplog.at_level(logging.WARNING, "governance.streams.hub"):
        assert asyncio.run(scene()) == [1, 2]
    assert "looking for events again later: gone" in caplog.text
    assert SupervisionSession.objects.get(pk=session.pk).last_sequence == 2


def _happen_elsewhere(session):
    try:
        happen(session)
    finally:
        connection.close()
