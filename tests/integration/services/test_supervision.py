"""Supervision: who may watch and steer, what it does to the run, and what it leaves behind."""

from __future__ import annotations

import datetime

import pytest
from django.db import transaction
from django.utils import timezone

from governance.domain.actors import system
from governance.domain.errors import GateRefused, InvalidInput, NotAllowed, RunHeld, StaleState
from governance.models import (
    Agent,
    Execution,
    Intervention,
    LedgerEntry,
    Proposal,
    Run,
    SupervisionSession,
)
from governance.services import actions, executions, memberships, supervision
from tests.factories import (
    BY_SYSTEM,
    MembershipFactory,
    PresenceFactory,
    ProposalFactory,
    QueuedRunFactory,
    SupervisionSessionFactory,
    UserFactory,
    approved,
    by,
    finished,
    halted,
    held,
    let_go,
    make_spec,
    paused,
    rated,
    resumed,
    retired,
    rule,
    run_worker,
    terminated,
)
from tests.integration.services.checks import everything, kinds, recorded, refused

pytestmark = pytest.mark.django_db

GATE, WORKER = system("gate"), system("worker")


@pytest.fixture
def session(house):
    return SupervisionSessionFactory(run=QueuedRunFactory(agent=house.agent("supervised")))


def now(row):
    return type(row).objects.get(pk=row.pk)


def events(session) -> list[str]:
    return list(session.events.order_by("sequence").values_list("kind", flat=True))


def ask(session, action_type="stamp", params=None):
    run = Run.objects.select_related("agent").get(pk=session.run_id)
    return actions.request(
        run=run, action_type=action_type, params=params or {}, by=run.agent.actor
    )


# --- Who may -------------------------------------------------------------------------------------

ROLES = ("viewer", "auditor", "reviewer", "supervisor", "governor")
MAY = {"supervisor", "governor"}


def everybody(house):
    """One of each role; a governor of another workspace, a superuser, an agent, the system."""
    found = {role: by(getattr(house, role)) for role in ROLES}
    found["neighbour"] = by(MembershipFactory(role="governor").user)
    found["superuser"] = by(UserFactory(is_superuser=True))
    found["agent"] = house.agent().actor
    found["system"] = BY_SYSTEM
    return found


def seen(session):
    return {"session": session, "seen": now(session).version}


VERBS = {
    "start": lambda session, who: supervision.start(
        run=QueuedRunFactory(agent=session.agent), by=who
    ),
    "pause": lambda session, who: supervision.pause(**seen(session), by=who),
    "resume": lambda session, who: supervision.resume(**seen(held(session)), by=who),
    "correct": lambda session, who: supervision.correct(
        **seen(session), guidance="Slower.", by=who
    ),
    "terminate": lambda session, who: supervision.terminate(
        **seen(session), reason="Enough.", by=who
    ),
    "complete": lambda session, who: supervision.complete(
        session=session, seen=1, rating=4, by=who
    ),
    "watched": lambda session, who: supervision.watched(session=session, by=who),
}


@pytest.mark.parametrize("verb", VERBS)
def test_who_may(house, session, verb):
    if verb == "complete":
        finished(session.run)
    for name, who in everybody(house).items():
        with transaction.atomic():
            if name in MAY:
                VERBS[verb](session, who)
            else:
                with pytest.raises(NotAllowed):
                    VERBS[verb](session, who)
            transaction.set_rollback(True)


def test_a_right_ends_with_the_role(house, session):
    MembershipFactory(workspace=house.workspace, role="governor")
    memberships.add(workspace=house.workspace, user=house.supervisor, role="reviewer", by=BY_SYSTEM)
    with refused(NotAllowed, "may not watch live runs"):
        supervision.pause(session=session, seen=1, by=house.by_supervisor)


# --- Starting ------------------------------------------------------------------------------------


def test_a_queued_run_begins_when_somebody_takes_it(house):
    run = QueuedRunFactory(agent=house.agent("supervised"))
    with recorded() as entries:
        session = supervision.start(run=run, by=house.by_supervisor)
    assert (run.state, session.state, session.supervisor) == (
        "running",
        "running",
        house.supervisor,
    )
    assert kinds(entries) == ["supervision_session.running", "run.running"]
    event = session.events.get()
    assert (event.sequence, event.kind) == (1, "started")
    assert event.data == {
        "by": house.by_supervisor.as_json(),
        "supervisor": house.supervisor.get_username(),
    }


