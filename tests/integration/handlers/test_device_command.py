"""device_command from proposal to output, with a simulated device at the end of real HTTP."""

from __future__ import annotations

import datetime
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.utils import timezone

from governance.domain.readings import Photo, Position
from governance.handlers.device_command import PARAMS, phrase
from governance.management.simulating import SimulatedDevice
from governance.models import DeviceCommand, ExecutionStep, LedgerEntry
from governance.policy import plans, schemas
from governance.services import device_commands, devices, executions
from tests.factories import BY_SYSTEM, approved
from tests.factories.devices import HELLO, RegistrationFactory
from tests.factories.moves import WORKER

with_threads = pytest.mark.django_db(transaction=True)


@pytest.fixture
def phone(house):
    return RegistrationFactory(workspace=house.workspace, name="phone")


@contextmanager
def device_at_work(url: str, key: str, *, count: int):
    """A simulated device in a thread; what went wrong in it is raised here."""
    lines: list[str] = []
    device = SimulatedDevice(url=url, key=key, say=lines.append)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(device.run, count=count, patience=30)
        yield lines
        running.result()
    device.close()
    assert device.answered == count


@contextmanager
def while_worker_waits(act):
    """Do `act(command)` in a thread as soon as the worker has issued its command."""

    def run():
        try:
            until = timezone.now() + datetime.timedelta(seconds=20)
            while timezone.now() < until:
                command = DeviceCommand.objects.select_related("device").first()
                if command is not None:
                    return act(command)
            raise AssertionError("no command was issued")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        yield
        running.result()


@contextmanager
def running_ahead(monkeypatch, *, once=lambda: True):
    """Where a worker waits for a device, the clock goes on by itself, once nothing else is due."""
    with time_machine.travel(timezone.now(), tick=False) as clock:

        def sleep(seconds):
            clock.shift(seconds) if once() else time.sleep(0.01)

        monkeypatch.setattr(device_commands, "time", SimpleNamespace(sleep=sleep))
        yield


def ask(house, *steps):
    """A plan of these params, approved by a person; `work` carries it out."""
    plan = [
        {"id": f"s{number}", "action_type": "device_command", "params": params}
        if "action_type" not in params
        else params
        for number, params in enumerate(steps, start=1)
    ]
    return approved(house.proposal(plan=plan))


def work(house, proposal):
    """Carry it out; returns the proposal and its steps as they are then."""
    house.work()
    proposal.refresh_from_db()
    return proposal, list(proposal.execution.steps.order_by("position"))


def output(step: ExecutionStep) -> dict:
    return json.loads(step.output)


def test_take_a_photo_read_the_location_and_send_a_notification(house, phone, live_server):
    proposal = ask(
        house,
        {"device": "phone", "kind": "camera", "camera": {"facing": "back"}},
        {"device": "phone", "kind": "location", "location": {"accuracy": "fine"}},
        {"device": "phone", "kind": "notification", "notification": HELLO},
    )
    with device_at_work(live_server.url, phone.key, count=3):
        proposal, (photo, location, notification) = work(house, proposal)
    assert proposal.state == "executed"
    taken = device_commands.photo_of(step_id=photo.id)
    assert taken.media_type == "image/png"
    assert output(photo)["camera"] == Photo(taken.content).as_json()
    assert -90 <= output(location)["location"]["latitude"] <= 90
    assert -180 <= output(location)["location"]["longitude"] <= 180
    assert output(location)["location"]["accuracy_m"] == 5
    assert output(notification)["notification"] == {"shown": True}
    assert output(notification)["device"] == "phone"
    trail = [
        entry.kind
        for entry in LedgerEntry.objects.about(DeviceCommand.objects.get(step=notification).id)
    ]
    assert trail == ["device_command.waiting", "device_command.claimed", "device_command.done"]


