"""Action types: the catalogue, from handlers' own specs and from files."""

from __future__ import annotations

import datetime

import pytest

from governance.domain.errors import InvalidInput
from governance.models import ActionType
from governance.services import action_types
from tests.factories import BY_SYSTEM, EmptyWorkspaceFactory, House, make_spec
from tests.integration.services.checks import recorded, refused

pytestmark = pytest.mark.django_db

SCHEMA = {"type": "object", "properties": {"amount": {"type": "number"}}}
VALUES = {
    "title": "Pay",
    "complexity": 3,
    "reversibility": "compensable",
    "mode": "agent",
    "effect": "unkeyed",
    "params_schema": SCHEMA,
}
ENTRY = {"key": "pay", **VALUES}


def define(house, key="pay", **values):
    return action_types.define(
        workspace=house.workspace, key=key, values={**VALUES, **values}, by=house.by_governor
    )


def test_define_writes_the_row_and_its_entry(house):
    with recorded() as entries:
        assert define(house) == "created"
    row = ActionType.objects.keyed("pay", workspace_id=house.workspace.id)
    assert (row.title, row.complexity, row.params_schema) == ("Pay", 3, SCHEMA)
    assert (row.required_approvals, row.expires_after) == (1, datetime.timedelta(days=7))
    assert (row.enabled, row.system_only) == (True, False)
    [entry] = entries
    assert (entry.kind, entry.subject_id) == ("action_type.created", row.id)
    after = {
        **VALUES,
        "description": "",
        "required_approvals": 1,
        "expires_after": 168,
        "max_attempts": 3,
        "timeout_seconds": 60,
        "enabled": True,
    }
    assert entry.data["data"] == {"key": "pay", "before": None, "after": after}


def test_define_again_changes_what_is_named_and_says_what_was(house):
    define(house)
    with recorded() as entries:
        again = action_types.define(
            workspace=house.workspace, key="pay", values={"complexity": 4}, by=house.by_governor
        )
    assert again == "changed"
    row = ActionType.objects.get(workspace=house.workspace, key="pay")
    assert (row.complexity, row.title) == (4, "Pay")
    [entry] = entries
    data = entry.data["data"]
    assert entry.kind == "action_type.changed"
    assert (data["before"]["complexity"], data["after"]["complexity"]) == (3, 4)


def test_the_same_again_changes_nothing(house):
    define(house)
    with recorded() as entries:
        assert define(house) == "unchanged"
    assert entries == []


BAD = [
    ({"complexity": 5}, "pay: complexity must be 1, 2, 3 or 4"),
    ({"complexity": 0}, "pay: complexity must be 1, 2, 3 or 4"),
    ({"reversibility": "maybe"}, "pay: reversibility must be one of reversible, compensable"),
    ({"mode": "magic"}, "pay: mode must be one of handler, agent"),
    ({"effect": "none"}, "pay: effect must be one of local, keyed, unkeyed"),
    ({"required_approvals": 0}, "required_approvals: .*greater than or equal to 1"),
    ({"required_approvals": 21}, "required_approvals: .*less than or equal to 20"),
    ({"title": ""}, "title: .*cannot be blank"),
    ({"title": "t" * 201}, "title: .*at most 200 characters"),
    ({"expires_after": datetime.timedelta()}, "action_type_expiry_positive"),
    ({"params_schema": {}}, "pay: The params_schema must be an object schema"),
    ({"params_schema": {"type": "string"}}, "pay: The params_schema must be an object schema"),
    ({"params_schema": {"type": "object", "properties": 5}}, "not a usable JSON Schema"),
    ({"params_schema": {"type": "object", "$ref": "http://x.test/s"}}, "only local references"),
    ({"params_schema": {"type": "object", "x": "y" * 64_000}}, "at most 64,000 are accepted"),
    ({"params_schema": {"type": "object", "x": "\x00"}}, r"character U\+0000"),
    ({"mode": "handler"}, "pay: no handler is registered under this key"),
    ({"description": "d" * 2_001}, "at most 2,?000 "),
    ({"description": "a\x00b"}, "cannot be stored"),
    ({"system_only": True}, "not fields of an action type: system_only"),
    ({"key": "other"}, "not fields of an action type: key"),
]


@pytest.mark.parametrize(("values", "says"), BAD)
def test_what_cannot_be_judged_or_carried_out_is_refused(house, values, says):
    with refused(InvalidInput, says):
        action_types.define(
            workspace=house.workspace,
            key="pay",
            values={**VALUES, **values},
            by=house.by_governor,
        )


@pytest.mark.parametrize("key", ["", "Pay", "1pay", "pay it", "pay\n", "p" * 101])
def test_a_bad_key_is_refused(house, key):
    with refused(InvalidInput, "key: "):
        define(house, key=key)


def test_the_effect_must_be_the_handlers(house, registered):
    registered(make_spec("stamp"))
    with refused(InvalidInput, "stamp: its handler's effect is local, not keyed"):
        define(house, key="stamp", mode="handler", effect="keyed")
    assert define(house, key="stamp", mode="handler", effect="local") == "created"


def test_a_disabled_action_type_needs_no_handler(house):
    assert define(house, mode="handler", enabled=False) == "created"
    with refused(InvalidInput, "no handler is registered"):
        define(house, mode="handler", enabled=True)


def test_what_belongs_to_the_system_cannot_be_changed(house):
    with refused(InvalidInput, "'run_start' belongs to the system"):
        define(house, key="run_start")


