"""Action types: defining and changing the catalogue."""

from __future__ import annotations

import datetime

import pytest

from governance.models import ActionType
from tests.factories import make_spec
from tests.integration.admin.visits import (
    buttons,
    newest_entry,
    opened,
    refusals,
    said,
    send,
    signed_in,
    trail,
    url,
)

ADD = "/admin/governance/actiontype/add/"
SCHEMA = '{"type": "object", "properties": {"amount": {"type": "number"}}}'


@pytest.fixture
def browser(house):
    return signed_in(house.governor)


def typed(**values):
    return {
        "key": "refund",
        "title": "Refund a customer",
        "description": "Money goes back.",
        "complexity": "4",
        "reversibility": "irreversible",
        "mode": "agent",
        "effect": "unkeyed",
        "params_schema": SCHEMA,
        "required_approvals": "2",
        "expires_after": "1.5",
        "enabled": "on",
        **values,
    }


def test_define(browser, house):
    answer = send(browser, ADD, **typed())
    row = ActionType.objects.get(key="refund")
    assert answer.url == url("actiontype", "change", row)
    assert row.workspace == house.workspace
    assert (row.title, row.complexity, row.required_approvals) == ("Refund a customer", 4, 2)
    assert (row.reversibility, row.mode, row.effect) == ("irreversible", "agent", "unkeyed")
    assert row.params_schema == {"type": "object", "properties": {"amount": {"type": "number"}}}
    assert row.expires_after == datetime.timedelta(minutes=90)
    assert (row.enabled, row.system_only) == (True, False)
    assert newest_entry(row)["kind"] == "action_type.created"


def test_without_the_switch_it_is_disabled(browser):
    sent = typed()
    del sent["enabled"]
    send(browser, ADD, **sent)
    assert ActionType.objects.get(key="refund").enabled is False


@pytest.mark.parametrize(
    ("values", "field", "complaint"),
    [
        ({"params_schema": "{,}"}, "params_schema", "This is not JSON at line 1, column 2"),
        ({"params_schema": ""}, "params_schema", "The params_schema must be an object schema"),
        ({"params_schema": '{"type": "string"}'}, "params_schema", "The params_schema must be an"),
        (
            {"params_schema": '{"type": "object", "required": "x"}'},
            "params_schema",
            "The params_schema is not a usable JSON Schema",
        ),
        (
            {"params_schema": '{"type": "object", "$ref": "https://example.com/x.json"}'},
            "params_schema",
            "The params_schema is not a usable JSON Schema",
        ),
        ({"complexity": "5"}, "complexity", "Select a valid choice"),
        ({"mode": "robot"}, "mode", "Select a valid choice"),
        ({"required_approvals": "0"}, "required_approvals", "Ensure this value is greater"),
        ({"required_approvals": "21"}, "required_approvals", "Ensure this value is less"),
        ({"expires_after": "0.5"}, "expires_after", "Ensure this value is greater"),
        ({"expires_after": "nan"}, "expires_after", "Enter a number."),
        ({"title": ""}, "title", "This field is required."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(browser, values, field, complaint):
    answer = send(browser, ADD, **typed(**values))
    assert answer.status_code == 400
    form = answer.context["form"]
    assert list(form.errors) == [field]
    assert form.errors[field][0].startswith(complaint)
    assert form["description"].value() == "Money goes back."
    assert not ActionType.objects.filter(key="refund").exists()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"key": "Refund!"}, "Use a-z, 0-9, _ . and -, from a letter."),
        ({"mode": "handler"}, "no handler is registered under this key"),
        ({"key": "run_start"}, "The action type 'run_start' belongs to the system; use another"),
    ],
)
def test_what_the_service_refuses_is_said_above(browser, values, complaint):
    before = ActionType.objects.count()
    answer = send(browser, ADD, **typed(**values))
    assert answer.status_code == 400
    assert complaint in refusals(answer)[0]
    assert answer.context["form"]["params_schema"].value() == SCHEMA
    assert ActionType.objects.count() == before


def test_adding_never_changes_what_is_there(browser, house):
    row = house.action_type("refund", title="As it was")
    answer = send(browser, ADD, **typed())
    assert answer.status_code == 409
    assert refusals(answer) == [
        "There is an action type 'refund' already; change it on its own page."
    ]
    row.refresh_from_db()
    assert row.title == "As it was"
    assert trail(row) == ["action_type.created"]


def test_change_keeps_the_key(browser, house):
    row = house.action_type("refund")
    sent = typed(key="other", title="Give money back")
    answer = send(browser, url("actiontype", "edit", row), **sent)
    assert answer.url == url("actiontype", "change", row)
    row.refresh_from_db()
    assert (row.key, row.title, row.complexity) == ("refund", "Give money back", 4)
    assert newest_entry(row)["kind"] == "action_type.changed"


def test_the_form_begins_as_it_is(browser, house):
    row = house.action_type("refund", expires_after=datetime.timedelta(hours=36))
    form = browser.get(url("actiontype", "edit", row)).context["form"]
    assert "key" not in form.fields
    assert form["expires_after"].value() == 36
    assert form["complexity"].value() == 3
    assert form["enabled"].value() is True


def test_of_two_who_change_it_at_once_the_second_is_told(browser, house):
    row = house.action_type("refund")
    hidden = opened(browser, url("actiontype", "edit", row))
    house.action_type("refund", title="Theirs")
    answer = browser.post(url("actiontype", "edit", row), {**hidden, **typed(title="Mine")})
    assert answer.status_code == 409
    assert answer.context["form"]["title"].value() == "Mine"
    row.refresh_from_db()
    assert row.title == "Theirs"


def test_the_systems_own_are_read_only(browser):
    row = ActionType.objects.get(key="run_start")
    assert buttons(browser.get(url("actiontype", "change", row))) == ["Ledger"]
    answer = browser.get(url("actiontype", "edit", row))
    assert answer.status_code == 409
    assert refusals(answer) == ["“Change” is not possible: this action type is the system's own."]
    sent = {"seen": answer.context["seen"], **typed()}
    answer = browser.post(url("actiontype", "edit", row), sent)
    assert answer.status_code == 400
    assert "belongs to the system" in refusals(answer)[0]
    row.refresh_from_db()
    assert row.title == "Start a run"


def test_a_handlers_effect_cannot_be_talked_away(browser, house, registered):
    row = registered(make_spec("move_money"), workspace=house.workspace)
    sent = typed(mode="handler", effect="keyed")
    answer = send(browser, url("actiontype", "edit", row), **sent)
    assert answer.status_code == 400
    assert "its handler's effect is local, not keyed" in refusals(answer)[0]


def test_the_page_and_the_list(browser, house):
    row = house.action_type("refund", title="Refund <b>", enabled=False)
    text = said(browser.get(url("actiontype", "change", row)))
    assert "Key refund Title Refund <b>" in text
    assert "A proposal waits 168 hours State disabled" in text
    assert '"type": "object"' in text
    listed = said(browser.get(url("actiontype", "changelist")))
    assert "refund Refund <b> 3 change Agent unkeyed 1 disabled" in listed
    assert "run_start Start a run 2 draft Handler local 1 system" in listed
