"""Proposals: filed, found again under their key, taken back, run out."""

from __future__ import annotations

import datetime

import pytest
import time_machine

from governance.domain.errors import (
    GateRefused,
    IdempotencyConflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    StaleState,
)
from governance.models import Agent, Decision, Execution, Proposal, Run
from governance.policy import plans
from governance.services import proposals, triggers
from tests.factories import (
    BY_SYSTEM,
    ActionTypeFactory,
    AgentFactory,
    EmptyWorkspaceFactory,
    ExecutionFactory,
    House,
    ProposalFactory,
    approved,
    cancelled,
    claimed,
    executed,
    expired,
    failed,
    finished,
    in_doubt,
    make_spec,
    paused,
    rejected,
    rule,
)
from tests.integration.services.checks import everything, kinds, recorded, refused

pytestmark = pytest.mark.django_db


def step(action_type="pay", name="step1", params=None) -> dict:
    return {"id": name, "action_type": action_type, "params": params or {"amount": 5}}


@pytest.fixture
def run(house):
    house.action_type("pay", title="Pay", expires_after=datetime.timedelta(hours=6))
    return house.run()


def propose(run, /, *plan, **values):
    values = {"agent": run.agent, "run": run, "by": run.agent.actor, **values}
    return proposals.propose(plan=list(plan) or [step()], **values)


def test_propose_writes_the_proposal_its_decision_and_their_entries(run):
    with recorded() as entries:
        proposal = propose(run, reasoning="it is due")
    proposal = Proposal.objects.get(pk=proposal.pk)
    assert (proposal.state, proposal.kind, proposal.route) == ("proposed", "action", "proposal")
    assert (proposal.title, proposal.reasoning) == ("Pay", "it is due")
    assert proposal.plan == '[{"action_type":"pay","id":"step1","params":{"amount":5}}]'
    assert proposal.plan_in_force == proposal.plan
    assert (proposal.edited_plan, proposal.edit) == (None, [])
    assert proposal.expires_at - proposal.created_at == datetime.timedelta(hours=6)
    assert (proposal.fingerprint, proposal.policy.number) == (run.agent.fingerprint, 1)
    assert kinds(entries) == ["proposal.proposed", "decision.proposal"]
    assert entries[0].data["data"] == {
        "from": None,
        "to": "proposed",
        "version": 1,
        "digest": proposal.digest,
        "route": "proposal",
        "titled": False,
        "workflows": [],
    }
    [decision] = Decision.objects.filter(proposal=proposal)
    assert (decision.step, decision.route, decision.run) == ("step1", "proposal", run)


def test_a_proposal_needs_no_run(run):
    proposal = propose(run, run=None)
    assert (proposal.run, proposal.state) == (None, "proposed")


def test_what_the_gate_would_let_run_can_be_proposed_all_the_same(house, run):
    run = house.run("autonomous")
    with recorded() as entries:
        proposal = propose(run)
    assert (proposal.state, proposal.route) == ("proposed", "execution")
    assert kinds(entries) == ["proposal.proposed"]
    assert Execution.objects.count() == 0


def test_a_plan_of_several_steps_takes_the_strictest_of_each(house, run, registered):
    registered(make_spec("stamp", expires_after=datetime.timedelta(hours=2)))
    registered(make_spec("mail", expires_after=datetime.timedelta(hours=9)))
    for key in ("stamp", "mail"):
        house.action_type(
            key,
            mode="handler",
            effect="local",
            complexity=2 if key == "stamp" else 4,
            required_approvals=3 if key == "stamp" else 1,
            expires_after=datetime.timedelta(hours=2 if key == "stamp" else 9),
        )
    with recorded() as entries:
        proposal = propose(run, step("stamp", "one"), step("mail", "two"))
    assert proposal.title == "Stamp, then Mail"
    assert (proposal.route, proposal.required_approvals) == ("proposal", 3)
    assert proposal.expires_at - proposal.created_at == datetime.timedelta(hours=2)
    decisions = Decision.objects.filter(proposal=proposal).order_by("id")
    assert [(d.step, d.route) for d in decisions] == [("one", "execution"), ("two", "proposal")]
    assert kinds(entries) == ["proposal.proposed", "decision.proposal"]


