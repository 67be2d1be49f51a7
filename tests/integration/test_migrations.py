"""The schema, made from nothing by the migrations, and the rows it refuses."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from governance.models.base import new_id
from governance.services import actions
from tests.factories import (
    ActionTypeFactory,
    AgentFactory,
    AllowedHostFactory,
    AttachmentFactory,
    CanvasFactory,
    CeilingFactory,
    CredentialFactory,
    DecisionFactory,
    DeviceCommandFactory,
    DeviceFactory,
    ExamAnswerFactory,
    ExamCaseFactory,
    ExamFactory,
    ExecutionFactory,
    ExecutionStepFactory,
    FormAnswerFactory,
    GrantFactory,
    MembershipFactory,
    PolicyVersionFactory,
    ProposalFactory,
    QueuedRunFactory,
    ReviewFactory,
    RunFactory,
    SupervisionSessionFactory,
    TrainingTopicFactory,
    TriggerFactory,
    WorkflowFactory,
    WorkspaceFactory,
    cancelled,
    claimed,
    executed,
    published,
    rejected,
    revoked,
    rule,
    sat,
    terminated,
)
from tests.factories.devices import claimed_command
from tests.integration import impossible_standing, impossible_watching
from tests.unit.elsewhere import database_url, run_elsewhere

# --- From nothing ---------------------------------------------------------------------------------


@contextmanager
def empty_database(folder) -> Iterator[str]:
    """The URL of a new, empty database of the kind under test."""
    if connection.vendor == "sqlite":
        yield database_url(str(folder / "empty.sqlite3"))
        return
    name = f"test_empty_{new_id().hex}"
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        try:
            yield database_url(name)
        finally:
            cursor.execute(f"DROP DATABASE {name}")


FROM_NOTHING = """
from django.core.management import call_command
from django.db import connection

