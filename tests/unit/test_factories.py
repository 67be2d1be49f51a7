"""The factories themselves: every model has one, and none makes an impossible row."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model

from governance.domain.errors import GovernanceError
from governance.models import (
    ActionType,
    ConstitutionRule,
    LedgerEntry,
    Membership,
    PolicyRule,
    PolicyVersion,
    Workspace,
)
from tests import factories
from tests.factories import (
    ActionTypeFactory,
    AdviceFactory,
    AgentFactory,
    AllowedHostFactory,
    AttachmentFactory,
    BlockedTriggerFactory,
    CanvasFactory,
    CeilingFactory,
    ConstitutionVersionFactory,
    CredentialFactory,
    CriteriaRowFactory,
    DecisionFactory,
    DeviceCommandFactory,
    DeviceFactory,
    EmptyWorkspaceFactory,
    EpisodeFactory,
    EpisodeSegmentFactory,
    EvidenceCounterFactory,
    EvidenceFactory,
    ExamAnswerFactory,
    ExamCaseFactory,
    ExamFactory,
    ExecutionFactory,
    ExecutionStepFactory,
    FormAnswerFactory,
    GrantFactory,
    House,
    InterventionFactory,
    LedgerEntryFactory,
    MaturityChangeFactory,
    MembershipFactory,
    PolicyVersionFactory,
    PresenceFactory,
    ProposalFactory,
    QueuedRunFactory,
    ReviewFactory,
    RunFactory,
    SessionEventFactory,
    StintCounterFactory,
    SupervisionSessionFactory,
    TrainingPlanFactory,
    TrainingSessionFactory,
    TrainingTaskFactory,
    TrainingTopicFactory,
    TriggerFactory,
    UserFactory,
    ViolationFactory,
    WorkflowFactory,
    WorkspaceFactory,
    make_spec,
    rule,
)

pytestmark = pytest.mark.django_db

ALL = [
    ConstitutionVersionFactory,
    CriteriaRowFactory,
    EpisodeFactory,
    EpisodeSegmentFactory,
    EvidenceCounterFactory,
    EvidenceFactory,
    MaturityChangeFactory,
    StintCounterFactory,
    ViolationFactory,
    ActionTypeFactory,
    AdviceFactory,
    AgentFactory,
    AllowedHostFactory,
    AttachmentFactory,
    BlockedTriggerFactory,
    CanvasFactory,
    CeilingFactory,
    CredentialFactory,
    DecisionFactory,
    DeviceCommandFactory,
    DeviceFactory,
    EmptyWorkspaceFactory,
    ExamAnswerFactory,
    ExamCaseFactory,
    ExamFactory,
    ExecutionFactory,
    ExecutionStepFactory,
    FormAnswerFactory,
    GrantFactory,
    LedgerEntryFactory,
    MembershipFactory,
    PolicyVersionFactory,
    ProposalFactory,
    QueuedRunFactory,
    ReviewFactory,
    RunFactory,
    InterventionFactory,
    PresenceFactory,
    SessionEventFactory,
    SupervisionSessionFactory,
    TrainingPlanFactory,
    TrainingSessionFactory,
    TrainingTaskFactory,
    TrainingTopicFactory,
    TriggerFactory,
    UserFactory,
    WorkflowFactory,
    WorkspaceFactory,
]


@pytest.mark.parametrize("factory", ALL, ids=lambda factory: factory.__name__)
def test_every_factory_creates_one_stored_row_that_meets_its_constraints(factory):
    row = factory()
    model = factory._meta.model
    assert type(row) is model
    stored = model._default_manager.get(pk=row.pk)
    stored.validate_constraints()


@pytest.mark.parametrize("factory", ALL, ids=lambda factory: factory.__name__)
def test_an_unknown_keyword_raises_and_nothing_is_written(factory):
    # These name what an earlier implementation's fixtures made up.
    with pytest.raises((TypeError, GovernanceError)):
        factory(confidence=0.9)


@pytest.mark.parametrize("factory", ALL, ids=lambda factory: factory.__name__)
def test_no_factory_takes_a_state(factory):
    with pytest.raises((TypeError, GovernanceError)):
        factory(state="approved")


def test_no_factory_builds_without_creating():
    with pytest.raises(TypeError, match="only creates"):
        AgentFactory.build()


def test_every_model_has_a_factory():
    made = {factory._meta.model for factory in ALL} | {
        PolicyRule,
        ConstitutionRule,
    }  # rules come with a version
    assert made == {*apps.get_app_config("governance").get_models(), get_user_model()}


def test_a_policy_version_comes_with_its_rules():
    version = PolicyVersionFactory(rules=[rule("a"), rule("b", scope="pay_*")])
    assert [(r.key, r.scope) for r in version.rules.all()] == [("a", "*"), ("b", "pay_*")]


MOVES = [
    ("halted", WorkspaceFactory, "halted"),
    ("paused", AgentFactory, "paused"),
    ("retired", AgentFactory, "retired"),
    ("published", PolicyVersionFactory, "published"),
    ("discarded", PolicyVersionFactory, "discarded"),
    ("revoked", GrantFactory, "revoked"),
    ("lifted", CeilingFactory, "lifted"),
    ("finished", RunFactory, "succeeded"),
    ("abandoned", RunFactory, "abandoned"),
    ("approved", ProposalFactory, "approved"),
    ("rejected", ProposalFactory, "rejected"),
    ("cancelled", ProposalFactory, "cancelled"),
    ("expired", ProposalFactory, "expired"),
    ("executed", ProposalFactory, "executed"),
    ("failed", ProposalFactory, "failed"),
    ("in_doubt", ProposalFactory, "in_doubt"),
    ("claimed", ExecutionFactory, "claimed"),
    ("training_begun", TrainingSessionFactory, "in_progress"),
    ("training_completed", TrainingSessionFactory, "completed"),
    ("training_failed", TrainingSessionFactory, "failed"),
    ("training_cancelled", TrainingSessionFactory, "cancelled"),
    ("held", SupervisionSessionFactory, "paused"),
    ("terminated", SupervisionSessionFactory, "terminated"),
    ("rated", SupervisionSessionFactory, "completed"),
]


@pytest.mark.parametrize(("move", "factory", "state"), MOVES, ids=[case[0] for case in MOVES])
def test_every_move_ends_where_its_name_says(move, factory, state):
    row = getattr(factories, move)(factory())
    assert row.state == state
    row.validate_constraints()


@pytest.mark.parametrize("row", [AgentFactory, WorkspaceFactory])
def test_resumed_undoes_paused_and_halted(row):
    stop = factories.paused if row is AgentFactory else factories.halted
    assert factories.resumed(stop(row())).state == "active"


def test_the_house_that_is_put_back_is_the_house_that_was_built(house):
    """Every row, though keys and times are those of the first test that asked for it."""
    House.build()
    first, again = (
        {
            model.__name__: sorted(comparable(row) for row in model.objects.of(workspace.id))
            for model in (ActionType, LedgerEntry, Membership, PolicyVersion)
        }
        for workspace in Workspace.objects.order_by("created_at", "id")
    )
    assert first == again
    assert {name: len(rows) for name, rows in first.items()} == {
        "ActionType": 10,
        # 1 workspace, 10 action types, 3 policy, 3 criteria, 2 constitution, 5 members
        "LedgerEntry": 24,
        "Membership": 5,
        "PolicyVersion": 1,
    }
    assert house.by_governor.label == f"{house.workspace.name}-governor"


def comparable(row):
    """What a row holds, without the keys, times and names that only tell one from another."""
    kept = {"kind", "key", "title", "params_schema", "effect", "role", "number", "state", "version"}
    fields = [field for field in row._meta.concrete_fields if field.name in kept]
    return repr({field.name: field.value_from_object(row) for field in fields})


def test_where_its_people_are_in_the_way_a_house_is_built_anew(house):
    other = House.first()
    assert other.workspace != house.workspace
    assert Workspace.objects.count() == 2


def test_a_house_has_a_person_a_role_a_policy_and_the_catalogue(house):
    assert house.by_viewer.kind == "person"
    assert {m.role for m in house.workspace.memberships.all()} == {
        "viewer",
        "reviewer",
        "supervisor",
        "governor",
        "auditor",
    }
    assert {m: r.state for m, r in house.runs().items()} == {
        "student": "running",
        "intern": "running",
        "supervised": "running",
        "autonomous": "running",
    }
    version = house.publish(rule())
    assert (version.number, version.rules.count()) == (2, 1)


def test_a_registered_handler_carries_out_a_proposal(house, registered):
    done = []

    def handler(context, params):
        done.append(params)
        return {"done": True}

    action_type = registered(make_spec("stamp", handler=handler), workspace=house.workspace)
    proposal = house.proposal(action_type=action_type.key, params={"a": 1})
    assert factories.executed(proposal).state == "executed"
    assert done == [{"a": 1}]
