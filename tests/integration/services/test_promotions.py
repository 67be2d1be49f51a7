"""Up one level at readiness and with an exam; down at once, by any number."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from governance.domain.errors import InvalidInput, NotAllowed, NotReady, StaleState
from governance.domain.words import ChangeReason, Maturity
from governance.models import Agent, LedgerEntry, MaturityChange, StintCounter
from governance.services import (
    actions,
    agents,
    grants,
    maturity,
    memberships,
    promotions,
    proposals,
    standings,
    trainings,
)
from tests.factories import (
    BY_SYSTEM,
    EpisodeFactory,
    ExamFactory,
    MaturityChangeFactory,
    MembershipFactory,
    RunFactory,
    TrainingSessionFactory,
    by,
    sat,
    training_begun,
    training_completed,
)

pytestmark = pytest.mark.django_db


def confident(agent, score=1.0):
    Agent.objects.filter(pk=agent.pk).update(confidence_score=score)
    agent.refresh_from_db()
    return agent


def shows(agent, episodes=100, successful=None, interventions=0, thousandths=1_000):
    """What so many episodes would have added up to."""
    successful = episodes if successful is None else successful
    StintCounter.objects.update_or_create(
        agent=agent,
        stint=agent.stint,
        defaults={
            "workspace_id": agent.workspace_id,
            "episodes": episodes,
            "successful": successful,
            "interventions": interventions,
            "intervened": min(interventions, episodes),
            "scored": episodes,
            "score_thousandths": episodes * thousandths,
        },
    )


def examined(agent, target=None):
    exam = sat(ExamFactory(agent=agent, target=target, repeats=1))
    assert exam.state == "passed"
    return exam


@pytest.fixture
def candidate(house):
    """An intern that is ready, eligible, and has passed its exam."""
    agent = confident(house.agent("intern", module_path="tests.exam_programs", class_name="Acts"))
    shows(agent)
    agent.exam = examined(agent)
    return agent


def promote(agent, who):
    agent.refresh_from_db()
    return promotions.promote(agent=agent, seen=agent.stint, by=who)


def test_a_promotion_freezes_its_evidence(house, candidate):
    change = promote(candidate, house.by_governor)
    candidate.refresh_from_db()
    assert (candidate.maturity, candidate.stint) == ("supervised", 1)
    assert (change.before, change.after, change.reason) == ("intern", "supervised", "exam")
    assert change.exam == candidate.exam
    assert change.evidence["shown"]["successful"] == 100
    assert change.evidence["maturity"] == "intern"
    assert change.evidence["exam"]["case_set"] == "default"
    assert (change.evidence["exam"]["repeats"], len(change.evidence["exam"]["cases"])) == (1, 1)
    shows(Agent(pk=candidate.pk, workspace_id=candidate.workspace_id, stint=0), episodes=1)
    change.refresh_from_db()
    assert change.evidence["shown"]["successful"] == 100
    assert standings.shown(candidate).episodes == 0  # a new stint begins at nothing


def test_two_promotions_at_once_move_one_level(house, candidate):
    seen = candidate.stint
    promotions.promote(agent=candidate, seen=seen, by=house.by_governor)
    with pytest.raises(StaleState, match="changed after you looked"):
        promotions.promote(agent=candidate, seen=seen, by=house.by_governor)
    with pytest.raises(NotReady):
        promote(candidate, house.by_governor)
    assert MaturityChange.objects.filter(agent=candidate).count() == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"episodes": 24}, "1 more successful episode"),
        ({"interventions": 21}, "an intervention rate of 0.210"),
        ({"thousandths": 849}, "a mean constitutional score of 0.849"),
        ({"successful": 43}, "43 of 100 episodes succeeded"),
    ],
)
def test_who_is_not_ready_is_told_why(house, candidate, change, says):
    shows(candidate, **change)
    with pytest.raises(NotReady, match=says):
        promote(candidate, house.by_governor)
    candidate.refresh_from_db()
    assert candidate.maturity == "intern"


def test_neither_confidence_nor_a_thousand_small_successes_promote(house):
    agent = confident(house.agent("intern"))
    shows(agent, episodes=1_000)
    assert promotions.prospect(agent).readiness.ready
    with pytest.raises(NotReady, match="a passed exam, at this maturity"):
        promote(agent, house.by_governor)


def test_confidence_is_needed_as_well(house, candidate):
    confident(candidate, 0.69)
    with pytest.raises(NotReady, match=r"a confidence of 0\.690, and 0\.7 is needed"):
        promote(candidate, house.by_governor)


def test_an_exam_of_another_fingerprint_or_stint_or_target_does_not_do(house, candidate):
    agents.update(
        agent=candidate, changes={"configuration": {"model": "new"}}, by=house.by_governor
    )
    candidate.refresh_from_db()
    assert (candidate.maturity, candidate.stint) == ("student", 1)
    shows(candidate)
    with pytest.raises(NotReady, match="a passed exam or a completed training"):
        promote(candidate, house.by_governor)


def test_a_changed_student_begins_again(house):
    agent = house.agent("student")
    shows(agent)
    agents.update(agent=agent, changes={"configuration": {"model": "new"}}, by=house.by_governor)
    agent.refresh_from_db()
    assert (agent.maturity, agent.stint) == ("student", 1)
    assert standings.shown(agent).episodes == 0
    agents.update(agent=agent, changes={"description": "the same"}, by=house.by_governor)
    agent.refresh_from_db()
    assert agent.stint == 1


def test_the_drop_can_be_switched_off(house, settings):
    settings.GOVERNANCE_FINGERPRINT_DEMOTES = False
    agent = house.agent("autonomous")
    agents.update(agent=agent, changes={"configuration": {"model": "new"}}, by=house.by_governor)
    agent.refresh_from_db()
    assert (agent.maturity, agent.stint) == ("autonomous", 1)


@pytest.mark.parametrize(("at", "demotes"), [("student", True), ("intern", False)])
def test_a_new_fingerprint_revokes_grants_whether_or_not_it_demotes(house, settings, at, demotes):
    settings.GOVERNANCE_FINGERPRINT_DEMOTES = demotes
    house.action_type("pay")
    agent = house.agent(at)
    tomorrow = timezone.now() + datetime.timedelta(days=1)
    grant = grants.give(
        agent=agent, action_type="pay", expires_at=tomorrow, reason="x", by=house.by_governor
    )
    agents.update(agent=agent, changes={"description": "the same"}, by=house.by_governor)
    grant.refresh_from_db()
    assert grant.state == "active"
    agents.update(agent=agent, changes={"configuration": {"model": "new"}}, by=house.by_governor)
    grant.refresh_from_db()
    agent.refresh_from_db()
    assert (agent.maturity, grant.state) == (at, "revoked")
    assert LedgerEntry.objects.filter(kind="grant.revoked", subject_id=grant.pk).count() == 1


def test_for_intern_a_training_does(house):
    session = TrainingSessionFactory()
    agent = session.agent
    assert agent.maturity == "student"
    shows(agent)
    training_completed(training_begun(session))
    confident(agent, 0.49)
    with pytest.raises(NotReady):
        promote(agent, BY_SYSTEM)
    confident(agent, 0.5)
    change = promote(agent, BY_SYSTEM)
    assert (change.after, change.reason, change.exam) == ("intern", "training", None)


@pytest.mark.parametrize(("score", "does"), [(0.0, False), (0.69, False), (0.7, True)])
def test_a_training_does_where_it_shows_what_the_exam_would_have_to(score, does):
    session = TrainingSessionFactory()
    agent = session.agent
    shows(agent)
    begun = training_begun(session)
    trainings.complete(
        session=begun,
        scores=dict.fromkeys(begun.plan.gaps, score),
        errors=0,
        hours_spent=1.0,
        by=by(MembershipFactory(workspace=agent.workspace, role="supervisor").user),
    )
    confident(agent)
    assert (promotions.prospect(agent).training is not None) is does


def test_autonomous_is_confirmed_by_a_governor_who_does_not_own_it(house):
    agent = confident(
        house.agent("supervised", module_path="tests.exam_programs", class_name="Acts")
    )
    shows(agent)
    examined(agent)
    with pytest.raises(NotAllowed, match="nobody confirms their own agent"):
        promote(agent, house.by_governor)
    with pytest.raises(NotAllowed, match="Only a person"):
        promote(agent, BY_SYSTEM)
    other = MembershipFactory(workspace=house.workspace, role="governor").user
    change = promote(agent, by(other))
    assert (change.after, change.confirmed_by) == ("autonomous", other)
    with pytest.raises(InvalidInput, match="nothing above"):
        promote(agent, by(other))


@pytest.mark.parametrize("who", ["viewer", "reviewer", "supervisor", "auditor"])
def test_only_governors_promote_and_demote(house, candidate, who):
    person = memberships.person(getattr(house, who))
    with pytest.raises(NotAllowed):
        promote(candidate, person)
    with pytest.raises(NotAllowed):
        promotions.demote(agent=candidate, to="student", reason="x", by=person)


# --- Demotion -------------------------------------------------------------------------------------


def test_a_demotion_may_skip_levels_and_revokes_grants(house):
    house.action_type("pay")
    agent = house.agent("autonomous")
    tomorrow = timezone.now() + datetime.timedelta(days=1)
    grant = grants.give(
        agent=agent, action_type="pay", expires_at=tomorrow, reason="x", by=house.by_governor
    )
    change = promotions.demote(
        agent=agent, to="student", reason="It paid Bob.", by=house.by_governor
    )
    assert (change.before, change.after, change.reason, change.note) == (
        "autonomous",
        "student",
        "governor",
        "It paid Bob.",
    )
    grant.refresh_from_db()
    assert grant.state == "revoked"
    agent.refresh_from_db()
    assert (agent.maturity, agent.stint) == ("student", 1)


@pytest.mark.parametrize("to", ["supervised", "autonomous"])
def test_a_demotion_goes_down(house, to):
    with pytest.raises(StaleState, match="not above"):
        promotions.demote(agent=house.agent("supervised"), to=to, reason="x", by=house.by_governor)
    with pytest.raises(InvalidInput, match="The maturity is one of"):
        promotions.demote(agent=house.agent("intern"), to="x", reason="x", by=house.by_governor)


def test_a_demotion_in_the_middle_of_a_run_is_felt_by_its_next_action(house):
    house.action_type("pay", complexity=3)
    run = house.run("autonomous")
    ask = {"run": run, "action_type": "pay", "by": run.agent.actor}
    assert actions.request(params={"n": 1}, **ask).route == "execution"
    promotions.demote(agent=run.agent, to="intern", reason="x", by=house.by_governor)
    assert actions.request(params={"n": 2}, **ask).route == "proposal"
    promotions.demote(agent=run.agent, to="student", reason="x", by=house.by_governor)
    assert actions.request(params={"n": 3}, **ask).route == "training"


def test_open_proposals_are_put_through_the_gate_again(house):
    house.action_type("pay", complexity=3)
    house.action_type("look", complexity=1)
    agent = house.agent("intern")
    stays, goes = (
        proposals.propose(
            agent=agent, plan=[{"id": "a", "action_type": key, "params": {}}], by=agent.actor
        )
        for key in ("look", "pay")
    )
    promotions.demote(agent=agent, to="student", reason="x", by=house.by_governor)
    stays.refresh_from_db()
    goes.refresh_from_db()
    assert (stays.state, goes.state) == ("proposed", "cancelled")
    assert "training: student agent" in goes.closing_reason
    assert promotions.ask_again(by=BY_SYSTEM) == 0


def test_the_sweeper_finds_what_a_demotion_by_itself_left(house):
    house.action_type("pay", complexity=3)
    run = house.run("intern")
    answer = actions.request(run=run, action_type="pay", params={}, by=run.agent.actor)
    maturity.demote(
        agent=run.agent, to=Maturity.STUDENT, reason=ChangeReason.VIOLATION, by=BY_SYSTEM
    )
    assert promotions.ask_again(by=BY_SYSTEM) == 1
    answer.proposal.refresh_from_db()
    assert answer.proposal.state == "cancelled"
    assert promotions.ask_again(by=BY_SYSTEM) == 0


# --- The floor ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("episodes", "interventions", "thousandths", "after"),
    [
        (10, 1, 950, "autonomous"),  # the floor of autonomous is what supervised asks for
        (11, 2, 1_000, "autonomous"),
        (10, 3, 1_000, "supervised"),
        (10, 0, 700, "supervised"),
        (8, 8, 0, "autonomous"),  # too few to say anything
    ],
)
def test_falling_below_the_floor(house, episodes, interventions, thousandths, after):
    agent = house.agent("autonomous")
    shows(agent, episodes, interventions=interventions, thousandths=thousandths)
    EpisodeFactory(run=RunFactory(agent=agent))
    agent.refresh_from_db()
    assert agent.maturity == after


def test_changes_are_in_the_ledger(house):
    change = MaturityChangeFactory(agent=house.agent("supervised"))
    entry = LedgerEntry.objects.get(kind="agent.demoted")
    assert entry.subject_id == change.agent_id
    assert entry.data["data"]["evidence"] == change.evidence
