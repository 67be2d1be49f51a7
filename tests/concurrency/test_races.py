"""Two at once: exactly one wins, the other is told, and nothing happens twice."""

from __future__ import annotations

import datetime
import time
from collections import Counter

import pytest
from django.db import transaction
from django.utils import timezone

from governance.domain.actors import system
from governance.domain.errors import (
    AlreadyDecided,
    IdempotencyConflict,
    InvalidInput,
    NotAllowed,
    StaleState,
)
from governance.execution import delivery
from governance.models import (
    Execution,
    LedgerEntry,
    Membership,
    PolicyVersion,
    Proposal,
    Review,
)
from governance.services import actions, executions, memberships, policies, proposals, reviews
from governance.services.executions import Claim
from tests.concurrency.harness import race
from tests.factories import (
    ExecutionFactory,
    MembershipFactory,
    ProposalFactory,
    approved,
    by,
    in_doubt,
    make_spec,
    rule,
)

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = system("worker")


def waiting(house, count: int, **values) -> list[Proposal]:
    """Proposals of one run, of one action type, each for an agent to carry out."""
    values = {"key": "pay", **values}
    with transaction.atomic():
        house.action_type(**values)
        run = house.run()
        return [ProposalFactory(run=run, action_type=values["key"]) for _ in range(count)]


def reviewers(house, count: int) -> list:
    return [
        by(MembershipFactory(workspace=house.workspace, role="reviewer").user) for _ in range(count)
    ]


def approving(waiting, person):
    return lambda i: reviews.approve(proposal=waiting[i], digest=waiting[i].digest, by=person)


def rejecting(waiting, person):
    return lambda i: reviews.reject(
        proposal=waiting[i], digest=waiting[i].digest, reason="no", by=person
    )


def states(rows: list[Proposal]) -> list[str]:
    found = dict(Proposal.objects.values_list("id", "state"))
    return [found[row.id] for row in rows]


def told(results: list[tuple]) -> Counter:
    """How often each combination came out, whoever it was: a refusal by its type."""
    return Counter(tuple(sorted(type(each).__name__ for each in ending)) for ending in results)


def test_two_people_approving_the_same_proposal_at_once(house):
    rows = waiting(house, 200)
    ann, ben = reviewers(house, 2)
    results = race(200, approving(rows, ann), approving(rows, ben))
    assert told(results) == {("AlreadyDecided", "Proposal"): 200}
    for ending in results:
        refusal = next(each for each in ending if isinstance(each, AlreadyDecided))
        winner = next(each for each in ending if isinstance(each, Proposal)).decided_by
        assert str(refusal) == (
            f"This proposal is already approved by {winner.username}; nothing was changed."
        )
    assert set(states(rows)) == {"approved"}
    assert Execution.objects.filter(state="ready").count() == 200
    assert Review.objects.count() == 200
    assert LedgerEntry.objects.filter(kind="proposal.approved").count() == 200
    assert LedgerEntry.objects.filter(kind="execution.ready").count() == 200


def naive_approval(row: Proposal, person) -> Proposal:
    """What must not be done: look, think, save."""
    seen = Proposal.objects.get(pk=row.pk)
    if seen.state != "proposed":
        raise AlreadyDecided("decided")
    time.sleep(0.001)
    seen.state, seen.decided_at, seen.decided_by_id = "approved", timezone.now(), int(person.id)
    seen.save()
    return seen


def test_control_the_same_race_catches_an_approval_that_looks_before_it_saves(house):
    rows = waiting(house, 25)
    ann, ben = reviewers(house, 2)
    results = race(
        25, lambda i: naive_approval(rows[i], ann), lambda i: naive_approval(rows[i], ben)
    )
    assert told(results)["Proposal", "Proposal"] >= 1


def test_approving_and_rejecting_at_once(house):
    rows = waiting(house, 30)
    ann, ben = reviewers(house, 2)
    results = race(30, approving(rows, ann), rejecting(rows, ben))
    assert told(results) == {("AlreadyDecided", "Proposal"): 30}
    after = Counter(states(rows))
    assert after["approved"] + after["rejected"] == 30
    assert Execution.objects.count() == after["approved"]
    assert Review.objects.count() == 30


def test_approving_and_cancelling_at_once(house):
    """An approval may come first and be taken back; nothing cancelled is left to be carried out."""
    rows = waiting(house, 60)
    [ann] = reviewers(house, 1)
    agent = rows[0].agent.actor
    results = race(
        60,
        approving(rows, ann),
        lambda i: proposals.cancel(proposal=rows[i], reason="never mind", by=agent),
    )
    for row, (approval, cancellation) in zip(rows, results, strict=True):
        row.refresh_from_db()
        execution = Execution.objects.of_proposal(row.id)
        if row.state == "cancelled":
            assert isinstance(cancellation, Proposal)
            assert execution is None or execution.state == "cancelled"
            assert (execution is None) == isinstance(approval, AlreadyDecided)
        else:
            assert (row.state, execution.state) == ("approved", "ready")
            assert isinstance(approval, Proposal)
            assert isinstance(cancellation, StaleState)


