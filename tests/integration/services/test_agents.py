"""Agents: registered with a maturity on a governor's word, changed, paused, resumed, retired."""

from __future__ import annotations

import pytest
from django.db import transaction

from governance.domain.errors import InvalidInput, StaleState
from governance.models import Agent
from governance.services import agents
from tests.factories import (
    BY_SYSTEM,
    AgentFactory,
    EmptyWorkspaceFactory,
    QueuedRunFactory,
    SupervisionSessionFactory,
    TrainingPlanFactory,
    TrainingSessionFactory,
    UserFactory,
    paused,
    rated,
    retired,
    training_completed,
)
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db


def register(house, **values):
    values = {"name": "returns", "owner": house.reviewer, "by": house.by_governor, **values}
    return agents.register(workspace=house.workspace, **values)


def test_register_writes_the_agent_and_its_entry(house):
    configuration = {"model": "m-1", "capabilities": ["read", "refund"]}
    with recorded() as entries:
        agent = register(house, maturity="supervised", configuration=configuration)
    agent = Agent.objects.get(pk=agent.pk)
    assert (agent.maturity, agent.state, agent.confidence_score) == ("supervised", "active", 0.0)
    assert (agent.owner, agent.capabilities) == (house.reviewer, ("read", "refund"))
    [entry] = entries
    assert (entry.kind, entry.subject_id) == ("agent.active", agent.id)
    assert entry.data["data"] == {
        "from": None,
        "to": "active",
        "version": 1,
        "name": "returns",
        "owner": house.reviewer.username,
        "maturity": "supervised",
        "evidence": None,
        "fingerprint": agent.fingerprint,
    }


def test_an_agent_begins_as_a_student_without_confidence(house):
    agent = register(house)
    assert (agent.maturity, agent.confidence_score, agent.configuration) == ("student", 0.0, {})


BAD = [
    ({"name": ""}, "The name is empty"),
    ({"name": "n" * 101}, "101 characters long"),
    ({"name": "a\x00b"}, "character that cannot be stored"),
    ({"name": "\ud800"}, "character that cannot be stored"),
    ({"name": "taken"}, "already exists"),
    ({"maturity": "expert"}, "use one of student, intern, supervised, autonomous"),
    ({"category": "c" * 101}, "category: .*at most 100 characters"),
    ({"configuration": ["x"]}, "must be a JSON object"),
    ({"configuration": {"capabilities": "read"}}, "must be a list of strings"),
    ({"configuration": {"capabilities": [1]}}, "must be a list of strings"),
    ({"configuration": {"x": "y" * 64_000}}, "at most 64,000 are accepted"),
    ({"configuration": {"x": 2**53}}, "use strings for whole numbers"),
    ({"configuration": {"x": float("nan")}}, "only finite numbers"),
    ({"configuration": {"x": "\x00"}}, r"holds the character U\+0000"),
]


@pytest.mark.parametrize(("values", "says"), BAD)
def test_what_cannot_be_registered_is_refused(house, values, says):
    register(house, name="taken")
    with refused(InvalidInput, says):
        register(house, **values)


def test_the_same_name_is_free_in_another_workspace(house):
    AgentFactory(workspace=EmptyWorkspaceFactory(), name="returns")
    assert register(house).name == "returns"


def test_update_changes_the_row_the_fingerprint_and_the_ledger(house):
    agent = register(house)
    before = agent.fingerprint
    changes = {"category": "finance", "configuration": {"model": "m-2"}}
    with recorded() as entries:
        row = agents.update(agent=agent, changes=changes, by=house.by_governor)
    stored = Agent.objects.get(pk=agent.pk)
    assert (stored.category, stored.configuration) == ("finance", {"model": "m-2"})
    assert stored.fingerprint == row.fingerprint != before
    [entry] = entries
    assert (entry.kind, entry.subject_id) == ("agent.updated", agent.id)
    assert entry.data["data"] == {
        "changed": ["category", "configuration"],
        "fingerprint_before": before,
        "fingerprint": stored.fingerprint,
    }


# what changes, whether the fingerprint does
FINGERPRINT = [
    ({"category": "x"}, False),
    ({"description": "x"}, False),
    ({"module_path": "x"}, True),
    ({"class_name": "x"}, True),
    ({"configuration": {"model": "m-2"}}, True),
    ({"configuration": {"capabilities": ["refund"]}}, True),
]


@pytest.mark.parametrize(("changes", "other"), FINGERPRINT)
def test_the_fingerprint_covers_what_an_agent_is_made_of(house, changes, other):
    agent = register(house)
    row = agents.update(agent=agent, changes=changes, by=house.by_governor)
    assert (row.fingerprint != agent.fingerprint) is other