def test_the_digest_covers_plan_agent_fingerprint_and_policy(house, run):
    first = propose(run)
    assert propose(run).digest == first.digest
    others = [propose(run, step(params={"amount": 6})), propose(house.run())]
    Agent.objects.filter(pk=run.agent_id).update(fingerprint="f" * 64)
    others.append(propose(run))
    house.publish()
    others.append(propose(run))
    assert len({first.digest, *(other.digest for other in others)}) == 5


DEEP: dict = {}
for _ in range(62):
    DEEP = {"x": DEEP}

# plan or keywords, error, what it says
BAD = [
    ([step("unheard_of")], {}, NotFound, "no enabled action type 'unheard_of'"),
    ([step("off")], {}, NotFound, "no enabled action type 'off'"),
    ([step("strict")], {}, InvalidInput, "Step step1: params"),
    ([step("run_start")], {}, InvalidInput, "Step step1: run_start is reserved to the system"),
    ([step(), step("stamp", "two")], {}, InvalidInput, "mixes steps"),
    ([step(), step("pay", "two")], {}, InvalidInput, "one step at a time"),
    ([step("stamp"), step("stamp")], {}, InvalidInput, "two steps with the id 'step1'"),
    ([step(name="Step")], {}, InvalidInput, "plan/0/id"),
    ([step(name="a\n")], {}, InvalidInput, "plan/0/id"),
    ([{**step("stamp"), "when": "1"}], {}, InvalidInput, "the condition must be true or false"),
    ([{**step("stamp"), "when": "steps.a.output.x"}], {}, InvalidInput, "only earlier steps"),
    ([{**step(), "when": "true"}], {}, InvalidInput, "carries its step out as it stands"),
    ([step(params={"x": {"$cel": "1"}})], {}, InvalidInput, "carries its step out as it stands"),
    ([{"id": "a", "action_type": "pay"}], {}, InvalidInput, "plan/0/params"),
    ([step("stamp", f"s{n}") for n in range(51)], {}, InvalidInput, "at most 50 items"),
    ([step(params={"x": DEEP})], {}, InvalidInput, "nested deeper than 64 levels"),
    ([step(params={"x": "y" * 1_000_000})], {}, InvalidInput, "at most 256,000 are accepted"),
    ([step(params={"x": 2**53})], {}, InvalidInput, "use strings for whole numbers"),
    ([step(params={"x": float("nan")})], {}, InvalidInput, "only finite numbers"),
    ([step(params={"x": "\ud800"})], {}, InvalidInput, "valid Unicode"),
    ([step(params={"x": "\x00"})], {}, InvalidInput, r"character U\+0000"),
    ([step(params={"x": {"$cel": "steps.a.output"}})], {}, InvalidInput, "only earlier steps"),
    ([step()], {"title": "t" * 201}, InvalidInput, "title is 201 characters long"),
    ([step()], {"reasoning": "r" * 10_001}, InvalidInput, "reasoning is 10,001 characters"),
    ([step()], {"reasoning": "\x00"}, InvalidInput, "cannot be stored"),
    ([step()], {"kind": "wish"}, InvalidInput, "no proposal kind 'wish'"),
    ([step()], {"idempotency_key": " "}, InvalidInput, "idempotency key is empty"),
    ([step()], {"idempotency_key": "k" * 201}, InvalidInput, "201 characters long"),
]


@pytest.mark.parametrize(("plan", "values", "error", "says"), BAD)
def test_a_bad_plan_is_refused_and_nothing_is_written(
    house, run, registered, plan, values, error, says
):
    schema = {"type": "object", "properties": {"amount": {"type": "string"}}}
    house.action_type("strict", params_schema=schema)
    house.action_type("off", enabled=False)
    registered(make_spec("stamp"), workspace=house.workspace)
    with refused(error, says):
        propose(run, *plan, **values)


@pytest.mark.parametrize("plan", [[], {}, None, "pay", [None], [["pay"]], 5])
def test_what_is_no_list_of_steps_is_refused(run, plan):
    with refused(InvalidInput, "plan"):
        proposals.propose(agent=run.agent, run=run, plan=plan, by=run.agent.actor)


def test_an_action_type_of_another_workspace_is_unknown(run):
    other = House.build()
    other.action_type("theirs")
    with refused(NotFound, "no enabled action type 'theirs'"):
        propose(run, step("theirs"))