def test_a_key_is_of_one_workspace(house):
    other = House.build()
    define(house)
    assert define(other, title="Pay elsewhere") == "created"
    row = ActionType.objects.keyed("pay", workspace_id=house.workspace.id)
    assert row.title == "Pay"


def load(house, *entries):
    return action_types.load(workspace=house.workspace, entries=list(entries), by=house.by_governor)


def test_load_defines_every_entry_and_says_what_happened_to_each(house):
    refund = {**ENTRY, "key": "refund", "required_approvals": 2, "expires_after_hours": 1.5}
    look = {**ENTRY, "key": "look", "complexity": 1}
    load(house, ENTRY, look)
    with recorded() as entries:
        result = load(house, ENTRY, {**look, "title": "Look"}, refund)
    assert result == {"created": ["refund"], "changed": ["look"], "unchanged": ["pay"]}
    row = ActionType.objects.get(workspace=house.workspace, key="refund")
    assert (row.required_approvals, row.expires_after) == (2, datetime.timedelta(minutes=90))
    assert [(e.kind, e.data["data"]["key"]) for e in entries] == [
        ("action_type.changed", "look"),
        ("action_type.created", "refund"),
    ]


BAD_FILES = [
    ({}, "actions: Input should be a valid list"),
    ([], "actions: List should have at least 1 item"),
    ([ENTRY] * 1_001, "actions: List should have at most 1000 items"),
    (["pay"], "actions/0: Input should be"),
    ([{}], "actions/0/key: Field required"),
    ([ENTRY, {**ENTRY, "colour": "red"}], "actions/1/colour: Extra inputs are not permitted"),
    ([{**ENTRY, "complexity": "3"}], "actions/0/complexity: Input should be a valid integer"),
    ([{**ENTRY, "complexity": 5}], "actions/0/complexity: Input should be less than or equal"),
    ([{**ENTRY, "required_approvals": 21}], "actions/0/required_approvals: "),
    ([{**ENTRY, "expires_after_hours": 0.5}], "actions/0/expires_after_hours: "),
    ([{**ENTRY, "expires_after_hours": 9_000}], "actions/0/expires_after_hours: "),
    ([{**ENTRY, "expires_after_hours": float("nan")}], "actions/0/expires_after_hours: "),
    ([{**ENTRY, "enabled": 1}], "actions/0/enabled: Input should be a valid boolean"),
    ([{**ENTRY, "system_only": True}], "actions/0/system_only: Extra inputs"),
    ([ENTRY, {**ENTRY, "key": "b", "effect": "none"}], "b: effect must be one of"),
    ([ENTRY, {**ENTRY, "key": "run_start"}], "belongs to the system"),
]


@pytest.mark.parametrize(("entries", "says"), BAD_FILES)
def test_one_bad_entry_and_nothing_is_loaded(house, entries, says):
    with refused(InvalidInput, says):
        action_types.load(workspace=house.workspace, entries=entries, by=house.by_governor)


def test_install_builtin_defines_what_handlers_say_of_themselves(registered):
    registered(make_spec("stamp", complexity=4, effect="keyed"))
    workspace = EmptyWorkspaceFactory()
    with recorded() as entries:
        created = action_types.install_builtin(workspace=workspace, by=BY_SYSTEM)
    assert created == [
        "agent_execute",
        "browser_automate",
        "canvas_present",
        "device_command",
        "form_answer",
        "integration_connect",
        "integration_connect_keyed",
        "run_start",
        "stamp",
        "training_start",
        "workflow_trigger",
    ]
    assert [(e.kind, e.data["data"]["key"]) for e in entries] == [
        ("action_type.created", key) for key in created
    ]
    rows = ActionType.objects.of(workspace.id).values_list(
        "key", "mode", "complexity", "effect", "system_only"
    )
    assert list(rows) == [
        ("agent_execute", "handler", 3, "unkeyed", False),
        ("browser_automate", "handler", 3, "unkeyed", False),
        ("canvas_present", "handler", 2, "local", False),
        ("device_command", "handler", 3, "keyed", False),
        ("form_answer", "handler", 1, "local", False),
        ("integration_connect", "handler", 4, "unkeyed", False),
        ("integration_connect_keyed", "handler", 4, "keyed", False),
        ("run_start", "handler", 2, "local", True),
        ("stamp", "handler", 4, "keyed", False),
        ("training_start", "handler", 1, "local", True),
        ("workflow_trigger", "handler", 1, "local", False),
    ]


@pytest.mark.parametrize(("lacking", "enabled"), [("", True), ("Glue is not here.", False)])
def test_install_builtin_enables_what_has_all_it_needs_here(registered, lacking, enabled):
    registered(make_spec("stamp", lacks=lambda: lacking))
    workspace = EmptyWorkspaceFactory()
    action_types.install_builtin(workspace=workspace, by=BY_SYSTEM)
    assert ActionType.objects.get(workspace=workspace, key="stamp").enabled is enabled
    assert ActionType.objects.get(workspace=workspace, key="canvas_present").enabled


def test_install_builtin_leaves_what_governors_changed(house):
    define(house, key="canvas_present", mode="handler", effect="local", complexity=4)
    with recorded() as entries:
        assert action_types.install_builtin(workspace=house.workspace, by=house.by_governor) == []
    assert entries == []
    row = ActionType.objects.get(workspace=house.workspace, key="canvas_present")
    assert row.complexity == 4
