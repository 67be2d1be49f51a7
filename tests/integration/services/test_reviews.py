"""Reviews: one person's verdict, bound to what that person saw. Edits are in the next module."""

from __future__ import annotations

import datetime

import pytest
import time_machine

from governance.domain.errors import (
    AlreadyDecided,
    GateRefused,
    InvalidInput,
    NotAllowed,
    NotFound,
    PlanChanged,
)
from governance.models import Agent, Decision, Execution, Proposal, Review
from governance.services import agents, reviews
from tests.factories import (
    MembershipFactory,
    ProposalFactory,
    approved,
    by,
    cancelled,
    executed,
    expired,
    failed,
    finished,
    halted,
    in_doubt,
    paused,
    rejected,
    retired,
    rule,
    run_worker,
)
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def proposal(house):
    house.action_type("pay")
    return ProposalFactory(run=house.run(), action_type="pay")


def reviewer(house):
    return by(MembershipFactory(workspace=house.workspace, role="reviewer").user)


def approve(house, proposal, **values):
    values = {"digest": proposal.digest, "by": house.by_reviewer, **values}
    return reviews.approve(proposal=proposal, **values)


def reject(house, proposal, **values):
    values = {"digest": proposal.digest, "by": house.by_reviewer, "reason": "no", **values}
    return reviews.reject(proposal=proposal, **values)


def abstain(house, proposal, **values):
    values = {"digest": proposal.digest, "by": house.by_reviewer, **values}
    return reviews.abstain(proposal=proposal, **values)


VERBS = [approve, reject, abstain]


# --- The three verdicts ---------------------------------------------------------------------------


def test_a_clean_approval_writes_the_execution_with_it(house, proposal):
    with recorded() as entries:
        approve(house, proposal, comment="fine")
    row = Proposal.objects.get(pk=proposal.pk)
    assert (row.state, row.decided_by, row.edited_plan) == ("approved", house.reviewer, None)
    review = Review.objects.get()
    assert (review.verdict, review.digest, review.edited, review.comment) == (
        "approve",
        proposal.digest,
        False,
        "fine",
    )
    execution = Execution.objects.get()
    assert (execution.proposal, execution.state, execution.mode) == (row, "ready", "agent")
    assert (execution.plan, execution.digest) == (row.plan, row.digest)
    assert execution.cleared_route == "proposal"
    assert [(s.step, s.state, s.idempotency_key) for s in execution.steps.all()] == [
        ("step1", "pending", f"{execution.id}:step1")
    ]
    assert kinds(entries) == [
        "decision.proposal",
        "review.approve",
        "proposal.approved",
        "execution.ready",
    ]
    assert {e.data["by"]["label"] for e in entries} == {house.reviewer.username}
    assert entries[1].data["data"] == {
        "review": str(review.id),
        "digest": proposal.digest,
        "edited": False,
        "comment": "fine",
    }
    assert entries[2].data["data"] == {
        "from": "proposed",
        "to": "approved",
        "version": 2,
        "digest": proposal.digest,
        "approvals": 1,
    }


def test_a_rejection_ends_it_with_its_reason(house, proposal):
    with recorded() as entries:
        reject(house, proposal, reason="wrong customer")
    row = Proposal.objects.get(pk=proposal.pk)
    assert (row.state, row.decided_by, row.closing_reason) == (
        "rejected",
        house.reviewer,
        "wrong customer",
    )
    assert Review.objects.get().comment == "wrong customer"
    assert Execution.objects.count() == 0
    assert kinds(entries) == ["review.reject", "proposal.rejected", "episode.closed"]
    assert entries[1].data["data"]["reason"] == "wrong customer"


def test_an_abstention_leaves_it_to_others(house, proposal):
    with recorded() as entries:
        abstain(house, proposal, comment="not my field")
    assert Proposal.objects.get(pk=proposal.pk).state == "proposed"
    assert kinds(entries) == ["review.abstain"]
    approve(house, proposal, by=reviewer(house))
    assert Proposal.objects.get(pk=proposal.pk).state == "approved"


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_a_rejection_needs_a_reason(house, proposal, reason):
    with refused(InvalidInput, "reason is empty"):
        reject(house, proposal, reason=reason)


LONG = [(approve, "comment"), (reject, "reason"), (abstain, "comment")]


@pytest.mark.parametrize(("verb", "name"), LONG)
def test_what_is_said_is_bounded_and_can_be_stored(house, proposal, verb, name):
    with refused(InvalidInput, f"The {name} is 2,001 characters long"):
        verb(house, proposal, **{name: "x" * 2_001})
    with refused(InvalidInput, f"The {name} holds a character that cannot be stored"):
        verb(house, proposal, **{name: "\x00"})


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_a_verdict_binds_to_the_digest_that_was_seen(house, proposal, verb, digest):
    with refused(PlanChanged, "The plan changed after you read it"):
        verb(house, proposal, digest=digest)


