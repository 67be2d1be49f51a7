"""Every pair of states of every lifecycle, written by hand from the design (section 3)."""

from __future__ import annotations

import pytest
from django.db.models import TextChoices

from governance.domain import states

# Rows: from. Columns, in the same order: to. An x is a move the design allows.
TABLES = {
    "workspace": """
        active  . x
        halted  x .
    """,
    "agent": """
        active   . x x
        paused   x . x
        retired  . . .
    """,
    "policy version": """
        draft      . x x
        published  . . .
        discarded  . . .
    """,
    "grant": """
        active   . x
        revoked  . .
    """,
    "ceiling": """
        active  . x
        lifted  . .
    """,
    "run": """
        queued     . x . . x
        running    . . x x x
        succeeded  . . . . .
        failed     . . . . .
        abandoned  . . . . .
    """,
    # proposed -> approved | rejected | cancelled | expired
    # approved -> executed | failed | in_doubt | cancelled;  in_doubt -> executed | failed
    "proposal": """
        proposed   . x x x x . . .
        approved   . . . x . x x x
        rejected   . . . . . . . .
        cancelled  . . . . . . . .
        expired    . . . . . . . .
        executed   . . . . . . . .
        failed     . . . . . . . .
        in_doubt   . . . . . x x .
    """,
    # ready -> claimed -> done | failed | in_doubt;  claimed -> ready;  ready -> cancelled
    # in_doubt -> done | failed
    "execution": """
        ready      . x . . . x
        claimed    x . x x x .
        done       . . . . . .
        failed     . . . . . .
        in_doubt   . . x x . .
        cancelled  . . . . . .
    """,
    # a local step goes from pending to its end at once; a sent one ends, or is doubted; one whose
    # condition is false is skipped, and never was sent
    "execution step": """
        pending   . x x x . x x
        sent      . . x x x . .
        done      . . . . . . .
        failed    . . . . . . .
        in_doubt  . . x x . . .
        skipped   . . . . . . .
        not_run   . . . . . . .
    """,
    "device": """
        active   . x
        retired  . .
    """,
    # claimed at most once; what nobody claimed in time expires, what was claimed is doubted, and
    # a device that reports late settles the doubt
    "device command": """
        waiting   . x . . . x
        claimed   . . x x x .
        done      . . . . . .
        failed    . . . . . .
        in_doubt  . . x x . .
        expired   . . . . . .
    """,
    # running <-> paused;  running | paused -> completed | terminated | failed
    "supervision session": """
        running     . x x x x
        paused      x . x x x
        completed   . . . . .
        terminated  . . . . .
        failed      . . . . .
    """,
    # scheduled -> in_progress -> completed | failed | cancelled;  scheduled -> cancelled
    "training session": """
        scheduled    . x . . x
        in_progress  . . x x x
        completed    . . . . .
        failed       . . . . .
        cancelled    . . . . .
    """,
    "exam": """
        running  . x x x
        passed   . . . .
        failed   . . . .
        aborted  . . . .
    """,
    "constitution version": """
        draft      . x x
        published  . . .
        discarded  . . .
    """,
}

INITIAL = {
    "workspace": "active",
    "agent": "active",
    "policy version": "draft",
    "grant": "active",
    "ceiling": "active",
    "run": "queued",
    "proposal": "proposed",
    "execution": "ready",
    "execution step": "pending",
    "device": "active",
    "device command": "waiting",
    "supervision session": "running",
    "training session": "scheduled",
    "exam": "running",
    "constitution version": "draft",
}

TERMINAL = {
    "workspace": set(),
    "agent": {"retired"},
    "policy version": {"published", "discarded"},
    "grant": {"revoked"},
    "ceiling": {"lifted"},
    "run": {"succeeded", "failed", "abandoned"},
    "proposal": {"rejected", "cancelled", "expired", "executed", "failed"},
    "execution": {"done", "failed", "cancelled"},
    "execution step": {"done", "failed", "skipped", "not_run"},
    "device": {"retired"},
    "device command": {"done", "failed", "expired"},
    "supervision session": {"completed", "terminated", "failed"},
    "training session": {"completed", "failed", "cancelled"},
    "exam": {"passed", "failed", "aborted"},
    "constitution version": {"published", "discarded"},
}


def rows(name: str) -> dict[str, list[bool]]:
    lines = [line.split() for line in TABLES[name].strip().splitlines()]
    return {state: [cell == "x" for cell in cells] for state, *cells in lines}


def pairs():
    for name in TABLES:
        table = rows(name)
        for source, cells in table.items():
            for target, allowed in zip(table, cells, strict=True):
                yield name, source, target, allowed


LIFECYCLES = {lifecycle.name: lifecycle for lifecycle in states.ALL}


@pytest.mark.parametrize(("name", "source", "target", "allowed"), list(pairs()))
def test_a_row_may_move_exactly_where_the_table_says(name, source, target, allowed):
    assert LIFECYCLES[name].allows(source, target) is allowed


def test_the_tables_here_cover_every_lifecycle_and_every_state():
    assert LIFECYCLES.keys() == TABLES.keys()
    for name, lifecycle in LIFECYCLES.items():
        assert set(lifecycle.states) == set(rows(name)), name


def test_every_set_of_states_has_its_lifecycle():
    declared = [
        {str(state) for state in words}
        for words in vars(states).values()
        if isinstance(words, type) and issubclass(words, TextChoices) and words is not TextChoices
    ]
    assert len(declared) == len(TABLES)
    for words in declared:
        assert words in [set(rows(name)) for name in TABLES]


@pytest.mark.parametrize("name", TABLES)
def test_initial_and_terminal_states(name):
    assert LIFECYCLES[name].initial == INITIAL[name]
    assert LIFECYCLES[name].terminal == TERMINAL[name]


@pytest.mark.parametrize("name", TABLES)
def test_an_unknown_state_moves_nowhere_and_nothing_moves_to_it(name):
    lifecycle = LIFECYCLES[name]
    for state in rows(name):
        assert not lifecycle.allows(state, "deleted")
        assert not lifecycle.allows("deleted", state)
        assert not lifecycle.allows(state.upper(), lifecycle.initial)
        assert not lifecycle.allows(state, "")


@pytest.mark.parametrize("name", TABLES)
def test_states_and_moves_are_plain_text_so_that_stored_values_compare(name):
    for source, targets in LIFECYCLES[name].moves.items():
        assert type(source) is str
        assert all(type(target) is str for target in targets)