def test_a_running_run_may_be_watched_as_well(house):
    session = supervision.start(run=house.run("autonomous"), by=house.by_governor)
    assert session.run.state == "running"


def test_only_one_session_of_a_run_is_open(house, session):
    with refused(StaleState, "Somebody already watches this run"):
        supervision.start(run=session.run, by=house.by_governor)


@pytest.mark.parametrize("bring", [finished, lambda run: finished(run, outcome="failed")])
def test_what_has_ended_cannot_be_watched(house, bring):
    run = bring(house.run("supervised"))
    with refused(StaleState, "there is nothing left to watch"):
        supervision.start(run=run, by=house.by_supervisor)


def test_a_start_that_waits_for_a_proposal_is_decided_and_not_watched(house):
    run = QueuedRunFactory(agent=house.agent("intern"))
    with refused(StaleState, "The run waits for the proposal to start it"):
        supervision.start(run=run, by=house.by_supervisor)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (paused, "denied to this start: the agent is paused"),
        (retired, "denied to this start: the agent is retired"),
        (lambda agent: halted(agent.workspace), "denied to this start: the workspace is halted"),
        (
            lambda agent: Agent.objects.filter(pk=agent.pk).update(maturity="intern"),
            "proposal to this start",
        ),
    ],
)
def test_the_gate_is_asked_again_about_a_run_that_waited(house, change, says):
    agent = house.agent("supervised")
    run = QueuedRunFactory(agent=agent)
    change(agent)
    with refused(GateRefused, says):
        supervision.start(run=run, by=house.by_supervisor)


# --- Fallback ------------------------------------------------------------------------------------


def waiting(house, **values) -> Run:
    return QueuedRunFactory(agent=house.agent("supervised", **values))


def assigned(run) -> str | None:
    session = supervision.assign(run=run, by=GATE)
    return None if session is None else session.supervisor.get_username()


def test_the_owner_comes_first_then_whoever_watches_least_then_nobody(house):
    """The house's agents belong to its governor."""
    second = MembershipFactory(workspace=house.workspace, role="supervisor").user
    assert assigned(waiting(house)) is None
    PresenceFactory(user=second)
    assert assigned(waiting(house)) == second.get_username()
    PresenceFactory(user=house.supervisor)
    assert assigned(waiting(house)) == house.supervisor.get_username()
    PresenceFactory(user=house.governor)
    assert [assigned(waiting(house)) for _ in range(2)] == [house.governor.get_username()] * 2


#    who is there                                     whether they are given a run
THERE = (
    ("a supervisor", lambda house: house.supervisor, True),
    ("a governor", lambda house: house.governor, True),
    ("a reviewer", lambda house: house.reviewer, False),
    ("a viewer", lambda house: house.viewer, False),
    ("an auditor", lambda house: house.auditor, False),
    ("somebody else's governor", lambda house: MembershipFactory(role="governor").user, False),
    ("a superuser", lambda house: UserFactory(is_superuser=True), False),
    (
        "somebody who left",
        lambda house: (
            MembershipFactory(
                workspace=house.workspace, role="supervisor", user__is_active=False
            ).user
        ),
        False,
    ),
)


@pytest.mark.parametrize(("who", "find", "given"), THERE, ids=[row[0] for row in THERE])
def test_who_is_given_a_run(house, who, find, given):
    user = find(house)
    PresenceFactory(user=user)
    run = waiting(house)
    assert assigned(run) == (user.get_username() if given else None)
    assert now(run).state == ("running" if given else "queued")


def test_what_waits_begins_when_somebody_comes(house):
    runs = [waiting(house) for _ in range(3)]
    elsewhere = QueuedRunFactory()
    assert supervision.assign_waiting(by=WORKER) == 0
    PresenceFactory(user=house.supervisor)
    assert supervision.assign_waiting(by=WORKER) == 3
    assert {now(run).state for run in runs} == {"running"}
    assert now(elsewhere).state == "queued"
    first = SupervisionSession.objects.get(run=runs[0]).events.get()
    assert first.data["by"] == WORKER.as_json()