DECIDED = [
    (approved, "is already approved by {who}; nothing was changed"),
    (rejected, "is already rejected by {who}; nothing was changed"),
    (cancelled, "has been cancelled; nothing was changed"),
    (expired, "has expired, for nobody decided in time; nothing was changed"),
    (executed, "was approved by {who}, and has been carried out; nothing more was done"),
    (failed, "was approved by {who}, and carrying it out has failed: its execution says why"),
    (in_doubt, "was approved by {who}, and something was sent of which nobody knows yet"),
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("move", "says"), DECIDED)
def test_what_is_decided_is_decided(house, proposal, verb, move, says):
    """The caller's copy of the row still says that it waits."""
    decided_by = move(Proposal.objects.get(pk=proposal.pk)).decided_by
    other = reviewer(house)
    says = says.format(who=decided_by.username if decided_by else "")
    with refused(AlreadyDecided, f"This proposal {says}"):
        verb(house, proposal, by=other)


@pytest.mark.parametrize("verb", VERBS)
def test_what_ran_out_cannot_be_decided_even_before_it_is_swept(house, proposal, verb):
    last = proposal.expires_at - datetime.timedelta(microseconds=1)
    with (
        time_machine.travel(proposal.expires_at, tick=False),
        refused(AlreadyDecided, "This proposal has expired"),
    ):
        verb(house, proposal)
    with time_machine.travel(last, tick=False):
        verb(house, proposal)


@pytest.mark.parametrize("verb", [approve, reject])
def test_who_abstained_may_still_decide(house, verb):
    house.action_type("pay", required_approvals=2)
    proposal = ProposalFactory(run=house.run(), action_type="pay")
    abstain(house, proposal)
    verb(house, proposal)
    assert proposal.reviews.order_by("id").first().verdict == "abstain"
    assert proposal.reviews.count() == 2


@pytest.mark.parametrize(
    ("first", "verb", "says"),
    [
        (approve, approve, "You have already reviewed this proposal"),
        (approve, reject, "You have already reviewed this proposal"),
        (approve, abstain, "You have already reviewed this proposal"),
        (reject, approve, "already rejected"),
        (reject, reject, "already rejected"),
        (reject, abstain, "already rejected"),
        (abstain, abstain, "You have already abstained"),
    ],
)
def test_a_person_reviews_once(house, first, verb, says):
    house.action_type("pay", required_approvals=2)
    proposal = ProposalFactory(run=house.run(), action_type="pay")
    first(house, proposal)
    with refused(AlreadyDecided, says):
        verb(house, proposal)


def test_a_plan_that_is_not_what_was_sealed_cannot_be_approved(house, proposal):
    """Somebody changed the row itself: the digest that people saw no longer describes it."""
    text = '[{"action_type":"pay","id":"step1","params":{"amount":5000}}]'
    Proposal.objects.filter(pk=proposal.pk).update(plan=text)
    with refused(PlanChanged, "The stored plan is not what its digest was made of"):
        approve(house, proposal)
    reject(house, proposal)
    assert Proposal.objects.get(pk=proposal.pk).state == "rejected"


def test_a_changed_agent_cannot_be_approved_but_rejected(house, proposal):
    agents.update(
        agent=proposal.agent, changes={"configuration": {"model": "m-2"}}, by=house.by_governor
    )
    with refused(PlanChanged, "The agent's model, prompt or tools changed"):
        approve(house, proposal)
    edited = [{"id": "step1", "action_type": "pay", "params": {"amount": 1}}]
    with refused(PlanChanged, "The agent's model, prompt or tools changed"):
        approve(house, proposal, edited_plan=edited)
    reject(house, proposal)
    assert Proposal.objects.get(pk=proposal.pk).state == "rejected"


NOTE = {"kind": "markdown", "title": "t", "markdown": "x"}

# how the run ended, who carries the plan out, whether it can still be approved
ENDED_RUNS = [
    ("succeeded", "canvas_present", True),  # what it left for people is theirs to decide
    ("failed", "canvas_present", False),
    ("abandoned", "canvas_present", False),
    ("succeeded", "pay", False),  # no agent is there to act on it
    ("failed", "pay", False),
    ("abandoned", "pay", False),
]


@pytest.mark.parametrize(("outcome", "action_type", "still"), ENDED_RUNS)
def test_what_a_run_left_for_people(house, outcome, action_type, still):
    house.action_type("pay")
    params = NOTE if action_type == "canvas_present" else {}
    proposal = ProposalFactory(run=house.run(), action_type=action_type, params=params)
    finished(proposal.run, outcome=outcome)
    if still:
        approve(house, proposal)
        [execution] = run_worker()
        assert (execution.state, execution.proposal.state) == ("done", "executed")
        return
    standing = "was abandoned" if outcome == "abandoned" else f"has {outcome}"
    with refused(PlanChanged, f"The run {standing} meanwhile; reject or cancel this"):
        approve(house, proposal)
    reject(house, proposal)
    assert Proposal.objects.get(pk=proposal.pk).state == "rejected"


def test_nobody_reviews_in_another_workspace(house, proposal):
    stranger = by(MembershipFactory(role="governor").user)
    for verb in VERBS:
        with refused(NotAllowed, "may not decide proposals here"):
            verb(house, proposal, by=stranger)


# --- The gate, asked again ------------------------------------------------------------------------


