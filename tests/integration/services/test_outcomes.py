"""What ends, and what people decide, becomes episodes and evidence, in the same transaction."""

from __future__ import annotations

import pytest
from django.db import transaction

from governance.domain.errors import InvalidInput, NotAllowed
from governance.models import Episode, Evidence, EvidenceCounter, LedgerEntry, Violation
from governance.policy.constitution import RuleSource
from governance.services import (
    actions,
    advice,
    episodes,
    executions,
    proposals,
    reviews,
    runs,
    standings,
    supervision,
)
from tests.factories import (
    AdviceFactory,
    EpisodeFactory,
    MaturityChangeFactory,
    RunFactory,
    SupervisionSessionFactory,
    answered,
    approved,
    by,
    cancelled,
    executed,
    in_doubt,
    rejected,
    rule,
    ruled,
)

pytestmark = pytest.mark.django_db


def kinds(agent):
    found = Evidence.objects.filter(agent=agent, voided_at__isnull=True).order_by("created_at")
    return [(row.action_type, row.kind) for row in found]


@pytest.fixture
def pay(house):
    return house.action_type("pay", complexity=3)


def asked(run, key="pay", **params):
    return actions.request(run=run, action_type=key, params=params, by=run.agent.actor)


# --- Runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "abandoned"])
def test_however_a_run_ends_it_is_an_episode(house, outcome):
    run = house.run("supervised")
    episode = EpisodeFactory(run=run, outcome=outcome, note="That is all.")
    assert (episode.source, episode.run, episode.outcome) == ("run", run, outcome)
    assert (episode.maturity, episode.fingerprint) == ("supervised", run.fingerprint)
    assert (episode.reported_outcome, episode.verified) == (outcome, False)
    assert episode.reported_by == f"agent {run.agent.name}"
    assert (episode.stint, episode.note) == (0, "That is all.")
    assert episode.score_thousandths == 1_000
    assert standings.shown(run.agent).episodes == 1
    entry = LedgerEntry.objects.get(kind="episode.closed")
    assert entry.subject_id == episode.pk


def test_what_a_person_or_the_system_says_is_verified(house):
    episode = EpisodeFactory(run=house.run(), outcome="failed", by=house.by_governor)
    assert (episode.reported_outcome, episode.verified) == ("", True)


def test_nothing_is_written_when_the_end_is_undone(house):
    run = house.run()

    def undone():
        with transaction.atomic():
            runs.finish(run=run, outcome="succeeded", by=run.agent.actor)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        undone()
    assert not Episode.objects.exists()
    assert standings.shown(run.agent).episodes == 0


def test_segments_are_in_order(house, pay):
    run = house.run("autonomous")
    claim = asked(run, amount=5).claim
    executions.report(
        execution=claim.execution, token=claim.token, outcome="done", by=run.agent.actor
    )
    episode = EpisodeFactory(run=run)
    found = [(s.kind, s.action_type) for s in episode.segments.order_by("position")]
    assert found == [
        ("message", ""),
        ("decision", ""),
        ("decision", "pay"),
        ("action", "pay"),
        ("result", ""),
    ]
    action = episode.segments.get(kind="action")
    assert action.data["params"] == {"amount": 5}
    assert (action.data["state"], action.data["approved"]) == ("done", False)
    assert list(episode.segments.values_list("position", flat=True)) == [0, 1, 2, 3, 4]


def test_a_run_of_an_earlier_stint_does_not_count(house):
    agent = house.agent("autonomous")
    begun = RunFactory(agent=agent)
    MaturityChangeFactory(agent=agent, to="intern")
    agent.refresh_from_db()
    episode = EpisodeFactory(run=begun)
    assert (episode.maturity, episode.stint) == ("autonomous", None)
    assert standings.shown(agent).episodes == 0


# --- Proposals ------------------------------------------------------------------------------------


