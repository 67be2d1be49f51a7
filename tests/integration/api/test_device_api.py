"""The device API over real HTTP: what it gives, what it refuses, and how it says so."""

from __future__ import annotations

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.db import connection

from governance.api import device as device_api
from governance.models import Device, DeviceCommand
from governance.services import devices
from tests.factories import BY_SYSTEM, House
from tests.factories.devices import (
    HELLO,
    PIXEL,
    PIXEL_BASE64,
    DeviceCommandFactory,
    RegistrationFactory,
    claimed_command,
)
from tests.integration.api.asking import connected, post, problem

HERE = {"outcome": "done", "location": {"latitude": 52.5, "longitude": 13.4}}


# --- What it gives --------------------------------------------------------------------------------


def test_a_device_learns_who_it_is_and_what_it_owes(http, phone):
    claimed = claimed_command(DeviceCommandFactory(device=phone.device))
    DeviceCommandFactory(device=phone.device)
    me = http.get("me")
    assert me.status_code == 200
    assert me.headers["Cache-Control"] == "no-store"
    assert me.json() == {
        "id": str(phone.device.id),
        "name": "phone",
        "workspace": phone.device.workspace.name,
        "kinds": ["camera", "location", "notification"],
        "unreported": [
            {
                "id": str(claimed.id),
                "kind": "location",
                "params": {},
                "report_by": claimed.deadline.isoformat(timespec="milliseconds").replace(
                    "+00:00", "Z"
                ),
            }
        ],
    }
    assert Device.objects.get(pk=phone.device.pk).last_seen_at is not None


@pytest.mark.parametrize(
    ("kind", "params", "result", "kept"),
    [
        ("camera", {"facing": "front"}, {"image_base64": PIXEL_BASE64}, "image/png"),
        ("location", {}, HERE["location"], "52.5"),
        ("notification", HELLO, {"shown": True}, "true"),
    ],
)
def test_a_command_is_claimed_and_reported(http, phone, kind, params, result, kept):
    command = DeviceCommandFactory(device=phone.device, kind=kind, params=params)
    claimed = http.post("commands/claim", json={"wait": 0})
    assert claimed.status_code == 200
    assert claimed.json()["id"] == str(command.id)
    assert (claimed.json()["kind"], claimed.json()["params"]) == (kind, params)
    report = {"outcome": "done", kind: result}
    for _ in range(2):  # the second as if the first answer had been lost
        answer = http.post(f"commands/{command.id}/report", json=report)
        assert (answer.status_code, answer.json()["state"]) == (200, "done")
    command.refresh_from_db()
    assert kept in command.result
    assert (command.photo is None) == (kind != "camera")
    if kind == "camera":
        assert bytes(command.photo) == PIXEL


def test_with_nothing_to_do_it_waits_as_long_as_was_asked(http):
    assert http.post("commands/claim", json={}).status_code == 204
    began = time.monotonic()
    answer = http.post("commands/claim", json={"wait": 1})
    assert (answer.status_code, answer.content) == (204, b"")
    assert 0.9 <= time.monotonic() - began < 5


def test_a_command_that_comes_while_it_waits_is_answered_at_once(http, phone):
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(http.post, "commands/claim", json={"wait": 25})
        time.sleep(0.7)
        command = DeviceCommandFactory(device=phone.device)
        answer = waiting.result()
    assert answer.json()["id"] == str(command.id)
    assert time.monotonic() - began < 15


def test_of_several_waiting_connections_one_gets_the_command(http, phone):
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(http.post, "commands/claim", json={"wait": 4}) for _ in range(4)]
        command = DeviceCommandFactory(device=phone.device)
        answers = [future.result() for future in asked]
    assert sorted(answer.status_code for answer in answers) == [200, 204, 204, 204]
    command.refresh_from_db()
    assert command.state == "claimed"


def test_a_key_retired_while_it_waits_gets_nothing(http, phone):
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(http.post, "commands/claim", json={"wait": 3})
        time.sleep(0.5)
        devices.retire(device=phone.device, reason="stolen", by=BY_SYSTEM)
        assert waiting.result().status_code == 204
    problem(http.get("me"), 401, "unauthorized")


def test_when_too_many_wait_the_next_is_answered_at_once(http, monkeypatch):
    monkeypatch.setattr(device_api, "_places", device_api.threading.BoundedSemaphore(1))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(http.post, "commands/claim", json={"wait": 3})
        time.sleep(0.5)
        began = time.monotonic()
        second = http.post("commands/claim", json={"wait": 25})
        assert (second.status_code, second.headers["Retry-After"]) == (204, "5")
        assert time.monotonic() - began < 3
        assert "Retry-After" not in first.result().headers


def test_while_it_sleeps_it_holds_no_connection(phone, monkeypatch, transactional_db):
    held, ticks = [], iter((0.0, 0.0, 1.0, 99.0))
    clock = SimpleNamespace(
        monotonic=lambda: next(ticks),
        sleep=lambda seconds: held.append(connection.connection is not None),
    )
    monkeypatch.setattr(device_api, "time", clock)
    device_api._next_within(5, device=phone.device)
    assert held == [False, False]


