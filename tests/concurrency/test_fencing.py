"""Two workers who both believe they hold an execution: only one of them is listened to."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.utils import timezone

from governance.domain.actors import system
from governance.domain.errors import LeaseLost, StaleState
from governance.execution import claims, failpoints, steps
from governance.models import Execution, ExecutionStep, LedgerEntry
from governance.services import executions
from tests.concurrency.workers import PATIENCE, SECOND, notes, recover, until
from tests.factories import ExecutionFactory, ProposalFactory, approved, claimed

pytestmark = pytest.mark.django_db(transaction=True)

FIRST = system("first worker")


def ready(house, action_type: str) -> Execution:
    return approved(ProposalFactory(run=house.run(), action_type=action_type)).execution


def sweep_after(seconds: float) -> dict[str, int]:
    later = timezone.now() + datetime.timedelta(seconds=seconds + 1)
    with time_machine.travel(later, tick=False):
        return executions.sweep(by=SECOND)


def moves(execution: Execution) -> list[tuple[str, str]]:
    """What the ledger says happened to the execution and its step, and who did it."""
    rows = [execution.id, *execution.steps.values_list("id", flat=True)]
    entries = LedgerEntry.objects.filter(subject_id__in=rows).order_by("id")
    wanted = ("done", "failed", "in_doubt")
    return [(e.kind, e.data["by"]["id"]) for e in entries if e.kind.split(".")[1] in wanted]


def ending(execution: Execution) -> tuple[str, str]:
    execution = Execution.objects.select_related("proposal").get(pk=execution.pk)
    return execution.state, execution.proposal.state


class Paused:
    """A worker in a thread of its own, standing still at a labelled point until it may go on."""

    def __init__(self, monkeypatch, point: str) -> None:
        self.error: BaseException | None = None
        self._there, self._go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work)
        monkeypatch.setattr(failpoints, "reach", self._reach)
        self._point = point
        self._thread.start()
        assert self._there.wait(PATIENCE), f"the worker never came to {point}"

    def go_on(self) -> BaseException | None:
        """Let it; returns what it was told in the end."""
        self._go_on.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.error

    def _reach(self, name: str) -> None:
        if name == self._point and threading.current_thread() is self._thread:
            self._there.set()
            assert self._go_on.wait(PATIENCE)

    def _work(self) -> None:
        try:
            executions.run_next(by=FIRST)
        except BaseException as error:  # noqa: BLE001  the test looks at it
            self.error = error
        finally:
            connection.close()


# effect, point at which the first worker stands still, what the sweeper finds, who tells the
# outcome, local effects, messages on the far side. Inside a local step nobody can stand still: its
# transaction holds the row.
TAKEN_OVER = [
    ("note", "claimed", "ready", "second worker", 1, 0),
    ("note", "cleared", "ready", "second worker", 1, 0),
    ("send_keyed", "claimed", "ready", "second worker", 0, 1),
    ("send_keyed", "cleared", "ready", "second worker", 0, 1),
    ("send_keyed", "sent", "ready", "second worker", 0, 1),
    ("send_keyed", "handled", "ready", "second worker", 0, 2),
    ("send_unkeyed", "claimed", "ready", "second worker", 0, 1),
    ("send_unkeyed", "cleared", "ready", "second worker", 0, 1),
]


@pytest.mark.parametrize(("action_type", "point", "swept", "teller", "noted", "sent"), TAKEN_OVER)
def test_who_comes_back_too_late_is_not_listened_to(
    house, effects, monkeypatch, action_type, point, swept, teller, noted, sent
):
    execution = ready(house, action_type)
    first = Paused(monkeypatch, point)
    assert sweep_after(settings.GOVERNANCE_LEASE_SECONDS) == {"ready": 1, "in_doubt": 0}
    recover()
    assert ending(execution) == ("done", "executed")
    told = first.go_on()
    assert isinstance(told, LeaseLost)
    assert str(told) == (
        f"Execution {execution.id} is no longer held under fencing token 1; stop working on it."
    )
    assert ending(execution) == ("done", "executed")
    assert moves(execution) == [("execution_step.done", teller), ("execution.done", teller)]
    assert (notes(execution), effects.lines) == (noted, [f"{execution.id}:step1"] * sent)


@pytest.mark.parametrize("point", ["recorded", "before_finish"])
def test_what_the_first_recorded_stands_and_the_second_only_finishes(
    house, effects, monkeypatch, point
):
    execution = ready(house, "note")
    first = Paused(monkeypatch, point)
    sweep_after(settings.GOVERNANCE_LEASE_SECONDS)
    recover()
    assert isinstance(first.go_on(), LeaseLost)
    assert moves(execution) == [
        ("execution_step.done", "first worker"),
        ("execution.done", "second worker"),
    ]
    assert notes(execution) == 1


@pytest.mark.parametrize(("point", "messages"), [("sent", 0), ("handled", 1)])
def test_an_unkeyed_message_of_a_silent_worker_is_in_doubt_and_stays_so(
    house, effects, monkeypatch, point, messages
):
    execution = ready(house, "send_unkeyed")
    first = Paused(monkeypatch, point)
    assert sweep_after(settings.GOVERNANCE_LEASE_SECONDS) == {"ready": 0, "in_doubt": 1}
    recover()
    assert isinstance(first.go_on(), LeaseLost)
    assert ending(execution) == ("in_doubt", "in_doubt")
    assert moves(execution) == [
        ("execution.in_doubt", "second worker"),
        ("execution_step.in_doubt", "second worker"),
    ]
    assert len(effects.lines) == messages


def test_a_worker_whose_lease_ran_out_unnoticed_may_finish(house, effects, monkeypatch):
    execution = ready(house, "note")
    first = Paused(monkeypatch, "cleared")
    Execution.objects.filter(pk=execution.pk).update(
        lease_expires_at=timezone.now() - datetime.timedelta(seconds=1)
    )
    assert first.go_on() is None
    assert ending(execution) == ("done", "executed")
    assert executions.sweep(by=SECOND) == {"ready": 0, "in_doubt": 0}


def test_a_holder_that_comes_back_while_the_sweeper_looks_keeps_it(house, effects, monkeypatch):
    execution = ready(house, "send_unkeyed")
    claims.claim(execution=execution, by=FIRST, lease=datetime.timedelta())
    settle = claims._settle_expired

    def too_late(row, **values):
        claims.hold(execution, lease=datetime.timedelta(minutes=1))
        return settle(row, **values)

    monkeypatch.setattr(claims, "_settle_expired", too_late)
    assert executions.sweep(by=SECOND) == {"ready": 0, "in_doubt": 0}
    assert ending(execution) == ("claimed", "approved")


def test_control_without_fencing_and_compared_states_the_effect_is_doubled(
    house, effects, monkeypatch
):
    """Both guards off: neither the token is looked at nor the state the step was in."""

    def record(row, outcome, *, by):
        ExecutionStep.objects.filter(pk=row.pk).update(
            state=outcome.state, finished_at=timezone.now()
        )
        row.state = outcome.state

    execution = ready(house, "note")
    first = Paused(monkeypatch, "cleared")
    sweep_after(settings.GOVERNANCE_LEASE_SECONDS)
    recover()
    monkeypatch.setattr(claims, "hold", lambda execution, *, lease: None)
    monkeypatch.setattr(steps, "record", record)
    assert isinstance(first.go_on(), StaleState)
    assert notes(execution) == 2


# --- A process of its own -------------------------------------------------------------------------


@contextlib.contextmanager
def answering_late(nursery, effects, tmp_path, execution, **order) -> Iterator[tuple[int, dict]]:
    """A worker process whose message was sent, and is answered when the block ends."""
    answer, counts = tmp_path / "answer", tmp_path / "counts"
    env = {"CRASH_OUTBOX": str(effects.path), "CRASH_HOLD": str(answer)}
    pid = nursery.start(env=env, counts=str(counts), **order)
    told: dict[str, int] = {}
    until(lambda: effects.lines == [f"{execution.id}:step1"])
    try:
        yield pid, told
    finally:
        answer.touch()
        assert nursery.ended() == 0
    told.update(json.loads(counts.read_text()))


def test_a_stopped_process_loses_its_execution_and_is_told_so(house, effects, nursery, tmp_path):
    execution = ready(house, "send_keyed")
    with answering_late(nursery, effects, tmp_path, execution) as (pid, told):
        os.kill(pid, signal.SIGSTOP)
        try:
            recover()
        finally:
            os.kill(pid, signal.SIGCONT)
    assert told == {"lost": 1}
    assert ending(execution) == ("done", "executed")
    assert moves(execution) == [
        ("execution_step.done", "second worker"),
        ("execution.done", "second worker"),
    ]
    assert effects.lines == [f"{execution.id}:step1"] * 2


def test_a_handler_longer_than_its_lease_keeps_it(house, effects, nursery, tmp_path):
    execution = ready(house, "send_unkeyed")
    with answering_late(nursery, effects, tmp_path, execution, lease=1.2) as (_, told):
        until_then = time.monotonic() + 2.0
        while time.monotonic() < until_then:
            assert executions.sweep(by=SECOND) == {"ready": 0, "in_doubt": 0}
            time.sleep(0.05)
    assert told == {"done": 1}
    execution.refresh_from_db()
    assert (execution.state, execution.fencing_token) == ("done", 1)
    assert effects.lines == [f"{execution.id}:step1"]


# --- Agents ---------------------------------------------------------------------------------------


def test_an_agent_that_reports_after_its_lease_is_told_and_a_person_must_settle_it(house):
    execution = claimed(ExecutionFactory(proposal=house.proposal()))
    late = execution.lease_expires_at + datetime.timedelta(milliseconds=1)
    with time_machine.travel(late, tick=False), pytest.raises(LeaseLost, match="lease has ended"):
        executions.report(execution=execution, token=1, outcome="done", by=execution.agent.actor)
    assert sweep_after(settings.GOVERNANCE_AGENT_LEASE_SECONDS) == {"ready": 0, "in_doubt": 1}
    assert ending(execution) == ("in_doubt", "in_doubt")
