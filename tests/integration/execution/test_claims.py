"""Claims that lapse: how often an execution is handed out again, and when a person has to look."""

from __future__ import annotations

import datetime

import pytest
import time_machine

from governance.domain.states import StepState
from governance.execution import claims, failpoints
from governance.models import Execution, ExecutionStep
from governance.services import executions
from tests.integration.execution.carrying import WORKER, ending, ready, row_of, step
from tests.integration.services.checks import kinds, recorded

pytestmark = pytest.mark.django_db

NOON = datetime.datetime(2030, 1, 1, 12, 0, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def lapse(execution, clock, times=1):
    """So many workers claim it and are never heard of again; what the sweeper made of each."""
    found = []
    for _ in range(times):
        assert claims.claim_next(by=WORKER, lease=MINUTE) == execution
        clock.shift(60)
        found.append(executions.sweep(by=WORKER))
    return found


AGAIN, DOUBT = {"ready": 1, "in_doubt": 0}, {"ready": 0, "in_doubt": 1}


def test_a_claim_that_lapsed_is_handed_out_again_and_delivered(house, handle, clock):
    handle("stamp")
    execution = ready(house, step("stamp"))
    with recorded() as entries:
        assert lapse(execution, clock) == [AGAIN]
    execution.refresh_from_db()
    assert (execution.state, execution.lapses, execution.fencing_token) == ("ready", 1, 1)
    assert (execution.lease_expires_at, execution.not_before) == (None, None)
    assert execution.deliver_at == NOON + MINUTE + datetime.timedelta(seconds=10)
    assert row_of(execution).attempts == 0
    assert kinds(entries) == ["execution.claimed", "execution.ready"]
    assert entries[1].data["data"]["why"] == "the lease ran out"


def test_a_lease_is_over_exactly_when_it_says(house, handle, clock):
    handle("stamp")
    execution = ready(house, step("stamp"))
    claims.claim(execution=execution, by=WORKER, lease=MINUTE)
    clock.move_to(NOON + MINUTE - datetime.timedelta(microseconds=1))
    assert executions.sweep(by=WORKER) == {"ready": 0, "in_doubt": 0}
    clock.move_to(NOON + MINUTE)
    assert executions.sweep(by=WORKER) == AGAIN


@pytest.mark.parametrize("effect", ["local", "keyed", "unkeyed"])
def test_what_costs_twenty_workers_their_lives_is_for_a_person(house, handle, clock, effect):
    handle("stamp", effect=effect)
    execution = ready(house, step("stamp", "a"), step("stamp", "b"))
    assert lapse(execution, clock, times=20) == [AGAIN] * 19 + [DOUBT]
    assert ending(execution) == ("in_doubt", "in_doubt", ["not_run", "not_run"])
    execution.refresh_from_db()
    assert execution.error == "20 workers died while they held it; a person has to look."
    assert (execution.lapses, execution.lease_expires_at) == (20, None)
    assert claims.claim_next(by=WORKER, lease=MINUTE) is None


def sent(execution):
    """A worker has committed that it is sending the step, and died."""
    ExecutionStep.objects.filter(execution=execution).update(state=StepState.SENT, sent_at=NOON)


def test_a_keyed_step_that_was_sent_is_sent_again_until_twenty_have_died(house, handle, clock):
    handle("stamp", effect="keyed")
    execution = ready(house, step("stamp"))
    sent(execution)
    assert lapse(execution, clock, times=20) == [AGAIN] * 19 + [DOUBT]
    assert ending(execution) == ("in_doubt", "in_doubt", ["in_doubt"])
    execution.refresh_from_db()
    says = "The lease ran out before an outcome was reported."
    assert (execution.error, row_of(execution).error) == (f"step step1: {says}", says)


def test_an_unkeyed_step_that_was_sent_is_in_doubt_at_once(house, handle, clock):
    handle("stamp", effect="unkeyed")
    execution = ready(house, step("stamp"))
    sent(execution)
    assert lapse(execution, clock) == [DOUBT]
    assert ending(execution) == ("in_doubt", "in_doubt", ["in_doubt"])


def test_lapses_are_no_attempts_and_attempts_no_lapses(house, handle, clock, monkeypatch):
    """A flaky handler may fail as often as it may, whoever died before."""
    called = []

    def flaky(context, params):
        called.append(1)
        if len(called) < 3:
            raise OSError("busy")
        return {}

    handle("stamp", flaky)
    execution = ready(house, step("stamp"))
    lapse(execution, clock, times=19)
    for _ in range(3):
        clock.shift(60)
        executions.run_next(by=WORKER)
    assert ending(execution) == ("done", "executed", ["done"])
    execution.refresh_from_db()
    assert (execution.lapses, row_of(execution).attempts) == (19, 3)


def test_what_is_claimed_is_what_is_oldest_and_due(house, handle, clock):
    handle("stamp")
    first, second, third = (ready(house, step("stamp")) for _ in range(3))
    Execution.objects.filter(pk=first.pk).update(not_before=NOON + MINUTE)
    assert claims.claim_next(by=WORKER, lease=MINUTE) == second
    assert claims.claim_ready(first.pk, by=WORKER, lease=MINUTE) is None
    assert claims.claim_ready(second.pk, by=WORKER, lease=MINUTE) is None
    assert claims.claim_ready(third.pk, by=WORKER, lease=MINUTE) == third
    assert claims.claim_next(by=WORKER, lease=MINUTE) is None
    clock.shift(60)
    assert claims.claim_ready(first.pk, by=WORKER, lease=MINUTE) == first
    first.refresh_from_db()
    assert first.not_before is None


def test_every_labelled_point_is_passed_in_this_order(house, handle, monkeypatch):
    reached = []
    monkeypatch.setattr(failpoints, "reach", reached.append)
    handle("stamp", effect="keyed")
    ready(house, step("stamp"))
    executions.run_next(by=WORKER)
    carried_out = [name for name in reached if not name.startswith("deliver")]
    assert carried_out == [
        "claimed",
        "cleared",
        "sent",
        "handled",
        "recorded",
        "before_finish",
        "finished",
    ]
