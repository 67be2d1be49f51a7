"""Steps that wait for somebody: at no cost, and missing nothing."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.utils import timezone

from governance.domain.states import AgentState
from governance.execution import delivery
from governance.execution.registry import ActionFailed, ActionWaits
from governance.models import Agent, Execution
from governance.services import agents, executions, proposals
from tests.factories import paused, run_worker
from tests.integration.execution.carrying import WORKER, ending, ready, row_of, step
from tests.integration.services.checks import recorded

pytestmark = pytest.mark.django_db

NOON = datetime.datetime(2030, 1, 1, 12, 0, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


class Waits:
    """Waits until the row it watches is paused; at one o'clock it is at the end of its patience."""

    def __init__(self, watched: Agent) -> None:
        self.watched, self.calls = watched, 0

    def __call__(self, context, params):
        self.calls += 1
        watched = Agent.objects.get(pk=self.watched.pk)
        if watched.state == AgentState.PAUSED:
            return {"calls": self.calls}
        if timezone.now() >= NOON + HOUR:
            raise ActionFailed("Nobody came.")
        raise ActionWaits("for somebody", subject=watched, until=NOON + HOUR)


@pytest.fixture
def waits(house, handle):
    watching = Waits(house.agent(name="watched"))
    handle("wait", watching)
    return watching


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def waiting(house, *after):
    """An execution that has begun to wait, at noon."""
    execution = ready(house, step("wait"), *after)
    assert executions.run_next(by=WORKER) == execution
    execution.refresh_from_db()
    return execution


def let_go(watched):
    """Change what is waited for, and say so, as a service does: in one transaction, which ends."""
    paused(watched)
    return delivery.wake(watched.pk)


def test_it_is_put_back_and_waits_for_the_row(house, waits, clock):
    execution = ready(house, step("wait"))
    with recorded() as entries:
        executions.run_next(by=WORKER)
    assert ending(execution) == ("ready", "approved", ["pending"])
    execution.refresh_from_db()
    assert execution.waiting_for == waits.watched.pk
    assert (execution.not_before, execution.deliver_at) == (NOON + HOUR, NOON + HOUR)
    assert (execution.lease_expires_at, execution.lapses) == (None, 0)
    assert (row_of(execution).attempts, row_of(execution).error) == (0, "")
    assert [entry.kind for entry in entries] == ["execution.claimed", "execution.ready"]
    assert entries[1].data["data"]["why"] == "step step1 waits: for somebody"


def test_before_it_is_believed_it_is_called_again_with_the_row_locked(house, waits, clock):
    waiting(house)
    assert waits.calls == 2


def test_what_changes_just_when_it_begins_to_wait_is_not_missed(house, waits, clock, monkeypatch):
    lock = ActionWaits.lock

    def changed_meanwhile(self):
        paused(waits.watched)  # who did this found nobody waiting, and woke nobody
        lock(self)

    monkeypatch.setattr(ActionWaits, "lock", changed_meanwhile)
    execution = waiting(house)
    assert ending(execution) == ("done", "executed", ["done"])
    assert waits.calls == 2


def test_while_it_waits_no_worker_has_it_and_others_go_on(house, waits, handle, clock):
    handle("other")
    execution = waiting(house)
    other = ready(house, step("other"))
    assert executions.run_next(by=WORKER) == other
    assert executions.run_next(by=WORKER) is None
    assert executions.run(execution_id=execution.id, by=WORKER) is None
    assert executions.sweep(by=WORKER) == {"ready": 0, "in_doubt": 0}
    assert executions.redeliver() == 0


def test_woken_it_goes_on_where_it_was(house, waits, handle, clock):
    handle("other")
    execution = waiting(house, step("other", "then"))
    clock.shift(60)
    assert let_go(waits.watched) == 1
    execution.refresh_from_db()
    assert (execution.waiting_for, execution.not_before) == (None, None)
    # should the message get lost, the sweeper comes
    assert execution.deliver_at == NOON + datetime.timedelta(seconds=70)
    assert executions.run_next(by=WORKER) == execution
    assert ending(execution) == ("done", "executed", ["done", "done"])
    row = row_of(execution)
    assert (row.attempts, row.output) == (1, '{"calls":3}')


def test_only_what_waits_for_this_row_is_woken_and_only_once(house, waits, handle, clock):
    other = Waits(house.agent(name="other"))
    handle("wait_too", other)
    two = [waiting(house), waiting(house)]
    ready(house, step("wait_too"))
    executions.run_next(by=WORKER)
    assert delivery.wake(house.workspace.pk) == 0
    assert let_go(waits.watched) == 2
    assert delivery.wake(waits.watched.pk) == 0
    assert Execution.objects.filter(waiting_for=other.watched.pk).count() == 1
    assert run_worker() == two


def test_woken_for_nothing_it_waits_on_and_that_is_no_attempt(house, waits, clock):
    execution = waiting(house)
    for _ in range(25):  # more than there are attempts, and more than there are lapses
        assert delivery.wake(waits.watched.pk) == 1
        assert executions.run_next(by=WORKER) == execution
    assert ending(execution) == ("ready", "approved", ["pending"])
    execution.refresh_from_db()
    assert (row_of(execution).attempts, execution.lapses) == (0, 0)
    assert execution.not_before == NOON + HOUR  # and its patience is not longer for it


def test_at_the_end_of_its_patience_it_is_called_once_more(house, waits, clock):
    execution = waiting(house)
    clock.move_to(NOON + HOUR - datetime.timedelta(microseconds=1))
    assert executions.run_next(by=WORKER) is None
    clock.move_to(NOON + HOUR)
    assert executions.redeliver() == 1
    assert executions.run_next(by=WORKER) == execution
    assert ending(execution) == ("failed", "failed", ["failed"])
    assert row_of(execution).error == "Nobody came."
    assert Execution.objects.get(pk=execution.pk).waiting_for is None


def test_what_it_did_before_it_waited_is_rolled_back(house, handle, clock):
    watched = house.agent(name="watched")

    def half(context, params):
        house.agent(name="left behind")
        raise ActionWaits("for somebody", subject=watched, until=NOON + HOUR)

    handle("wait", half)
    waiting(house)
    assert not Agent.objects.filter(name="left behind").exists()


def test_the_gate_is_asked_again_when_it_goes_on(house, waits, clock):
    execution = waiting(house)
    agents.pause(agent=execution.agent, reason="enough", by=house.by_governor)
    let_go(waits.watched)
    run_worker()
    assert ending(execution) == ("failed", "failed", ["failed"])
    assert waits.calls == 2


def test_what_waits_can_be_cancelled_and_is_not_woken_any_more(house, waits, handle, clock):
    execution = waiting(house, step("wait", "then"))
    proposals.cancel(proposal=execution.proposal, reason="never mind", by=house.by_reviewer)
    assert ending(execution) == ("cancelled", "cancelled", ["not_run", "not_run"])
    assert Execution.objects.get(pk=execution.pk).waiting_for is None
    assert let_go(waits.watched) == 0


def test_waiting_survives_a_halt_of_the_workspace(house, waits, clock):
    execution = waiting(house)
    Execution.objects.filter(pk=execution.pk).update(not_before=NOON)
    type(house.workspace).objects.update(state="halted")
    assert executions.run_next(by=WORKER) is None
    type(house.workspace).objects.update(state="active")
    assert executions.run_next(by=WORKER) == execution
