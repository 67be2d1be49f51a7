"""System checks: what would go wrong at run time stops the start instead."""

from __future__ import annotations

import io
import sqlite3

import pytest
from django.conf import settings
from django.core import checks as django_checks
from django.core.management import call_command
from django.db import connection

from governance import checks
from governance.browser import installed
from governance.domain.words import Effect
from governance.models import ActionType
from tests.factories import House, make_spec, registered_handler
from tests.unit.elsewhere import run_elsewhere

SPEC = make_spec("stamp", effect=Effect.KEYED)


def found():
    return [(message.id, message.msg) for message in checks.handlers_exist(None)]


@pytest.fixture
def orphan(house) -> ActionType:
    """An enabled action type in handler mode, whose handler is no longer registered."""
    with registered_handler(SPEC, workspace=house.workspace) as action_type:
        assert found() == []
    return action_type


@pytest.mark.django_db
def test_all_is_well_with_the_built_in_action_types(house):
    assert found() == []
    assert django_checks.run_checks(tags=None) == []


@pytest.mark.django_db
def test_an_action_type_without_a_handler_is_an_error_that_names_it(orphan, house):
    ((code, message),) = found()
    assert code == "governance.E001"
    assert "'stamp'" in message
    assert house.workspace.name in message
    (error,) = checks.handlers_exist(None)
    assert error.is_serious()
    assert "handlers" in error.hint


@pytest.mark.django_db
def test_django_runs_the_check(orphan):
    assert [message.id for message in django_checks.run_checks()] == ["governance.E001"]


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"enabled": False}, {"mode": "agent"}])
def test_what_no_handler_carries_out_needs_none(orphan, change):
    ActionType.objects.filter(pk=orphan.pk).update(**change)
    assert found() == []


@pytest.mark.django_db
@pytest.mark.parametrize("effect", ["local", "unkeyed"])
def test_an_action_type_and_its_handler_must_agree_on_the_effect(house, effect):
    with registered_handler(SPEC, workspace=house.workspace) as action_type:
        ActionType.objects.filter(pk=action_type.pk).update(effect=effect)
        ((code, message),) = found()
    assert code == "governance.E003"
    assert effect in message
    assert "keyed" in message


@pytest.mark.django_db
def test_an_action_type_whose_handler_lacks_something_is_an_error_that_says_what(house):
    lacking = ["Glue is not installed."]
    spec = make_spec("stamp", lacks=lambda: lacking[0])
    with registered_handler(spec, workspace=house.workspace) as action_type:
        assert not action_type.enabled
        assert found() == []
        ActionType.objects.filter(pk=action_type.pk).update(enabled=True)
        ((code, message),) = found()
        assert code == "governance.E005"
        assert "'stamp'" in message
        assert message.endswith("Glue is not installed.")
        lacking[0] = ""
        assert found() == []


@pytest.mark.django_db
def test_a_browser_that_is_not_here_is_named_with_what_to_install(house, settings, monkeypatch):
    ActionType.objects.filter(key="browser_automate").update(enabled=True)
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    ((code, message),) = found()
    assert code == "governance.E005"
    assert "requirements-browser.txt" in message
    monkeypatch.setattr(installed, "find_spec", lambda name: object())
    settings.GOVERNANCE_BROWSER = "/nowhere/chromium"
    ((code, message),) = found()
    assert code == "governance.E005"
    assert "/nowhere/chromium (GOVERNANCE_BROWSER)" in message


@pytest.mark.django_db
def test_handlers_are_found_by_the_exact_key(house):
    with (
        registered_handler(SPEC, workspace=house.workspace),
        registered_handler(make_spec("stamp_more"), workspace=house.workspace),
    ):
        pass
    with registered_handler(SPEC):
        assert [message for _, message in found() if "'stamp'" in message] == []
        assert len(found()) == 1


def earlier():
    return [
        (message.id, message.msg, message.hint)
        for message in checks.own_action_types_are_there(None)
    ]


@pytest.mark.django_db
def test_a_workspace_from_an_earlier_version_is_named(house):
    other = House.build(name="younger")
    assert earlier() == []
    rows = ActionType.objects.filter(workspace=house.workspace)
    rows.filter(key="training_start").delete()
    ((code, message, hint),) = earlier()
    assert code == "governance.W004"
    old = "was set up under an earlier version and has no action type"
    assert message == f"The workspace {house.workspace.name} {old} training_start."
    assert f"`setup --workspace {house.workspace.name}` again" in hint
    rows.filter(key="run_start").delete()
    ActionType.objects.filter(workspace=other.workspace, key="training_start").delete()
    assert [message for _, message, _ in earlier()] == [
        f"The workspace {house.workspace.name} {old} run_start or training_start.",
        f"The workspace younger {old} training_start.",
    ]


@pytest.mark.django_db
def test_setting_up_again_is_what_the_check_asks_for(house):
    ActionType.objects.filter(workspace=house.workspace, key="training_start").delete()
    call_command("setup", "--workspace", house.workspace.name, stdout=io.StringIO())
    assert earlier() == []


def test_before_the_first_migration_there_is_nothing_to_check(tmp_path):
    code = (
        "from django.core.management import call_command\n"
        "call_command('check', fail_level='WARNING')"
    )
    run_elsewhere(code, url=f"sqlite:///{tmp_path / 'empty.sqlite3'}")


JOURNAL = [
    ((3, 40, 1), "PRAGMA journal_mode=TRUNCATE;", []),
    ((3, 40, 1), "PRAGMA journal_mode=WAL;", ["governance.E002"]),
    ((3, 40, 1), "pragma Journal_Mode = wal", ["governance.E002"]),
    ((3, 51, 2), "PRAGMA journal_mode=WAL;", ["governance.E002"]),
    ((3, 51, 3), "PRAGMA journal_mode=WAL;", []),
    ((3, 52, 0), "PRAGMA journal_mode=WAL;", []),
    ((3, 40, 1), "", []),
]


@pytest.mark.parametrize(("version", "command", "expected"), JOURNAL)
def test_wal_needs_a_sqlite_without_its_reset_bug(monkeypatch, version, command, expected):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"init_command": command})
    messages = [message.id for message in checks.journal_is_safe(None)]
    assert messages == (expected if connection.vendor == "sqlite" else [])


@pytest.mark.django_db
def test_the_settings_choose_a_journal_that_is_safe():
    assert checks.journal_is_safe(None) == []
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode")
            safe = "wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "truncate"
            assert cursor.fetchone() == (safe,)
        assert settings.DATABASES["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