@pytest.mark.parametrize(
    "name", ["maturity", "state", "confidence_score", "fingerprint", "name", "owner", "workspace"]
)
def test_update_cannot_touch_what_is_earned_or_moved(house, name):
    agent = register(house)
    with refused(InvalidInput, f"cannot be changed here: {name}"):
        agents.update(agent=agent, changes={name: "autonomous"}, by=house.by_governor)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"configuration": None}, "must be a JSON object"),
        ({"description": "d" * 2_001}, "at most 2,?000 "),
        ({"description": None}, "description"),
    ],
)
def test_a_bad_update_is_refused(house, changes, says):
    agent = register(house)
    with refused(InvalidInput, says):
        agents.update(agent=agent, changes=changes, by=house.by_governor)


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
@pytest.mark.parametrize("name", ["category", "description", "module_path", "class_name"])
def test_text_that_some_database_cannot_store_is_refused(house, name, text):
    with refused(InvalidInput, "cannot be stored|valid Unicode"):
        register(house, **{name: text})


# from, by which verb, to; None: refused
MOVES = [
    ("active", agents.pause, "paused"),
    ("active", agents.resume, None),
    ("active", agents.retire, "retired"),
    ("paused", agents.pause, None),
    ("paused", agents.resume, "active"),
    ("paused", agents.retire, "retired"),
    ("retired", agents.pause, None),
    ("retired", agents.resume, None),
    ("retired", agents.retire, None),
]


@pytest.mark.parametrize(("before", "verb", "after"), MOVES)
def test_moves(house, before, verb, after):
    agent = {"active": lambda a: a, "paused": paused, "retired": retired}[before](register(house))
    if after is None:
        with refused(StaleState, "The agent cannot become"):
            verb(agent=agent, reason="because", by=house.by_governor)
        return
    with recorded() as entries:
        verb(agent=agent, reason="because", by=house.by_governor)
    assert Agent.objects.get(pk=agent.pk).state == after
    assert kinds(entries) == [f"agent.{after}"]
    data = entries[0].data["data"]
    assert (data["from"], data["to"], data["reason"]) == (before, after, "because")


@pytest.mark.parametrize("verb", [agents.pause, agents.resume, agents.retire])
def test_each_move_needs_a_reason(house, verb):
    agent = register(house)
    with refused(InvalidInput, "reason is empty"):
        verb(agent=agent, reason=" ", by=house.by_governor)


def test_a_stale_row_moves_nothing(house):
    agent = register(house)
    seen = Agent.objects.get(pk=agent.pk)
    paused(agent)
    with refused(StaleState, "or has changed since; read it again"):
        agents.retire(agent=seen, reason="because", by=house.by_governor)


def test_the_owner_is_only_named(house):
    """Owning an agent gives no right over it."""
    owner = UserFactory()
    assert register(house, owner=owner).owner == owner


#  before, gain, after
RAISES = [(0.0, 0.15, 0.15), (0.1, 0.2, 0.3), (0.9, 0.2, 1.0), (1.0, 0.05, 1.0), (0.4, 0.0, 0.4)]


@pytest.mark.parametrize(("before", "gain", "after"), RAISES)
def test_confidence_rises_and_maturity_stays(house, before, gain, after):
    agent = house.agent("intern")
    Agent.objects.filter(pk=agent.pk).update(confidence_score=before)
    with recorded() as entries, transaction.atomic():
        found = agents.raise_confidence(
            agent=agent, gain=gain, why={"training": "t"}, by=house.by_supervisor
        )
    row = Agent.objects.get(pk=agent.pk)
    assert (found, row.confidence_score, row.maturity) == (after, after, "intern")
    [entry] = entries
    assert (entry.kind, entry.subject_id) == ("agent.confidence", agent.pk)
    assert entry.data["data"] == {"before": before, "after": after, "gain": gain, "training": "t"}


def test_confidence_rises_from_what_it_is_now(house):
    """The caller's copy of the agent may be old."""
    agent = house.agent("intern")
    for _ in range(2):
        with transaction.atomic():
            agents.raise_confidence(agent=agent, gain=0.2, why={}, by=BY_SYSTEM)
    assert Agent.objects.get(pk=agent.pk).confidence_score == 0.4


def test_neither_training_nor_supervision_changes_maturity(house):
    """Not even at a confidence of 1, which would do for autonomous."""
    student, supervised = house.agent("student"), house.agent("supervised")
    Agent.objects.all().update(confidence_score=0.99)
    training_completed(TrainingSessionFactory(plan=TrainingPlanFactory(agent=student)), score=1.0)
    rated(SupervisionSessionFactory(run=QueuedRunFactory(agent=supervised)))
    found = Agent.objects.filter(pk__in=[student.pk, supervised.pk])
    assert dict(found.values_list("maturity", "confidence_score")) == {
        "student": 1.0,
        "supervised": 1.0,
    }
