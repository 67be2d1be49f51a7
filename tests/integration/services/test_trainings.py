"""Trainings: from a blocked trigger to a proposal, a session, and what it was worth."""

from __future__ import annotations

import datetime
import json
import math

import pytest

from governance.domain.errors import GateRefused, InvalidInput, NotAllowed, NotFound, StaleState
from governance.domain.states import ProposalState
from governance.models import (
    ActionType,
    Agent,
    BlockedTrigger,
    Proposal,
    TrainingPlan,
    TrainingSession,
    TrainingTask,
)
from governance.models.base import new_id
from governance.services import agents, proposals, reviews, trainings, triggers
from tests.factories import (
    BY_SYSTEM,
    BlockedTriggerFactory,
    TrainingPlanFactory,
    TrainingSessionFactory,
    TrainingTaskFactory,
    TrainingTopicFactory,
    approved,
    cancelled,
    expired,
    halted,
    paused,
    rejected,
    resumed,
    run_worker,
    training_begun,
    training_cancelled,
    training_completed,
    training_failed,
)
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db


def fire(agent, **context):
    return triggers.fire(
        agent=agent, source="data_sync", type="invoice", context=context, by=BY_SYSTEM
    )


def edited(proposal, **params):
    """The plan of a training with other hours."""
    [step] = json.loads(proposal.plan)
    return [{**step, "params": {**step["params"], **params}}]


@pytest.fixture
def student(house):
    """A student of a house with two topics, each with two tasks."""
    for name in ("addresses", "refunds"):
        TrainingTopicFactory(
            workspace=house.workspace,
            capability=name,
            objective=f"Knows {name}.",
            tasks=[f"Read about {name}.", f"Do {name}."],
        )
    return house.agent("student", name="pupil")


@pytest.fixture
def session(house, student):
    """A scheduled training with the two objectives of the topics, and no other."""
    return TrainingSessionFactory(plan=TrainingPlanFactory(agent=student, context=ONLY_TOPICS))


ONLY_TOPICS = {"action_types": []}


def confidence(agent) -> tuple[float, str]:
    row = Agent.objects.get(pk=agent.pk)
    return row.confidence_score, row.maturity


# --- A blocked trigger makes a proposal -----------------------------------------------------------


def test_a_blocked_trigger_makes_a_plan_and_its_proposal(house, student):
    with recorded() as entries:
        started = fire(student, **ONLY_TOPICS)
    blocked = BlockedTrigger.objects.get()
    plan, proposal = blocked.plan, started.proposal
    assert (blocked.trigger, blocked.resolved_at, blocked.retried_as) == (
        started.trigger,
        None,
        None,
    )
    assert (started.run, plan.proposal, plan.agent) == (None, proposal, student)
    assert plan.gaps == ["addresses", "refunds"]
    assert plan.objectives[0] == {
        "capability": "addresses",
        "objective": "Knows addresses.",
        "tasks": ["Read about addresses.", "Do addresses."],
    }
    # 8 + 5 + 2 + 10 + 4
    assert (plan.hours, plan.hours_low, plan.hours_high) == pytest.approx((29.0, 20.3, 43.5))
    assert (plan.confidence, plan.hours_a_day) == (0.5, 8.0)
    assert [part["name"] for part in plan.reasoning] == [
        "base",
        "confidence",
        "gaps",
        "history",
        "learning",
    ]
    assert (proposal.kind, proposal.route, proposal.state) == ("training", "training", "proposed")
    assert proposal.title == "Train pupil: addresses, refunds"
    assert proposal.reasoning.startswith("Every training starts from 40 h. Its confidence of 0.00")
    params = {"training": str(plan.pk), "hours": 29, "hours_a_day": 8}
    [step] = json.loads(proposal.plan)
    assert step == {"id": "step1", "action_type": "training_start", "params": params}
    assert kinds(entries) == [
        "trigger.fired",
        "proposal.proposed",
        "trigger.blocked",
        "decision.training",
    ]
    assert entries[2].subject_id == started.trigger.pk
    assert entries[2].data["data"] == {"plan": str(plan.pk), "proposal": str(proposal.pk)}
    assert proposal.decisions.get().trigger == started.trigger


def test_many_blocked_triggers_join_the_one_proposal(student):
    first = fire(student)
    others = [fire(student) for _ in range(4)]
    assert {other.proposal for other in others} == {first.proposal}
    assert TrainingPlan.objects.count() == Proposal.objects.count() == 1
    assert BlockedTrigger.objects.count() == first.proposal.decisions.count() == 5