def test_decisions_of_people_are_evidence(house, pay):
    agent = house.agent()
    plan = [{"id": "pay", "action_type": "pay", "params": {"amount": 5}}]
    clean, edited, refused = (
        proposals.propose(agent=agent, plan=plan, by=agent.actor) for _ in range(3)
    )
    executed(clean)
    changed = [{"id": "pay", "action_type": "pay", "params": {"amount": 4}}]
    reviews.approve(
        proposal=edited, digest=edited.digest, edited_plan=changed, by=house.by_reviewer
    )
    edited.refresh_from_db()
    executed(edited)
    rejected(refused)
    assert kinds(agent) == [
        ("pay", "clean_approval"),
        ("pay", "edited_approval"),
        ("pay", "rejection"),
    ]
    counter = EvidenceCounter.objects.get(agent=agent, action_type="pay")
    assert (counter.count, counter.halves) == (3, 3)
    tally = standings.tallies(agent.pk)["pay"]
    assert tally.rate == 0.5


def test_a_decided_proposal_is_an_episode_with_its_edit_and_reason(house, pay):
    agent = house.agent()
    plan = [{"id": "pay", "action_type": "pay", "params": {"amount": 5}}]
    proposal = proposals.propose(agent=agent, plan=plan, by=agent.actor)
    changed = [{"id": "pay", "action_type": "pay", "params": {"amount": 4}}]
    reviews.approve(
        proposal=proposal,
        digest=proposal.digest,
        edited_plan=changed,
        comment="Four is enough.",
        by=house.by_reviewer,
    )
    proposal.refresh_from_db()
    executed(proposal)
    episode = Episode.objects.get(proposal=proposal)
    assert (episode.source, episode.outcome, episode.verified) == ("proposal", "succeeded", False)
    assert episode.reported_outcome == "succeeded"  # its agent carried it out, and said so
    assert (episode.interventions, episode.stint) == (1, 0)
    edit = episode.segments.get(kind="intervention")
    assert edit.data["text"] == "Four is enough."
    assert edit.data["edit"][0]["after"] == 4


def test_of_a_run_the_run_counts_and_not_its_proposals_as_well(house, pay):
    run = house.run()
    proposal = asked(run, amount=5).proposal
    rejected(proposal)
    assert Episode.objects.get(proposal=proposal).stint is None
    episode = EpisodeFactory(run=run)
    assert standings.shown(run.agent).episodes == 1
    refused = episode.segments.filter(kind="action").get()
    assert refused.data["route"] == "denied"


def test_what_was_approved_and_failed_turned_out_to_have_failed(house, pay):
    agent = house.agent()
    plan = [{"id": "pay", "action_type": "pay", "params": {"amount": 5}}]
    proposal = approved(proposals.propose(agent=agent, plan=plan, by=agent.actor))
    assert standings.shown(agent).episodes == 0  # it has not ended yet
    execution = proposal.execution
    claim = executions.claim(execution=execution, digest=proposal.digest, by=agent.actor)
    executions.report(
        execution=execution, token=claim.token, outcome="failed", error="No.", by=agent.actor
    )
    assert Episode.objects.get(proposal=proposal).outcome == "failed"
    assert standings.shown(agent).successful == 0
    assert kinds(agent) == [("pay", "clean_approval"), ("pay", "failure")]
    assert standings.recount(agent=agent, by=house.by_governor)["agrees"]


def proposed(agent, key="pay"):
    plan = [{"id": "pay", "action_type": key, "params": {"amount": 5}}]
    return proposals.propose(agent=agent, plan=plan, by=agent.actor)


@pytest.mark.parametrize("by_whom", ["its agent", "a person"])
def test_what_was_approved_and_taken_back_is_abandoned_and_no_evidence(house, pay, by_whom):
    agent = house.agent()
    proposal = approved(proposed(agent))
    cancelled(proposal, by=agent.actor if by_whom == "its agent" else house.by_reviewer)
    episode = Episode.objects.get(proposal=proposal)
    assert (episode.outcome, episode.note, episode.stint) == ("abandoned", "for a test", 0)
    shown = standings.shown(agent)
    assert (shown.episodes, shown.successful) == (1, 0)
    assert kinds(agent) == []
    assert standings.recount(agent=agent, by=house.by_governor)["agrees"]


