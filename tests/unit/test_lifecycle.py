"""The one function that moves a row, and the one that brings it into its lifecycle."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from governance import lifecycle
from governance.domain.errors import InvalidInput, StaleState
from governance.models import Agent, Execution, LedgerEntry, Proposal, Run, Workspace
from tests.factories import (
    BY_SYSTEM,
    AgentFactory,
    EmptyWorkspaceFactory,
    ExecutionFactory,
    ProposalFactory,
    QueuedRunFactory,
)
from tests.factories.people import by

pytestmark = pytest.mark.django_db


def entries(row):
    return list(LedgerEntry.objects.about(row.pk))


def move(row, to, **values):
    lifecycle.move(row, to=to, by=BY_SYSTEM, **values)


def stored(row):
    return type(row).objects.get(pk=row.pk)


# --- begin ----------------------------------------------------------------------------------------


def test_a_row_begins_in_the_initial_state_whatever_it_was_given():
    workspace = Workspace(name="begun", state="halted")
    lifecycle.begin(workspace, by=BY_SYSTEM, data={"why": "test"})
    assert (stored(workspace).state, stored(workspace).version) == ("active", 1)
    (entry,) = entries(workspace)
    assert entry.kind == "workspace.active"
    assert entry.workspace_id == workspace.id
    assert entry.data["data"] == {"from": None, "to": "active", "version": 1, "why": "test"}


def test_beginning_inserts_and_never_overwrites():
    workspace = EmptyWorkspaceFactory()
    for again in (Workspace(pk=workspace.pk, name="another"), stored(workspace)):
        again.name = "another"
        with pytest.raises(IntegrityError), transaction.atomic():
            lifecycle.begin(again, by=BY_SYSTEM)
    assert stored(workspace).name == workspace.name
    assert len(entries(workspace)) == 1


# --- move -----------------------------------------------------------------------------------------


def test_a_move_sets_state_version_and_fields_and_writes_one_entry(house):
    agent = house.agent()
    move(agent, "paused", fields={"category": "sales"}, data={"reason": "lunch"})
    row = stored(agent)
    assert (row.state, row.version, row.category) == ("paused", 2, "sales")
    assert (agent.state, agent.version, agent.category) == ("paused", 2, "sales")
    entry = entries(agent)[-1]
    assert len(entries(agent)) == 2
    assert (entry.kind, entry.workspace_id) == ("agent.paused", house.workspace.id)
    assert entry.data["by"] == {"kind": "system", "id": "tests", "label": "tests"}
    assert entry.data["subject"] == str(agent.id)
    assert entry.data["data"] == {
        "from": "active",
        "to": "paused",
        "version": 2,
        "reason": "lunch",
    }


def test_the_entry_names_who_moved_it(house):
    agent = house.agent()
    lifecycle.move(agent, to="paused", by=house.by_governor)
    assert entries(agent)[-1].data["by"] == by(house.governor).as_json()


def test_the_kind_of_an_entry_has_no_blank(house):
    assert LedgerEntry.objects.filter(kind="policy_version.published").count() == 1


def refused(row, to, **values):
    before, trail = vars(stored(row)).copy(), len(entries(row))
    in_hand = (row.state, row.version)
    with pytest.raises(StaleState, match="read it again"):
        move(row, to, **values)
    after = vars(stored(row))
    assert {k: v for k, v in before.items() if k != "_state"} == {
        k: v for k, v in after.items() if k != "_state"
    }
    assert len(entries(row)) == trail
    assert (row.state, row.version) == in_hand


@pytest.mark.parametrize("to", ["active", "gone", "", "Paused"])
def test_what_the_table_does_not_allow_is_refused_and_changes_nothing(to):
    refused(AgentFactory(), to)


def test_a_row_that_moved_since_it_was_read_is_refused():
    agent = AgentFactory()
    stale = stored(agent)
    move(agent, "paused")
    refused(stale, "paused")
    refused(stale, "retired")


def test_the_version_counts_even_if_the_state_is_the_same_again():
    agent = AgentFactory()
    stale = stored(agent)
    move(agent, "paused")
    move(agent, "active")
    refused(stale, "paused")


def test_the_state_counts_even_if_the_version_is_the_same():
    agent = AgentFactory()
    stale = stored(agent)
    move(agent, "retired")
    stale.version = agent.version
    refused(stale, "paused")


def test_a_lie_about_the_state_in_hand_does_not_help():
    agent = AgentFactory()
    move(agent, "retired")
    agent.state = "paused"
    refused(agent, "active")


def test_a_condition_of_the_caller_must_hold():
    execution = ExecutionFactory()
    lease = {"lease_expires_at": timezone.now()}
    refused(execution, "claimed", where={"fencing_token": 7}, fields=lease)
    move(execution, "claimed", where={"fencing_token": 0}, fields=lease)
    assert stored(execution).state == "claimed"


def test_a_row_that_is_gone_is_refused():
    agent = AgentFactory()
    ghost = Agent(pk=Workspace().pk, state="active", workspace=agent.workspace)
    with pytest.raises(StaleState):
        move(ghost, "paused")
    assert not entries(ghost)


def test_only_that_one_row_moves():
    agent, other = AgentFactory(), AgentFactory()
    move(agent, "paused")
    assert (stored(other).state, stored(other).version) == ("active", 1)


def test_no_entry_no_move():
    agent = AgentFactory()
    with pytest.raises(InvalidInput, match="no canonical JSON form"):
        move(agent, "paused", data={"reason": float("nan")})
    assert (stored(agent).state, stored(agent).version) == ("active", 1)


def test_no_move_no_entry_when_the_database_refuses_the_fields(house):
    proposal = house.proposal()
    with pytest.raises(IntegrityError, match="proposal_decided"), transaction.atomic():
        move(proposal, "approved")  # nobody decided it
    assert stored(proposal).state == "proposed"
    assert len(entries(proposal)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_move_is_committed_as_a_whole_or_not_at_all():
    agent = AgentFactory()
    with transaction.atomic():
        move(agent, "paused")
        transaction.set_rollback(True)
    assert stored(agent).state == "active"
    assert len(entries(agent)) == 1
    move(stored(agent), "paused")
    assert not connection.in_atomic_block
    assert stored(agent).state == "paused"


# --- Random walks ---------------------------------------------------------------------------------

# From each state, where a row may go: by hand, from the design (section 3).
AGENT = {"active": {"paused", "retired"}, "paused": {"active", "retired"}, "retired": set()}
RUN = {
    "queued": {"running", "abandoned"},
    "running": {"succeeded", "failed", "abandoned"},
    "succeeded": set(),
    "failed": set(),
    "abandoned": set(),
}
PROPOSAL = {
    "proposed": {"approved", "rejected", "cancelled", "expired"},
    "approved": {"executed", "failed", "in_doubt", "cancelled"},
    "in_doubt": {"executed", "failed"},
    "rejected": set(),
    "cancelled": set(),
    "expired": set(),
    "executed": set(),
    "failed": set(),
}
EXECUTION = {
    "ready": {"claimed", "cancelled"},
    "claimed": {"ready", "done", "failed", "in_doubt"},
    "in_doubt": {"done", "failed"},
    "done": set(),
    "failed": set(),
    "cancelled": set(),
}


def run_fields(to, now):
    if to == "running":
        return {"started_at": now}
    return {"finished_at": now} if to in {"succeeded", "failed", "abandoned"} else {}


def proposal_fields(to, now):
    decided = {"decided_at": now, "decided_by_id": Walk.person}
    return {"approved": decided, "rejected": {**decided, "closing_reason": "no"}}.get(to, {})


def execution_fields(to, now):
    ended = to in {"done", "failed", "cancelled"}
    return {
        "lease_expires_at": now if to == "claimed" else None,
        "finished_at": now if ended else None,
        "error": "it failed" if to == "failed" else "",
    }


WALKS = {
    "agent": (AgentFactory, Agent, AGENT, lambda to, now: {}),
    "run": (QueuedRunFactory, Run, RUN, run_fields),
    "proposal": (ProposalFactory, Proposal, PROPOSAL, proposal_fields),
    "execution": (ExecutionFactory, Execution, EXECUTION, execution_fields),
}


class Walk(RuleBasedStateMachine):
    """Moves of one row at random, some through a stale copy, checked against the table above."""

    person = 0
    walk = "agent"

    @initialize()
    def begin(self):
        make, self.model, self.table, self.fields = WALKS[self.walk]
        self.row = make()
        self.copies = [stored(self.row)]
        self.state, self.version = self.row.state, 1

    @rule(chance=st.data())
    def move(self, chance):
        """Twice as often where the table allows it, or nearly every walk would stand still."""
        anywhere = st.sampled_from(sorted(self.table))
        onward = sorted(self.table[self.state])
        to = chance.draw(st.sampled_from(onward) | anywhere if onward else anywhere)
        row = chance.draw(st.sampled_from([stored(self.row), *self.copies]), label="copy")
        fresh = (row.state, row.version) == (self.state, self.version)
        fields = self.fields(to, timezone.now())
        if fresh and to in self.table[self.state]:
            move(row, to, fields=fields)
            self.state, self.version = to, self.version + 1
        else:
            with pytest.raises(StaleState):
                move(row, to, fields=fields)

    @rule()
    def read_a_copy(self):
        self.copies.append(stored(self.row))

    @invariant()
    def the_row_and_its_trail_agree(self):
        row = stored(self.row)
        assert (row.state, row.version) == (self.state, self.version)
        trail = [entry.data["data"] for entry in entries(self.row)]
        assert [moved["version"] for moved in trail] == list(range(1, self.version + 1))
        assert trail[-1]["to"] == self.state
        assert [moved["from"] for moved in trail[1:]] == [moved["to"] for moved in trail[:-1]]


@pytest.mark.parametrize("walk", WALKS)
def test_a_random_walk_follows_the_table_with_one_entry_a_move(walk, house):
    machine = type("ThisWalk", (Walk,), {"walk": walk})
    Walk.person = house.governor.pk
    examples = settings(
        max_examples=10, stateful_step_count=8, suppress_health_check=list(HealthCheck)
    )
    run_machine(machine, settings=examples)
