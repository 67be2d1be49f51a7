"""Presence: who is there, by activity or by their own word."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from governance.domain.errors import InvalidInput, NotAllowed
from governance.models import Presence
from governance.services import presence
from tests.factories import BY_SYSTEM, MembershipFactory, PresenceFactory, UserFactory, by
from tests.integration.services.checks import refused

pytestmark = pytest.mark.django_db

#    their own word   minutes since the last activity      what they are
STANDING = (
    ("", 0, "online"),
    ("", 4.9, "online"),
    ("", 5, "away"),
    ("", 29.9, "away"),
    ("", 30, "offline"),
    ("", 10_000, "offline"),
    ("online", 10_000, "online"),
    ("away", 0, "away"),
    ("offline", 0, "offline"),
)


@pytest.mark.parametrize(("said", "minutes", "expected"), STANDING)
def test_what_they_are(house, said, minutes, expected):
    row = PresenceFactory(user=house.supervisor, to=said)
    later = row.seen_at + datetime.timedelta(minutes=minutes)
    assert row.availability(now=later) == expected
    # The query that finds who can be given a run agrees.
    online = Presence.objects.online(now=later).filter(user=house.supervisor).exists()
    assert online is (expected == "online")


def test_activity_is_written_down_every_thirty_seconds_at_most(
    house, time_machine, django_assert_num_queries
):
    began = timezone.now()
    time_machine.move_to(began, tick=False)
    presence.touch(house.viewer)
    for seconds, queries, seen in ((29, 1, 0), (30, 2, 30), (59, 1, 30), (61, 2, 61)):
        time_machine.move_to(began + datetime.timedelta(seconds=seconds), tick=False)
        with django_assert_num_queries(queries):
            presence.touch(house.viewer)
        row = Presence.objects.get(user=house.viewer)
        assert row.seen_at == began + datetime.timedelta(seconds=seen)


def test_everybody_speaks_for_themselves_only(house):
    for who in (house.by_governor, BY_SYSTEM, house.agent().actor):
        with refused(NotAllowed, "Everybody sets their own availability"):
            presence.set_by_hand(user=house.viewer, to="offline", by=who)
    assert (
        presence.set_by_hand(user=house.viewer, to="away", by=house.by_viewer).set_by_hand == "away"
    )
    assert presence.set_by_hand(user=house.viewer, to="", by=house.by_viewer).set_by_hand == ""


def test_what_is_no_word_is_refused(house):
    with refused(InvalidInput, "use one of online, away, offline"):
        presence.set_by_hand(user=house.viewer, to="asleep", by=house.by_viewer)


def test_by_hand_and_activity_do_not_undo_each_other(house, time_machine):
    row = PresenceFactory(user=house.viewer, to="offline")
    time_machine.move_to(row.seen_at + datetime.timedelta(minutes=1))
    presence.touch(house.viewer)
    again = Presence.objects.get(user=house.viewer)
    assert (again.set_by_hand, again.seen_at > row.seen_at) == ("offline", True)


def test_nobody_is_available_where_nobody_is(house):
    key = house.workspace.id
    assert presence.available_supervisor(workspace_id=key, first=house.governor.pk) is None
    PresenceFactory(user=house.governor, to="away")
    PresenceFactory(user=UserFactory())
    PresenceFactory(user=MembershipFactory(role="supervisor").user)
    assert presence.available_supervisor(workspace_id=key, first=house.governor.pk) is None
    PresenceFactory(user=house.governor, to="online")
    found = presence.available_supervisor(workspace_id=key, first=house.viewer.pk)
    assert found == house.governor.pk
    assert by(house.governor).id == str(found)