@pytest.mark.parametrize(
    ("found", "outcome", "noted"),
    [
        ("done", "succeeded", ["clean_approval"]),
        ("failed", "failed", ["clean_approval", "failure"]),
    ],
)
def test_what_is_in_doubt_succeeds_only_once_somebody_found_that_it_did(
    house, pay, found, outcome, noted
):
    agent = house.agent()
    proposal = in_doubt(proposed(agent))
    assert not Episode.objects.exists()
    assert kinds(agent) == []
    executions.reconcile(
        execution=proposal.execution, outcome=found, note="I looked.", by=house.by_reviewer
    )
    episode = Episode.objects.get(proposal=proposal)
    assert (episode.outcome, episode.verified) == (outcome, True)
    assert kinds(agent) == [("pay", kind) for kind in noted]
    assert standings.recount(agent=agent, by=house.by_governor)["agrees"]


@pytest.mark.parametrize("decided", [executed, rejected])
def test_what_was_proposed_in_an_earlier_stint_does_not_count(house, pay, decided):
    agent = house.agent("supervised")
    proposal = proposed(agent)
    MaturityChangeFactory(agent=agent, to="intern")
    decided(proposal)
    episode = Episode.objects.get(proposal=proposal)
    assert (episode.maturity, episode.stint) == ("supervised", None)
    agent.refresh_from_db()
    assert standings.shown(agent).episodes == 0


def test_what_was_approved_on_advice_is_kept_and_does_not_count(house):
    house.action_type("note", complexity=2)
    advice.allow_to_approve(workspace=house.workspace, allowed=True, by=house.by_governor)
    agent = house.agent()
    proposal = proposed(agent, "note")
    answered(AdviceFactory(proposal=proposal))
    proposal.refresh_from_db()
    assert proposal.state == "approved"
    executed(proposal)
    episode = Episode.objects.get(proposal=proposal)
    assert (episode.outcome, episode.stint) == ("succeeded", None)
    assert standings.shown(agent).episodes == 0
    assert kinds(agent) == []


# --- Interventions --------------------------------------------------------------------------------


def test_interventions_are_counted_and_are_evidence_for_what_was_done_last(house, pay):
    run = house.run("supervised")
    session = SupervisionSessionFactory(run=run)
    who = by(session.supervisor)
    asked(run, amount=5)
    supervision.pause(session=session, seen=_version(session), by=who)
    supervision.resume(session=session, seen=_version(session), by=who)
    supervision.correct(session=session, seen=_version(session), guidance="Be kind.", by=who)
    episode = EpisodeFactory(run=run)
    assert episode.interventions == 2
    assert kinds(run.agent) == [("pay", "intervention")] * 2
    assert standings.shown(run.agent).intervened == 1
    supervision.complete(
        session=session, seen=_version(session), rating=4, feedback="Fine.", by=who
    )
    last = episode.segments.order_by("position").last()
    assert (last.kind, last.data["rating"], last.data["text"]) == ("intervention", 4, "Fine.")
    assert last.position == episode.segments.count() - 1


def _version(session):
    session.refresh_from_db()
    return session.version


# --- Constitution ---------------------------------------------------------------------------------


def test_a_critical_violation_demotes_at_once_by_one_level(house, pay):
    ruled(
        house.workspace,
        RuleSource("no-pay", "critical", "segment.action_type == 'pay'", "Nobody pays."),
    )
    run = house.run("autonomous")
    asked(run, amount=5)
    episode = EpisodeFactory(run=run)
    run.agent.refresh_from_db()
    assert (run.agent.maturity, run.agent.stint) == ("supervised", 1)
    assert (episode.compliant, episode.score_thousandths) == (False, 800)  # decision and action
    change = run.agent.maturity_changes.get()
    entry = LedgerEntry.objects.get(kind="agent.demoted")
    assert entry.data["by"]["label"] == "constitution"
    assert (change.before, change.after, change.reason) == (
        "autonomous",
        "supervised",
        "violation",
    )
    assert change.evidence["shown"]["episodes"] == 1
    assert Violation.objects.filter(agent=run.agent).count() == 2


def test_a_denied_action_with_another_argument_is_a_bypass(house, pay):
    house.publish(rule("too-much", scope="pay", condition="params.amount > 500", route="denied"))
    run = house.run("autonomous")
    assert asked(run, to="ann", amount=600).route == "denied"
    asked(run, to="ann", amount=400)
    episode = EpisodeFactory(run=run)
    assert [v.rule for v in episode.violations.all()] == ["bypass-of-a-denial"]
    run.agent.refresh_from_db()
    assert run.agent.maturity == "supervised"