def moved_to(state):
    """A plan's training, moved there."""

    def move(plan):
        if state == "proposed":
            return
        if state == "approved":
            approved(plan.proposal)
        elif state == "rejected":
            rejected(plan.proposal)
        elif state == "expired":
            expired(plan.proposal)
        else:
            session = TrainingSessionFactory(plan=plan)
            {
                "scheduled": lambda session: session,
                "in_progress": training_begun,
                "completed": training_completed,
                "failed": training_failed,
                "cancelled": training_cancelled,
            }[state](session)

    return move


JOINED = {
    "proposed": True,
    "approved": True,
    "scheduled": True,
    "in_progress": True,
    "rejected": False,
    "expired": False,
    "completed": False,
    "failed": False,
    "cancelled": False,
}


@pytest.mark.parametrize(("state", "joined"), JOINED.items())
def test_a_trigger_joins_what_is_undecided_or_under_way_and_nothing_else(student, state, joined):
    plan = TrainingPlanFactory(agent=student)
    moved_to(state)(plan)
    again = BlockedTriggerFactory(agent=student)
    assert (again.plan == plan) is joined
    assert TrainingPlan.objects.count() == (1 if joined else 2)


def test_two_students_have_a_plan_each(house, student):
    other = house.agent("student")
    assert fire(student).proposal != fire(other).proposal


def test_a_trigger_of_somebody_who_is_no_student_blocks_nothing(house):
    for maturity in ("intern", "supervised", "autonomous"):
        fire(house.agent(maturity))
    assert not BlockedTrigger.objects.exists()


# --- Scheduling -----------------------------------------------------------------------------------


def test_approval_puts_the_training_on_the_calendar(student, time_machine):
    time_machine.move_to(datetime.datetime(2026, 11, 26, 9, tzinfo=datetime.UTC), tick=False)
    plan = TrainingPlanFactory(agent=student, context=ONLY_TOPICS)
    with recorded() as entries:
        approved(plan.proposal)
        [execution] = run_worker()
    session = TrainingSession.objects.get()
    assert execution.state == "done"
    assert (session.plan, session.agent, session.state) == (plan, student, "scheduled")
    assert (session.hours, session.hours_a_day) == (29.0, 8.0)
    assert session.days == [
        {"date": "2026-11-26", "hours": 8},
        {"date": "2026-11-27", "hours": 8},
        {"date": "2026-11-30", "hours": 8},
        {"date": "2026-12-01", "hours": 5},
    ]
    assert list(session.tasks.values_list("position", "capability", "title")) == [
        (0, "addresses", "Read about addresses."),
        (1, "addresses", "Do addresses."),
        (2, "refunds", "Read about refunds."),
        (3, "refunds", "Do refunds."),
    ]
    assert "training_session.scheduled" in kinds(entries)
    [output] = [json.loads(step.output) for step in execution.steps.all()]
    assert output == {"training_session": str(session.pk), "days": 4}


def test_approval_with_other_hours(house, student):
    proposal = TrainingPlanFactory(agent=student).proposal
    approved(proposal, edited_plan=edited(proposal, hours=10, hours_a_day=2.5))
    run_worker()
    session = TrainingSession.objects.get()
    assert (session.hours, session.hours_a_day) == (10.0, 2.5)
    assert [day["hours"] for day in session.days] == [2.5] * 4
    proposal.refresh_from_db()
    assert [change["path"] for change in proposal.edit] == [
        "/0/params/hours",
        "/0/params/hours_a_day",
    ]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"hours": 0.5}, "minimum|less than"),
        ({"hours": 1_001}, "maximum|greater than"),
        ({"hours_a_day": 0.25}, "minimum|less than"),
        ({"hours_a_day": 13}, "maximum|greater than"),
        ({"hours": "many"}, "number"),
        ({"level": 3}, "level"),
        ({"training": str(new_id())}, "only the hours and the hours a day"),
    ],
)
def test_nothing_else_of_a_training_can_be_edited(house, student, params, says):
    proposal = TrainingPlanFactory(agent=student).proposal
    with refused(InvalidInput, says):
        reviews.approve(
            proposal=proposal,
            digest=proposal.digest,
            edited_plan=edited(proposal, **params),
            by=house.by_reviewer,
        )


