"""setup."""

from __future__ import annotations

from django.contrib.auth import authenticate, get_user_model

from governance.models import (
    ActionType,
    LedgerEntry,
    Membership,
    PolicyVersion,
    TrainingTopic,
    Workspace,
)

BUILTIN = [
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
]


def test_it_creates_everything_and_prints_the_password_once(command):
    first = command("setup", "--username", "alex", "--json").json
    assert first["workspace"] == "default"
    assert first["action_types_created"] == BUILTIN
    assert [row.capability for row in TrainingTopic.objects.all()] == ["asking before acting"]
    assert first["policy_version_published"] == 1
    assert authenticate(username="alex", password=first["generated_password"]) is not None
    membership = Membership.objects.get()
    assert (membership.user.username, membership.role) == ("alex", "governor")
    assert membership.user.is_superuser
    assert membership.user.is_staff


def test_it_is_safe_to_repeat(command):
    command("setup", "--username", "alex")
    before, types = LedgerEntry.objects.count(), ActionType.objects.count()
    again = command("setup", "--username", "alex", "--json")
    assert again.code == 0
    assert again.json["governor_created"] is False
    assert "generated_password" not in again.json
    assert LedgerEntry.objects.count() == before
    assert (Workspace.objects.count(), PolicyVersion.objects.count()) == (1, 1)
    assert list(ActionType.objects.values_list("key", flat=True)) == BUILTIN
    assert (ActionType.objects.count(), again.json["action_types_created"]) == (types, [])
    assert get_user_model().objects.count() == 1


def test_a_given_password_is_used_and_never_printed(command, monkeypatch):
    monkeypatch.setenv("GOVERNANCE_PASSWORD", "correct horse battery staple")
    result = command("setup", "--username", "alex", "--json")
    assert "correct horse" not in result.out + result.err
    assert authenticate(username="alex", password="correct horse battery staple") is not None


def test_a_weak_password_is_refused(refused, monkeypatch):
    monkeypatch.setenv("GOVERNANCE_PASSWORD", "12345")
    refused("The password is too weak", "setup")


def test_a_bad_workspace_name_is_refused(refused):
    refused("Use a-z, 0-9 and -", "setup", "--workspace", "No Spaces")