def test_approving_and_expiring_at_once(house):
    house.action_type("brief", expires_after=datetime.timedelta(milliseconds=40))
    run = house.run()
    [ann] = reviewers(house, 1)
    rows: list[Proposal] = []

    def prepare(_):
        rows.append(ProposalFactory(run=run, action_type="brief"))

    def wait_for(moment: datetime.datetime) -> None:
        time.sleep(max(0.0, (moment - timezone.now()).total_seconds()))

    def approve(i):
        wait_for(rows[i].expires_at - datetime.timedelta(milliseconds=i % 10))
        return reviews.approve(proposal=rows[i], digest=rows[i].digest, by=ann)

    def expire(i):
        wait_for(rows[i].expires_at)
        return proposals.expire_overdue(by=WORKER)

    endings = race(25, approve, expire, prepare=prepare)
    for row, (approval, expiries) in zip(rows, endings, strict=True):
        row.refresh_from_db()
        executed = Execution.objects.filter(proposal=row).count()
        outcome = (row.state, executed, type(approval).__name__, expiries)
        assert outcome in {("approved", 1, "Proposal", 0), ("expired", 0, "AlreadyDecided", 1)}


def test_two_reviewers_at_once_make_a_quorum_of_two(house):
    rows = waiting(house, 30, required_approvals=2)
    ann, ben = reviewers(house, 2)
    results = race(30, approving(rows, ann), approving(rows, ben))
    assert told(results) == {("Proposal", "Proposal"): 30}
    assert set(states(rows)) == {"approved"}
    assert Execution.objects.count() == 30
    assert LedgerEntry.objects.filter(kind="proposal.approved").count() == 30


def test_three_reviewers_at_once_where_two_are_enough(house):
    rows = waiting(house, 15, required_approvals=2)
    people = reviewers(house, 3)
    results = race(15, *(approving(rows, person) for person in people))
    assert told(results) == {("AlreadyDecided", "Proposal", "Proposal"): 15}
    assert set(states(rows)) == {"approved"}
    assert (Execution.objects.count(), Review.objects.count()) == (15, 30)


def test_the_same_person_twice_at_once_is_one_review(house):
    rows = waiting(house, 15, required_approvals=2)
    [ann] = reviewers(house, 1)
    results = race(15, approving(rows, ann), approving(rows, ann))
    assert told(results) == {("AlreadyDecided", "Proposal"): 15}
    assert set(states(rows)) == {"proposed"}
    assert (Execution.objects.count(), Review.objects.count()) == (0, 15)


def test_the_same_idempotency_key_twice_at_once_is_one_proposal(house):
    house.action_type("pay")
    run = house.run()

    def side(i):
        return ProposalFactory(run=run, action_type="pay", idempotency_key=f"key {i}")

    results = race(25, side, side)
    assert all(one.id == other.id for one, other in results)
    assert Proposal.objects.count() == 25
    assert LedgerEntry.objects.filter(kind="proposal.proposed").count() == 25


def test_the_same_idempotency_key_with_two_bodies_at_once_is_one_proposal(house):
    house.action_type("pay")
    run = house.run()

    def side(amount):
        return lambda i: ProposalFactory(
            run=run, action_type="pay", params={"amount": amount}, idempotency_key=f"key {i}"
        )

    assert told(race(20, side(1), side(2))) == {("IdempotencyConflict", "Proposal"): 20}
    assert Proposal.objects.count() == 20
    assert IdempotencyConflict.code == "idempotency_conflict"


def test_the_same_idempotency_key_twice_at_once_is_cleared_once(house):
    house.action_type("pay")
    run = house.run("autonomous")

    def ask(i):
        return actions.request(
            run=run,
            action_type="pay",
            params={"amount": 5},
            idempotency_key=f"key {i}",
            by=run.agent.actor,
        )

    for one, other in race(25, ask, ask):
        assert one.execution == other.execution
        assert (one.claim.token, other.claim.token) == (1, 1)
    assert Execution.objects.count() == 25
    assert LedgerEntry.objects.filter(kind="execution_step.sent").count() == 25


def test_an_agent_claiming_twice_at_once_gets_one_claim(house):
    ready = [ExecutionFactory(proposal=row) for row in waiting(house, 25)]
    agent = ready[0].agent.actor

    def claim(i):
        return executions.claim(execution=ready[i], digest=ready[i].digest, by=agent)

    results = race(25, claim, claim)
    assert told(results) == {("Claim", "StaleState"): 25}
    tokens = [each.token for ending in results for each in ending if isinstance(each, Claim)]
    assert tokens == [1] * 25
    assert LedgerEntry.objects.filter(kind="execution_step.sent").count() == 25


def test_two_workers_share_the_work_and_do_each_piece_once(house, registered):
    done: list[str] = []

    def stamp(context, params):
        done.append(context.idempotency_key)
        return {}

    registered(make_spec("stamp", handler=stamp), workspace=house.workspace)
    run = house.run()
    ready = [approved(ProposalFactory(run=run, action_type="stamp")).execution for _ in range(25)]

    def work(_):
        count = 0
        while executions.run_next(by=WORKER) is not None:
            count += 1
        return count

    [(one, other)] = race(1, work, work)
    assert one + other == 25
    assert sorted(done) == sorted(f"{execution.id}:step1" for execution in ready)
    assert set(Execution.objects.values_list("state", "fencing_token")) == {("done", 1)}
    assert set(Proposal.objects.values_list("state", flat=True)) == {"executed"}