def test_a_later_step_uses_what_the_device_reported(house, phone, live_server):
    proposal = ask(
        house,
        {"device": "phone", "kind": "location"},
        {
            "id": "tell",
            "action_type": "device_command",
            "when": "steps.s1.output.location.latitude <= 90.0",
            "params": {
                "device": "phone",
                "kind": "notification",
                "notification": {
                    "title": "You are at",
                    "body": {"$cel": "string(steps.s1.output.location.latitude)"},
                },
            },
        },
    )
    with device_at_work(live_server.url, phone.key, count=2):
        proposal, (_, tell) = work(house, proposal)
    assert (proposal.state, tell.state) == ("executed", "done")
    body = DeviceCommand.objects.get(step=tell).params_as_json()["body"]
    assert float(body) == output(proposal.execution.steps.get(step="s1"))["location"]["latitude"]


def test_two_devices_at_once_each_answer_their_own(house, phone, live_server):
    tablet = RegistrationFactory(workspace=house.workspace, name="tablet")
    plan = [{"device": name, "kind": "location"} for name in ("phone", "tablet", "phone")]
    proposal = ask(house, *plan)
    with (
        device_at_work(live_server.url, phone.key, count=2),
        device_at_work(live_server.url, tablet.key, count=1),
    ):
        proposal, steps = work(house, proposal)
    assert proposal.state == "executed"
    assert [output(step)["device"] for step in steps] == ["phone", "tablet", "phone"]


def test_a_device_that_never_claims(house, phone, monkeypatch):
    proposal = ask(
        house,
        {"device": "phone", "kind": "location", "timeout_seconds": 5},
        {"device": "phone", "kind": "camera"},
    )
    with running_ahead(monkeypatch):
        proposal, (first, second) = work(house, proposal)
    assert (proposal.state, first.state, second.state) == ("failed", "failed", "not_run")
    assert "did not claim the command in time. Nothing happened on it." in first.error
    assert first.attempts == 1
    assert DeviceCommand.objects.get().state == "expired"
    assert device_commands.claim_next(device=phone.device) is None


@with_threads
def test_a_device_that_claims_and_falls_silent(house, phone, monkeypatch):
    monkeypatch.setattr(device_commands, "REPORT_SECONDS", 1)
    proposal = ask(house, {"device": "phone", "kind": "location", "timeout_seconds": 5})
    with (
        running_ahead(monkeypatch, once=DeviceCommand.objects.filter(state="claimed").exists),
        while_worker_waits(lambda command: device_commands.claim_next(device=command.device)),
    ):
        proposal, (step,) = work(house, proposal)
    assert (proposal.state, proposal.execution.state) == ("in_doubt", "in_doubt")
    assert (step.state, step.attempts) == ("in_doubt", 1)
    assert "claimed the command and did not report in time" in step.error
    # A person looks at the late report, and says what happened.
    command = DeviceCommand.objects.get()
    device_commands.report(
        device=phone.device, command_id=command.id, outcome="done", reading=Position(1.0, 2.0)
    )
    executions.reconcile(
        execution=proposal.execution, outcome="done", note="It came late.", by=house.by_reviewer
    )
    proposal.refresh_from_db()
    assert proposal.state == "executed"


@with_threads
def test_a_device_that_says_it_failed(house, phone):
    def fail(command):
        claimed = device_commands.claim_next(device=command.device)
        device_commands.report(
            device=command.device, command_id=claimed.id, outcome="failed", error="No film."
        )

    proposal = ask(house, {"device": "phone", "kind": "camera"})
    with while_worker_waits(fail):
        proposal, (step,) = work(house, proposal)
    assert (proposal.state, step.state) == ("failed", "failed")
    assert step.error == "The device 'phone' reported: No film."


@with_threads
def test_a_device_retired_meanwhile(house, phone):
    proposal = ask(house, {"device": "phone", "kind": "camera"})
    retire = {"device": phone.device, "reason": "stolen", "by": BY_SYSTEM}
    with while_worker_waits(lambda command: devices.retire(**retire)):
        proposal, (step,) = work(house, proposal)
    assert (proposal.state, step.error) == (
        "failed",
        "The device was retired before it claimed the command.",
    )


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("nobody", "camera", "no device 'nobody'"),
        ("theirs", "camera", "no device 'theirs'"),
        ("doorbell", "location", "does not take location commands"),
    ],
)
def test_a_device_that_cannot_be_asked(house, name, kind, says):
    RegistrationFactory(name="theirs")  # in a workspace of its own
    RegistrationFactory(workspace=house.workspace, name="doorbell", kinds=["camera"])
    proposal, (step,) = work(house, ask(house, {"device": name, "kind": kind}))
    assert (proposal.state, step.state, step.attempts) == ("failed", "failed", 1)
    assert says in step.error
    assert DeviceCommand.objects.count() == 0


