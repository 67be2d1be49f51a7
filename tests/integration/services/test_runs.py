"""Runs: ended once, by their agent, a person with the right, or the system."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput, NotAllowed, StaleState
from governance.models import Run
from governance.services import runs
from tests.factories import QueuedRunFactory, finished
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
