"""Runs: ended once, by their agent, a person with the right, or the system."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput, NotAllowed, RunHeld, StaleState
from governance.domain.states import RunState
from governance.models import Run, SupervisionSession
from governance.services import actions, runs
from tests.factories import (
    QueuedRunFactory,
    SupervisionSessionFactory,
    finished,
    held,
    let_go,
    make_spec,
    run_worker,
)
from tests.integration.services.checks import recorded, refused

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "abandoned"])
def test_finish(house, outcome):
    run = house.run()
    with recorded() as entries:
        runs.finish(run=run, outcome=outcome, note="all sent", by=run.agent.actor)
    run = Run.objects.get(pk=run.pk)
    assert (run.state, run.outcome) == (outcome, "all sent")
    assert run.finished_at is not None
    entry, closed = entries
    assert (closed.kind, closed.subject_id) == ("episode.closed", run.episode.id)
    assert (entry.kind, entry.subject_id) == (f"run.{outcome}", run.id)
    assert entry.data["by"]["kind"] == "agent"
    assert entry.data["data"] == {
        "from": "running",
        "to": outcome,
        "version": 3,
        "note": "all sent",
    }


def test_what_looks_like_a_secret_in_a_note_is_masked_everywhere(house):
    run = house.run()
    note = "password=hunter2hunter2 sk-live-abcdefghijklmnopqrstuvwxyz123456"
    with recorded() as entries:
        runs.finish(run=run, outcome="failed", note=note, by=run.agent.actor)
    masked = "password=[redacted] [redacted]"
    run = Run.objects.get(pk=run.pk)
    assert (run.outcome, run.episode.note) == (masked, masked)
    assert entries[0].data["data"]["note"] != note
    assert "hunter2" not in str([entry.data for entry in entries])


def test_a_note_of_many_secrets_does_not_outgrow_its_bounds(house):
    run = house.run()
    runs.finish(run=run, outcome="failed", note="pwd=a " * 333, by=run.agent.actor)
    assert len(Run.objects.get(pk=run.pk).outcome) <= 2_000


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"outcome": "queued"}, "A run ends succeeded, failed or abandoned, not 'queued'"),
        ({"outcome": "done"}, "A run ends succeeded, failed or abandoned, not 'done'"),
        ({"note": "n" * 2_001}, "The note is 2,001 characters long"),
        ({"note": "\x00"}, "cannot be stored"),
    ],
)
def test_a_bad_ending_is_refused(house, values, says):
    run = house.run()
    with refused(InvalidInput, says):
        runs.finish(run=run, **{"outcome": "failed", "by": run.agent.actor, **values})


def test_an_agent_ends_only_its_own(house):
    run, other = house.run(), house.agent()
    with refused(NotAllowed, "only its own runs"):
        runs.finish(run=run, outcome="failed", by=other.actor)


def test_what_waits_does_not_get_round_a_pause_by_the_end_of_its_run(house, registered):
    """A run that succeeds leaves its plans to workers; one that is paused must not yet."""
    registered(make_spec("stamp", complexity=1), workspace=house.workspace)
    session = SupervisionSessionFactory(run=QueuedRunFactory(agent=house.agent("supervised")))
    run = Run.objects.get(pk=session.run_id)
    asked = actions.request(run=run, action_type="stamp", params={}, by=run.agent.actor)
    held(session)
    run_worker()
    for who in (run.agent.actor, house.by_governor):
        with refused(RunHeld, "The supervisor has paused the run"):
            runs.finish(run=run, outcome="succeeded", by=who)
    let_go(session)
    runs.finish(run=run, outcome="succeeded", by=run.agent.actor)
    [execution] = run_worker()
    assert (execution.pk, execution.state) == (asked.execution.pk, "done")


@pytest.mark.parametrize("outcome", ["failed", "abandoned"])
def test_a_paused_run_may_end_without_success(house, registered, outcome):
    """And what waited learns it at once."""
    registered(make_spec("stamp", complexity=1), workspace=house.workspace)
    session = SupervisionSessionFactory(run=QueuedRunFactory(agent=house.agent("supervised")))
    run = Run.objects.get(pk=session.run_id)
    actions.request(run=run, action_type="stamp", params={}, by=run.agent.actor)
    held(session)
    run_worker()
    runs.finish(run=run, outcome=outcome, by=run.agent.actor)
    assert SupervisionSession.objects.get(pk=session.pk).state == "failed"
    [execution] = run_worker()
    assert execution.state == "failed"
    assert f"The run {RunState(outcome).standing};" in execution.error


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "abandoned"])
def test_what_has_ended_does_not_end_again(house, outcome):
    run = finished(house.run())
    with refused(StaleState, f"The run cannot become {outcome}"):
        runs.finish(run=run, outcome=outcome, by=run.agent.actor)


def test_a_stale_copy_ends_nothing(house):
    run = house.run()
    seen = Run.objects.get(pk=run.pk)
    finished(run)
    with refused(StaleState, "or has changed since; read it again"):
        runs.finish(run=seen, outcome="abandoned", by=run.agent.actor)


def test_a_queued_run_can_be_given_up_and_nothing_else(house):
    run = QueuedRunFactory(agent=house.agent("supervised"))
    for outcome in ("succeeded", "failed"):
        with refused(StaleState, f"The run cannot become {outcome}"):
            runs.finish(run=run, outcome=outcome, by=house.by_governor)
    runs.finish(run=run, outcome="abandoned", by=house.by_governor)
    run.refresh_from_db()
    assert (run.state, run.started_at) == ("abandoned", None)


def test_start_moves_a_queued_run_once(house):
    run = QueuedRunFactory(agent=house.agent("supervised"))
    with recorded() as entries:
        runs.start(run=run, by=house.by_supervisor)
    assert Run.objects.get(pk=run.pk).started_at is not None
    assert [e.kind for e in entries] == ["run.running"]
    with refused(StaleState, "The run cannot become running"):
        runs.start(run=run, by=house.by_supervisor)


def test_the_run_keeps_the_maturity_and_fingerprint_it_began_with(house):
    run = house.run("supervised")
    type(run.agent)._default_manager.filter(pk=run.agent_id).update(maturity="student")
    assert Run.objects.get(pk=run.pk).maturity == "supervised"