@pytest.mark.parametrize(
    "change",
    [
        lambda step: [{**step, "id": "other"}],
        lambda step: [{**step, "action_type": "canvas_present"}],
        lambda step: [{**step, "when": "true"}],
        lambda step: [step, {**step, "id": "again"}],
    ],
)
def test_a_training_is_not_edited_into_something_else(house, student, change):
    proposal = TrainingPlanFactory(agent=student).proposal
    [step] = json.loads(proposal.plan)
    with refused(InvalidInput, "only the hours and the hours a day"):
        reviews.approve(
            proposal=proposal,
            digest=proposal.digest,
            edited_plan=change(step),
            by=house.by_reviewer,
        )


def schedule(plan, **values):
    values = {"agent_id": plan.agent_id, "hours": 8.0, "hours_a_day": 8.0, **values}
    return trainings.schedule(plan_id=plan.pk, by=BY_SYSTEM, **values)


def test_a_training_is_scheduled_once(session):
    with refused(StaleState, "scheduled already"):
        schedule(session.plan)


def test_only_an_agents_own_plan_is_scheduled(house, student):
    plan, other = TrainingPlanFactory(agent=student), house.agent("student")
    with refused(NotFound, "no such training plan of this agent"):
        schedule(plan, agent_id=other.pk)


@pytest.mark.parametrize("hours", [0.0, 1_000.5, math.nan])
def test_impossible_hours_are_not_scheduled(student, hours):
    plan = TrainingPlanFactory(agent=student)
    with refused(InvalidInput, "The hours must be 1 to 1000"):
        schedule(plan, hours=hours)


def test_the_training_of_an_agent_that_was_paused_meanwhile_fails(house, student):
    proposal = approved(TrainingPlanFactory(agent=student).proposal)
    paused(student)
    run_worker()
    proposal.refresh_from_db()
    assert proposal.state == ProposalState.FAILED
    assert not TrainingSession.objects.exists()


def test_an_agent_cannot_take_its_training_back(house, student):
    proposal = TrainingPlanFactory(agent=student).proposal
    with refused(NotAllowed, "The system filed this training; people decide"):
        proposals.cancel(proposal=proposal, reason="no", by=student.actor)
    cancelled(proposal, by=house.by_reviewer)


def test_an_agent_cannot_ask_for_its_own_training(house, student):
    """The action type is the system's: an agent that names it is refused."""
    TrainingPlanFactory(agent=student)
    plan = json.loads(Proposal.objects.get().plan)
    with refused(InvalidInput, "reserved to the system"):
        proposals.propose(agent=student, plan=plan, by=student.actor)


# --- As it goes -----------------------------------------------------------------------------------


def test_start(house, session):
    with recorded() as entries:
        row = trainings.start(session=session, by=house.by_supervisor)
    assert (row.state, row.started_at is not None) == ("in_progress", True)
    assert kinds(entries) == ["training_session.in_progress"]
    with refused(StaleState, "cannot become in_progress"):
        trainings.start(session=session, by=house.by_supervisor)


def test_a_task_is_ticked_off_and_the_tick_taken_back(house, session):
    task = TrainingTaskFactory(session=session)
    with recorded() as entries:
        trainings.tick(task=task, done=True, by=house.by_supervisor)
        trainings.tick(task=task, done=True, by=house.by_governor)  # it is: nothing happens
    task.refresh_from_db()
    assert (task.done_by, task.done_at is not None) == (house.supervisor, True)
    assert kinds(entries) == ["training_task.done"]
    assert entries[0].subject_id == session.pk
    with recorded() as entries:
        trainings.tick(task=task, done=False, by=house.by_governor)
        trainings.tick(task=task, done=False, by=house.by_governor)
    task.refresh_from_db()
    assert (task.done_by, task.done_at) == (None, None)
    assert kinds(entries) == ["training_task.reopened"]


@pytest.mark.parametrize(
    ("move", "word"),
    [
        (lambda session: session, "scheduled"),
        (training_completed, "completed"),
        (training_failed, "failed"),
        (training_cancelled, "cancelled"),
    ],
)
def test_tasks_are_ticked_off_while_it_is_under_way(house, session, move, word):
    move(session)
    task = TrainingTask.objects.filter(session=session).first()
    with refused(StaleState, f"The training is {word}; start it before ticking"):
        trainings.tick(task=task, done=True, by=house.by_supervisor)


