"""Promotions, demotions, decisions and ends of runs at once: one level, nothing lost or stuck."""

from __future__ import annotations

import datetime
import json

import pytest
from django.utils import timezone

from governance.domain.errors import NotReady, StaleState
from governance.models import (
    Agent,
    Episode,
    Exam,
    Grant,
    LedgerEntry,
    MaturityChange,
    Proposal,
    StintCounter,
)
from governance.runtimes.recorded import parse_line
from governance.services import (
    grants,
    imports,
    promotions,
    proposals,
    reviews,
    runs,
    standings,
    supervision,
)
from tests.concurrency.harness import race
from tests.factories import (
    BY_SYSTEM,
    ExamFactory,
    RunFactory,
    SupervisionSessionFactory,
    by,
)

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 8


def candidate(house):
    """An intern that is ready and eligible, with an exam that counts as passed."""
    agent = house.agent("intern", module_path="tests.exam_programs", class_name="Acts")
    Agent.objects.filter(pk=agent.pk).update(confidence_score=1.0)
    exam = ExamFactory(agent=agent)
    Exam.objects.filter(pk=exam.pk).update(
        state="passed", score=1.0, ended_at=exam.created_at, version=2
    )
    StintCounter.objects.create(
        workspace=house.workspace,
        agent=agent,
        stint=0,
        episodes=100,
        successful=100,
        scored=100,
        score_thousandths=100_000,
    )
    return Agent.objects.get(pk=agent.pk)


def test_two_promotions_at_once_move_one_level(house):
    agents = [candidate(house) for _ in range(ROUNDS)]

    def promote(i):
        return promotions.promote(agent=agents[i], seen=0, by=house.by_governor)

    for one, other in race(ROUNDS, promote, promote):
        refusals = [end for end in (one, other) if isinstance(end, StaleState | NotReady)]
        assert len(refusals) == 1
    assert set(Agent.objects.values_list("maturity", "stint")) == {("supervised", 1)}
    assert MaturityChange.objects.count() == ROUNDS


def test_a_promotion_and_a_demotion_at_once(house):
    agents = [candidate(house) for _ in range(ROUNDS)]

    def promote(i):
        return promotions.promote(agent=agents[i], seen=0, by=house.by_governor)

    def demote(i):
        return promotions.demote(agent=agents[i], to="student", reason="x", by=house.by_governor)

    race(ROUNDS, promote, demote)
    assert set(Agent.objects.values_list("maturity", flat=True)) == {"student"}


def test_ends_of_many_runs_at_once_are_all_counted(house):
    agents = [house.agent("autonomous") for _ in range(ROUNDS)]
    begun = [[RunFactory(agent=agent) for _ in range(4)] for agent in agents]

    def ending(place):
        return lambda i: runs.finish(run=begun[i][place], outcome="succeeded", by=agents[i].actor)

    race(ROUNDS, *[ending(place) for place in range(4)])
    assert [standings.shown(agent).episodes for agent in agents] == [4] * ROUNDS
    assert all(standings.recount(agent=agent, by=BY_SYSTEM)["agrees"] for agent in agents)


def test_a_decision_a_demotion_and_the_end_of_the_run_at_once(house):
    """They lock the same rows, in one order: whoever is second waits, and nobody waits for ever."""
    house.action_type("pay", complexity=3)
    begun = [RunFactory(agent=house.agent("intern")) for _ in range(ROUNDS)]
    plan = [{"id": "pay", "action_type": "pay", "params": {}}]
    waiting = [
        proposals.propose(agent=run.agent, run=run, plan=plan, by=run.agent.actor) for run in begun
    ]

    def approve(i):
        one = waiting[i]
        return reviews.approve(proposal=one, digest=one.digest, by=house.by_reviewer)

    def demote(i):
        agent = begun[i].agent
        return promotions.demote(agent=agent, to="student", reason="x", by=house.by_governor)

    def finish(i):
        return runs.finish(run=begun[i], outcome="failed", by=begun[i].agent.actor)

    race(ROUNDS, approve, demote, finish)
    promotions.ask_again(by=BY_SYSTEM)
    assert set(Proposal.objects.values_list("state", flat=True)) <= {"approved", "cancelled"}
    assert Episode.objects.filter(source="run").count() == ROUNDS
    for run in begun:
        assert standings.recount(agent=run.agent, by=BY_SYSTEM)["agrees"]


