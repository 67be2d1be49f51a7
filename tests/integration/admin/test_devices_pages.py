"""The pages of devices: registered, given a new key, retired; and a key that is shown just once."""

from __future__ import annotations

import logging
import re

import pytest
from django.test import Client
from django.utils import timezone

from governance.domain.readings import Photo, Position
from governance.domain.roles import Role
from governance.models import Device, DeviceCommand, LedgerEntry
from governance.services import device_commands, devices
from tests.factories import DeviceCommandFactory, DeviceFactory, House, RegistrationFactory
from tests.factories.devices import PIXEL, claimed_command
from tests.integration.admin.visits import (
    buttons,
    opened,
    refusals,
    said,
    send,
    signed_in,
    trail,
    url,
)

REGISTER = "/admin/governance/device/add/"
KEY = re.compile(r"agd_[0-9a-f]{12}_[\w-]{43}")


@pytest.fixture
def browser(house):
    return signed_in(house.governor)


def everywhere(browser, row):
    """What all pages about a device say, and the ledger."""
    pages = [url("device", "changelist"), url("device", "change", row)]
    pages += [url("device", page, row) for page in ("rotate", "retire")]
    pages += [f"/admin/governance/ledgerentry/?subject_id={row.pk}", "/admin/"]
    entries = [bytes(body).decode() for body in LedgerEntry.objects.values_list("body", flat=True)]
    return "".join(browser.get(page).content.decode() for page in pages) + "".join(entries)


def test_register_shows_the_key_once(browser, house, caplog):
    caplog.set_level(logging.DEBUG)
    answer = send(browser, REGISTER, name="front-desk", kinds=["location", "camera"])

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "no-referrer"
    (key,) = KEY.findall(answer.content.decode())
    row = Device.objects.get()
    assert (row.name, row.kinds, row.workspace) == (
        "front-desk",
        ["camera", "location"],
        house.workspace,
    )
    assert devices.authenticate(key) == row
    assert f'href="{url("device", "change", row)}">I have copied it</a>' in answer.content.decode()
    assert key not in everywhere(browser, row) + caplog.text
    assert key.split("_", 2)[2] not in everywhere(browser, row)
    assert browser.get(REGISTER).status_code == 200
    assert "front-desk" not in said(browser.get(REGISTER))
    assert trail(row) == ["device.active"]


def test_what_cannot_be_registered_is_said_and_kept_as_typed(browser, house):
    RegistrationFactory(workspace=house.workspace, name="front-desk")

    answer = send(browser, REGISTER, name="front-desk", kinds=["camera"])
    assert "already exists" in refusals(answer)[0]
    assert 'value="front-desk"' in answer.content.decode()
    answer = send(browser, REGISTER, name="Front Desk", kinds=["camera"])
    assert "Use a-z, 0-9 and -" in refusals(answer)[0]
    answer = send(browser, REGISTER, name="other")
    assert answer.status_code == 400
    answer = send(browser, REGISTER, name="other", kinds=["robot arm"])
    assert answer.status_code == 400
    assert Device.objects.count() == 1


def test_a_new_key_ends_the_old_one_and_is_shown_once(browser, house):
    old = RegistrationFactory(workspace=house.workspace, name="front-desk")
    row = old.device
    seen = opened(browser, url("device", "rotate", row))

    answer = browser.post(url("device", "rotate", row), seen)

    (key,) = KEY.findall(answer.content.decode())
    assert key != old.key
    assert devices.authenticate(key) == row
    assert devices.authenticate(old.key) is None
    assert key not in everywhere(browser, row)
    assert trail(row) == ["device.active", "device.key_rotated"]
    # The same form once more, from another tab or by reloading: nothing happens.
    stale = browser.post(url("device", "rotate", row), seen)
    assert "was changed after you opened this page" in refusals(stale)[0]
    assert devices.authenticate(key) == row


def test_retire_for_good(browser, house):
    found = RegistrationFactory(workspace=house.workspace, name="front-desk")
    row = found.device
    assert buttons(browser.get(url("device", "change", row))) == [
        "Give it a new key",
        "Retire",
        "Ledger",
    ]

    answer = send(browser, url("device", "retire", row), reason="It was stolen.")

    assert answer.url == url("device", "change", row)
    page = browser.get(answer.url)
    assert "The device is retired." in said(page)
    assert buttons(page) == ["Ledger"]
    assert devices.authenticate(found.key) is None
    again = browser.get(url("device", "rotate", row))
    assert "is not possible: this device is retired" in refusals(again)[0]
    forced = browser.post(
        url("device", "rotate", row), {"seen": f"{row.version + 1} {row.key_prefix}"}
    )
    assert "only an active one gets a new key" in refusals(forced)[0]
    assert trail(row) == ["device.active", "device.retired"]