class _Killed(BaseException):
    """What a killed worker's handler would never come back from."""


def test_a_worker_that_dies_while_it_waits_finds_its_command_again(house, phone, monkeypatch):
    def die(**values):
        raise _Killed

    proposal = ask(house, {"device": "phone", "kind": "location"})
    with monkeypatch.context() as patch:
        patch.setattr(device_commands, "wait", die)
        with pytest.raises(_Killed):
            house.work()
    # The device works on, and reports to nobody.
    command = device_commands.claim_next(device=phone.device)
    device_commands.report(
        device=phone.device, command_id=command.id, outcome="done", reading=Position(1.0, 2.0)
    )
    with time_machine.travel(timezone.now() + datetime.timedelta(hours=1)):
        assert executions.sweep(by=WORKER)["ready"] == 1
        proposal, (step,) = work(house, proposal)
    assert (proposal.state, step.state) == ("executed", "done")
    assert output(step)["location"]["latitude"] == 1
    assert DeviceCommand.objects.count() == 1
    assert LedgerEntry.objects.filter(kind="device_command.claimed").count() == 1


def test_a_worker_that_takes_over_too_late_knows_that_nothing_happened(house, phone, monkeypatch):
    def die(**values):
        raise _Killed

    proposal = ask(house, {"device": "phone", "kind": "location"})
    with monkeypatch.context() as patch:
        patch.setattr(device_commands, "wait", die)
        with pytest.raises(_Killed):
            house.work()
    with time_machine.travel(timezone.now() + datetime.timedelta(hours=1)):
        executions.sweep(by=WORKER)
        proposal, (step,) = work(house, proposal)
        assert device_commands.claim_next(device=phone.device) is None
    assert (proposal.state, step.state) == ("failed", "failed")
    assert DeviceCommand.objects.get().state == "expired"


# --- Params ---------------------------------------------------------------------------------------

GOOD = [
    {"device": "phone", "kind": "camera"},
    {"device": "phone", "kind": "camera", "camera": {}},
    {"device": "phone", "kind": "location", "location": {"accuracy": "coarse"}},
    {"device": "phone", "kind": "notification", "notification": HELLO, "timeout_seconds": 300},
]

BAD = [
    {"device": "phone"},
    {"kind": "camera"},
    {"device": "Phone", "kind": "camera"},
    {"device": "phone", "kind": "microphone"},
    {"device": "phone", "kind": "camera", "location": {}},
    {"device": "phone", "kind": "notification"},
    {"device": "phone", "kind": "notification", "notification": {"title": "x"}},
    {"device": "phone", "kind": "notification", "notification": {**HELLO, "icon": "x"}},
    {"device": "phone", "kind": "notification", "notification": {"title": "", "body": ""}},
    {"device": "phone", "kind": "camera", "camera": {"facing": "down"}},
    {"device": "phone", "kind": "camera", "timeout_seconds": 4},
    {"device": "phone", "kind": "camera", "timeout_seconds": 301},
    {"device": "phone", "kind": "camera", "timeout_seconds": 10.5},
    {"device": "phone", "kind": "camera", "url": "http://x"},
]


@pytest.mark.parametrize("params", GOOD)
def test_params_that_will_do(params):
    assert schemas.problems(PARAMS, params) == ()


@pytest.mark.parametrize("params", BAD)
def test_params_that_will_not_do(params):
    assert schemas.problems(PARAMS, params) != ()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (GOOD[0], "Take a photo with the device “phone”"),
        (GOOD[2], "Read the location of the device “phone”"),
        (GOOD[3], "Show the notification “Hello” on the device “phone”"),
    ],
)
def test_in_words(params, words):
    assert phrase(params) == words


def test_the_documented_plan_is_one():
    page = (settings.BASE_DIR / "docs" / "devices.md").read_text()
    plan = plans.parse_text(page.split("```json\n")[1].split("```")[0])
    for step in plan.steps:
        assert schemas.problems(PARAMS, step.params) == ()
