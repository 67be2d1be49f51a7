"""Two who steer at once, and everybody who acts in a watched run: one acts, the other is told."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

import pytest
from django.db import connection, transaction

from governance.domain.actors import system
from governance.domain.errors import GovernanceError, StaleState
from governance.models import (
    Execution,
    Intervention,
    LedgerEntry,
    Proposal,
    Run,
    SessionEvent,
    SupervisionSession,
)
from governance.services import actions, executions, proposals, reviews, runs, supervision
from tests.concurrency.harness import race
from tests.factories import (
    MembershipFactory,
    ProposalFactory,
    QueuedRunFactory,
    SupervisionSessionFactory,
    approved,
    by,
    make_spec,
)

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = system("worker")
ROUNDS = 15


def sessions(house, count: int = ROUNDS) -> list[SupervisionSession]:
    with transaction.atomic():
        agent = house.agent("supervised")
        return [SupervisionSessionFactory(run=QueuedRunFactory(agent=agent)) for _ in range(count)]


def supervisors(house, count: int = 2) -> list:
    return [
        by(MembershipFactory(workspace=house.workspace, role="supervisor").user)
        for _ in range(count)
    ]


def now(row: SupervisionSession) -> SupervisionSession:
    return SupervisionSession.objects.get(pk=row.pk)


def pausing(rows, person):
    return lambda i: supervision.pause(session=rows[i], seen=rows[i].version, by=person)


def resuming(rows, person):
    return lambda i: supervision.resume(session=rows[i], seen=rows[i].version, by=person)


def terminating(rows, person):
    return lambda i: supervision.terminate(
        session=rows[i], seen=rows[i].version, reason="no", by=person
    )


def told(results: list[tuple]) -> Counter:
    """How often each combination came out, side by side: a refusal by its type."""
    return Counter(tuple(type(each).__name__ for each in ending) for ending in results)


def one_acted(results) -> bool:
    return set(told(results)) <= {("NoneType", "StaleState"), ("StaleState", "NoneType")}


def whole(rows) -> None:
    """The events of every session are numbered from 1 without a gap."""
    for row in rows:
        numbers = SessionEvent.objects.filter(session=row).order_by("sequence")
        found = list(numbers.values_list("sequence", flat=True))
        assert found == list(range(1, now(row).last_sequence + 1))


def test_pause_and_terminate_at_once(house):
    rows, (ann, ben) = sessions(house), supervisors(house)
    results = race(ROUNDS, pausing(rows, ann), terminating(rows, ben))
    assert one_acted(results)
    for row, (paused, ended) in zip(rows, results, strict=True):
        state = now(row).state
        assert state == ("paused" if paused is None else "terminated")
        refusal = paused or ended
        winner, kind = (ann, "pause") if paused is None else (ben, "terminate")
        assert str(refusal) == (
            f"The session is {state} now: {winner.label} acted ({kind}) after you looked. Nothing "
            "was done; look again, then decide."
        )
    assert Intervention.objects.count() == ROUNDS
    whole(rows)


def test_resume_and_terminate_of_a_run_whose_step_waits(house, registered):
    registered(make_spec("stamp"), workspace=house.workspace)
    rows, (ann, ben) = sessions(house), supervisors(house)
    waiting = [step_that_waits(row, ann) for row in rows]
    rows = [now(row) for row in rows]
    results = race(ROUNDS, resuming(rows, ann), terminating(rows, ben))
    assert one_acted(results)
    for execution, (resumed, _) in zip(waiting, results, strict=True):
        execution.refresh_from_db()
        assert execution.state == ("ready" if resumed is None else "cancelled")
        assert execution.waiting_for is None
    whole(rows)


def step_that_waits(row: SupervisionSession, person) -> Execution:
    """The run has something cleared, is paused, and a worker has put the step off."""
    run = row.run
    answer = actions.request(run=run, action_type="stamp", params={}, by=run.agent.actor)
    supervision.pause(session=row, seen=now(row).version, by=person)
    executions.run(execution_id=answer.execution.pk, by=WORKER)
    execution = Execution.objects.get(pk=answer.execution.pk)
    assert (execution.state, execution.waiting_for) == ("ready", row.pk)
    return execution


def naive_pause(row: SupervisionSession) -> None:
    """What must not be done: look, think, save."""
    seen = now(row)
    if seen.state != "running":
        raise StaleState("not running")
    time.sleep(0.001)
    seen.state = "paused"
    seen.save(update_fields=["state"])


def test_control_the_race_catches_a_pause_that_looks_before_it_saves(house):
    rows = sessions(house, 15)
    results = race(15, lambda i: naive_pause(rows[i]), lambda i: naive_pause(rows[i]))
    assert told(results)["NoneType", "NoneType"] >= 1


def test_two_who_start_to_watch_at_once(house):
    with transaction.atomic():
        agent = house.agent("supervised")
        waiting = [QueuedRunFactory(agent=agent) for _ in range(ROUNDS)]
    ann, ben = supervisors(house)
    results = race(
        ROUNDS,
        lambda i: supervision.start(run=waiting[i], by=ann),
        lambda i: supervision.start(run=waiting[i], by=ben),
    )
    assert set(told(results)) <= {
        ("SupervisionSession", "StaleState"),
        ("StaleState", "SupervisionSession"),
    }
    assert SupervisionSession.objects.count() == ROUNDS
    assert Run.objects.filter(state="running").count() == ROUNDS


def test_the_agent_finishes_while_somebody_terminates(house):
    rows, (ann,) = sessions(house), supervisors(house, 1)
    agent_runs = [Run.objects.select_related("agent").get(pk=row.run_id) for row in rows]
    results = race(
        ROUNDS,
        lambda i: runs.finish(run=agent_runs[i], outcome="succeeded", by=agent_runs[i].agent.actor),
        terminating(rows, ann),
    )
    assert one_acted(results)
    for row, (finished, _) in zip(rows, results, strict=True):
        states = (Run.objects.get(pk=row.run_id).state, now(row).state)
        ended = ("abandoned", "terminated")
        assert states == (("succeeded", "running") if finished is None else ended)
    whole(rows)


def test_the_agent_asks_while_somebody_terminates(house, registered):
    """Either it was asked before, and what came of it is taken back; or it is refused."""
    registered(make_spec("stamp"), workspace=house.workspace)
    rows, (ann,) = sessions(house), supervisors(house, 1)
    agent_runs = [Run.objects.select_related("agent").get(pk=row.run_id) for row in rows]

    def ask(i):
        run = agent_runs[i]
        return actions.request(run=run, action_type="stamp", params={}, by=run.agent.actor)

    results = race(ROUNDS, ask, terminating(rows, ann))
    assert set(told(results)) <= {("Answer", "NoneType"), ("StaleState", "NoneType")}
    assert set(Execution.objects.values_list("state", flat=True)) <= {"cancelled"}
    for run in agent_runs:
        with pytest.raises(StaleState, match="not running"):
            actions.request(run=run, action_type="stamp", params={}, by=run.agent.actor)
    whole(rows)


def test_an_agent_reports_on_an_approved_proposal_while_somebody_terminates(house):
    rows, (ann,) = sessions(house), supervisors(house, 1)
    house.action_type("pay")
    claims = []
    for row in rows:
        execution = approved(ProposalFactory(run=row.run, action_type="pay")).execution
        actor = execution.agent.actor
        claims.append(
            (executions.claim(execution=execution, digest=execution.digest, by=actor), actor)
        )

    def report(i):
        claim, actor = claims[i]
        executions.report(execution=claim.execution, token=claim.token, outcome="done", by=actor)

    results = race(ROUNDS, report, terminating(rows, ann))
    assert set(told(results)) == {("NoneType", "NoneType")}
    assert set(Execution.objects.values_list("state", flat=True)) == {"done"}
    assert set(Proposal.objects.values_list("state", flat=True)) == {"executed"}
    whole(rows)


def test_approval_and_termination_at_once(house, registered):
    registered(make_spec("stamp"), workspace=house.workspace)
    rows, (ann,) = sessions(house), supervisors(house, 1)
    filed = [ProposalFactory(run=row.run, action_type="stamp") for row in rows]
    reviewer = house.by_reviewer

    def approve(i):
        reviews.approve(proposal=filed[i], digest=filed[i].digest, by=reviewer)

    race(ROUNDS, approve, terminating(rows, ann))
    assert set(Proposal.objects.values_list("state", flat=True)) == {"cancelled"}
    assert set(Execution.objects.values_list("state", flat=True)) <= {"cancelled"}


# --- Everybody at once ----------------------------------------------------------------------------

SECONDS, LONGEST = 2.5, 30.0
"""How long they play at least; and at most, until each of the words below has been said."""

EXPECTED = {"acted", "started", "paused", "terminated", "worked", "told"}


def test_nobody_waits_for_anybody_for_ever(house, registered):
    """Agents, workers, reviewers and supervisors at random, in the same few runs.

    A refusal is an answer; a deadlock, a lost update or a locked database ends the test.
    """
    registered(make_spec("stamp"), workspace=house.workspace)
    house.action_type("pay", complexity=1)
    agents = [house.agent("supervised") for _ in range(3)]
    people = supervisors(house, 2)
    began, unforeseen = time.monotonic(), []
    done: Counter[str] = Counter()

    def goes_on() -> bool:
        played = time.monotonic() - began
        return not unforeseen and (played < SECONDS or (played < LONGEST and not said(done)))

    def play(number: int, player) -> None:
        chance = random.Random(number)
        try:
            while goes_on():
                try:
                    done[player(chance) or "nothing"] += 1
                except GovernanceError:
                    done["told"] += 1
        except BaseException as error:  # noqa: BLE001  raised below, in the test's own thread
            unforeseen.append(error)
        finally:
            connection.close()

    players = [watcher(people[0]), watcher(people[1]), worker, worker, sweeper]
    players += [agent_of(agent) for agent in agents] + [reviewer(house.by_reviewer)]
    threads = [threading.Thread(target=play, args=each) for each in enumerate(players)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST * 2)
    assert not any(thread.is_alive() for thread in threads), "somebody is stuck"
    if unforeseen:
        raise unforeseen[0]
    assert said(done), done
    whole(SupervisionSession.objects.all())
    settle_everything(people[0])


def said(done: Counter[str]) -> bool:
    return all(done[word] for word in EXPECTED)


def agent_of(agent):
    def play(chance) -> str:
        run = Run.objects.select_related("agent").filter(agent=agent, state="running").first()
        if run is None:
            QueuedRunFactory(agent=agent)
            return "asked to start"
        if chance.random() < 0.1:
            runs.finish(run=run, outcome="succeeded", by=agent.actor)
            return "finished"
        key = chance.choice(["stamp", "pay"])
        if chance.random() < 0.3:
            ProposalFactory(run=run, action_type=key)
            return "proposed"
        answer = actions.request(run=run, action_type=key, params={}, by=agent.actor)
        if answer.claim is None:
            return "held" if answer.held else "acted"
        claim = answer.claim
        executions.report(
            execution=claim.execution, token=claim.token, outcome="done", by=agent.actor
        )
        return "reported"

    return play


def watcher(person):
    def play(chance) -> str:
        waiting = Run.objects.waiting_for_supervisor().first()
        if waiting is not None:
            supervision.start(run=waiting, by=person)
            return "started"
        session = chance.choice(list(SupervisionSession.objects.open()) or [None])
        if session is None:
            time.sleep(0.01)
            return "nothing"
        seen = {"session": session, "seen": session.version, "by": person}
        verb = chance.choice(["pause", "resume", "resume", "correct", "terminate", "complete"])
        if verb == "correct":
            supervision.correct(guidance="mind the step", **seen)
            return "corrected"
        if verb == "terminate":
            supervision.terminate(reason="enough", **seen)
            return "terminated"
        if verb == "complete":
            supervision.complete(rating=chance.randint(1, 5), **seen)
            return "rated"
        getattr(supervision, verb)(**seen)
        return f"{verb}d"

    return play


def worker(chance) -> str:
    if executions.run_next(by=WORKER) is not None:
        return "worked"
    time.sleep(0.01)
    return "nothing"


def sweeper(chance) -> str:
    supervision.pause_unwatched(by=WORKER)
    executions.sweep(by=WORKER)
    time.sleep(0.01)
    return "swept"


def reviewer(person):
    def play(chance) -> str:
        waiting = Proposal.objects.filter(state="proposed").first()
        if waiting is None:
            time.sleep(0.01)
            return "nothing"
        if chance.random() < 0.2:
            proposals.cancel(proposal=waiting, reason="not now", by=person)
            return "cancelled"
        reviews.approve(proposal=waiting, digest=waiting.digest, by=person)
        return "approved"

    return play


def settle_everything(person) -> None:
    """Whatever is left ends: nothing waits for a session that is over."""
    for session in SupervisionSession.objects.open().exclude(run__state="succeeded"):
        supervision.terminate(session=session, seen=session.version, reason="over", by=person)
    while executions.run_next(by=WORKER) is not None:
        pass
    ended = {"done", "failed", "cancelled"}
    handled = Execution.objects.filter(mode="handler").exclude(run__state="running")
    assert set(handled.values_list("state", flat=True)) <= ended
    assert LedgerEntry.objects.filter(kind="supervision_session.terminated").exists()