def demoted_to(maturity):
    def change(house, agent):
        Agent.objects.filter(pk=agent.pk).update(maturity=maturity)

    return change


# what happened in between, the gate's route, why
IN_BETWEEN = [
    (demoted_to("student"), "training", "student agent, complexity 3: training"),
    (lambda house, agent: paused(agent), "denied", "the agent is paused"),
    (lambda house, agent: retired(agent), "denied", "the agent is retired"),
    (lambda house, agent: halted(house.workspace), "denied", "the workspace is halted"),
    (lambda house, agent: house.publish(rule("no")), "denied", "rule no: denied, for a test"),
    (
        lambda house, agent: house.publish(rule("learn", route="training")),
        "training",
        "rule learn: training, for a test",
    ),
]


@pytest.mark.parametrize(("change", "route", "why"), IN_BETWEEN)
def test_what_the_gate_no_longer_covers_cannot_be_approved(house, proposal, change, route, why):
    change(house, proposal.agent)
    before = Decision.objects.count()
    with recorded() as entries, pytest.raises(GateRefused, match=f"answers {route}: .*{why}"):
        approve(house, proposal)
    row = Proposal.objects.get(pk=proposal.pk)
    assert (row.state, row.version, row.reviews.count()) == ("proposed", 1, 0)
    assert Execution.objects.count() == 0
    assert kinds(entries) == [f"decision.{route}"]
    assert Decision.objects.count() == before + 1
    assert Decision.objects.order_by("id").last().proposal == proposal
    reject(house, proposal)  # a person may still say no
    assert Proposal.objects.get(pk=proposal.pk).state == "rejected"


@pytest.mark.parametrize("route", ["supervision", "proposal"])
def test_a_policy_published_in_between_is_the_one_that_counts(house, proposal, route):
    version = house.publish(rule("look", route=route))
    approve(house, proposal)
    decision = Decision.objects.order_by("id").last()
    assert (decision.policy, decision.route) == (version, "proposal")
    row = Proposal.objects.get(pk=proposal.pk)
    assert (row.state, row.policy.number) == ("approved", 1)


def test_an_action_type_that_is_gone_cannot_be_approved(house, proposal):
    house.action_type("pay", enabled=False)
    with refused(NotFound, "no enabled action type 'pay'"):
        approve(house, proposal)


def test_params_that_the_schema_of_today_refuses_cannot_be_approved(house, proposal):
    house.action_type("pay", params_schema={"type": "object", "required": ["currency"]})
    with refused(InvalidInput, "Step step1: params: "):
        approve(house, proposal)


# --- More than one approval -----------------------------------------------------------------------


def test_two_approvals_where_two_are_required(house):
    house.action_type("pay", required_approvals=2)
    proposal = ProposalFactory(run=house.run(), action_type="pay")
    ann, ben = reviewer(house), reviewer(house)
    with recorded() as entries:
        row = approve(house, proposal, by=ann)
    assert (row.state, row.decided_by) == ("proposed", None)
    assert kinds(entries) == ["decision.proposal", "review.approve"]
    assert Execution.objects.count() == 0
    with recorded() as entries:
        row = approve(house, proposal, by=ben)
    assert (row.state, row.decided_by_id) == ("approved", int(ben.id))
    assert entries[2].data["data"]["approvals"] == 2
    assert Execution.objects.count() == 1


def test_what_is_required_more_once_it_is_approved_takes_no_approval_back(house):
    house.action_type("pay", required_approvals=1)
    proposal = ProposalFactory(run=house.run(), action_type="pay")
    row = approve(house, proposal, by=reviewer(house))
    house.action_type("pay", required_approvals=2)
    assert executed(row).state == "executed"


def test_what_is_required_more_while_it_waits_counts(house):
    house.action_type("pay", required_approvals=1)
    proposal = ProposalFactory(run=house.run(), action_type="pay")
    house.action_type("pay", required_approvals=2)
    approve(house, proposal, by=reviewer(house))
    assert Proposal.objects.get(pk=proposal.pk).state == "proposed"
    approve(house, proposal, by=reviewer(house))
    assert Proposal.objects.get(pk=proposal.pk).state == "approved"


def test_an_abstention_does_not_count(house):
    house.action_type("pay", required_approvals=2)
    proposal = ProposalFactory(run=house.run(), action_type="pay")
    abstain(house, proposal, by=reviewer(house))
    approve(house, proposal, by=reviewer(house))
    assert Proposal.objects.get(pk=proposal.pk).state == "proposed"
    approve(house, proposal, by=reviewer(house))
    assert Proposal.objects.get(pk=proposal.pk).state == "approved"


def test_one_rejection_is_enough(house):
    house.action_type("pay", required_approvals=3)
    proposal = ProposalFactory(run=house.run(), action_type="pay")
    ann, ben, cem = (reviewer(house) for _ in range(3))
    approve(house, proposal, by=ann)
    reject(house, proposal, by=ben)
    assert Proposal.objects.get(pk=proposal.pk).state == "rejected"
    with refused(AlreadyDecided, "already rejected"):
        approve(house, proposal, by=cem)