def test_what_could_not_start_does_not_hold_up_the_others(house):
    demoted, stopped = house.agent("supervised"), house.agent("supervised")
    first, second = QueuedRunFactory(agent=demoted), QueuedRunFactory(agent=stopped)
    Agent.objects.filter(pk=demoted.pk).update(maturity="student")
    paused(stopped)
    last = waiting(house)
    PresenceFactory(user=house.supervisor)
    assert supervision.assign_waiting(by=WORKER) == 1
    assert [now(run).state for run in (first, second, last)] == ["queued", "queued", "running"]
    resumed(stopped)
    assert supervision.assign_waiting(by=WORKER) == 1


def test_an_action_that_needs_a_supervisor_finds_one(house):
    house.action_type("pay", complexity=3)
    run = house.run("supervised")
    answer = actions.request(run=run, action_type="pay", params={}, by=run.agent.actor)
    assert (answer.route, answer.held, answer.execution) == ("supervision", True, None)
    assert answer.reasons[-1] == actions.NOBODY
    PresenceFactory(user=house.governor)
    answer = actions.request(run=run, action_type="pay", params={}, by=run.agent.actor)
    assert (answer.route, answer.held) == ("supervision", False)
    assert answer.claim is not None
    session = SupervisionSession.objects.get(run=run)
    assert session.supervisor == house.governor
    assert events(session) == ["started", "action"]


# --- Pause, correct, resume ----------------------------------------------------------------------


def test_pause_holds_the_next_action_whatever_it_is(house, session, registered):
    registered(make_spec("stamp", complexity=1), workspace=house.workspace)
    with recorded() as entries:
        supervision.pause(session=session, seen=1, reason="Wait.", by=house.by_supervisor)
    assert kinds(entries) == ["intervention.pause", "supervision_session.paused"]
    before = everything()
    answer = ask(session, params={"n": 1})
    assert (answer.held, answer.decision, answer.execution) == (True, None, None)
    assert now(session).state == "paused"
    after = everything()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"SessionEvent", "SupervisionSession"}  # that it waits is told, once
    ask(session, params={"n": 1})
    assert everything() == after
    ask(session, params={"n": 2})
    assert events(session) == ["started", "intervention", "held", "held"]
    let_go(session)
    assert ask(session).execution is not None


def test_pause_holds_what_was_cleared_already(house, session, registered):
    registered(make_spec("stamp", complexity=1), workspace=house.workspace)
    execution = ask(session).execution
    held(session)
    run_worker()
    execution.refresh_from_db()
    assert (execution.state, execution.waiting_for) == ("ready", session.pk)
    assert execution.steps.get().state == "pending"
    assert events(session)[-1] == "held"
    assert run_worker() == []  # it costs no worker
    let_go(session)
    (done,) = run_worker()
    assert (done.pk, done.state) == (execution.pk, "done")


def test_pause_holds_an_agents_claim(house, session):
    house.action_type("burn", complexity=4)
    execution = approved(ProposalFactory(run=session.run, action_type="burn")).execution
    held(session)
    claim = {"execution": execution, "digest": execution.digest, "by": execution.agent.actor}
    with refused(RunHeld, "The supervisor has paused the run"):
        executions.claim(**claim)
    let_go(session)
    assert executions.claim(**claim).token == 1


def test_guidance_reaches_the_agent_with_its_next_answer_once(house, session):
    house.action_type("stamp", complexity=1)
    for text in ("Slower.", "And kinder."):
        with recorded() as entries:
            supervision.correct(session=session, seen=1, guidance=text, by=house.by_governor)
        assert kinds(entries) == ["intervention.correct"]
    answer = ask(session)
    assert answer.guidance == "Slower.\nAnd kinder."
    assert ask(session).guidance == ""
    rows = Intervention.objects.order_by("created_at")
    assert [row.followed_by for row in rows] == [answer.decision] * 2
    assert all(row.delivered_at is not None for row in rows)
    assert now(session).version == 1  # a correction is no move: two may correct at once
    assert events(session) == [
        "started",
        "intervention",
        "intervention",
        "action",
        "guidance_delivered",
        "action",
    ]


