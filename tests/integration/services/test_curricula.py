"""Curricula: the tables plans are made from, and what earlier trainings taught us."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput
from governance.models import BlockedTrigger, TrainingTopic
from governance.services import curricula
from tests.factories import (
    BlockedTriggerFactory,
    TrainingSessionFactory,
    TrainingTopicFactory,
    WorkspaceFactory,
    training_completed,
    training_failed,
)
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db

DEFAULT = "asking before acting"


def gaps(agent, *keys, **context) -> list[str]:
    """What a new trigger about these action types would find missing."""
    context = {"action_types": list(keys), **context}
    trigger = BlockedTriggerFactory(agent=agent, context=context).trigger
    found = curricula.objectives_for(agent=agent, trigger=trigger)
    return [objective["capability"] for objective in found]


def topic(house, capability, **values):
    return TrainingTopicFactory(workspace=house.workspace, capability=capability, **values)


# --- The table ------------------------------------------------------------------------------------


def test_install_writes_the_defaults_into_an_empty_table_only(house):
    assert curricula.install(workspace=house.workspace, by=house.by_governor) == 1
    row = TrainingTopic.objects.get()
    assert (row.category, row.action_type, row.capability) == ("", "", DEFAULT)
    assert len(row.tasks) == 2
    curricula.remove(topic=row, by=house.by_governor)
    topic(house, "refunds")
    assert curricula.install(workspace=house.workspace, by=house.by_governor) == 0
    assert [row.capability for row in TrainingTopic.objects.all()] == ["refunds"]


def define(house, **values):
    values = {
        "capability": "refunds",
        "objective": "Knows refunds.",
        "tasks": ["Read."],
        "by": house.by_governor,
        **values,
    }
    return curricula.define(workspace=house.workspace, **values)


def test_define_writes_a_row_or_changes_the_one_that_is_there(house):
    with recorded() as entries:
        define(house, category="care")
        define(house, category="care", objective="Refunds well.", tasks=["Do."])
        define(house, category="sales")
    rows = TrainingTopic.objects.values_list("category", "objective", "tasks")
    assert list(rows) == [
        ("care", "Refunds well.", ["Do."]),
        ("sales", "Knows refunds.", ["Read."]),
    ]
    assert kinds(entries) == ["training_topic.defined"] * 3
    assert entries[1].data["data"] == {
        "category": "care",
        "action_type": "",
        "capability": "refunds",
        "objective": "Refunds well.",
        "tasks": ["Do."],
    }


def test_remove(house):
    row = define(house)
    with recorded() as entries:
        curricula.remove(topic=row, by=house.by_governor)
    assert kinds(entries) == ["training_topic.removed"]
    assert not TrainingTopic.objects.exists()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"capability": ""}, "capability: This field cannot be blank"),
        ({"capability": "x" * 101}, "The capability is 101 characters long; at most 100"),
        ({"objective": ""}, "objective: This field cannot be blank"),
        ({"objective": "x" * 301}, "objective: .*at most 300"),
        ({"category": "x" * 101}, "The category is 101 characters long; at most 100"),
        ({"action_type": "x" * 101}, "The action type is 101 characters long; at most 100"),
        ({"capability": "a\x00"}, "cannot be stored"),
        ({"tasks": []}, "a list of 1 to 20 texts"),
        ({"tasks": ["x"] * 21}, "a list of 1 to 20 texts"),
        ({"tasks": "x"}, "a list of 1 to 20 texts"),
        ({"tasks": ["x", 1]}, "Each task is a text"),
        ({"tasks": [" "]}, "The task is empty"),
        ({"tasks": ["x" * 301]}, "301 characters long"),
    ],
)
def test_a_bad_row_is_refused(house, values, says):
    with refused(InvalidInput, says):
        define(house, **values)


# --- Gaps -----------------------------------------------------------------------------------------


@pytest.fixture
def pay(house):
    house.action_type("pay", title="Pay a bill")
    return house


def test_of_the_table_what_fits_the_agent_and_the_trigger(pay):
    topic(pay, "everybody")
    topic(pay, "care only", category="care")
    topic(pay, "sales only", category="sales")
    topic(pay, "paying", action_type="pay")
    topic(pay, "paying in care", action_type="pay", category="care")
    topic(pay, "refunding", action_type="refund")
    agent = pay.agent("student", category="care")
    assert gaps(agent, "pay") == ["paying", "paying in care", "care only", "everybody"]
    assert gaps(agent) == ["care only", "everybody"]
    assert gaps(pay.agent("student"), "pay") == ["paying", "everybody"]


def test_a_row_of_another_workspace_is_nothing_here(pay):
    TrainingTopicFactory(workspace=WorkspaceFactory(), capability="theirs")
    assert gaps(pay.agent("student")) == [DEFAULT]


def test_an_action_type_that_no_row_speaks_of_is_a_gap_itself(pay):
    agent = pay.agent("student")
    assert gaps(agent, "pay") == ["pay"]
    [objective] = BlockedTrigger.objects.get().plan.objectives
    assert objective == {
        "capability": "pay",
        "objective": "Can be trusted with: Pay a bill.",
        "tasks": list(curricula.GENERAL_TASKS),
    }


def test_what_the_agent_can_do_is_no_gap(pay):
    topic(pay, "paying", action_type="pay")
    topic(pay, "manners")
    pay.action_type("refund")
    able = pay.agent("student", configuration={"capabilities": ["paying", "refund", "manners"]})
    assert gaps(able, "pay", "refund") == [DEFAULT]
    half = pay.agent("student", configuration={"capabilities": ["manners"]})
    assert gaps(half, "pay", "refund") == ["paying", "refund"]


def test_without_a_list_every_action_type_above_reading_counts(house):
    for key, complexity, enabled in (
        ("read_it", 1, True),
        ("draft_it", 2, True),
        ("burn_it", 4, True),
        ("change_it", 3, True),
        ("old_it", 3, False),
    ):
        house.action_type(key, complexity=complexity, enabled=enabled)
    trigger = BlockedTriggerFactory(agent=house.agent("student")).trigger
    found = curricula.objectives_for(agent=trigger.agent, trigger=trigger)
    mine = [o["capability"] for o in found if o["capability"].endswith("_it")]
    assert mine == ["draft_it", "change_it", "burn_it"]
    # The system's own are nobody's to learn.
    assert not {"run_start", "training_start"} & {o["capability"] for o in found}


@pytest.mark.parametrize("named", ["pay", 7, {"pay": 1}, None])
def test_a_context_that_lists_nothing_is_read_as_without_a_list(pay, named):
    agent = pay.agent("student")
    trigger = BlockedTriggerFactory(agent=agent, context={"action_types": named}).trigger
    found = curricula.objectives_for(agent=agent, trigger=trigger)
    assert "pay" in [objective["capability"] for objective in found]


def test_what_a_list_names_that_there_is_not_is_passed_over(pay):
    assert gaps(pay.agent("student"), "launch", 7, None, "pay") == ["pay"]


def test_one_training_is_planned_for_twelve_gaps(house):
    for number in range(14):
        topic(house, f"topic {number:02}")
    assert gaps(house.agent("student")) == [f"topic {number:02}" for number in range(12)]


# --- What trainings taught us ---------------------------------------------------------------------


def trained(agent, *, spent=20.0, score=0.8, keys=("pay",)):
    """A completed training of 29 h or so, about these action types."""
    plan = BlockedTriggerFactory(agent=agent, context={"action_types": list(keys)}).plan
    return training_completed(TrainingSessionFactory(plan=plan), hours_spent=spent, score=score)


def test_what_was_learned_is_no_gap_any_more(pay):
    agent = pay.agent("student")
    trained(agent, score=0.69)
    assert (curricula.learned(agent), gaps(agent, "pay")) == (set(), ["pay"])


def test_the_last_score_counts(pay):
    agent = pay.agent("student")
    trained(agent, score=0.7)
    assert (curricula.learned(agent), gaps(agent, "pay")) == ({"pay"}, [DEFAULT])
    plan = BlockedTrigger.objects.get(resolved_at__isnull=True).plan
    training_completed(TrainingSessionFactory(plan=plan), score=0.2)  # of the default alone
    assert curricula.learned(agent) == {"pay"}


def test_similar_agents_are_those_of_the_category(pay):
    one, two, other, none = (
        pay.agent("student", category=category) for category in ("care", "care", "sales", "")
    )
    trained(one, spent=10)
    trained(one, spent=20)
    trained(other, spent=500)
    trained(none, spent=500)
    assert curricula.similar_hours(two) == [15.0]
    assert curricula.similar_hours(one) == []
    training_failed(TrainingSessionFactory(plan=BlockedTriggerFactory(agent=two).plan))
    assert curricula.similar_hours(one) == []


def test_no_agent_is_similar_to_one_without_a_category(pay):
    trained(pay.agent("student"))
    assert curricula.similar_hours(pay.agent("student")) == []


def test_the_learning_rate_is_hours_planned_over_hours_needed(pay):
    agent = pay.agent("student", category="care")
    assert curricula.learning_rate(agent) is None
    first = trained(agent, spent=14.0)
    assert first.hours == 28.0  # 8 + 5 + 1 + 10 + 4
    assert curricula.learning_rate(agent) == pytest.approx(2.0)
    second = trained(agent, spent=28.0)
    assert second.hours == 24.0  # 8 + 3 + 1 + 10 + 2: its confidence is 0.2 now, its rate 2
    assert curricula.learning_rate(agent) == pytest.approx(52 / 42)


def test_a_later_plan_builds_on_what_was_seen(pay):
    trained(pay.agent("student", category="care"), spent=12.0)
    agent = pay.agent("student", category="care")
    plan = BlockedTriggerFactory(agent=agent, context={"action_types": ["pay"]}).plan
    assert plan.hours == pytest.approx(21.0)  # 8 + 5 + 1 + 3 + 4
    assert plan.confidence == pytest.approx(0.55)
    assert plan.reasoning[3]["why"] == "1 similar agent needed 12.0 h on average."
