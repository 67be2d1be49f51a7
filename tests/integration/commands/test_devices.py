"""register_device, rotate_device_key, retire_device, simulate_device."""

from __future__ import annotations

import json

import pytest

from governance.models import Device, DeviceCommand, LedgerEntry
from governance.services import devices
from tests.factories.devices import (
    DeviceCommandFactory,
    RegistrationFactory,
    claimed_command,
)
from tests.integration.commands.conftest import run, typed

NAMES = ("register_device", "rotate_device_key", "retire_device", "simulate_device")


@pytest.fixture
def phone(house):
    return RegistrationFactory(workspace=house.workspace, name="phone")


def test_registering_prints_the_key_once(command, house):
    made = command("register_device", "front-desk", "--kinds", "camera, location", "--json").json
    assert made["kinds"] == ["camera", "location"]
    device = devices.authenticate(made["key"])
    assert (device.name, str(device.id)) == ("front-desk", made["id"])
    entry = LedgerEntry.objects.get(subject_id=device.id)
    assert made["key"].split("_", 2)[2] not in json.dumps(entry.data)


def test_for_people_the_key_is_a_line_of_its_own(command, house):
    out = command("register_device", "front-desk", "--kinds", "camera").out
    (line,) = [line for line in out.splitlines() if line.startswith("key: ")]
    assert devices.authenticate(line.removeprefix("key: ")) is not None


@pytest.mark.parametrize(
    ("says", "arguments"),
    [
        ("there is no kind 'microphone'", ("register_device", "new", "--kinds", "microphone")),
        ("needs one or more kinds", ("register_device", "new", "--kinds", ",")),
        ("Use a-z, 0-9 and -", ("register_device", "New One", "--kinds", "camera")),
        ("already exists", ("register_device", "phone", "--kinds", "camera")),
        ("no device 'nobody'", ("rotate_device_key", "nobody")),
        ("no device 'nobody'", ("retire_device", "nobody", "--reason", "x")),
        ("The reason is empty", ("retire_device", "phone", "--reason", " ")),
    ],
)
def test_refused(refused, phone, says, arguments):
    refused(says, *arguments)


def test_a_key_is_rotated_and_a_device_retired(command, phone):
    new = command("rotate_device_key", "phone", "--json").json["key"]
    assert devices.authenticate(phone.key) is None
    assert devices.authenticate(new) is not None
    assert (
        command("retire_device", "phone", "--reason", "lost", "--json").json["state"] == "retired"
    )
    assert devices.authenticate(new) is None
    assert Device.objects.get().state == "retired"


def test_the_simulator_answers_one_of_each_and_stops(live_server, phone, monkeypatch):
    for kind in ("camera", "location", "notification"):
        DeviceCommandFactory(device=phone.device, kind=kind)
    monkeypatch.setenv("GOVERNANCE_DEVICE_KEY", phone.key)
    result = run("simulate_device", "--url", live_server.url, "--count", "3", "--json")
    assert (result.code, result.json) == (0, {"answered": 3})
    assert {row.state for row in DeviceCommand.objects.all()} == {"done"}
    assert phone.key not in result.out + result.err


def test_the_simulator_is_patient_only_so_long(live_server, phone, monkeypatch):
    monkeypatch.setenv("GOVERNANCE_DEVICE_KEY", phone.key)
    result = run("simulate_device", "--url", live_server.url, "--once", "--patience", "1", "--json")
    assert (result.code, result.json) == (0, {"answered": 0})


def test_the_simulator_does_what_it_claimed_and_never_heard_of(live_server, phone, monkeypatch):
    lost = claimed_command(DeviceCommandFactory(device=phone.device))
    monkeypatch.setenv("GOVERNANCE_DEVICE_KEY", phone.key)
    assert run("simulate_device", "--url", live_server.url, "--once").code == 0
    lost.refresh_from_db()
    assert lost.state == "done"


def test_the_simulator_with_a_key_that_opens_nothing(live_server, phone, monkeypatch):
    monkeypatch.setenv("GOVERNANCE_DEVICE_KEY", "agd_0123456789ab_" + "x" * 43)
    result = run("simulate_device", "--url", live_server.url, "--once")
    assert result.code == 1
    assert "The server answered 401: Send a valid key" in result.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--count", "0"), 1, "must be 1 or more"),
        (("--url", "nowhere"), 1, "must begin with http://"),
        (("--once", "--count", "2"), 2, "not allowed with argument"),
    ],
)
def test_the_simulator_used_wrongly(monkeypatch, arguments, code, says):
    monkeypatch.setenv("GOVERNANCE_DEVICE_KEY", "agd_0123456789ab_" + "x" * 43)
    call = typed if code == 2 else run
    result = call("simulate_device", *arguments)
    assert result.code == code
    assert says in result.err


def test_the_simulator_without_a_key_says_where_to_put_it(monkeypatch):
    monkeypatch.delenv("GOVERNANCE_DEVICE_KEY", raising=False)
    result = run("simulate_device", "--once")
    assert result.code == 2
    assert "Set GOVERNANCE_DEVICE_KEY" in result.err


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_an_example_and_the_exit_codes(name):
    result = typed(name, "--help")
    assert result.code == 0
    assert f"manage.py {name}" in result.out
    assert "0 done, 1 refused, 2 wrong use" in result.out