@pytest.mark.parametrize("complexity", [1, 4])
def test_guidance_comes_again_with_the_same_idempotency_key(house, session, complexity):
    house.action_type("stamp_it", complexity=complexity)  # carried out, and proposed
    supervision.correct(session=session, seen=1, guidance="Slower.", by=house.by_governor)
    run = Run.objects.select_related("agent").get(pk=session.run_id)

    def retried(key):
        return actions.request(
            run=run, action_type="stamp_it", params={}, by=run.agent.actor, idempotency_key=key
        ).guidance

    assert [retried(key) for key in ("k1", "k1", "k2", "k1")] == [
        "Slower.",
        "Slower.",
        "",
        "Slower.",
    ]
    assert session.events.filter(kind="guidance_delivered").count() == 1


def test_guidance_comes_with_a_refusal_as_well(house, session):
    supervision.correct(session=session, seen=1, guidance="Stop asking.", by=house.by_governor)
    answer = ask(session, action_type="nonsense")
    assert (answer.route, answer.guidance) == ("denied", "Stop asking.")


def test_guidance_waits_while_the_run_is_paused(house, session):
    house.action_type("stamp", complexity=1)
    held(session)
    supervision.correct(**seen(session), guidance="Slower.", by=house.by_supervisor)
    assert (ask(session).held, ask(session).guidance) == (True, "")
    let_go(session)
    assert ask(session).guidance == "Slower."


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 2_001, "a\x00b"])
def test_guidance_must_say_something_that_can_be_kept(house, session, text):
    with refused(InvalidInput, "guidance"):
        supervision.correct(session=session, seen=1, guidance=text, by=house.by_supervisor)


# --- Terminate -----------------------------------------------------------------------------------


def test_terminate_ends_the_run_and_cancels_what_waits(house, session, registered):
    registered(make_spec("stamp", complexity=1), workspace=house.workspace)
    registered(make_spec("burn", complexity=4), workspace=house.workspace)
    ready = ask(session).execution
    proposal = ask(session, action_type="burn").proposal
    decided = approved(ask(session, action_type="burn", params={"n": 2}).proposal)
    elsewhere = house.proposal()
    with recorded() as entries:
        supervision.terminate(session=session, seen=1, reason="Enough.", by=house.by_supervisor)
    assert kinds(entries)[:2] == ["intervention.terminate", "supervision_session.terminated"]
    assert kinds(entries)[-2:] == ["run.abandoned", "episode.closed"]
    assert (now(session).state, now(session.run).state) == ("terminated", "abandoned")
    name = house.supervisor.get_username()
    assert now(session.run).outcome == f"Terminated by {name}: Enough."
    assert now(ready).state == "cancelled"
    assert {now(row).state for row in (proposal, decided)} == {"cancelled"}
    assert now(proposal).closing_reason == "Enough."
    assert Execution.objects.get(proposal=decided).state == "cancelled"
    assert now(elsewhere).state == "proposed"
    assert events(session)[-2:] == ["intervention", "run_ended"]
    assert run_worker() == []


def test_further_actions_of_a_terminated_run_are_denied(house, session):
    house.action_type("stamp", complexity=1)
    terminated(session)
    with refused(StaleState, "not running"):
        ask(session)
    with refused(StaleState, "not running"):
        ProposalFactory(run=session.run, action_type="stamp")


def test_a_plan_under_way_stops_before_its_next_step(house, session, registered):
    """Terminated by the handler of its first step: the worker is in the middle of it."""

    def handler(context, params):
        if params.get("first"):
            supervision.terminate(**seen(session), reason="Enough.", by=house.by_supervisor)
        return {}

    registered(make_spec("burn", complexity=4, handler=handler), workspace=house.workspace)
    plan = [
        {"id": "one", "action_type": "burn", "params": {"first": True}},
        {"id": "two", "action_type": "burn", "params": {}},
        {"id": "three", "action_type": "burn", "params": {}},
    ]
    proposal = approved(ProposalFactory(run=session.run, plan=plan))
    run_worker()
    steps = proposal.execution.steps.order_by("position")
    assert [row.state for row in steps] == ["done", "failed", "not_run"]
    assert steps[1].error == (
        "The run was abandoned; nothing is carried out in it any more. Nothing was sent."
    )
    assert now(proposal).state == "failed"
    assert Proposal.objects.filter(state="cancelled").count() == 0


def test_what_was_paused_is_taken_back(house, session, registered):
    registered(make_spec("stamp", complexity=1), workspace=house.workspace)
    execution = ask(session).execution
    held(session)
    run_worker()
    assert now(execution).waiting_for == session.pk
    terminated(session)
    execution.refresh_from_db()
    assert (execution.state, execution.waiting_for) == ("cancelled", None)


