"""Rows of supervision, training, advice and presence that the database refuses (migration 0004).

For `test_migrations`: which constraint; a possible row; the change that would make it impossible.
A value of SOMEBODY stands for the key of a user who exists, ADVICE for that of an advice.
"""

from __future__ import annotations

import datetime

from tests.factories import (
    AdviceFactory,
    BlockedTriggerFactory,
    InterventionFactory,
    PresenceFactory,
    ProposalFactory,
    RunFactory,
    SessionEventFactory,
    SupervisionSessionFactory,
    TrainingPlanFactory,
    TrainingSessionFactory,
    TrainingTaskFactory,
    TrainingTopicFactory,
    answered,
    approved,
    rated,
    terminated,
    training_begun,
    training_completed,
    training_failed,
)

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
SOMEBODY, ADVICE = "somebody", "some advice"


def pause():
    return InterventionFactory(kind="pause")


def completed():
    return training_completed(TrainingSessionFactory())


def silent():
    """Answered, with an error in place of an opinion."""
    row = AdviceFactory()
    row.adviser.configuration = {"says": {}}
    row.adviser.save()
    return answered(row)


RESULT = {"scores": {}, "errors": 0, "hours_spent": 1.0, "performance": 0.5, "gain": 0.15}

IMPOSSIBLE = [
    ("advice_opinion_known", lambda: answered(AdviceFactory()), {"opinion": "maybe"}),
    ("advice_about_one", AdviceFactory, {"proposal_id": None}),
    ("advice_about_one", AdviceFactory, {"run_id": "its run"}),
    ("advice_answered_pairs", AdviceFactory, {"opinion": "for"}),
    ("advice_answered_pairs", AdviceFactory, {"error": "None."}),
    ("advice_answered_pairs", AdviceFactory, {"answered_at": NOW}),
    ("advice_answered_pairs", lambda: answered(AdviceFactory()), {"answered_at": None}),
    ("advice_answered_pairs", silent, {"error": ""}),
    ("blocked_trigger_retried_when_resolved", BlockedTriggerFactory, {"retried_as_id": "itself"}),
    ("intervention_kind_known", InterventionFactory, {"kind": "shout"}),
    ("intervention_correct_says_how", InterventionFactory, {"guidance": ""}),
    ("intervention_guidance_delivered", pause, {"delivered_at": NOW}),
    ("intervention_by_a_person", InterventionFactory, {"by_id": None}),
    ("presence_word_known", PresenceFactory, {"set_by_hand": "asleep"}),
    ("proposal_decided_pair", ProposalFactory, {"decided_on_advice_id": ADVICE}),
    ("proposal_decided_pair", lambda: approved(ProposalFactory()), {"decided_by_id": None}),
    (
        "proposal_decided_pair",
        lambda: approved(ProposalFactory()),
        {"decided_on_advice_id": ADVICE},
    ),
    ("run_program_pairs", RunFactory, {"program_started_at": NOW}),
    ("run_program_pairs", RunFactory, {"program_seen_at": NOW}),
    ("session_event_sequence_positive", SessionEventFactory, {"sequence": 0}),
    ("supervision_state_known", SupervisionSessionFactory, {"state": "asleep"}),
    ("supervision_ended_pairs", SupervisionSessionFactory, {"ended_at": NOW}),
    ("supervision_ended_pairs", SupervisionSessionFactory, {"state": "terminated"}),
    (
        "supervision_ended_pairs",
        lambda: terminated(SupervisionSessionFactory()),
        {"ended_at": None},
    ),
    ("supervision_rated_pairs", SupervisionSessionFactory, {"rating": 3}),
    ("supervision_rated_pairs", SupervisionSessionFactory, {"boost": 0.1}),
    (
        "supervision_rated_pairs",
        SupervisionSessionFactory,
        {"state": "completed", "ended_at": NOW},
    ),
    ("supervision_rating_1_to_5", lambda: rated(SupervisionSessionFactory()), {"rating": 0}),
    ("supervision_rating_1_to_5", lambda: rated(SupervisionSessionFactory()), {"rating": 6}),
    ("training_plan_hours_positive", TrainingPlanFactory, {"hours": 0}),
    ("training_plan_hours_positive", TrainingPlanFactory, {"hours_low": -1}),
    ("training_plan_hours_positive", TrainingPlanFactory, {"hours_high": 0}),
    ("training_plan_hours_positive", TrainingPlanFactory, {"hours_a_day": 0}),
    ("training_state_known", TrainingSessionFactory, {"state": "asleep"}),
    ("training_ended_pairs", TrainingSessionFactory, {"ended_at": NOW}),
    ("training_ended_pairs", TrainingSessionFactory, {"state": "cancelled"}),
    (
        "training_ended_pairs",
        lambda: training_failed(TrainingSessionFactory()),
        {"ended_at": None},
    ),
    ("training_completed_pairs", TrainingSessionFactory, {"performance": 0.5}),
    ("training_completed_pairs", TrainingSessionFactory, RESULT),
    ("training_completed_pairs", completed, {"gain": None}),
    ("training_completed_pairs", completed, {"hours_spent": None}),
    ("training_started_pairs", TrainingSessionFactory, {"state": "in_progress"}),
    (
        "training_started_pairs",
        lambda: training_begun(TrainingSessionFactory()),
        {"started_at": None},
    ),
    ("training_performance_0_to_1", completed, {"performance": 1.01}),
    ("training_performance_0_to_1", completed, {"performance": -0.01}),
    ("training_task_done_pairs", TrainingTaskFactory, {"done_at": NOW}),
    ("training_task_done_pairs", TrainingTaskFactory, {"done_by_id": SOMEBODY}),
    ("training_topic_says_what", TrainingTopicFactory, {"capability": ""}),
    ("training_topic_says_what", TrainingTopicFactory, {"objective": ""}),
]

# Which constraint; SQLite's name for it, which is its columns; the row; what a copy has of its own.
TWICE = [
    (
        "supervision_one_open_a_run",
        "supervisionsession.run_id",
        SupervisionSessionFactory,
        {},
    ),
    (
        "session_event_sequence_once",
        "sessionevent.session_id, sessionevent.sequence",
        SessionEventFactory,
        {},
    ),
    (
        "training_topic_once",
        ", ".join(
            f"trainingtopic.{column}"
            for column in ("workspace_id", "category", "action_type", "capability")
        ),
        TrainingTopicFactory,
        {},
    ),
    (
        "training_task_position_once",
        "trainingtask.session_id, trainingtask.position",
        TrainingTaskFactory,
        {},
    ),
    ("trainingplan_proposal_id", "trainingplan.proposal_id", TrainingPlanFactory, {}),
    ("trainingsession_plan_id", "trainingsession.plan_id", TrainingSessionFactory, {}),
    ("blockedtrigger_trigger_id", "blockedtrigger.trigger_id", BlockedTriggerFactory, {}),
]


def filled_in(row, change):
    """The change, with the keys of rows that exist in place of the words that stand for them."""
    words = {
        SOMEBODY: lambda: row.session.agent.owner_id,
        ADVICE: lambda: AdviceFactory().pk,
        "its run": lambda: row.proposal.run_id,
        "itself": lambda: row.trigger_id,
    }
    found = {}
    for column, value in change.items():
        stands_for = words.get(value) if isinstance(value, str) else None
        found[column] = stands_for() if stands_for else value
    return found
