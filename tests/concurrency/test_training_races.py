"""Blocked triggers, completions, retries and advice at once: each happens once."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from governance.models import (
    ActionType,
    Advice,
    Agent,
    BlockedTrigger,
    Execution,
    LedgerEntry,
    Proposal,
    TrainingPlan,
    TrainingSession,
    Trigger,
)
from governance.services import advice, reviews, trainings, triggers
from tests.concurrency.harness import race
from tests.concurrency.test_races import told
from tests.factories import (
    BY_SYSTEM,
    AdviceFactory,
    TrainingPlanFactory,
    TrainingSessionFactory,
    adviser,
    training_begun,
    training_completed,
)

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 8


def firing(agents):
    return lambda i: triggers.fire(agent=agents[i], source="data_sync", type="x", by=BY_SYSTEM)


def test_many_blocked_triggers_at_once_make_one_proposal(house):
    """Eight processes at each of eight students: a plan a student, and not one trigger is lost."""
    agents = [house.agent("student") for _ in range(ROUNDS)]
    results = race(ROUNDS, *[firing(agents)] * 8)
    assert TrainingPlan.objects.count() == Proposal.objects.count() == ROUNDS
    assert BlockedTrigger.objects.count() == Trigger.objects.count() == ROUNDS * 8
    for round_ in results:
        assert len({started.proposal.pk for started in round_}) == 1
    per_plan = Counter(BlockedTrigger.objects.values_list("plan_id", flat=True))
    assert set(per_plan.values()) == {8}


def naive_fire(agent, barrier):
    """What must not be done: look whether there is a plan, and then make one."""
    plan = TrainingPlan.objects.open_for(agent.pk)
    barrier.wait()
    return plan or trainings._propose  # would propose


def test_control_looking_first_without_the_lock_makes_two(house):
    agent = house.agent("student")
    barrier = threading.Barrier(2, timeout=30)
    [ending] = race(1, *[lambda i: naive_fire(agent, barrier)] * 2)
    assert [each is trainings._propose for each in ending] == [True, True]


def test_triggers_of_several_students_in_a_workspace_from_before(house):
    """All of them miss the system's action type at once; one installs it."""
    agents = [[house.agent("student") for _ in range(4)] for _ in range(ROUNDS)]
    own = ActionType.objects.filter(workspace=house.workspace, key="training_start")

    def side(number):
        return lambda i: firing(agents[i])(number)

    race(
        ROUNDS,
        *[side(number) for number in range(4)],
        prepare=lambda i: own.delete(),
    )
    assert Proposal.objects.count() == ROUNDS * 4
    assert own.count() == 1


def under_way(house, count):
    return [
        training_begun(
            TrainingSessionFactory(
                plan=TrainingPlanFactory(agent=house.agent("student"), context={"action_types": []})
            )
        )
        for _ in range(count)
    ]


def completing(sessions, score, by):
    [[gap]] = {tuple(session.plan.gaps) for session in sessions}
    return lambda i: trainings.complete(
        session=sessions[i], scores={gap: score}, errors=0, hours_spent=8.0, by=by
    )


def test_two_people_completing_a_training_at_once(house):
    sessions = under_way(house, ROUNDS)
    results = race(
        ROUNDS,
        completing(sessions, 1.0, house.by_supervisor),
        completing(sessions, 0.1, house.by_governor),
    )
    assert told(results) == {("StaleState", "TrainingSession"): ROUNDS}
    for session in TrainingSession.objects.select_related("agent"):
        assert (session.state, session.agent.confidence_score) == ("completed", session.gain)
    assert LedgerEntry.objects.filter(kind="agent.confidence").count() == ROUNDS
    assert LedgerEntry.objects.filter(kind="trigger.resolved").count() == ROUNDS


def test_completing_and_failing_at_once(house):
    sessions = under_way(house, ROUNDS)
    results = race(
        ROUNDS,
        completing(sessions, 1.0, house.by_supervisor),
        lambda i: trainings.fail(session=sessions[i], reason="no", by=house.by_governor),
    )
    assert told(results) == {("StaleState", "TrainingSession"): ROUNDS}
    for session in TrainingSession.objects.select_related("agent"):
        gained = 0.2 if session.state == "completed" else 0.0
        assert session.agent.confidence_score == gained


def test_a_trigger_that_comes_while_its_training_is_completed(house):
    """It joins and is resolved, or makes a plan of its own; none is left between the two."""
    sessions = under_way(house, ROUNDS)
    agents = [session.agent for session in sessions]
    race(ROUNDS, completing(sessions, 1.0, house.by_supervisor), firing(agents))
    for blocked in BlockedTrigger.objects.select_related("plan__proposal"):
        open_plan = blocked.plan.proposal.state == "proposed"
        assert (blocked.resolved_at is None) is open_plan
    assert BlockedTrigger.objects.count() == ROUNDS * 2


def test_two_retries_of_a_trigger_at_once(house):
    for session in under_way(house, ROUNDS):
        training_completed(session)
    Agent.objects.filter(maturity="student").update(maturity="autonomous")
    rows = list(BlockedTrigger.objects.all())
    results = race(
        ROUNDS,
        lambda i: triggers.retry(blocked=rows[i], by=house.by_supervisor),
        lambda i: triggers.retry(blocked=rows[i], by=house.by_governor),
    )
    assert told(results) == {("StaleState", "Started"): ROUNDS}
    assert Trigger.objects.count() == ROUNDS * 2
    assert Trigger.objects.filter(run__state="running").count() == ROUNDS


def test_two_processes_take_the_same_question(house):
    house.action_type("note", complexity=2)
    rows = [AdviceFactory(proposal=house.proposal(action_type="note")) for _ in range(ROUNDS)]
    results = race(ROUNDS, *[lambda i: advice.take(rows[i].pk)] * 4)
    assert [sorted(ending) for ending in results] == [[False, False, False, True]] * ROUNDS


def test_two_people_asking_the_same_agent_at_once(house):
    house.action_type("note", complexity=2)
    agent = adviser(house.workspace)
    rows = [house.proposal(action_type="note") for _ in range(ROUNDS)]
    results = race(
        ROUNDS,
        lambda i: advice.ask(adviser=agent, proposal=rows[i], by=house.by_reviewer),
        lambda i: advice.ask(adviser=agent, proposal=rows[i], by=house.by_governor),
    )
    assert told(results) == {("Advice", "StaleState"): ROUNDS}
    assert Advice.objects.count() == ROUNDS


def test_advice_that_approves_and_a_person_who_rejects_at_once(house):
    advice.allow_to_approve(workspace=house.workspace, allowed=True, by=house.by_governor)
    house.action_type("note", complexity=2)
    proposals = [house.proposal(action_type="note") for _ in range(ROUNDS)]
    rows = [AdviceFactory(proposal=proposal) for proposal in proposals]
    race(
        ROUNDS,
        lambda i: advice.take(rows[i].pk) and advice.give(advice_id=rows[i].pk),
        lambda i: reviews.reject(
            proposal=proposals[i], digest=proposals[i].digest, reason="no", by=house.by_reviewer
        ),
    )
    for proposal in Proposal.objects.all():
        if proposal.state == "approved":
            assert (proposal.decided_by, proposal.decided_on_advice.proposal) == (None, proposal)
        else:
            assert (proposal.state, proposal.decided_by) == ("rejected", house.reviewer)
    approved = Proposal.objects.filter(state="approved").count()
    assert Execution.objects.count() == approved
    assert Advice.objects.filter(opinion="for").count() == ROUNDS
