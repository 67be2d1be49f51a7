"""Workspaces: created once, halted and resumed by a governor with a reason."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput, StaleState
from governance.models import ActionType, PolicyVersion, Workspace
from governance.services import workspaces
from tests.factories import BY_SYSTEM, EmptyWorkspaceFactory, publish_rules, rule
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db


def test_create_writes_the_workspace_and_its_entry():
    with recorded() as entries:
        workspace = workspaces.create(name="north-team", by=BY_SYSTEM)
    workspace.refresh_from_db()
    assert (workspace.name, workspace.state, workspace.version) == ("north-team", "active", 1)
    [entry] = entries
    assert (entry.kind, entry.workspace_id, entry.subject_id) == (
        "workspace.active",
        workspace.id,
        workspace.id,
    )
    assert entry.data["by"] == {"kind": "system", "id": "tests", "label": "tests"}
    assert entry.data["data"] == {"from": None, "to": "active", "version": 1, "name": "north-team"}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "cannot be blank"),
        ("North", "Use a-z, 0-9 and -, from a letter"),
        ("1st", "Use a-z, 0-9 and -, from a letter"),
        ("a b", "Use a-z, 0-9 and -, from a letter"),
        ("north\n", "Use a-z, 0-9 and -, from a letter"),
        ("nörth", "Use a-z, 0-9 and -, from a letter"),
        ("n" * 61, "at most 60 characters"),
        ("taken", "already exists"),
    ],
)
def test_a_bad_or_taken_name_is_refused(name, says):
    EmptyWorkspaceFactory(name="taken")
    with refused(InvalidInput, says):
        workspaces.create(name=name, by=BY_SYSTEM)


def test_halt_and_resume(house):
    workspace = house.workspace
    with recorded() as entries:
        workspaces.halt(workspace=workspace, reason="odd orders", by=house.by_governor)
        workspaces.resume(workspace=workspace, reason="found it", by=house.by_governor)
    assert Workspace.objects.get(pk=workspace.pk).state == "active"
    assert [(e.kind, e.data["data"]) for e in entries] == [
        (
            "workspace.halted",
            {"from": "active", "to": "halted", "version": 2, "reason": "odd orders"},
        ),
        (
            "workspace.active",
            {"from": "halted", "to": "active", "version": 3, "reason": "found it"},
        ),
    ]
    assert {e.data["by"]["label"] for e in entries} == {house.governor.username}


@pytest.mark.parametrize(
    ("reason", "says"),
    [("", "reason is empty"), ("  \n", "reason is empty"), ("x" * 2_001, "2,001 characters long")],
    ids=["empty", "blank", "long"],
)
@pytest.mark.parametrize("verb", [workspaces.halt, workspaces.resume])
def test_both_need_a_reason(house, verb, reason, says):
    with refused(InvalidInput, says):
        verb(workspace=house.workspace, reason=reason, by=house.by_governor)


def test_what_is_halted_or_active_cannot_become_so_again(house):
    with refused(StaleState, "The workspace cannot become active"):
        workspaces.resume(workspace=house.workspace, reason="why not", by=house.by_governor)
    seen = Workspace.objects.get(pk=house.workspace.pk)
    workspaces.halt(workspace=house.workspace, reason="stop", by=house.by_governor)
    with refused(StaleState, "The workspace cannot become halted"):
        workspaces.halt(workspace=seen, reason="stop", by=house.by_governor)


def test_install_makes_what_is_missing_and_leaves_what_is_there():
    with recorded() as entries:
        made = workspaces.install(name="fresh", by=BY_SYSTEM)
    assert made == {
        "workspace": True,
        "action_types": [
            "agent_execute",
            "browser_automate",
            "canvas_present",
            "device_command",
            "form_answer",
            "integration_connect",
            "integration_connect_keyed",
            "run_start",
            "training_start",
            "workflow_trigger",
        ],
        "policy_version": 1,
    }
    assert kinds(entries) == [
        "workspace.active",
        *["action_type.created"] * 10,
        "policy_version.draft",
        "policy_version.published",
        "training_topic.defined",
        *["criteria.defined"] * 3,
        "constitution_version.draft",
        "constitution_version.published",
    ]
    workspace = Workspace.objects.get(name="fresh")
    publish_rules(workspace, rule("mine"))
    ActionType.objects.get(workspace=workspace, key="run_start")
    with recorded() as entries:
        made = workspaces.install(name="fresh", by=BY_SYSTEM)
    assert made == {"workspace": False, "action_types": [], "policy_version": None}
    assert entries == []
    assert PolicyVersion.objects.newest(workspace.id).number == 2
