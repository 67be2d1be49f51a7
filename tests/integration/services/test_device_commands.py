"""Commands: at most once to a device, and always an end."""

from __future__ import annotations

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from governance import lifecycle
from governance.domain.errors import InvalidInput, NotFound, StaleState
from governance.domain.readings import Photo, Position, Shown
from governance.domain.states import StepState
from governance.models import DeviceCommand, LedgerEntry
from governance.services import device_commands, devices
from tests.factories import BY_SYSTEM, halted
from tests.factories.devices import (
    PIXEL,
    DeviceCommandFactory,
    DeviceFactory,
    after,
    claimed_command,
    sent_step,
)
from tests.factories.moves import WORKER

HERE = Position(52.52, 13.405, 10.0)


@pytest.fixture
def phone(house):
    return DeviceFactory(workspace=house.workspace, name="phone")


def issue(step, *, device="phone", kind="location", seconds=30):
    return device_commands.issue(
        step_id=step.id,
        device=device,
        kind=kind,
        params={},
        timeout=datetime.timedelta(seconds=seconds),
        by=WORKER,
    )


def report(command, outcome="done", *, reading=HERE, error="", device=None):
    return device_commands.report(
        device=device or command.device,
        command_id=command.pk,
        outcome=outcome,
        reading=reading,
        error=error,
    )


# --- Issuing --------------------------------------------------------------------------------------


def test_a_step_has_one_command_however_often_it_is_asked(phone):
    step = sent_step(phone, {"device": "phone", "kind": "location"})
    first = issue(step)
    assert (first.state, first.kind, first.params) == ("waiting", "location", "{}")
    assert issue(step).pk == first.pk
    assert claimed_command(first).state == "claimed"
    assert issue(step).state == "claimed"
    assert DeviceCommand.objects.count() == 1


def test_a_step_that_has_ended_asks_nobody(phone):
    step = sent_step(phone, {"device": "phone", "kind": "location"})
    lifecycle.move(
        step,
        to=StepState.FAILED,
        by=WORKER,
        fields={"finished_at": timezone.now(), "error": "over"},
    )
    with pytest.raises(StaleState, match="The step is failed"):
        issue(step)
    assert DeviceCommand.objects.count() == 0


def test_who_cannot_be_asked(phone, house):
    step = sent_step(phone, {"device": "phone", "kind": "location"})
    DeviceFactory(name="elsewhere")  # in a workspace of its own
    DeviceFactory(workspace=house.workspace, name="camera", kinds=["camera"])
    devices.retire(device=phone, reason="old", by=BY_SYSTEM)
    for name, error, says in (
        ("nobody", NotFound, "no device 'nobody'"),
        ("elsewhere", NotFound, "no device 'elsewhere'"),
        ("camera", InvalidInput, "does not take location commands, only camera"),
        ("phone", StaleState, "is retired"),
    ):
        with pytest.raises(error, match=says):
            issue(step, device=name)
    assert DeviceCommand.objects.count() == 0


def test_a_timeout_that_the_step_has_no_room_for(phone):
    step = sent_step(phone, {"device": "phone", "kind": "location"})
    type(step).objects.filter(pk=step.pk).update(timeout_seconds=40)
    with pytest.raises(InvalidInput, match="allows 40 s, which leaves 20 s"):
        issue(step, seconds=21)
    assert issue(step, seconds=20).state == "waiting"


# --- Claiming -------------------------------------------------------------------------------------


def test_a_device_claims_its_own_oldest_first(phone, house):
    other = DeviceFactory(workspace=house.workspace)
    first, second = (DeviceCommandFactory(device=phone) for _ in range(2))
    assert device_commands.claim_next(device=other) is None
    assert device_commands.claim_next(device=phone) == first
    assert device_commands.claim_next(device=phone) == second
    assert device_commands.claim_next(device=phone) is None


def test_a_device_has_time_to_report_however_late_it_claimed(phone):
    command = DeviceCommandFactory(device=phone, seconds=10)
    with time_machine.travel(command.deadline - datetime.timedelta(seconds=1), tick=False):
        now = timezone.now()
        claimed = device_commands.claim_next(device=phone)
    assert claimed is not None
    assert claimed.deadline == now + datetime.timedelta(seconds=15)


def test_nothing_is_claimed_after_its_deadline(phone):
    command = DeviceCommandFactory(device=phone)
    with time_machine.travel(after(command, 0), tick=False):
        assert device_commands.claim_next(device=phone) is None


def test_a_halted_workspace_hands_out_nothing(phone, house):
    DeviceCommandFactory(device=phone)
    halted(house.workspace)
    assert device_commands.claim_next(device=phone) is None


def test_switched_off_nothing_is_handed_out(phone, settings):
    DeviceCommandFactory(device=phone)
    settings.GOVERNANCE_EXECUTION_ENABLED = False
    assert device_commands.claim_next(device=phone) is None


def test_what_nobody_waits_for_is_not_handed_out(phone):
    command = DeviceCommandFactory(device=phone)
    lifecycle.move(command.step, to=StepState.IN_DOUBT, by=WORKER, fields={"error": "lost"})
    assert device_commands.claim_next(device=phone) is None


def test_a_key_that_was_replaced_claims_nothing(phone):
    DeviceCommandFactory(device=phone)
    new = devices.rotate_key(device=phone, by=BY_SYSTEM).device
    phone.refresh_from_db()
    stale = DeviceFactory()
    stale.pk, stale.key_hash = new.pk, "0" * 64
    assert device_commands.claim_next(device=stale) is None
    assert device_commands.claim_next(device=new) is not None