def test_invalid_params_put_right_are_no_bypass(house):
    schema = {
        "type": "object",
        "properties": {"amount": {"type": "number"}, "to": {"type": "string"}},
        "required": ["amount"],
    }
    house.action_type("pay", complexity=3, params_schema=schema)
    run = house.run("autonomous")
    assert asked(run, to="ann", amount="5").route == "denied"
    asked(run, to="ann", amount=5)
    assert not EpisodeFactory(run=run).violations.exists()


def test_a_correction_for_the_worse_is_deception_and_moves_the_counters(house):
    run = house.run("autonomous")
    episode = EpisodeFactory(run=run)
    episodes.correct(episode=episode, outcome="failed", note="It paid Bob.", by=house.by_governor)
    episode.refresh_from_db()
    assert (episode.outcome, episode.verified, episode.compliant) == ("failed", True, False)
    assert [v.rule for v in episode.violations.all()] == ["deception"]
    run.agent.refresh_from_db()
    assert run.agent.maturity == "supervised"
    assert standings.recount(agent=run.agent, by=house.by_governor)["agrees"]


def test_corrections_need_a_reason_a_known_outcome_and_the_right(house):
    episode = EpisodeFactory(run=house.run())
    with pytest.raises(InvalidInput, match="note"):
        episodes.correct(episode=episode, outcome="failed", note=" ", by=house.by_governor)
    with pytest.raises(InvalidInput, match="outcome is one of"):
        episodes.correct(episode=episode, outcome="great", note="x", by=house.by_governor)
    for who in (house.by_viewer, house.by_reviewer, house.by_auditor, episode.agent.actor):
        with pytest.raises(NotAllowed):
            episodes.correct(episode=episode, outcome="failed", note="x", by=who)


def test_of_very_many_parts_the_first_and_the_last_are_kept_and_all_are_judged(
    house, pay, monkeypatch
):
    monkeypatch.setattr(episodes, "MAX_PARTS", 3)
    ruled(
        house.workspace,
        RuleSource("no-pay", "low", "segment.action_type == 'pay'", "Nobody pays."),
    )
    run = house.run("autonomous")
    for number in range(3):
        asked(run, n=number)
    episode = EpisodeFactory(run=run)  # 1 message, 1 decision to start, 3 + 3 about paying, 1 end
    assert [s.kind for s in episode.segments.order_by("position")] == [
        "message",
        "decision",
        "result",
    ]
    assert episode.segments.get(kind="result").data["left_out"] == 6
    assert (episode.violations.count(), episode.score_thousandths) == (6, 970)


def test_a_correction_leaves_what_the_parts_broke(house, pay):
    """Secrets are not kept, so that to look again would find nothing."""
    run = house.run("autonomous")
    asked(run, password="hunter2")
    episode = EpisodeFactory(run=run)
    assert "hunter2" not in str(list(episode.segments.values_list("data", flat=True)))
    assert episode.score_thousandths == 950
    episodes.correct(episode=episode, outcome="failed", note="No.", by=house.by_governor)
    episode.refresh_from_db()
    assert sorted(episode.violations.values_list("rule", flat=True)) == [
        "credentials-in-params",
        "deception",
    ]
    assert episode.score_thousandths == 850
    episodes.correct(episode=episode, outcome="succeeded", note="Yes.", by=house.by_governor)
    episode.refresh_from_db()
    assert (episode.score_thousandths, episode.compliant) == (950, True)
    lie = episode.violations.get(rule="deception")  # that it was found stays known
    assert (lie.withdrawn_by, lie.withdrawn_at is None) == (str(house.by_governor), False)
    said = [e.data["data"] for e in LedgerEntry.objects.about(episode.pk)][-2:]
    assert [(one["found"], one["withdrawn"]) for one in said] == [
        (["deception"], []),
        ([], ["deception"]),
    ]
    run.agent.refresh_from_db()
    assert run.agent.maturity == "supervised"  # a demotion stays
    assert standings.recount(agent=run.agent, by=house.by_governor)["agrees"]
