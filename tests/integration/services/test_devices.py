"""Devices and their keys."""

from __future__ import annotations

import datetime
import re

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from governance.domain.errors import InvalidInput, NotAllowed, StaleState
from governance.models import Device, DeviceCommand, LedgerEntry
from governance.services import devices
from tests.factories import BY_SYSTEM, House
from tests.factories.devices import (
    DeviceCommandFactory,
    DeviceFactory,
    RegistrationFactory,
    claimed_command,
)


@pytest.fixture
def phone(house):
    return RegistrationFactory(workspace=house.workspace, name="phone")


def everything_stored() -> str:
    """Every value of every table of ours, as text."""
    tables = [name for name in connection.introspection.table_names() if "governance_" in name]
    found = []
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            found += [repr(tuple(map(_plain, row))) for row in cursor.fetchall()]
    return "\n".join(found)


def _plain(value):
    return bytes(value) if isinstance(value, memoryview) else value


def test_registering_gives_a_key_once(house):
    registration = devices.register(
        workspace=house.workspace,
        name="front-desk",
        kinds=["location", "camera", "camera"],
        by=house.by_governor,
    )
    device = registration.device
    assert (device.state, device.kinds) == ("active", ["camera", "location"])
    assert re.fullmatch(r"agd_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", registration.key)
    assert registration.key not in repr(registration)
    assert devices.authenticate(registration.key) == device


def test_the_key_is_stored_nowhere(house, phone):
    secret = phone.key.split("_", 2)[2]
    devices.rotate_key(device=phone.device, by=house.by_governor)
    stored = everything_stored()
    assert phone.device.key_prefix in stored  # the ledger names it, so it was looked through
    assert secret not in stored


def test_the_ledger_has_its_life(house, phone):
    devices.rotate_key(device=phone.device, by=house.by_governor)
    device = Device.objects.get(pk=phone.device.pk)
    devices.retire(device=device, reason="stolen", by=house.by_governor)
    kinds = [entry.kind for entry in LedgerEntry.objects.about(device.id)]
    assert kinds == ["device.active", "device.key_rotated", "device.retired"]


@pytest.mark.parametrize("change", ["", "x", "prefix", "secret", "long", "case", "space"])
def test_another_key_opens_nothing(phone, change):
    mark, prefix, secret = phone.key.split("_", 2)
    wrong = {
        "": "",
        "x": "x",
        "prefix": f"{mark}_{'0' * 12}_{secret}",
        "secret": f"{mark}_{prefix}_{'x' * 43}",
        "long": phone.key + "x" * 200,
        "case": phone.key.upper(),
        "space": phone.key + " ",
    }[change]
    assert devices.authenticate(wrong) is None


def test_a_new_key_replaces_the_old(house, phone):
    new = devices.rotate_key(device=phone.device, by=house.by_governor)
    assert devices.authenticate(phone.key) is None
    assert devices.authenticate(new.key) == phone.device


def test_a_retired_device_has_no_key_and_gets_none(house, phone):
    devices.retire(device=phone.device, reason="old", by=house.by_governor)
    assert devices.authenticate(phone.key) is None
    with pytest.raises(StaleState, match="only an active one"):
        devices.rotate_key(device=phone.device, by=house.by_governor)
    with pytest.raises(StaleState):
        devices.retire(device=phone.device, reason="again", by=house.by_governor)


def test_retiring_ends_what_waits_and_leaves_what_is_claimed(house, phone):
    claimed = claimed_command(DeviceCommandFactory(device=phone.device))
    waiting = DeviceCommandFactory(device=phone.device)
    devices.retire(device=phone.device, reason="lost", by=house.by_governor)
    states = {row.pk: row.state for row in DeviceCommand.objects.all()}
    assert states == {claimed.pk: "claimed", waiting.pk: "expired"}


@pytest.mark.parametrize("role", ["viewer", "auditor", "reviewer", "supervisor"])
def test_only_governors_may(house, phone, role):
    by = getattr(house, f"by_{role}")
    with pytest.raises(NotAllowed):
        devices.register(workspace=house.workspace, name="new", kinds=["camera"], by=by)
    with pytest.raises(NotAllowed):
        devices.rotate_key(device=phone.device, by=by)
    with pytest.raises(NotAllowed):
        devices.retire(device=phone.device, reason="x", by=by)
    assert [device.state for device in Device.objects.all()] == ["active"]


def test_a_governor_of_another_workspace_may_not(phone):
    other = House.build(name="elsewhere")
    with pytest.raises(NotAllowed):
        devices.retire(device=phone.device, reason="x", by=other.by_governor)


@pytest.mark.parametrize("name", ["", "Front Desk", "1st", "a" * 61, "phone"])
def test_a_name_that_will_not_do(house, phone, name):
    with pytest.raises(InvalidInput):
        devices.register(workspace=house.workspace, name=name, kinds=["camera"], by=BY_SYSTEM)


@pytest.mark.parametrize("kinds", [[], ["microphone"], ["camera", "x"]])
def test_kinds_that_will_not_do(house, kinds):
    with pytest.raises(InvalidInput, match="one or more kinds out of camera, location"):
        devices.register(workspace=house.workspace, name="new", kinds=kinds, by=BY_SYSTEM)


def test_the_same_name_in_another_workspace_will_do(phone):
    other = House.build(name="elsewhere")
    assert DeviceFactory(workspace=other.workspace, name="phone").pk != phone.device.pk


def test_when_it_was_seen_is_kept_roughly(phone):
    devices.seen(device=phone.device)
    first = Device.objects.get().last_seen_at
    devices.seen(device=phone.device)
    assert Device.objects.get().last_seen_at == first
    with time_machine.travel(timezone.now() + datetime.timedelta(seconds=11)):
        devices.seen(device=phone.device)
    assert Device.objects.get().last_seen_at > first