def test_without_a_published_policy_the_gate_denies():
    workspace = EmptyWorkspaceFactory()
    ActionTypeFactory(workspace=workspace, key="pay")
    agent = AgentFactory(workspace=workspace, maturity="intern")
    with pytest.raises(GateRefused, match="denied: no policy version is published"):
        proposals.propose(agent=agent, plan=[step()], by=agent.actor)
    assert Proposal.objects.count() == 0
    assert Decision.objects.get(kind="action").policy is None


# what the gate answers, and why
REFUSED = [
    (lambda run: Agent.objects.filter(pk=run.agent_id).update(maturity="student"), "training"),
    (lambda run: paused(run.agent), "denied: the agent is paused"),
]


@pytest.mark.parametrize(("change", "says"), REFUSED)
def test_training_and_denied_are_refused_and_their_decisions_kept(run, change, says):
    change(run)
    with recorded() as entries, pytest.raises(GateRefused, match=f"The gate answers {says}"):
        propose(run)
    assert Proposal.objects.count() == 0
    route = says.split(":", maxsplit=1)[0]
    decision = Decision.objects.get(kind="action")
    assert (decision.route, decision.proposal, decision.step) == (route, None, "step1")
    assert kinds(entries) == [f"decision.{route}"]


def test_a_rule_that_denies_keeps_every_steps_decision(house, run, registered):
    registered(make_spec("stamp"), workspace=house.workspace)
    registered(make_spec("mail"), workspace=house.workspace)
    house.publish(rule("no_mail", scope="mail", reason="not now"))
    with pytest.raises(GateRefused, match=r"denied: .*rule no_mail: denied, not now"):
        propose(run, step("stamp", "one"), step("mail", "two"))
    decisions = Decision.objects.filter(kind="action").order_by("id")
    assert [(d.step, d.route) for d in decisions] == [("one", "proposal"), ("two", "denied")]


def test_only_the_agent_itself_in_its_own_run(house, run):
    other = house.run()
    with refused(NotAllowed, "Only the agent .* itself may do this"):
        propose(run, by=other.agent.actor)
    with refused(NotAllowed, "The run belongs to another agent"):
        propose(run, run=other)


def test_nothing_is_proposed_in_a_run_that_ended(run):
    finished(run)
    with refused(StaleState, "The run is not running"):
        propose(run)


def test_the_same_key_with_the_same_body_is_the_same_proposal(run):
    first = propose(run, idempotency_key="k")
    before = everything()
    assert propose(run, idempotency_key="k").id == first.id
    assert everything() == before
    approved(first)
    again = propose(run, idempotency_key="k")
    assert (again.id, again.state) == (first.id, "approved")


OTHER_BODY = [
    {"title": "Other"},
    {"reasoning": "other"},
    {"kind": "analysis"},
    {"run": None},
]


@pytest.mark.parametrize("values", OTHER_BODY)
def test_the_same_key_with_another_body_is_refused(run, values):
    propose(run, idempotency_key="k")
    with refused(IdempotencyConflict, "'k' was used for another proposal"):
        propose(run, **values, idempotency_key="k")
    with refused(IdempotencyConflict, "'k' was used for another proposal"):
        propose(run, step(params={"amount": 6}), idempotency_key="k")


def test_a_key_is_of_one_agent(house, run):
    other = house.run()
    assert propose(run, idempotency_key="k").id != propose(other, idempotency_key="k").id
    assert propose(run).id != propose(run).id  # no key: no identity


# --- Cancelling -----------------------------------------------------------------------------------


def test_what_waits_can_be_taken_back(run):
    proposal = propose(run)
    with recorded() as entries:
        row = proposals.cancel(proposal=proposal, reason="never mind", by=run.agent.actor)
    row = Proposal.objects.get(pk=row.pk)
    assert (row.state, row.closing_reason, row.decided_by) == ("cancelled", "never mind", None)
    assert [(e.kind, e.data["data"]["reason"]) for e in entries] == [
        ("proposal.cancelled", "never mind")
    ]


