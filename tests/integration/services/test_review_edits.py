"""Editing on approval: a whole edited plan, judged and sealed anew, beside the original."""

from __future__ import annotations

import json

import pytest

from governance.domain.errors import (
    AlreadyDecided,
    GateRefused,
    InvalidInput,
    NotFound,
    PlanChanged,
)
from governance.models import Decision, Execution, Proposal, Review
from governance.services import executions, reviews, triggers
from tests.factories import (
    BY_SYSTEM,
    MembershipFactory,
    ProposalFactory,
    by,
    make_spec,
    rule,
)
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db

ORIGINAL = {"amount": 500, "note": None, "to": {"name": "Ann", "tags": ["a", "b"]}}
EDITED = {"amount": 50, "note": None, "to": {"tags": ["a", "c", None]}}


def plan(params, action_type="pay", name="step1") -> list[dict]:
    return [{"id": name, "action_type": action_type, "params": params}]


@pytest.fixture
def proposal(house):
    house.action_type("pay")
    return ProposalFactory(run=house.run(), action_type="pay", params=ORIGINAL)


def reviewer(house):
    return by(MembershipFactory(workspace=house.workspace, role="reviewer").user)


def approve(house, proposal, edited_plan, **values):
    values = {"digest": proposal.digest, "by": house.by_reviewer, **values}
    return reviews.approve(proposal=proposal, edited_plan=edited_plan, **values)


def test_the_edited_plan_is_in_force_and_the_original_stays(house, proposal):
    with recorded() as entries:
        approve(house, proposal, plan(EDITED), comment="ten times too much")
    row = Proposal.objects.get(pk=proposal.pk)
    assert json.loads(row.plan) == plan(ORIGINAL)
    assert json.loads(row.edited_plan) == plan(EDITED)
    assert row.plan_in_force == row.edited_plan
    assert (row.state, row.digest != proposal.digest) == ("approved", True)
    review = Review.objects.get()
    assert (review.verdict, review.edited, review.digest) == ("approve", True, row.digest)
    difference = [
        {"path": "/0/params/amount", "before": 500, "after": 50},
        {"path": "/0/params/to/name", "before": "Ann"},
        {"path": "/0/params/to/tags/1", "before": "b", "after": "c"},
        {"path": "/0/params/to/tags/2", "after": None},
    ]
    assert row.edit == difference
    assert kinds(entries) == [
        "decision.proposal",
        "proposal.edited",
        "review.approve",
        "proposal.approved",
        "execution.ready",
    ]
    assert entries[1].data["data"] == {
        "digest_before": proposal.digest,
        "digest": row.digest,
        "difference": difference,
    }
    assert entries[2].data["data"]["edited"] is True


def test_what_is_executed_is_the_edited_plan_and_nothing_else(house, proposal):
    row = approve(house, proposal, plan(EDITED))
    execution = Execution.objects.get()
    agent = proposal.agent.actor
    with refused(PlanChanged, "which may have been edited"):
        executions.claim(execution=execution, digest=proposal.digest, by=agent)
    claim = executions.claim(execution=execution, digest=row.digest, by=agent)
    assert [step.params for step in claim.plan.steps] == [EDITED]


def test_a_worker_carries_out_the_edited_plan(house, registered):
    seen = []
    spec = make_spec("stamp", handler=lambda context, params: seen.append(params) or {})
    registered(spec, workspace=house.workspace)
    proposal = house.proposal(action_type="stamp", params={"n": 1})
    approve(house, proposal, plan({"n": 2}, "stamp"))
    house.work()
    assert seen == [{"n": 2}]


@pytest.mark.parametrize(
    "same",
    [
        plan(ORIGINAL),
        [{"params": dict(reversed(ORIGINAL.items())), "action_type": "pay", "id": "step1"}],
        plan({**ORIGINAL, "amount": 500.0}),
    ],
)
def test_the_same_plan_written_otherwise_is_no_edit(house, proposal, same):
    row = approve(house, proposal, same)
    assert (row.state, row.edited_plan, row.digest) == ("approved", None, proposal.digest)
    assert Review.objects.get().edited is False


def test_an_edit_may_take_steps_away_and_add_some(house, registered):
    for key in ("stamp", "mail"):
        registered(make_spec(key), workspace=house.workspace)
    two = [*plan({}, "stamp", "one"), *plan({}, "mail", "two")]
    three = [*plan({}, "mail", "two"), *plan({"x": 1}, "stamp", "three"), *plan({}, "mail", "four")]
    proposal = house.proposal(plan=two)
    row = approve(house, proposal, three)
    assert row.edit == [
        {"path": "/0/id", "before": "one", "after": "two"},
        {"path": "/0/action_type", "before": "stamp", "after": "mail"},
        {"path": "/1/id", "before": "two", "after": "three"},
        {"path": "/1/action_type", "before": "mail", "after": "stamp"},
        {"path": "/1/params/x", "after": 1},
        {
            "path": "/2",
            "after": {"id": "four", "action_type": "mail", "params": {}},
        },
    ]
    steps = Execution.objects.get().steps.order_by("position")
    assert [step.step for step in steps] == ["two", "three", "four"]


