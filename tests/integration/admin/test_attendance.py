"""Attendance: that a person is there is written down as they use the site, or by their own word."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from governance.models import Presence
from tests.factories import SupervisionSessionFactory
from tests.integration.admin.visits import said, signed_in, url

LIST = "/admin/governance/supervisionsession/"
AVAILABILITY = f"{LIST}availability/"


def seen(user):
    return Presence.objects.filter(user=user).values_list("seen_at", flat=True).first()


def long_ago(user):
    moment = timezone.now() - datetime.timedelta(hours=1)
    Presence.objects.update_or_create(user=user, defaults={"seen_at": moment})
    return moment


def test_whoever_uses_the_site_is_there(house, client):
    assert seen(house.viewer) is None
    browser = signed_in(house.viewer)
    assert seen(house.viewer) is None  # signing in by a test is no visit
    browser.get("/admin/")
    assert timezone.now() - seen(house.viewer) < datetime.timedelta(seconds=10)
    client.get("/admin/login/")
    assert Presence.objects.count() == 1


def test_it_is_written_down_every_thirty_seconds_at_most(house, time_machine):
    browser = signed_in(house.viewer)
    time_machine.move_to(timezone.now(), tick=False)
    browser.get("/admin/")
    first = seen(house.viewer)
    for seconds, written in ((29, False), (30, True), (45, False), (60, True)):
        time_machine.move_to(first + datetime.timedelta(seconds=seconds), tick=False)
        before = seen(house.viewer)
        browser.get("/admin/")
        assert (seen(house.viewer) != before) is written, seconds


def test_what_an_open_page_asks_for_by_itself_is_no_activity(house):
    session = SupervisionSessionFactory(run=house.run("supervised"))
    browser, moment = signed_in(house.supervisor), long_ago(house.supervisor)
    assert browser.get(url("supervisionsession", "live", session)).status_code == 200
    assert browser.post(url("supervisionsession", "watched", session)).status_code == 204
    assert browser.get(f"/supervision/{session.pk}/events").status_code == 501  # not by ASGI here
    assert seen(house.supervisor) == moment
    browser.get(url("supervisionsession", "change", session))
    assert seen(house.supervisor) > moment


#    what they say      what they are then, an hour after they were last seen
BY_HAND = (
    ("online", "online"),
    ("away", "away"),
    ("offline", "offline"),
    ("", "offline"),
)


@pytest.mark.parametrize(("to", "is_then"), BY_HAND)
def test_a_person_says_whether_they_can_be_given_runs(house, to, is_then):
    browser = signed_in(house.viewer)
    answer = browser.post(AVAILABILITY, {"to": to}, follow=True)
    assert answer.redirect_chain == [(LIST, 302)]
    expected = to or "online"  # by activity: they have just said so
    assert f"Kept: you are {expected}." in said(answer)
    assert f"You are {expected} ; show me as" in said(answer)
    row = Presence.objects.get(user=house.viewer)
    later = row.seen_at + datetime.timedelta(hours=1)
    assert row.availability(now=later) == is_then


def test_nonsense_is_refused(house):
    browser = signed_in(house.viewer)
    answer = browser.post(AVAILABILITY, {"to": "asleep"})
    assert (answer.status_code, b"There is no availability 'asleep'" in answer.content) == (
        400,
        True,
    )
    assert browser.get(AVAILABILITY).status_code == 405
    assert Presence.objects.get(user=house.viewer).set_by_hand == ""
