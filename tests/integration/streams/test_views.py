"""The stream's address: who may watch, from where, and what it says of itself."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient, Client

from governance.services import supervision
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