def test_what_an_agent_has_in_hand_may_still_be_reported(house, session):
    house.action_type("stamp", complexity=1)
    claim = ask(session).claim
    terminated(session)
    executions.report(
        execution=claim.execution, token=claim.token, outcome="done", by=session.agent.actor
    )
    assert now(claim.execution).state == "done"


@pytest.mark.parametrize(
    "verb",
    [
        lambda s, who: supervision.pause(**seen(s), by=who),
        lambda s, who: supervision.correct(**seen(s), guidance="x", by=who),
        lambda s, who: supervision.terminate(**seen(s), reason="x", by=who),
    ],
)
def test_a_run_that_has_ended_can_only_be_rated(house, session, verb):
    finished(session.run)
    with refused(StaleState, r"The run has succeeded; (it can only be rated|there is nobody left)"):
        verb(session, house.by_supervisor)


# --- Rating --------------------------------------------------------------------------------------

#    rating, interventions by people    boost: max(0, (rating - 1) / 40 - min(0.05, 0.01 * n))
RATED = (
    (1, [], 0.0),
    (2, [], 0.025),
    (5, [], 0.1),
    (5, ["pause", "resume"], 0.09),  # resuming only ends a pause
    (5, ["correct", "correct", "pause", "resume"], 0.07),
    (2, ["correct", "correct", "correct"], 0.0),
)


@pytest.mark.parametrize(("rating", "done", "boost"), RATED)
def test_a_rating_moves_confidence_and_never_maturity(house, session, rating, done, boost):
    for kind in done:
        if kind == "correct":
            supervision.correct(**seen(session), guidance="x", by=house.by_supervisor)
        else:
            getattr(supervision, kind)(**seen(session), by=house.by_supervisor)
    finished(session.run)
    with recorded() as entries:
        rated(session, rating=rating)
    assert kinds(entries) == ["supervision_session.completed", "agent.confidence"]
    row, agent = now(session), now(session.agent)
    assert (row.state, row.rating, row.boost) == ("completed", rating, boost)
    assert (agent.confidence_score, agent.maturity) == (boost, "supervised")
    assert events(session)[-1] == "completed"


def test_what_the_system_paused_is_nobodys_intervention(house, session, time_machine):
    time_machine.move_to(session.watched_at + datetime.timedelta(seconds=301))
    assert supervision.pause_unwatched(by=WORKER) == 1
    let_go(session)
    finished(session.run)
    rated(session, rating=5)
    assert now(session).boost == 0.1


def test_confidence_stops_at_one(house, session):
    Agent.objects.filter(pk=session.agent_id).update(confidence_score=0.95)
    finished(session.run)
    rated(session, rating=5)
    assert now(session.agent).confidence_score == 1.0


def test_a_run_is_rated_once_and_only_when_it_is_over(house, session):
    with refused(StaleState, "still going on"):
        supervision.complete(session=session, seen=1, rating=5, by=house.by_supervisor)
    finished(session.run)
    for rating in (0, 6, -1, True, 2.5):
        with refused(InvalidInput, "from 1 to 5"):
            supervision.complete(session=session, seen=1, rating=rating, by=house.by_supervisor)
    rated(session)
    with refused(StaleState, "somebody rated it after you looked"):
        supervision.complete(session=session, seen=1, rating=1, by=house.by_governor)
    with refused(StaleState, "cannot become completed"):
        supervision.complete(session=session, seen=2, rating=1, by=house.by_governor)


def test_a_run_that_is_paused_at_its_end_is_rated_once_it_could_go_on(house, session):
    held(session)
    with refused(RunHeld, "The supervisor has paused the run"):
        finished(session.run)
    with refused(StaleState, "The run is still going on; rate it when it has ended"):
        supervision.complete(**seen(session), rating=4, by=house.by_supervisor)
    let_go(session)
    finished(session.run)
    assert rated(session).state == "completed"


@pytest.mark.parametrize("outcome", ["failed", "abandoned"])
def test_what_did_not_succeed_has_nothing_to_rate(house, session, outcome):
    finished(session.run, outcome=outcome)
    assert (now(session).state, now(session).ended_at is not None) == ("failed", True)
    with refused(StaleState, "The session is failed now: its run ended after you looked"):
        supervision.complete(session=session, seen=1, rating=5, by=house.by_supervisor)


