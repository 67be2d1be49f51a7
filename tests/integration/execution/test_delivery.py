"""Delivery: a message is a hint. What is delivered, when again, and what a lost one costs."""

from __future__ import annotations

import datetime
import logging

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from governance.execution import delivery
from governance.models import Execution
from governance.services import executions
from tests.factories import ProposalFactory, approved, halted
from tests.integration.execution.carrying import WORKER, ready, step

pytestmark = pytest.mark.django_db

NOON = datetime.datetime(2030, 1, 1, 12, 0, tzinfo=datetime.UTC)
CANVAS = {"kind": "markdown", "title": "t", "markdown": "x"}
MICROSECOND = datetime.timedelta(microseconds=1)


def seconds(count):
    return datetime.timedelta(seconds=count)


class Engine:
    """The engine, as far as its task is handed to it; it may be out of order."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refuses = False

    def enqueue(self, execution_id: str) -> None:
        if self.refuses:
            raise ConnectionRefusedError("no broker here")
        self.taken.append(execution_id)


@pytest.fixture
def engine(monkeypatch):
    found = Engine()
    monkeypatch.setattr(delivery, "import_string", lambda path: found)
    return found


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def waiting(house, count=1, action_type="canvas_present", params=None):
    """Approved at noon, and nobody has come."""
    run = house.run()
    params = CANVAS if params is None else params
    return [
        approved(ProposalFactory(run=run, action_type=action_type, params=params)).execution
        for _ in range(count)
    ]


def ids(rows):
    return [str(row.pk) for row in rows]


# --- Once it is approved --------------------------------------------------------------------------


def test_it_is_delivered_when_the_approval_has_committed(
    house, engine, clock, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as callbacks:
        [execution] = waiting(house)
    assert engine.taken == []
    for callback in callbacks:
        callback()
    assert engine.taken == [str(execution.pk)]
    assert execution.deliver_at == NOON + seconds(10)


def test_what_was_rolled_back_is_not_delivered(house, engine, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        waiting(house)
        transaction.set_rollback(True)
    assert engine.taken == []
    assert Execution.objects.count() == 0


def test_an_agents_own_work_is_not_delivered(house, engine, django_capture_on_commit_callbacks):
    house.action_type("pay")
    with django_capture_on_commit_callbacks(execute=True):
        waiting(house, action_type="pay", params={})
    assert engine.taken == []


def test_an_engine_that_fails_costs_nobody_their_approval(
    house, engine, caplog, django_capture_on_commit_callbacks
):
    engine.refuses = True
    with (
        caplog.at_level(logging.WARNING, logger="governance"),
        django_capture_on_commit_callbacks(execute=True),
    ):
        [execution] = waiting(house)
    assert Execution.objects.get().state == "ready"
    assert f"Execution {execution.pk} was not delivered, trying again later" in caplog.text


# --- Again ----------------------------------------------------------------------------------------


def test_what_nobody_picked_up_in_time_is_delivered_again(house, engine, clock):
    rows = waiting(house, 2)
    clock.move_to(NOON + seconds(10) - MICROSECOND)
    assert (executions.redeliver(), engine.taken) == (0, [])
    clock.move_to(NOON + seconds(10))
    assert executions.redeliver() == 2
    assert sorted(engine.taken) == sorted(ids(rows))
    assert (executions.redeliver(), len(engine.taken)) == (0, 2)


# its age in seconds when it is delivered again; in how many seconds it would be once more
AGES = [(10, 10), (11, 11), (60, 60), (299, 299), (300, 300), (301, 300), (1_000_000, 300)]


@pytest.mark.parametrize(("age", "wait"), AGES)
def test_the_older_it_is_the_less_often_it_is_delivered(house, engine, clock, age, wait):
    [execution] = waiting(house)
    clock.move_to(NOON + seconds(age))
    assert executions.redeliver() == 1
    execution.refresh_from_db()
    assert execution.deliver_at == NOON + seconds(age + wait)


def test_nothing_is_delivered_faster_than_the_settings_say(house, engine, clock, settings):
    [execution] = waiting(house)
    settings.GOVERNANCE_REDELIVER_SECONDS = 90
    clock.move_to(NOON + seconds(10))
    assert executions.redeliver() == 1
    execution.refresh_from_db()
    assert execution.deliver_at == NOON + seconds(100)


# what became of it since; whether the sweeper delivers it
SINCE = [
    (lambda house, row: None, 1),
    (lambda house, row: later(row, not_before=NOON + seconds(59)), 1),
    (lambda house, row: later(row, not_before=NOON + seconds(61)), 0),
    (lambda house, row: executions.run(execution_id=row.pk, by=WORKER), 0),  # done
    (lambda house, row: later(row, state="claimed", lease_expires_at=NOON + seconds(90)), 0),
    (lambda house, row: halted(house.workspace), 0),
]


def later(row, **columns):
    Execution.objects.filter(pk=row.pk).update(**columns)


@pytest.mark.parametrize(("change", "delivered"), SINCE)
def test_only_what_is_ready_and_due_is_delivered(house, engine, clock, change, delivered):
    [execution] = waiting(house)
    change(house, execution)
    clock.move_to(NOON + seconds(60))
    assert executions.redeliver() == delivered
    assert engine.taken == ids([execution]) * delivered


def test_a_backlog_is_delivered_fifty_at_a_time_the_longest_overdue_first(house, engine, clock):
    rows = waiting(house, 2)
    plan, digest = rows[0].plan, rows[0].digest
    run = rows[0].run
    Execution.objects.bulk_create(
        Execution(
            workspace=house.workspace,
            agent=run.agent,
            run=run,
            mode="handler",
            cleared_route="execution",
            plan=plan,
            digest=digest,
            deliver_at=NOON + seconds(number),
        )
        for number in range(52)
    )
    clock.move_to(NOON + seconds(60))
    assert (executions.redeliver(), executions.redeliver(), executions.redeliver()) == (50, 4, 0)
    assert len(set(engine.taken)) == 54
    first = Execution.objects.get(pk=engine.taken[0])
    assert (first.proposal_id, engine.taken[0] in ids(rows)) == (None, False)


def test_an_engine_that_refuses_one_is_not_asked_to_take_the_others_now(house, engine, clock):
    waiting(house, 3)
    clock.move_to(NOON + seconds(10))
    engine.refuses = True
    assert executions.redeliver() == 0
    assert Execution.objects.filter(deliver_at__lte=timezone.now()).count() == 2
    engine.refuses = False
    assert executions.redeliver() == 2  # the third waits for its next turn
    clock.move_to(NOON + seconds(20))
    assert executions.redeliver() == 3


def test_what_an_engine_refused_is_not_put_off_by_its_age(house, engine, clock):
    """An hour without a broker is not followed by minutes in which nothing happens."""
    [execution] = waiting(house)
    clock.move_to(NOON + seconds(3_600))
    engine.refuses = True
    assert executions.redeliver() == 0
    execution.refresh_from_db()
    assert execution.deliver_at == NOON + seconds(3_610)


def test_while_execution_is_off_nothing_is_delivered(house, engine, clock, settings):
    waiting(house)
    clock.move_to(NOON + seconds(60))
    settings.GOVERNANCE_EXECUTION_ENABLED = False
    assert (executions.redeliver(), engine.taken) == (0, [])
    settings.GOVERNANCE_EXECUTION_ENABLED = True
    assert executions.redeliver() == 1


def test_a_sweeper_that_comes_second_delivers_nothing(house, engine, clock, monkeypatch):
    """Another has moved `deliver_at` on since this one looked."""
    [execution] = waiting(house)
    clock.move_to(NOON + seconds(10))
    looked = list(Execution.objects.undelivered(now=timezone.now()))
    assert executions.redeliver() == 1
    manager = type(Execution.objects.all())
    monkeypatch.setattr(manager, "undelivered", lambda self, *, now: looked)
    assert executions.redeliver() == 0
    assert engine.taken == [str(execution.pk)]


def test_losing_every_message_loses_nothing(house, engine, clock):
    rows = [*waiting(house, 3), ready(house, step("canvas_present", params=CANVAS))]
    engine.taken.clear()  # the broker is gone, with all it held
    clock.move_to(NOON + seconds(10))
    assert executions.redeliver() == 4
    for execution_id in engine.taken:
        executions.run(execution_id=execution_id, by=WORKER)
    assert {row.state for row in Execution.objects.all()} == {"done"}
    assert Execution.objects.count() == len(rows)