assert not connection.introspection.table_names()
call_command("migrate", "governance", "0002", verbosity=0)
call_command("migrate", "governance", "0001", verbosity=0)  # the guards, taken down
call_command("migrate", "governance", verbosity=0)  # and put up again
call_command("makemigrations", check_changes=True, dry_run=True)
tables = connection.introspection.table_names()
print(sum(name.startswith("governance_") for name in tables))
connection.close()
"""


@pytest.mark.django_db
def test_the_schema_is_made_from_nothing_and_is_what_the_models_say(tmp_path):
    with empty_database(tmp_path) as url:
        told = run_elsewhere(FROM_NOTHING, url=url)
    expected = len(list(apps.get_app_config("governance").get_models()))
    assert told.splitlines() == ["No changes detected", str(expected)]


# --- Rows the database refuses --------------------------------------------------------------------

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def draft():
    return PolicyVersionFactory(rules=[rule()])


def draft_rule():
    return draft().rules.get()


def ready_step():
    return ExecutionStepFactory()


def passed_exam():
    return sat(ExamFactory(repeats=1))


def decided_by_someone(**columns):
    """A change whose `decided_by` is filled in with a person who exists."""
    return {**columns, "decided_by_id": "somebody"}


def in_hand():
    """A command that its device has claimed, and not reported on."""
    return claimed_command(DeviceCommandFactory())


mail_domain = partial(AllowedHostFactory, use="mail")
rejection = partial(ReviewFactory, verdict="reject", comment="no")

# Which constraint; a possible row; the change that would make it impossible.
IMPOSSIBLE = [
    ("action_type_complexity_known", ActionTypeFactory, {"complexity": 0}),
    ("action_type_complexity_known", ActionTypeFactory, {"complexity": 5}),
    ("action_type_reversibility_known", ActionTypeFactory, {"reversibility": "maybe"}),
    ("action_type_mode_known", ActionTypeFactory, {"mode": "robot"}),
    ("action_type_effect_known", ActionTypeFactory, {"effect": "global"}),
    ("action_type_approvals_1_to_20", ActionTypeFactory, {"required_approvals": 0}),
    ("action_type_approvals_1_to_20", ActionTypeFactory, {"required_approvals": 21}),
    ("action_type_expiry_positive", ActionTypeFactory, {"expires_after": datetime.timedelta()}),
    ("action_type_expiry_positive", ActionTypeFactory, {"expires_after": datetime.timedelta(-1)}),
    ("action_type_attempts_1_to_20", ActionTypeFactory, {"max_attempts": 0}),
    ("action_type_attempts_1_to_20", ActionTypeFactory, {"max_attempts": 21}),
    ("action_type_timeout_1_to_3600", ActionTypeFactory, {"timeout_seconds": 0}),
    ("action_type_timeout_1_to_3600", ActionTypeFactory, {"timeout_seconds": 3_601}),
    ("agent_maturity_known", AgentFactory, {"maturity": "expert"}),
    ("agent_maturity_known", AgentFactory, {"maturity": ""}),
    ("agent_state_known", AgentFactory, {"state": "asleep"}),
    ("agent_confidence_0_to_1", AgentFactory, {"confidence_score": -0.01}),
    ("agent_confidence_0_to_1", AgentFactory, {"confidence_score": 1.01}),
    ("allowed_host_use_known", AllowedHostFactory, {"use": "gopher"}),
    ("allowed_host_port_1_to_65535", AllowedHostFactory, {"port": 0}),
    ("allowed_host_port_1_to_65535", AllowedHostFactory, {"port": 65_536}),
    ("allowed_host_private_is_exact", AllowedHostFactory, {"allow_private": True}),
    (
        "allowed_host_private_is_exact",
        AllowedHostFactory,
        {"allow_private": True, "port": 80, "host": "*.example.com"},
    ),
    (
        "allowed_host_private_is_exact",
        mail_domain,
        {"allow_private": True},
    ),
    ("allowed_host_mail_is_a_domain", mail_domain, {"port": 25}),
    ("allowed_host_mail_is_a_domain", mail_domain, {"deduplicates": True}),
    ("attachment_media_type_known", AttachmentFactory, {"media_type": "image/svg+xml"}),
    ("canvas_kind_known", CanvasFactory, {"kind": "video"}),
    ("ceiling_maturity_known", CeilingFactory, {"maturity": "expert"}),
    ("ceiling_state_known", CeilingFactory, {"state": "broken"}),
    ("ceiling_lifted_pairs", CeilingFactory, {"state": "lifted"}),
    ("ceiling_lifted_pairs", CeilingFactory, {"lifted_at": NOW}),
    ("credential_kind_known", CredentialFactory, {"kind": "rumour"}),
    ("decision_kind_known", DecisionFactory, {"kind": "guess"}),
    ("decision_route_known", DecisionFactory, {"route": "maybe"}),
    ("decision_names_its_subject", DecisionFactory, {"action_type": ""}),
    ("decision_names_its_subject", DecisionFactory, {"kind": "trigger"}),
    ("device_state_known", DeviceFactory, {"state": "lost"}),
    ("device_command_kind_known", DeviceCommandFactory, {"kind": "microphone"}),
    ("device_command_state_known", DeviceCommandFactory, {"state": "lost"}),
    ("device_command_claimed_pairs", DeviceCommandFactory, {"state": "claimed"}),
    ("device_command_claimed_pairs", DeviceCommandFactory, {"claimed_at": NOW}),
    ("device_command_reported_pairs", in_hand, {"state": "done"}),
    ("device_command_reported_pairs", in_hand, {"reported_at": NOW}),
    ("device_command_says_why", DeviceCommandFactory, {"state": "expired"}),
    ("device_command_says_why", in_hand, {"state": "in_doubt"}),
    ("device_command_says_why", in_hand, {"state": "failed", "reported_at": NOW}),
    ("device_command_photo_of_camera", DeviceCommandFactory, {"photo": b"x"}),
    (
        "device_command_photo_of_camera",
        in_hand,
        {"state": "done", "reported_at": NOW, "photo": b"x"},  # of a location
    ),
    ("execution_mode_known", ExecutionFactory, {"mode": "robot"}),
    ("execution_route_known", ExecutionFactory, {"cleared_route": "maybe"}),
    ("execution_state_known", ExecutionFactory, {"state": "waiting"}),
    ("execution_lease_pairs", ExecutionFactory, {"state": "claimed"}),
    ("execution_lease_pairs", ExecutionFactory, {"lease_expires_at": NOW}),
    ("execution_finished_pairs", ExecutionFactory, {"state": "done"}),
    ("execution_finished_pairs", ExecutionFactory, {"state": "cancelled"}),
    ("execution_finished_pairs", ExecutionFactory, {"finished_at": NOW}),
    ("execution_waiting_pairs", ExecutionFactory, {"waiting_for": new_id()}),
    (
        "execution_waiting_pairs",
        lambda: claimed(ExecutionFactory()),
        {"waiting_for": new_id(), "not_before": NOW},
    ),
    ("execution_failed_says_why", ExecutionFactory, {"state": "failed", "finished_at": NOW}),
    ("grant_route_loosens", GrantFactory, {"route": "training"}),
    ("grant_route_loosens", GrantFactory, {"route": "denied"}),
    ("grant_state_known", GrantFactory, {"state": "expired"}),
    ("grant_revoked_pairs", GrantFactory, {"state": "revoked"}),
    ("grant_revoked_pairs", GrantFactory, {"revoked_at": NOW}),
    ("grant_revoked_pairs", lambda: revoked(GrantFactory()), {"state": "active"}),
    ("membership_role_known", MembershipFactory, {"role": "owner"}),
    ("policy_state_known", draft, {"state": "secret"}),
    ("policy_published_pairs", draft, {"state": "published"}),
    ("policy_published_pairs", draft, {"number": 2}),
    ("policy_published_pairs", draft, {"digest": "x"}),
    (
        "policy_published_pairs",
        draft,
        {"state": "published", "number": 2, "published_at": NOW},
    ),
    ("policy_rule_route_tightens", draft_rule, {"route": "execution"}),
    ("policy_rule_reason_given", draft_rule, {"reason": ""}),
    ("proposal_kind_known", ProposalFactory, {"kind": "wish"}),
    ("proposal_route_known", ProposalFactory, {"route": "maybe"}),
    ("proposal_state_known", ProposalFactory, {"state": "forgotten"}),
    ("proposal_approvals_positive", ProposalFactory, {"required_approvals": 0}),
    ("proposal_decided_pair", lambda: cancelled(ProposalFactory()), {"decided_at": NOW}),
    ("proposal_decided_pair", lambda: cancelled(ProposalFactory()), decided_by_someone()),
    ("proposal_decided_by_a_person", ProposalFactory, {"state": "approved"}),
    (
        "proposal_decided_by_a_person",
        ProposalFactory,
        {"state": "rejected", "closing_reason": "no"},
    ),
    ("proposal_decided_by_a_person", ProposalFactory, {"state": "executed"}),
    ("proposal_decided_by_a_person", ProposalFactory, {"state": "failed"}),
    ("proposal_decided_by_a_person", ProposalFactory, {"state": "in_doubt"}),
    (
        "proposal_decided_by_a_person",
        lambda: executed(ProposalFactory()),
        {"decided_at": None, "decided_by_id": None},
    ),
    (
        "proposal_waiting_is_undecided",
        ProposalFactory,
        decided_by_someone(decided_at=NOW),
    ),
    ("proposal_rejected_with_reason", lambda: rejected(ProposalFactory()), {"closing_reason": ""}),
    ("review_verdict_known", ReviewFactory, {"verdict": "shrug"}),
    ("review_reject_with_reason", rejection, {"comment": ""}),
    ("review_edit_approves", rejection, {"edited": True}),
    ("run_kind_known", RunFactory, {"kind": "dream"}),
    ("run_maturity_known", RunFactory, {"maturity": "expert"}),
    ("run_state_known", RunFactory, {"state": "stuck"}),
    ("run_finished_pairs", RunFactory, {"state": "succeeded"}),
    ("run_finished_pairs", RunFactory, {"finished_at": NOW}),
    ("run_started_pairs", RunFactory, {"started_at": None}),
    ("run_started_pairs", QueuedRunFactory, {"started_at": NOW}),
    ("exam_case_seconds_1_to_3600", ExamCaseFactory, {"seconds": 0}),
    ("exam_case_seconds_1_to_3600", ExamCaseFactory, {"seconds": 3_601}),
    ("exam_state_known", ExamFactory, {"state": "postponed"}),
    ("exam_target_known", ExamFactory, {"target": "student"}),
    ("exam_target_known", ExamFactory, {"target": "expert"}),
    ("exam_ended_pairs", ExamFactory, {"ended_at": NOW}),
    ("exam_ended_pairs", ExamFactory, {"state": "aborted"}),
    ("exam_score_pairs", ExamFactory, {"score": 0.5}),
    ("exam_score_pairs", passed_exam, {"score": None}),
    ("exam_score_0_to_1", passed_exam, {"score": 1.1}),
    ("exam_asks_something", ExamFactory, {"repeats": 0}),
    ("exam_asks_something", ExamFactory, {"needed": 0.0}),
    ("exam_asks_something", ExamFactory, {"needed": 1.1}),
    ("exam_passed_is_enough", passed_exam, {"score": 0.5}),
    ("exam_failed_is_too_little", passed_exam, {"state": "failed"}),
    ("exam_answer_failed_says_why", ExamAnswerFactory, {"passed": False}),
    ("exam_answer_failed_says_why", ExamAnswerFactory, {"why": ["It did not."]}),
    ("exam_answer_repeat_from_1", ExamAnswerFactory, {"repeat": 0}),
    ("step_effect_known", ready_step, {"effect": "global"}),
    ("step_state_known", ready_step, {"state": "waiting"}),
    ("step_finished_pairs", ready_step, {"state": "done"}),
    ("step_finished_pairs", ready_step, {"state": "not_run"}),
    ("step_finished_pairs", ready_step, {"state": "skipped"}),
    ("step_finished_pairs", ready_step, {"finished_at": NOW}),
    ("step_sent_has_time", ready_step, {"state": "sent"}),
    ("step_sent_has_time", ready_step, {"state": "in_doubt"}),
    ("step_failed_says_why", ready_step, {"state": "failed", "finished_at": NOW}),
    ("trigger_source_known", TriggerFactory, {"source": "rumour"}),
    ("trigger_route_known", TriggerFactory, {"route": "maybe"}),
    ("workspace_state_known", WorkspaceFactory, {"state": "closed"}),
    *impossible_watching.IMPOSSIBLE,
    *impossible_standing.IMPOSSIBLE,
]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("constraint", "make", "change"),
    IMPOSSIBLE,
    ids=[f"{case[0]}-{number}" for number, case in enumerate(IMPOSSIBLE)],
)
def test_the_database_refuses_an_impossible_row(constraint, make, change):
    row = make()
    if "decided_by_id" in change and change["decided_by_id"] is not None:
        change = {**change, "decided_by_id": row.agent.owner_id}
    change = impossible_watching.filled_in(row, change)
    rows = type(row)._default_manager.filter(pk=row.pk)
    with pytest.raises(IntegrityError, match=rf"\b{constraint}\b"), transaction.atomic():
        rows.update(**change)
    assert rows.exists()


def declared(kind: type[models.BaseConstraint]) -> set[str]:
    return {
        constraint.name
        for model in apps.get_app_config("governance").get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, kind)
    }


def test_every_check_has_its_impossible_row_here():
    assert declared(models.CheckConstraint) == {constraint for constraint, *_ in IMPOSSIBLE}


# --- Rows there may be only one of ----------------------------------------------------------------


def published_version():
    return published(draft())


def keyed_execution():
    action_type = ActionTypeFactory(complexity=1)
    run = RunFactory(agent=AgentFactory(workspace=action_type.workspace, maturity="autonomous"))
    return actions.request(
        run=run,
        action_type=action_type.key,
        params={},
        idempotency_key="once",
        by=run.agent.actor,
    ).execution


def keyed_proposal():
    return ProposalFactory(idempotency_key="again")


# Which constraint; SQLite's name for it, which is its columns; the row; what a copy has of its own.
TWICE = [
    ("action_type_key_once", "actiontype.workspace_id, actiontype.key", ActionTypeFactory, {}),
    ("agent_name_once", "agent.workspace_id, agent.name", AgentFactory, {}),
    (
        "allowed_host_once",
        "allowedhost.workspace_id, allowedhost.use, allowedhost.host",
        AllowedHostFactory,
        {"note": "for something else"},
    ),
    (
        "allowed_host_and_port_once",
        "allowedhost.workspace_id, allowedhost.use, allowedhost.host, allowedhost.port",
        partial(AllowedHostFactory, port=8443),
        {"note": "for something else"},
    ),
    ("attachment_name_once", "attachment.step_id, attachment.name", AttachmentFactory, {}),
    ("ceiling_one_active", "ceiling.agent_id", CeilingFactory, {}),
    (
        "credential_name_once",
        "credential.workspace_id, credential.name",
        CredentialFactory,
        {},
    ),
    (
        "device_name_once",
        "device.workspace_id, device.name",
        DeviceFactory,
        {"key_prefix": "another"},
    ),
    ("device_key_prefix", "device.key_prefix", DeviceFactory, {"name": "another"}),
    ("devicecommand_step_id", "devicecommand.step_id", DeviceCommandFactory, {}),
    ("membership_once", "membership.workspace_id, membership.user_id", MembershipFactory, {}),
    (
        "policy_number_once",
        "policyversion.workspace_id, policyversion.number",
        published_version,
        {},
    ),
    ("policy_rule_key_once", "policyrule.policy_id, policyrule.key", draft_rule, {}),
    (
        "execution_key_once",
        "execution.agent_id, execution.idempotency_key",
        keyed_execution,
        {},
    ),
    (
        "proposal_key_once",
        "proposal.agent_id, proposal.idempotency_key",
        keyed_proposal,
        {},
    ),
    (
        "review_once_per_person",
        "review.proposal_id, review.reviewer_id, review.digest",
        ReviewFactory,
        {},
    ),
    (
        "step_position_once",
        "executionstep.execution_id, executionstep.position",
        ready_step,
        {"step": "other", "idempotency_key": "other"},
    ),
    (
        "step_id_once",
        "executionstep.execution_id, executionstep.step",
        ready_step,
        {"position": 7, "idempotency_key": "other"},
    ),
    (
        "step_idempotency_key_once",
        "executionstep.idempotency_key",
        ready_step,
        {"position": 7, "step": "other"},
    ),
    (
        "exam_case_version_once",
        "examcase.workspace_id, examcase.case_set, examcase.key, examcase.number",
        ExamCaseFactory,
        {},
    ),
    ("exam_attempt_once", "exam.agent_id, exam.attempt", passed_exam, {}),
    ("exam_one_running", "exam.agent_id", ExamFactory, {"attempt": 2}),
    (
        "exam_answer_once",
        "examanswer.exam_id, examanswer.case_id, examanswer.repeat",
        ExamAnswerFactory,
        {},
    ),
    ("workspace_name", "workspace.name", WorkspaceFactory, {}),
    ("canvas_step_id", "canvas.step_id", CanvasFactory, {}),
    ("formanswer_canvas_id", "formanswer.canvas_id", FormAnswerFactory, {}),
    (
        "workflow_version_once",
        "workflow.workspace_id, workflow.name, workflow.number",
        WorkflowFactory,
        {},
    ),
    ("execution_proposal_id", "execution.proposal_id", ExecutionFactory, {}),
    ("run_trigger_id", "run.trigger_id", RunFactory, {}),
    *impossible_watching.TWICE,
    *impossible_standing.TWICE,
]


def insert_copy(row, changes) -> None:
    copy = type(row)._default_manager.get(pk=row.pk)
    copy.pk = new_id()
    for column, value in changes.items():
        setattr(copy, column, value)
    with transaction.atomic():
        type(row)._default_manager.bulk_create([copy])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("constraint", "columns", "make", "changes"), TWICE, ids=[case[0] for case in TWICE]
)
def test_the_database_refuses_a_second_one(constraint, columns, make, changes):
    row = make()
    on_sqlite = ", ".join(f"governance_{column}" for column in columns.split(", "))
    said = rf"failed: {on_sqlite}$" if connection.vendor == "sqlite" else rf"{constraint}"
    with pytest.raises(IntegrityError, match=said):
        insert_copy(row, changes)


def test_every_named_uniqueness_has_its_copy_here():
    named = declared(models.UniqueConstraint)
    assert named <= {constraint for constraint, *_ in TWICE}


@pytest.mark.django_db
def test_what_may_be_there_twice_may():
    ceiling = CeilingFactory()
    type(ceiling).objects.filter(pk=ceiling.pk).update(state="lifted", lifted_at=timezone.now())
    insert_copy(ceiling, {})
    insert_copy(ProposalFactory(), {})  # without an idempotency key
    insert_copy(draft(), {})  # without a number
    insert_copy(AgentFactory(), {"name": "another"})
    insert_copy(AllowedHostFactory(), {"port": 8443})
    insert_copy(AllowedHostFactory(), {"use": "mail"})
    insert_copy(AttachmentFactory(), {"name": "another"})
    insert_copy(ReviewFactory(), {"digest": "of an edited plan"})
    insert_copy(ReviewFactory(verdict="abstain"), {})
    insert_copy(terminated(SupervisionSessionFactory()), {})  # whose run may be watched again
    insert_copy(TrainingTopicFactory(), {"category": "another"})