# --- One acts, the other is told -----------------------------------------------------------------


def test_who_saw_something_else_is_told_who_acted(house, session):
    supervision.pause(session=session, seen=1, by=house.by_supervisor)
    name = house.supervisor.get_username()
    with refused(StaleState, rf"The session is paused now: {name} acted \(pause\) after you"):
        supervision.terminate(session=session, seen=1, reason="x", by=house.by_governor)
    with refused(StaleState, "Nothing was done; look again"):
        supervision.correct(session=session, seen=1, guidance="x", by=house.by_governor)
    with refused(StaleState, "cannot become paused"):
        supervision.pause(session=session, seen=2, by=house.by_governor)


# --- Nobody watches ------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "pauses"), [(299, 0), (300, 1), (3_000, 1)])
def test_what_nobody_watches_is_paused(house, session, time_machine, settings, seconds, pauses):
    assert settings.GOVERNANCE_SUPERVISOR_SECONDS == 300
    time_machine.move_to(session.watched_at + datetime.timedelta(seconds=seconds), tick=False)
    assert supervision.pause_unwatched(by=WORKER) == pauses
    assert now(session).state == ("paused" if pauses else "running")
    assert supervision.pause_unwatched(by=WORKER) == 0
    if pauses:
        row = Intervention.objects.get()
        assert (row.kind, row.by, row.guidance) == (
            "pause",
            None,
            "Nobody has watched for 300 s.",
        )
        entry = LedgerEntry.objects.get(kind="intervention.pause")
        assert entry.data["by"] == WORKER.as_json()


def test_an_open_console_keeps_it_running(house, session, time_machine):
    began = session.watched_at
    for seconds in (200, 400):
        time_machine.move_to(began + datetime.timedelta(seconds=seconds), tick=False)
        supervision.watched(session=now(session), by=house.by_governor)  # a colleague took over
        assert supervision.pause_unwatched(by=WORKER) == 0
    time_machine.move_to(began + datetime.timedelta(seconds=701), tick=False)
    assert supervision.pause_unwatched(by=WORKER) == 1


def test_who_resumes_it_watches_it(house, session, time_machine):
    time_machine.move_to(session.watched_at + datetime.timedelta(seconds=600), tick=False)
    supervision.pause_unwatched(by=WORKER)
    let_go(session)
    assert now(session).watched_at == timezone.now()
    assert supervision.pause_unwatched(by=WORKER) == 0


def test_that_it_is_watched_is_written_down_every_ten_seconds_at_most(
    house, session, django_assert_num_queries
):
    supervision.watched(session=session, by=house.by_supervisor)
    assert now(session).watched_at == session.watched_at
    with django_assert_num_queries(1):  # the right, and nothing written
        supervision.watched(session=session, by=house.by_supervisor)


def test_a_run_that_has_ended_needs_nobody(house, session, time_machine):
    finished(session.run)
    time_machine.move_to(session.watched_at + datetime.timedelta(days=1))
    assert supervision.pause_unwatched(by=WORKER) == 0


# --- Rules still hold ----------------------------------------------------------------------------


def test_being_watched_lifts_nothing_but_supervision(house, session):
    house.action_type("stamp", complexity=1)
    house.action_type("burn", complexity=4)
    house.publish(rule(scope="stamp", route="denied", reason="not today"))
    assert ask(session).route == "denied"
    assert ask(session, action_type="burn").route == "proposal"


def test_what_looks_like_a_secret_in_a_reason_is_masked_in_the_ledger(house, session):
    reason = "it used sk-live-abcdefghijklmnop1234"
    with recorded() as entries:
        supervision.terminate(session=session, seen=1, reason=reason, by=house.by_supervisor)
    assert "sk-live" not in str([entry.data for entry in entries])
    assert Run.objects.get(pk=session.run_id).outcome.endswith(": it used [redacted]")


def test_guidance_reaches_the_agent_as_it_was_written(house, session):
    guidance = "use token=abcdef"
    with recorded() as entries:
        supervision.correct(session=session, seen=1, guidance=guidance, by=house.by_governor)
    assert "abcdef" not in str([entry.data for entry in entries])
    assert ask(session).guidance == guidance
