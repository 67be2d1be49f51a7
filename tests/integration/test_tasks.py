"""The one task: it may come twice, late, or for nothing; the row decides."""

from __future__ import annotations

import logging

import pytest
from django.db import OperationalError

from governance import tasks
from governance.domain.errors import LeaseLost
from governance.models import Canvas, Execution
from governance.models.base import new_id
from governance.services import executions
from tests.factories import ProposalFactory, approved, cancelled, halted

pytestmark = pytest.mark.django_db

NOTE = {"kind": "markdown", "title": "t", "markdown": "x"}


def run(execution):
    """As an engine's worker calls it."""
    return tasks.run_execution.func(str(execution.pk))


@pytest.fixture
def execution(house):
    proposal = ProposalFactory(run=house.run(), action_type="canvas_present", params=NOTE)
    return approved(proposal).execution


def test_it_carries_out_the_execution_and_says_how_it_ended(execution):
    assert run(execution) == "done"
    execution.refresh_from_db()
    assert (execution.state, execution.proposal.state) == ("done", "executed")
    assert execution.claimed_by.startswith("system ")


def test_delivered_again_there_is_nothing_to_do(execution):
    assert [run(execution) for _ in range(3)] == ["done", None, None]
    assert Canvas.objects.count() == 1


@pytest.mark.parametrize(
    "happened",
    [
        lambda house, execution: cancelled(execution.proposal),
        lambda house, execution: halted(house.workspace),
        lambda house, execution: Execution.objects.update(fencing_token=1, mode="agent"),
    ],
    ids=["cancelled", "halted", "for an agent"],
)
def test_what_is_not_ready_for_workers_is_left_alone(house, execution, happened):
    happened(house, execution)
    assert run(execution) is None
    assert Canvas.objects.count() == 0


def test_an_execution_that_is_not_there(db):
    assert tasks.run_execution.func(str(new_id())) is None


def test_while_execution_is_off_it_waits(execution, settings):
    settings.GOVERNANCE_EXECUTION_ENABLED = False
    assert run(execution) is None
    settings.GOVERNANCE_EXECUTION_ENABLED = True
    assert run(execution) == "done"


def test_it_takes_the_execution_it_was_sent_for_and_no_other(house, execution):
    other = approved(
        ProposalFactory(run=house.run(), action_type="canvas_present", params=NOTE)
    ).execution
    assert run(other) == "done"
    execution.refresh_from_db()
    assert execution.state == "ready"  # although it is older


def test_who_lost_it_to_another_worker_says_so_in_the_log_only(execution, monkeypatch, caplog):
    def lost(**values):
        raise LeaseLost("somebody else has it")

    monkeypatch.setattr(executions, "run", lost)
    with caplog.at_level(logging.WARNING, logger="governance"):
        assert run(execution) is None
    assert "somebody else has it" in caplog.text


def test_a_database_that_fails_is_said_in_the_log_only(execution, monkeypatch, caplog):
    """No engine stores what it said; the lease runs out, and the sweeper delivers again."""

    def failing(**values):
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(executions, "run", failing)
    with caplog.at_level(logging.WARNING, logger="governance"):
        assert run(execution) is None
    assert f"Execution {execution.pk}: the database failed: the server closed" in caplog.text