@pytest.mark.django_db(transaction=True)
def test_of_many_connections_at_once_each_command_goes_to_one(house):
    phone = DeviceFactory(workspace=house.workspace)
    commands = {DeviceCommandFactory(device=phone).pk for _ in range(6)}
    barrier = threading.Barrier(8)

    def claim_all() -> list:
        barrier.wait()
        try:
            found = iter(lambda: device_commands.claim_next(device=phone), None)
            return [command.pk for command in found]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        claimed = [
            key for future in [pool.submit(claim_all) for _ in range(8)] for key in future.result()
        ]
    assert sorted(claimed) == sorted(commands)
    assert LedgerEntry.objects.filter(kind="device_command.claimed").count() == 6


# --- Reporting ------------------------------------------------------------------------------------


def test_a_location_is_kept(phone):
    command = report(claimed_command(DeviceCommandFactory(device=phone)))
    assert command.state == "done"
    assert command.result == '{"accuracy_m":10,"latitude":52.52,"longitude":13.405}'
    assert device_commands.photo_of(step_id=command.step_id) is None


def test_a_photo_is_kept_beside_its_result(phone):
    command = DeviceCommandFactory(device=phone, kind="camera")
    command = report(claimed_command(command), reading=Photo(PIXEL))
    assert "iVBOR" not in command.result
    photo = device_commands.photo_of(step_id=command.step_id)
    assert (photo.content, photo.media_type) == (PIXEL, "image/png")


def test_a_failure_is_kept_with_its_reason(phone):
    command = claimed_command(DeviceCommandFactory(device=phone))
    command = report(command, "failed", reading=None, error="No satellites.")
    assert (command.state, command.error, command.result) == ("failed", "No satellites.", "")


def test_the_same_report_twice_is_one_report(phone):
    command = claimed_command(DeviceCommandFactory(device=phone))
    first = report(command)
    assert report(command).version == first.version
    assert LedgerEntry.objects.filter(kind="device_command.done").count() == 1


@pytest.mark.parametrize(
    ("outcome", "said"),
    [("done", {"reading": Position(1.0, 1.0)}), ("failed", {"reading": None, "error": "no"})],
)
def test_another_report_is_refused(phone, outcome, said):
    command = claimed_command(DeviceCommandFactory(device=phone))
    report(command)
    with pytest.raises(StaleState, match="reported as done already"):
        report(command, outcome, **said)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("done", {"reading": None}),
        ("done", {"reading": Shown()}),
        ("done", {"reading": Photo(PIXEL)}),
        ("done", {"error": "but"}),
        ("failed", {"reading": None, "error": " "}),
        ("failed", {"error": "and here it is"}),
        ("failed", {"reading": None, "error": "x" * 2_001}),
        ("expired", {"reading": None}),
        ("waiting", {"reading": None}),
    ],
)
def test_a_report_that_does_not_fit_is_refused(phone, outcome, said):
    command = claimed_command(DeviceCommandFactory(device=phone))
    with pytest.raises(InvalidInput):
        report(command, outcome, **said)
    assert DeviceCommand.objects.get().state == "claimed"


def test_another_devices_command_does_not_exist(phone, house):
    command = claimed_command(DeviceCommandFactory(device=phone))
    other = DeviceFactory(workspace=house.workspace)
    with pytest.raises(NotFound):
        report(command, device=other)


def test_what_was_never_claimed_cannot_be_reported(phone):
    with pytest.raises(StaleState):
        report(DeviceCommandFactory(device=phone))


# --- Deadlines ------------------------------------------------------------------------------------


def settled(command, *, seconds: float = 1):
    with time_machine.travel(after(command, seconds), tick=False):
        count = device_commands.settle_overdue(by=BY_SYSTEM)
    return count, DeviceCommand.objects.get(pk=command.pk)


def test_what_nobody_claimed_expires_and_can_never_be_claimed(phone):
    count, command = settled(DeviceCommandFactory(device=phone))
    assert (count, command.state) == (1, "expired")
    assert "did not claim the command in time. Nothing happened" in command.error
    assert device_commands.claim_next(device=phone) is None


def test_what_was_claimed_and_not_reported_is_in_doubt(phone):
    count, command = settled(claimed_command(DeviceCommandFactory(device=phone)))
    assert (count, command.state) == (1, "in_doubt")


def test_before_its_deadline_nothing_is_settled(phone):
    count, command = settled(DeviceCommandFactory(device=phone), seconds=-1)
    assert (count, command.state) == (0, "waiting")


def test_what_was_claimed_at_the_last_moment_stays_claimed(phone):
    command = DeviceCommandFactory(device=phone)
    seen_before = DeviceCommand.objects.select_related("device").get(pk=command.pk)
    claimed_command(command)
    with time_machine.travel(after(command), tick=False):
        found = device_commands.settle(command=seen_before, by=BY_SYSTEM)
    assert found.state == "claimed"


def test_a_late_report_is_kept_and_says_so(phone):
    _, command = settled(claimed_command(DeviceCommandFactory(device=phone)))
    command = report(command)
    assert (command.state, command.error) == ("done", "")
    (entry,) = LedgerEntry.objects.filter(kind="device_command.done")
    assert entry.data["data"]["late"] is True
    assert command.step.state == "sent"