def test_what_is_approved_and_not_claimed_can_be_taken_back_with_its_execution(house, run):
    execution = ExecutionFactory(proposal=propose(run))
    with recorded() as entries:
        proposals.cancel(proposal=execution.proposal, reason="no", by=house.by_reviewer)
    execution.refresh_from_db()
    assert (execution.state, execution.proposal.state) == ("cancelled", "cancelled")
    assert kinds(entries) == [
        "execution.cancelled",
        "execution_step.not_run",
        "proposal.cancelled",
        "episode.closed",
    ]
    assert execution.finished_at is not None


@pytest.mark.parametrize(
    "move", [rejected, cancelled, expired, executed, failed, in_doubt], ids=lambda m: m.__name__
)
def test_what_is_over_cannot_be_taken_back(run, move):
    proposal = move(propose(run))
    with refused(StaleState, "cannot (become|be) cancelled"):
        proposals.cancel(proposal=proposal, reason="no", by=run.agent.actor)


def test_what_is_claimed_cannot_be_taken_back(run):
    execution = claimed(ExecutionFactory(proposal=propose(run)))
    with refused(StaleState, "step1 was sent already: what was sent cannot be cancelled"):
        proposals.cancel(proposal=execution.proposal, reason="no", by=run.agent.actor)


def test_taking_back_needs_a_reason(run):
    proposal = propose(run)
    with refused(InvalidInput, "reason is empty"):
        proposals.cancel(proposal=proposal, reason="", by=run.agent.actor)


def test_another_agent_may_not_take_it_back(house, run):
    proposal, other = propose(run), house.agent()
    with refused(NotAllowed, "Only the agent .* itself"):
        proposals.cancel(proposal=proposal, reason="no", by=other.actor)


# --- Running out ----------------------------------------------------------------------------------


def test_what_nobody_decides_in_time_expires(run):
    proposal, other = propose(run), ProposalFactory(run=run)  # the other waits for seven days
    with time_machine.travel(proposal.expires_at - datetime.timedelta(seconds=1), tick=False):
        assert proposals.expire_overdue(by=BY_SYSTEM) == 0
    with recorded() as entries, time_machine.travel(proposal.expires_at, tick=False):
        assert proposals.expire_overdue(by=BY_SYSTEM) == 1
        assert proposals.expire_overdue(by=BY_SYSTEM) == 0
    rows = [Proposal.objects.get(pk=row.pk).state for row in (proposal, other)]
    assert rows == ["expired", "proposed"]
    assert [(e.kind, e.data["data"]["reason"]) for e in entries] == [
        ("proposal.expired", "Nobody decided in time.")
    ]


@pytest.mark.parametrize("move", [approved, rejected, cancelled, executed, failed])
def test_what_is_decided_does_not_expire(run, move):
    proposal = move(propose(run))
    with time_machine.travel(proposal.expires_at + datetime.timedelta(days=1), tick=False):
        assert proposals.expire_overdue(by=BY_SYSTEM) == 0
    assert Proposal.objects.get(pk=proposal.pk).state == proposal.state


@pytest.mark.parametrize("end", [expired, cancelled, rejected])
def test_a_run_that_waited_for_it_is_abandoned(house, end):
    started = triggers.fire(agent=house.agent("intern"), source="data_sync", type="x", by=BY_SYSTEM)
    proposal = end(started.proposal)
    run = Run.objects.get(pk=started.run.pk)
    assert run.state == "abandoned"
    assert run.outcome == f"The proposal to start it was {proposal.state}."


def test_a_run_that_is_under_way_is_left_alone(run):
    cancelled(propose(run))
    assert Run.objects.get(pk=run.pk).state == "running"


def test_what_looks_like_a_secret_in_its_words_is_masked(house):
    house.action_type("pay", complexity=1)
    agent = house.agent("intern")
    filing = {
        "title": "Pay with sk-live-abcdefghijklmnop1234",
        "reasoning": "password=hunter2hunter2",
    }
    proposal = proposals.propose(
        agent=agent, plan=plans.single("pay", {}), by=agent.actor, idempotency_key="k1", **filing
    )
    kept = Proposal.objects.get(pk=proposal.pk)
    assert (kept.title, kept.reasoning) == ("Pay with [redacted]", "password=[redacted]")
    again = proposals.propose(
        agent=agent, plan=plans.single("pay", {}), by=agent.actor, idempotency_key="k1", **filing
    )
    assert again == proposal