def test_retiring_needs_a_reason(browser, house):
    row = DeviceFactory(workspace=house.workspace)
    assert send(browser, url("device", "retire", row), reason=" ").status_code == 400
    assert Device.objects.get().state == "active"


def test_the_page_shows_what_it_was_asked_for_and_what_came_back(browser, house):
    row = DeviceFactory(workspace=house.workspace, name="front-desk")

    def done(kind, reading):
        command = claimed_command(DeviceCommandFactory(device=row, kind=kind))
        device_commands.report(device=row, command_id=command.pk, outcome="done", reading=reading)
        return command

    photo = done("camera", Photo(PIXEL))
    done("location", Position(52.09, 5.12))
    failed = claimed_command(DeviceCommandFactory(device=row, kind="notification"))
    error = "refused: https://me:hunter22@far.test/?token=abc <b>\u202e"
    device_commands.report(device=row, command_id=failed.pk, outcome="failed", error=error)
    devices.seen(device=row)

    page = browser.get(url("device", "change", row))

    text, markup = said(page), page.content.decode()
    assert "Last seen never" not in text
    assert "Its latest commands When Asked for State What came back Execution" in text
    assert f'<img src="/admin/governance/execution/photo/{photo.pk}/"' in markup
    assert '{"accuracy_m": null, "latitude": 52.09, "longitude": 5.12}' in text
    assert 'Notification {"body": "The parcel is here.", "title": "Hello"} Failed' in text
    assert "refused: https://[redacted]@far.test/?token=[redacted] &lt;b&gt;" in markup
    assert "U+202E" in text
    assert "hunter22" not in markup
    assert "hunter22" not in DeviceCommand.objects.get(pk=failed.pk).error
    assert DeviceCommand.objects.count() == 3
    listed = said(browser.get(url("device", "changelist")))
    assert "front-desk camera, location, notification Active just now" in listed


def test_the_page_of_a_busy_device_stays_short(browser, house):
    row = DeviceFactory(workspace=house.workspace)
    for _ in range(27):
        DeviceCommandFactory(device=row)
    assert browser.get(url("device", "change", row)).content.decode().count(">Waiting<") == 25


# --- Who may

PAGES = ("rotate", "retire")


@pytest.mark.parametrize("role", [role for role in Role if role != Role.GOVERNOR])
def test_others_read_and_change_nothing(house, role):
    found = RegistrationFactory(workspace=house.workspace)
    browser = signed_in(getattr(house, role))

    assert browser.get(url("device", "changelist")).status_code == 200
    assert buttons(browser.get(url("device", "change", found.device))) == ["Ledger"]
    assert browser.get(REGISTER).status_code == 403
    assert browser.post(REGISTER, {"name": "mine", "kinds": ["camera"]}).status_code == 403
    for page in PAGES:
        address = url("device", page, found.device)
        sent = {"seen": f"1 {found.device.key_prefix}", "reason": "mine"}
        assert browser.get(address).status_code == 403
        assert browser.post(address, sent).status_code == 403
    assert devices.authenticate(found.key) == found.device
    assert Device.objects.count() == 1


def test_another_workspaces_devices_are_not_there(browser, house):
    elsewhere = House.build(name="elsewhere")
    found = RegistrationFactory(workspace=elsewhere.workspace, name="theirs")
    sent = {"seen": f"1 {found.device.key_prefix}", "reason": "mine"}

    assert "theirs" not in said(browser.get(url("device", "changelist")))
    assert browser.get(url("device", "change", found.device)).status_code == 404
    for page in PAGES:
        assert browser.post(url("device", page, found.device), sent).status_code == 404
    sent = {"workspace": elsewhere.workspace.pk, "name": "mine", "kinds": ["camera"]}
    assert browser.post(REGISTER, sent).status_code == 400
    assert devices.authenticate(found.key) == found.device
    assert Device.objects.count() == 1


def test_nobody_is_asked_to_sign_in(house):
    row = DeviceFactory(workspace=house.workspace)
    for address in (REGISTER, url("device", "change", row), url("device", "rotate", row)):
        assert Client().get(address).status_code == 302
    assert timezone.now() > row.created_at