def test_a_termination_and_a_decision_at_once(house):
    """The one cancels proposals and ends the run, the other decides and counts: no deadlock."""
    house.action_type("pay", complexity=3)
    begun = [RunFactory(agent=house.agent("intern")) for _ in range(ROUNDS)]
    sessions = [SupervisionSessionFactory(run=run) for run in begun]
    plan = [{"id": "pay", "action_type": "pay", "params": {}}]
    waiting = [
        proposals.propose(agent=run.agent, run=run, plan=plan, by=run.agent.actor) for run in begun
    ]
    for session in sessions:
        session.refresh_from_db()

    def approve(i):
        one = waiting[i]
        return reviews.approve(proposal=one, digest=one.digest, by=house.by_reviewer)

    def terminate(i):
        one = sessions[i]
        return supervision.terminate(
            session=one, seen=one.version, reason="x", by=by(one.supervisor)
        )

    race(ROUNDS, approve, terminate)
    assert Episode.objects.filter(source="run").count() == ROUNDS
    for run in begun:
        assert standings.recount(agent=run.agent, by=BY_SYSTEM)["agrees"]


def test_the_same_import_at_once_is_kept_once(house):
    agent = house.agent("intern")
    lines = [
        json.dumps({"task_id": i, "messages": [{"role": "user", "content": f"Case {i}"}]})
        for i in range(ROUNDS)
    ]
    lines = [parse_line(f'{line[:-1]}, "reward": 1.0}}') for line in lines]

    def take_in(i):
        return imports.take_in(lines[i], agent=agent, by=BY_SYSTEM)

    for ends in race(ROUNDS, take_in, take_in, take_in):
        assert sum(end is not None for end in ends) == 1
    assert Episode.objects.count() == ROUNDS
    assert standings.shown(agent).episodes == ROUNDS


def test_no_approval_and_no_grant_outlives_a_demotion_before_it(house):
    """Either it comes first, and the demotion finds it; or the demotion does, and it is refused."""
    house.action_type("pay", complexity=3)
    house.action_type("refund", complexity=3)
    agents = [house.agent("intern") for _ in range(ROUNDS)]
    plan = [{"id": "pay", "action_type": "pay", "params": {}}]
    waiting = [proposals.propose(agent=agent, plan=plan, by=agent.actor) for agent in agents]
    tomorrow = timezone.now() + datetime.timedelta(days=1)

    def approve(i):
        one = waiting[i]
        return reviews.approve(proposal=one, digest=one.digest, by=house.by_reviewer)

    def give(i):
        return grants.give(
            agent=agents[i],
            action_type="refund",
            expires_at=tomorrow,
            reason="x",
            by=house.by_governor,
        )

    def demote(i):
        return promotions.demote(agent=agents[i], to="student", reason="x", by=house.by_governor)

    race(ROUNDS, approve, give, demote)
    promotions.ask_again(by=BY_SYSTEM)
    for agent, one in zip(agents, waiting, strict=True):
        one.refresh_from_db()
        trail = [
            entry.kind
            for entry in LedgerEntry.objects.order_by("id")
            if entry.subject_id in {agent.pk, one.pk}
        ]
        demoted = trail.index("agent.demoted")
        assert "proposal.approved" not in trail[demoted:]
        assert one.state in {"approved", "cancelled"}
    for grant in Grant.objects.filter(state="active"):
        entries = LedgerEntry.objects.order_by("id")
        given = entries.get(kind="grant.active", subject_id=grant.pk)
        demotion = entries.get(kind="agent.demoted", subject_id=grant.agent_id)
        assert given.pk > demotion.pk