def complete(house, session, **values):
    values = {
        "scores": {"addresses": 0.9, "refunds": 0.4},
        "errors": 3,
        "hours_spent": 31.5,
        "feedback": "Refunds need more work.",
        "by": house.by_supervisor,
        **values,
    }
    return trainings.complete(session=session, **values)


def test_complete(house, student, session):
    training_begun(session)
    with recorded() as entries:
        complete(house, session)
    row = TrainingSession.objects.get()
    said = (row.state, row.scores, row.errors, row.hours_spent, row.performance, row.gain)
    assert said == ("completed", {"addresses": 0.9, "refunds": 0.4}, 3, 31.5, 0.65, 0.15)
    assert (row.feedback, row.ended_at is not None) == ("Refunds need more work.", True)
    assert confidence(student) == (0.15, "student")
    assert kinds(entries) == [
        "training_session.completed",
        "agent.confidence",
        "trigger.resolved",
    ]
    assert entries[1].data["data"] == {
        "before": 0,
        "after": 0.15,
        "gain": 0.15,
        "training": str(row.pk),
        "performance": 0.65,
    }
    blocked = BlockedTrigger.objects.get()
    assert blocked.resolved_at is not None
    assert entries[2].subject_id == blocked.trigger_id


# the score of every objective, what the confidence of 0 becomes
WORTH = [(0.0, 0.05), (0.29, 0.05), (0.3, 0.1), (0.5, 0.15), (0.69, 0.15), (0.7, 0.2), (1.0, 0.2)]


@pytest.mark.parametrize(("score", "after"), WORTH)
def test_what_a_training_is_worth(student, session, score, after):
    training_completed(session, score=score)
    assert confidence(student) == (after, "student")


def test_the_best_student_stays_a_student_whatever_its_confidence(student, session):
    """Confidence makes eligible; maturity has to be earned."""
    agents.raise_confidence(agent=student, gain=0.95, why={}, by=BY_SYSTEM)
    training_completed(session, score=1.0)
    assert confidence(student) == (1.0, "student")


BAD_RESULTS = [
    ({"scores": {}}, "Give one score for each of: addresses, refunds"),
    ({"scores": {"addresses": 1.0}}, "Give one score for each of: addresses, refunds"),
    ({"scores": {"addresses": 1, "refunds": 1, "x": 1}}, "Give one score for each of"),
    ({"scores": {"addresses": 1.01, "refunds": 0}}, "The score of addresses must lie between"),
    ({"scores": {"addresses": 0, "refunds": -0.1}}, "The score of refunds must lie between"),
    ({"scores": {"addresses": 0, "refunds": math.nan}}, "The score of refunds must lie between"),
    ({"scores": {"addresses": True, "refunds": 0}}, "The score of addresses must lie between"),
    ({"errors": -1}, "The errors are a number from 0 to 100,000"),
    ({"errors": 100_001}, "The errors are a number from 0 to 100,000"),
    ({"errors": True}, "The errors are a number from 0 to 100,000"),
    ({"hours_spent": 0}, "The hours spent are a number above 0"),
    ({"hours_spent": 1_000.1}, "The hours spent are a number above 0"),
    ({"feedback": "x" * 2_001}, "2,001 characters long"),
    ({"feedback": "\x00"}, "cannot be stored"),
]


@pytest.mark.parametrize(("values", "says"), BAD_RESULTS)
def test_a_bad_result_is_refused(house, session, values, says):
    training_begun(session)
    with refused(InvalidInput, says):
        complete(house, session, **values)


@pytest.mark.parametrize(
    "move",
    [lambda session: session, training_completed, training_failed, training_cancelled],
)
def test_only_what_is_under_way_is_completed_or_failed(house, session, move):
    move(session)
    with refused(StaleState, "cannot become completed"):
        complete(house, session)
    with refused(StaleState, "cannot become failed"):
        trainings.fail(session=session, reason="no", by=house.by_supervisor)


@pytest.mark.parametrize("move", [training_completed, training_failed, training_cancelled])
def test_what_has_ended_is_not_cancelled(house, session, move):
    move(session)
    with refused(StaleState, "cannot become cancelled"):
        trainings.cancel(session=session, reason="no", by=house.by_supervisor)


