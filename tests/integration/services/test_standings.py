"""Counters: kept with every outcome, and equal to what the rows say, whatever happened."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from governance.domain.errors import StaleState
from governance.domain.words import EpisodeOutcome, EvidenceKind, Maturity
from governance.models import Evidence, EvidenceCounter, LedgerEntry, StintCounter
from governance.policy.constitution import RuleSource
from governance.services import actions, episodes, promotions, proposals, reviews, runs, standings
from tests.factories import BY_SYSTEM, EpisodeFactory, House, RunFactory, ruled

OUTCOMES = st.sampled_from(sorted(EpisodeOutcome.values))
LOW = RuleSource("no-note", "low", "segment.action_type == 'note'", "No notes.")

HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), OUTCOMES, st.integers(0, 2)),
        st.tuples(st.just("correct"), OUTCOMES, st.integers(0, 5)),
        st.tuples(st.just("demote"), st.sampled_from(["student", "intern", "supervised"])),
        st.tuples(st.just("propose"), st.sampled_from(["approve", "edit", "reject"])),
        st.tuples(st.just("void"), st.integers(0, 5)),
    ),
    max_size=12,
)


class TestRecount(TestCase):
    """The counters equal a recount, whatever the order of outcomes, corrections and demotions."""

    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    @given(happenings=HAPPENINGS)
    def test_counters_equal_recount(self, happenings):
        house = House.build()
        house.action_type("note", complexity=1)
        house.action_type("pay", complexity=3)
        ruled(house.workspace, LOW)
        agent = house.agent("autonomous")
        for what, *how in happenings:
            agent.refresh_from_db()
            HAPPEN[what](house, agent, *how)
        assert standings.recount(agent=agent, by=BY_SYSTEM) == {"agrees": True, "differences": []}


def _run(house, agent, outcome, notes):
    run = RunFactory(agent=agent)
    for number in range(notes):
        actions.request(run=run, action_type="note", params={"n": number}, by=agent.actor)
    runs.finish(run=run, outcome=outcome, by=agent.actor)


def _correct(house, agent, outcome, place):
    found = list(agent.episodes.order_by("created_at"))
    if found:
        episode = found[place % len(found)]
        episodes.correct(episode=episode, outcome=outcome, note="Seen.", by=house.by_governor)


def _demote(house, agent, to):
    if Maturity(to).rank < Maturity(agent.maturity).rank:
        promotions.demote(agent=agent, to=to, reason="x", by=house.by_governor)


def _propose(house, agent, verdict):
    if agent.maturity == Maturity.STUDENT:
        return
    plan = [{"id": "pay", "action_type": "pay", "params": {"n": 1}}]
    proposal = proposals.propose(agent=agent, plan=plan, by=agent.actor)
    seen = {"proposal": proposal, "digest": proposal.digest, "by": house.by_reviewer}
    if verdict == "reject":
        reviews.reject(reason="No.", **seen)
    else:
        edit = [{**plan[0], "params": {"n": 2}}] if verdict == "edit" else None
        reviews.approve(edited_plan=edit, **seen)


def _void(house, agent, place):
    found = list(Evidence.objects.filter(agent=agent).order_by("created_at"))
    if found:
        standings.void(evidence=found[place % len(found)], reason="x", by=house.by_governor)


HAPPEN = {
    "run": _run,
    "correct": _correct,
    "demote": _demote,
    "propose": _propose,
    "void": _void,
}


@pytest.mark.django_db
def test_what_differs_is_found_said_and_put_right(house):
    run = house.run()
    agent = run.agent
    EpisodeFactory(run=run)
    StintCounter.objects.filter(agent=agent).update(episodes=7)
    EvidenceCounter.objects.create(
        workspace=house.workspace, agent=agent, action_type="pay", count=2, halves=4
    )
    found = standings.recount(agent=agent, by=BY_SYSTEM)
    assert found["agrees"] is False
    assert found["differences"] == [
        {"counter": "stint 0", "field": "episodes", "counted": 7, "found": 1},
        {"counter": "pay", "field": "count", "counted": 2, "found": 0},
        {"counter": "pay", "field": "halves", "counted": 4, "found": 0},
    ]
    assert standings.recount(agent=agent, by=BY_SYSTEM)["agrees"]
    assert LedgerEntry.objects.filter(kind="agent.recounted").count() == 1


@pytest.mark.django_db
def test_evidence_counts_until_it_is_voided_and_is_voided_once(house):
    agent = house.agent()
    evidence = standings.note(
        agent_id=agent.pk,
        workspace_id=agent.workspace_id,
        action_type="pay",
        kind=EvidenceKind.CLEAN_APPROVAL,
        by=BY_SYSTEM,
    )
    assert standings.tallies(agent.pk)["pay"].rate == 1.0
    assert standings.void(evidence=evidence, reason="x", by=BY_SYSTEM)
    assert not standings.void(evidence=evidence, reason="x", by=BY_SYSTEM)
    assert standings.tallies(agent.pk)["pay"].rate is None


@pytest.mark.django_db
def test_an_episode_is_closed_once(house):
    run = house.run()
    EpisodeFactory(run=run)
    with pytest.raises(StaleState):
        runs.finish(run=run, outcome="failed", by=run.agent.actor)
    assert standings.shown(run.agent).episodes == 1