def test_a_worker_and_a_cancellation_at_once(house, registered):
    done: list[str] = []
    spec = make_spec("stamp", handler=lambda context, params: done.append("x") or {})
    registered(spec, workspace=house.workspace)
    run = house.run()
    rows = [approved(ProposalFactory(run=run, action_type="stamp")) for _ in range(25)]

    def cancel(i):
        return proposals.cancel(proposal=rows[i], reason="never mind", by=run.agent.actor)

    results = race(25, cancel, lambda _: executions.run_next(by=WORKER))
    while executions.run_next(by=WORKER) is not None:
        pass
    after = Counter(states(rows))
    cancelled = sum(isinstance(cancellation, Proposal) for cancellation, _ in results)
    assert after == Counter({"cancelled": cancelled, "executed": 25 - cancelled})
    assert len(done) == 25 - cancelled


def test_two_people_settling_a_doubt_at_once(house):
    doubtful = [in_doubt(row).execution for row in waiting(house, 15)]
    ann, ben = reviewers(house, 2)

    def found(person, outcome):
        return lambda i: executions.reconcile(
            execution=doubtful[i], outcome=outcome, note="I looked.", by=person
        )

    results = race(15, found(ann, "done"), found(ben, "failed"))
    assert told(results) == {("Execution", "StaleState"): 15}
    for execution, ending in zip(doubtful, results, strict=True):
        winner = next(each for each in ending if isinstance(each, Execution))
        execution.refresh_from_db()
        assert (execution.state, execution.version) == (winner.state, winner.version)
    kinds = ["execution.done", "execution.failed"]
    assert LedgerEntry.objects.filter(kind__in=kinds).count() == 15


def test_two_sweepers_deliver_each_overdue_execution_once(house, registered, monkeypatch):
    delivered: list[str] = []

    class Engine:
        def enqueue(self, execution_id):
            delivered.append(execution_id)

    monkeypatch.setattr(delivery, "import_string", lambda path: Engine())
    registered(make_spec("stamp"), workspace=house.workspace)
    run = house.run()
    ready = [approved(ProposalFactory(run=run, action_type="stamp")).execution for _ in range(20)]
    delivered.clear()

    def prepare(_):
        Execution.objects.update(deliver_at=timezone.now())

    results = race(10, *[lambda _: executions.redeliver()] * 2, prepare=prepare)
    assert [one + other for one, other in results] == [20] * 10
    assert Counter(delivered) == dict.fromkeys((str(row.pk) for row in ready), 10)


def test_two_publishers_at_once(house):
    def side(name):
        def publish(_):
            newest = PolicyVersion.objects.newest(house.workspace.id).number
            version = policies.draft(workspace=house.workspace, by=house.by_governor)
            policies.set_rules(version=version, rules=[rule(name)], by=house.by_governor)
            return policies.publish(version=version, replaces=newest, by=house.by_governor)

        return publish

    results = race(15, side("one"), side("other"))
    endings = told(results)
    # Whoever looks after the other has published sees that version, and may publish as well.
    assert set(endings) <= {("PolicyVersion", "StaleState"), ("PolicyVersion", "PolicyVersion")}
    numbers = [
        each.number for ending in results for each in ending if isinstance(each, PolicyVersion)
    ]
    assert sorted(numbers) == list(range(2, 2 + len(numbers)))


def test_a_draft_published_and_changed_at_once(house):
    """Whichever is first, what was published is what the rules are afterwards."""
    drafts = [policies.draft(workspace=house.workspace, by=house.by_governor) for _ in range(30)]

    def publish(i):
        newest = PolicyVersion.objects.newest(house.workspace.id).number
        return policies.publish(version=drafts[i], replaces=newest, by=house.by_governor)

    def change(i):
        return policies.set_rules(version=drafts[i], rules=[rule("late")], by=house.by_governor)

    for draft, (version, late) in zip(drafts, race(30, publish, change), strict=True):
        assert isinstance(version, PolicyVersion)
        keys = [found.key for found in draft.rules.all()]
        assert keys == ([] if isinstance(late, StaleState) else ["late"])


def test_two_governors_demoting_each_other_at_once(house):
    """One of them stays, whoever was faster."""
    other = MembershipFactory(workspace=house.workspace, role="governor").user

    def prepare(_):
        for user in (house.governor, other):
            MembershipFactory(workspace=house.workspace, user=user, role="governor")

    def demote(user, person):
        return lambda _: memberships.add(
            workspace=house.workspace, user=user, role="viewer", by=person
        )

    sides = (demote(other, house.by_governor), demote(house.governor, by(other)))
    for ending in race(20, *sides, prepare=prepare):
        told = {type(each) for each in ending}
        assert told in ({Membership, InvalidInput}, {Membership, NotAllowed})
    assert Membership.objects.filter(workspace=house.workspace, role="governor").count() == 1