BAD = [
    (plan({}, "unheard_of"), NotFound, "no enabled action type 'unheard_of'"),
    (plan({"amount": "x"}, "strict"), InvalidInput, "Step step1: params/amount"),
    (plan({}, "run_start"), InvalidInput, "reserved to the system"),
    ([*plan({}), *plan({}, name="two")], InvalidInput, "one step at a time"),
    ([*plan({}), *plan({})], InvalidInput, "two steps with the id"),
    ([], InvalidInput, "at least 1 item"),
    ({"amount": 5}, InvalidInput, "plan: "),
    ("pay", InvalidInput, "plan: "),
    (plan({"x": "y" * 256_000}), InvalidInput, "at most 256,000 are accepted"),
    (plan({"x": {"$cel": "1"}}), InvalidInput, "carries its step out as it stands"),
    (plan({"x": {"$cel": "steps.a.output"}}), InvalidInput, "only earlier steps may be named"),
    (plan({"x": "\x00"}), InvalidInput, r"character U\+0000"),
]


@pytest.mark.parametrize(("edited", "error", "says"), BAD)
def test_a_bad_edit_is_refused_and_the_proposal_waits_on(house, proposal, edited, error, says):
    house.action_type(
        "strict", params_schema={"type": "object", "properties": {"amount": {"type": "integer"}}}
    )
    with refused(error, says):
        approve(house, proposal, edited)
    approve(house, proposal, None)
    assert Proposal.objects.get(pk=proposal.pk).state == "approved"


def test_an_edit_goes_through_the_gate_itself(house, proposal):
    """What was proposed is within the rules; what the reviewer makes of it is not."""
    house.publish(rule("big", condition="params.amount > 1000", reason="too much"))
    with (
        recorded() as entries,
        pytest.raises(GateRefused, match=r"the gate answers denied: .*rule big: denied, too much"),
    ):
        approve(house, proposal, plan({"amount": 5_000}))
    row = Proposal.objects.get(pk=proposal.pk)
    assert (row.state, row.edited_plan, row.digest) == ("proposed", None, proposal.digest)
    assert row.reviews.count() == 0
    assert kinds(entries) == ["decision.denied"]
    assert Decision.objects.order_by("id").last().proposal == row


def test_an_edit_is_sealed_under_the_policy_of_today(house, proposal):
    version = house.publish(rule("look", route="proposal"))
    row = approve(house, proposal, plan(EDITED))
    assert Proposal.objects.get(pk=row.pk).policy == version


def test_an_edit_takes_over_what_its_action_types_require(house, proposal):
    house.action_type("dear", required_approvals=2)
    row = approve(house, proposal, plan({}, "dear"))
    assert (row.state, row.required_approvals) == ("proposed", 2)
    row = reviews.approve(proposal=row, digest=row.digest, by=reviewer(house))
    assert row.state == "approved"


def test_an_edit_cannot_lower_what_was_required(house):
    house.action_type("dear", required_approvals=2)
    house.action_type("pay")
    proposal = ProposalFactory(run=house.run(), action_type="dear")
    row = approve(house, proposal, plan({}, "pay"))
    assert (row.state, row.required_approvals) == ("proposed", 2)


def test_earlier_approvals_of_another_plan_do_not_count(house):
    house.action_type("pay", required_approvals=2)
    proposal = ProposalFactory(run=house.run(), action_type="pay", params={"amount": 500})
    ann, ben, cem = (reviewer(house) for _ in range(3))
    approve(house, proposal, None, by=ann)
    row = approve(house, proposal, plan({"amount": 50}), by=ben)
    assert row.state == "proposed"
    assert Execution.objects.count() == 0
    with refused(PlanChanged, "The plan changed after you read it"):
        approve(house, proposal, None, by=cem)  # cem has read what ann approved
    row = reviews.approve(proposal=row, digest=row.digest, by=ann)  # of what ben made of it
    assert row.state == "approved"
    assert json.loads(Execution.objects.get().plan) == plan({"amount": 50})
    digests = Review.objects.order_by("id").values_list("digest", "edited")
    assert list(digests) == [(proposal.digest, False), (row.digest, True), (row.digest, False)]


def test_a_second_edit_differs_from_the_original_not_from_the_first(house):
    house.action_type("pay", required_approvals=2)
    proposal = ProposalFactory(run=house.run(), action_type="pay", params={"amount": 500})
    row = approve(house, proposal, plan({"amount": 50}))
    row = reviews.approve(
        proposal=row, digest=row.digest, edited_plan=plan({"amount": 5}), by=reviewer(house)
    )
    assert row.edit == [{"path": "/0/params/amount", "before": 500, "after": 5}]
    assert row.state == "proposed"  # each edit has one approval only


def test_who_edited_has_reviewed(house):
    house.action_type("pay", required_approvals=2)
    proposal = ProposalFactory(run=house.run(), action_type="pay")
    row = approve(house, proposal, plan({"amount": 1}))
    with refused(AlreadyDecided, "You have already reviewed"):
        reviews.approve(proposal=row, digest=row.digest, by=house.by_reviewer)


def test_a_proposal_to_start_a_run_cannot_be_made_to_start_another(house):
    agent = house.agent("intern")
    fired = [
        triggers.fire(agent=agent, source="data_sync", type="x", by=BY_SYSTEM) for _ in range(2)
    ]
    other = plan({"run": str(fired[1].run.id)}, "run_start")
    with refused(InvalidInput, "cannot be edited"):
        approve(house, fired[0].proposal, other)


def test_a_proposal_to_start_a_run_cannot_be_edited_into_something_else(house):
    """Its run would wait for ever."""
    house.action_type("pay")
    agent = house.agent("intern")
    started = triggers.fire(agent=agent, source="data_sync", type="x", by=BY_SYSTEM)
    with refused(InvalidInput, "cannot be edited"):
        approve(house, started.proposal, plan({"amount": 1}))