# --- What it refuses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer agd_000000000000_" + "x" * 43,
        pytest.param("Bearer " + "x" * 4_000, id="long"),
        "Basic {key}",
        "{key}",
        "Bearer {key}x",
        "Bearer {prefix}",
    ],
)
def test_without_its_key_nothing_is_answered(client, phone, header):
    prefix = phone.device.key_prefix
    headers = (
        {} if header is None else {"Authorization": header.format(key=phone.key, prefix=prefix)}
    )
    for method, path in (("get", "me"), ("post", "commands/claim")):
        answer = getattr(client, method)(
            f"/api/v1/device/{path}", content_type="application/json", headers=headers
        )
        problem(answer, 401, "unauthorized", "Bearer agd_...; it is missing or not valid")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_retired_devices_key_opens_nothing(http, phone):
    command = claimed_command(DeviceCommandFactory(device=phone.device))
    devices.retire(device=phone.device, reason="sold", by=BY_SYSTEM)
    problem(http.get("me"), 401, "unauthorized")
    problem(http.post("commands/claim", json={}), 401, "unauthorized")
    problem(http.post(f"commands/{command.id}/report", json=HERE), 401, "unauthorized")


def test_another_workspaces_device_sees_nothing_of_it(live_server, phone):
    command = claimed_command(DeviceCommandFactory(device=phone.device))
    DeviceCommandFactory(device=phone.device)
    stranger = RegistrationFactory(workspace=House.build(name="elsewhere").workspace, name="phone")
    with connected(live_server, stranger.key) as theirs:
        assert theirs.get("me").json()["unreported"] == []
        assert theirs.post("commands/claim", json={}).status_code == 204
        answer = theirs.post(f"commands/{command.id}/report", json=HERE)
        problem(answer, 404, "not_found", "There is no device command")
    assert {row.state for row in DeviceCommand.objects.all()} == {"claimed", "waiting"}


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("commands/claim", {"wait": 26}, "/wait"),
        ("commands/claim", {"wait": -1}, "/wait"),
        ("commands/claim", {"wait": "5"}, "/wait"),
        ("commands/claim", {"wait": True}, "/wait"),
        ("commands/claim", {"wait": 2**70}, "/wait"),
        ("commands/claim", {"wait": 0.5}, "/wait"),
        ("commands/claim", {"for": "ever"}, "/for"),
        ("commands/claim", [], ""),
        ("commands/claim", "AAA", ""),
        ("commands/claim", None, ""),
        ("report", {}, "/outcome"),
        ("report", {"outcome": "expired"}, "/outcome"),
        ("report", {**HERE, "state": "done"}, "/state"),
        ("report", {"outcome": "failed", "error": "x" * 2_001}, "/error"),
        ("report", {"outcome": "done", "location": {"latitude": 1}}, "/location/longitude"),
        ("report", {"outcome": "done", "location": []}, "/location"),
        (
            "report",
            {"outcome": "done", "location": {"latitude": 91, "longitude": 0}},
            "/location/latitude",
        ),
        (
            "report",
            {"outcome": "done", "location": {"latitude": "1", "longitude": 0}},
            "/location/latitude",
        ),
        (
            "report",
            {"outcome": "done", "location": {"latitude": 1, "longitude": 0, "a~/b": 1}},
            "/location/a~0~1b",
        ),
        (
            "report",
            {"outcome": "done", "camera": {"image_base64": "A" * 200_004}},
            "/camera/image_base64",
        ),
        ("report", {"outcome": "done", "notification": {"shown": False}}, "/notification/shown"),
    ],
)
def test_a_body_of_the_wrong_form(client, phone, path, body, pointer):
    command = claimed_command(DeviceCommandFactory(device=phone.device))
    path = f"commands/{command.id}/report" if path == "report" else path
    answer = post(client, phone, path, json.dumps(body))
    errors = problem(answer, 422, "invalid_input")["errors"]
    assert errors[0]["pointer"] == pointer
    assert DeviceCommand.objects.get().state == "claimed"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"outcome": "done"}, "a location result, and nothing else"),
        ({**HERE, "error": "but"}, "a location result, and nothing else"),
        ({"outcome": "failed"}, "The error is empty"),
        ({**HERE, "outcome": "failed", "error": "x"}, "has no result"),
        ({**HERE, "notification": {"shown": True}}, "Report one result"),
        ({"outcome": "done", "notification": {"shown": True}}, "a location result"),
        ({"outcome": "done", "camera": {"image_base64": PIXEL_BASE64}}, "a location result"),
        ({"outcome": "done", "camera": {"image_base64": "AAAA"}}, "neither a PNG nor a JPEG"),
        ({"outcome": "done", "camera": {"image_base64": "????"}}, "not valid base64"),
    ],
)
def test_a_report_that_does_not_fit(client, phone, body, says):
    command = claimed_command(DeviceCommandFactory(device=phone.device))
    answer = post(client, phone, f"commands/{command.id}/report", json.dumps(body))
    problem(answer, 422, "invalid_input", says)
    assert DeviceCommand.objects.get().state == "claimed"


def test_a_report_of_something_else_is_a_conflict(http, phone):
    command = DeviceCommandFactory(device=phone.device)
    path = f"commands/{command.id}/report"
    problem(http.post(path, json=HERE), 409, "stale_state")
    claimed_command(command)
    assert http.post(path, json=HERE).status_code == 200
    other = {"outcome": "failed", "error": "changed my mind"}
    problem(http.post(path, json=other), 409, "stale_state", "reported as done already")


def test_the_key_is_in_no_log(client, phone, caplog, settings):
    settings.DEBUG = True
    caplog.set_level(logging.DEBUG)
    for header in (f"Bearer {phone.key}", f"Token {phone.key}", f"Bearer {phone.key}x"):
        client.get("/api/v1/device/me", headers={"Authorization": header})
    assert phone.key.split("_", 2)[2] not in caplog.text