@pytest.mark.parametrize(
    ("verb", "state"), [(trainings.fail, "failed"), (trainings.cancel, "cancelled")]
)
def test_a_training_that_led_nowhere(house, student, session, verb, state):
    training_begun(session)
    for bad in ("", "  ", "x" * 2_001):
        with refused(InvalidInput, "The reason is"):
            verb(session=session, reason=bad, by=house.by_supervisor)
    with recorded() as entries:
        row = verb(session=session, reason="It never answered.", by=house.by_supervisor)
    assert (row.state, row.feedback, row.scores, row.gain) == (
        state,
        "It never answered.",
        None,
        None,
    )
    assert kinds(entries) == [f"training_session.{state}"]
    assert confidence(student) == (0.0, "student")
    assert BlockedTrigger.objects.get().resolved_at is None


@pytest.mark.parametrize("end", ["rejected", "expired", "failed", "cancelled"])
def test_a_later_training_resolves_what_an_earlier_one_left_blocked(student, end):
    first = BlockedTriggerFactory(agent=student)
    moved_to(end)(first.plan)
    second = BlockedTriggerFactory(agent=student)
    training_completed(TrainingSessionFactory(plan=second.plan))
    assert not BlockedTrigger.objects.filter(resolved_at__isnull=True).exists()


def test_a_training_resolves_nothing_of_another_agent(house, session):
    other = BlockedTriggerFactory(agent=house.agent("student"))
    training_completed(session)
    other.refresh_from_db()
    assert other.resolved_at is None


# --- A retry --------------------------------------------------------------------------------------


@pytest.fixture
def resolved(session):
    training_completed(session)
    return BlockedTrigger.objects.get()


def test_a_retry_meets_the_gate_anew(house, student, resolved):
    with recorded() as entries:
        started = triggers.retry(blocked=resolved, by=house.by_supervisor)
    resolved.refresh_from_db()
    old, new = resolved.trigger, started.trigger
    assert (resolved.retried_as, new.pk != old.pk) == (new, True)
    assert (new.agent, new.source, new.type, new.context) == (
        old.agent,
        old.source,
        old.type,
        old.context,
    )
    # It is a student still: the gate answers training, and another plan waits.
    assert (new.route, started.run) == ("training", None)
    assert started.proposal != resolved.plan.proposal
    assert kinds(entries)[-1] == "trigger.retried"
    assert entries[-1].subject_id == old.pk
    assert entries[-1].data["data"] == {"as": str(new.pk), "route": "training"}


@pytest.mark.parametrize(
    ("maturity", "route", "state"),
    [
        ("intern", "proposal", "queued"),
        ("supervised", "supervision", "queued"),
        ("autonomous", "execution", "running"),
    ],
)
def test_a_retry_by_then_promoted(house, student, resolved, maturity, route, state):
    Agent.objects.filter(pk=student.pk).update(maturity=maturity)
    started = triggers.retry(blocked=resolved, by=house.by_supervisor)
    assert (started.trigger.route, started.run.state) == (route, state)


def test_a_trigger_is_retried_once(house, resolved):
    triggers.retry(blocked=resolved, by=house.by_supervisor)
    with refused(StaleState, "retried already"):
        triggers.retry(blocked=resolved, by=house.by_governor)


def test_nothing_is_retried_before_its_training(house, student):
    blocked = BlockedTriggerFactory(agent=student)
    with refused(StaleState, "has not been completed"):
        triggers.retry(blocked=blocked, by=house.by_supervisor)


@pytest.mark.parametrize(
    ("stop", "undo"),
    [
        (paused, resumed),
        (lambda agent: halted(agent.workspace), resumed),
    ],
)
def test_a_retry_that_would_be_denied_is_kept_for_later(house, student, resolved, stop, undo):
    stopped = stop(student)
    with refused(GateRefused, "The gate would deny this start now: the .* It can be retried once"):
        triggers.retry(blocked=resolved, by=house.by_supervisor)
    undo(stopped)
    assert triggers.retry(blocked=resolved, by=house.by_supervisor).trigger.route == "training"


# --- A workspace from before ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("maturity", "key"), [("student", "training_start"), ("intern", "run_start")]
)
def test_a_workspace_set_up_under_an_earlier_version_loses_no_trigger(house, maturity, key):
    """What the system itself needs, and nobody else may touch, it puts there."""
    agent, own = house.agent(maturity), ActionType.objects.of(house.workspace.pk).filter(key=key)
    own.delete()
    with recorded() as entries:
        started = fire(agent)
    assert started.proposal.state == "proposed"
    created = next(entry for entry in entries if entry.kind == "action_type.created")
    assert (created.data["by"]["kind"], created.data["data"]["key"]) == ("system", key)
    assert own.get().system_only
