"""The stream's address: who may watch, from where, and what it says of itself."""

from __future__ import annotations

import asyncio
import time

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient, Client

from governance.models import Membership
from governance.services import supervision
from governance.streams import views
from governance.streams.hub import HUB
from tests.factories import MembershipFactory, SupervisionSessionFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

NO_SESSION = "01a20000-0000-7000-8000-000000000000"


@pytest.fixture
def session(house):
    return SupervisionSessionFactory(run=house.run("supervised"))


def address(session) -> str:
    return f"/supervision/{session.pk}/events"


def ask(user, path, **headers):
    """The response to somebody, and the first chunks of its stream."""

    async def scene():
        client = AsyncClient()
        if user is not None:
            await client.aforce_login(user)
        response = await client.get(path, headers=headers)
        chunks = []
        if response.streaming:
            stream = aiter(response.streaming_content)
            chunks = [await anext(stream), await anext(stream)]
            assert len(HUB._watched) == 1
            await sync_to_async(response.close)()  # as Django does, however it ended
            assert HUB._watched == {}
        await sync_to_async(connections.close_all)()  # of the thread that the client used
        return response, b"".join(chunks).decode()

    return asyncio.run(scene())


# Anybody who may read the workspace may watch. For everybody else there is no such session.
MAY = {
    "viewer": 200,
    "auditor": 200,
    "reviewer": 200,
    "supervisor": 200,
    "governor": 200,
    "neighbour": 404,
    "superuser": 404,
    "nobody": 404,
}


def test_who_may_watch(house, session):
    people = {
        "neighbour": MembershipFactory(role="governor").user,
        "superuser": UserFactory(is_superuser=True, is_staff=True),
        "nobody": None,
    }
    for who, expected in MAY.items():
        user = people[who] if who in people else getattr(house, who)
        response, said = ask(user, address(session))
        assert (who, response.status_code) == (who, expected)
        assert ("id: 1\n" in said) is (expected == 200)
        missing, _ = ask(user, f"/supervision/{NO_SESSION}/events")
        assert missing.status_code == 404
        if expected == 404:  # nothing tells what is there and what is not
            assert response.content == missing.content


def test_who_is_no_member_any_more_may_not_watch(house, session):
    house.viewer.is_active = False
    house.viewer.save()
    assert ask(house.viewer, address(session))[0].status_code == 404


def signed_out(client, user):
    client.logout()


def removed(client, user):
    Membership.objects.filter(user=user).delete()


def switched_off(client, user):
    type(user).objects.filter(pk=user.pk).update(is_active=False)


def with_another_password(client, user):
    user.set_password("another one, and long")
    user.save()


@pytest.mark.parametrize("away", [signed_out, removed, switched_off, with_another_password])
def test_a_stream_ends_soon_after_its_reader_may_watch_no_more(house, session, monkeypatch, away):
    monkeypatch.setattr(views, "RECHECK_SECONDS", 0.3)
    told = watched_on(house.viewer, session, meanwhile=away, act=house.by_supervisor)
    assert "after it" not in told


def test_a_stream_goes_on_for_who_may_watch(house, session, monkeypatch):
    monkeypatch.setattr(views, "RECHECK_SECONDS", 0.3)
    nothing = lambda client, user: None  # noqa: E731  as those above
    told = watched_on(house.viewer, session, meanwhile=nothing, act=house.by_supervisor)
    assert "after it" in told


def watched_on(user, session, *, meanwhile, act) -> str:
    """What a stream tells of a guidance that is given some time after something happened."""

    async def scene():
        client = AsyncClient()
        await client.aforce_login(user)
        response = await client.get(address(session))
        stream = aiter(response.streaming_content)
        [await anext(stream), await anext(stream)]
        await sync_to_async(meanwhile)(client, user)
        rest = asyncio.create_task(to_the_end(stream))
        await asyncio.sleep(1)
        guidance = {"session": session, "seen": session.version, "guidance": "after it"}
        await sync_to_async(supervision.correct)(**guidance, by=act)
        told = await rest
        await sync_to_async(response.close)()
        await sync_to_async(connections.close_all)()
        return told.decode()

    return asyncio.run(scene())


async def to_the_end(stream) -> bytes:
    """What comes until the stream ends, or for three seconds."""
    chunks, ends = [], time.monotonic() + 3
    while (left := ends - time.monotonic()) > 0:
        try:
            chunks.append(await asyncio.wait_for(anext(stream), left))
        except (StopAsyncIteration, TimeoutError):
            break
    return b"".join(chunks)


def test_nothing_between_us_keeps_it_back(house, session):
    response, said = ask(house.viewer, address(session))
    assert response["Content-Type"] == "text/event-stream"
    assert response["Cache-Control"] == "no-cache, no-store"
    assert response["X-Accel-Buffering"] == "no"
    assert "Content-Encoding" not in response
    assert said.startswith("retry: 2000\n\n")


#    query        headers                  the first event sent
RESUMED = (
    ("", {}, "id: 1"),
    ("?after=0", {}, "id: 1"),
    ("?after=1", {}, "id: 2"),
    ("", {"Last-Event-ID": "1"}, "id: 2"),
    ("?after=0", {"Last-Event-ID": "1"}, "id: 2"),  # a browser that comes back by itself
    ("?after=00001", {}, "id: 2"),
)


def test_it_goes_on_after_what_the_client_has(house, session):
    supervision.pause(session=session, seen=session.version, by=house.by_supervisor)
    for query, headers, first in RESUMED:
        _, said = ask(house.viewer, address(session) + query, **headers)
        assert said.removeprefix("retry: 2000\n\n").startswith(f"{first}\n"), query


def test_what_is_no_number_is_refused(house, session):
    for said in ("-1", "x", "1.5", "²", "9" * 11, "0x1"):
        assert ask(house.viewer, f"{address(session)}?after={said}")[0].status_code == 400, said


def test_other_methods_and_other_servers_are_refused(house, session):
    client = Client()
    client.force_login(house.viewer)
    assert client.post(address(session)).status_code == 405
    answer = client.get(address(session))
    assert (answer.status_code, answer.content) == (501, b"Streams need an ASGI server.\n")
