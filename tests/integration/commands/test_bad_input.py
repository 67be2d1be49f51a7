"""Bad input: each refused with one clear sentence, exit 1 (or 2), and nothing written."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from django.conf import settings

from tests.integration.commands.conftest import typed

COMMANDS = (
    "setup",
    "register_agent",
    "load_actions",
    "trigger",
    "decide",
    "propose",
    "approve",
    "reject",
    "worker",
    "replay",
    "demo",
    "serve",
    "define_workflow",
)


@pytest.fixture
def bot(house):
    house.action_type(
        "refund_issue",
        complexity=4,
        params_schema={
            "type": "object",
            "properties": {"amount": {"type": "number"}},
            "required": ["amount"],
            "additionalProperties": False,
        },
    )
    return house.agent("intern", name="bot")


NO_SUCH_ID = "01a20000-0000-7000-8000-000000000000"
AMOUNT = ("--params", '{"amount": 1}')


@pytest.mark.parametrize(
    ("says", "arguments"),
    [
        ("There is no agent 'nobody' here", ("decide", "nobody", "refund_issue", *AMOUNT)),
        ("There is no agent 'nobody' here", ("trigger", "nobody", "--source", "data_sync")),
        ("There is no agent 'nobody' here", ("propose", "nobody", "--action", "refund_issue")),
        ("no enabled action type 'refund'", ("decide", "bot", "refund", *AMOUNT)),
        ("no enabled action type 'refund'", ("propose", "bot", "--action", "refund", *AMOUNT)),
        ("no active user 'ghost'", ("trigger", "bot", "--by", "ghost")),
        ("no active user 'ghost'", ("register_agent", "new", "--owner", "ghost")),
        ("not valid JSON", ("decide", "bot", "refund_issue", "--params", "{")),
        ("must be a JSON object", ("decide", "bot", "refund_issue", "--params", "[1]")),
        (
            "'amount' appears twice",
            ("propose", "bot", "--action", "refund_issue", "--params", '{"amount":1,"amount":2}'),
        ),
        ('"amount" is a required property', ("decide", "bot", "refund_issue")),
        ('"amount" is a required property', ("propose", "bot", "--action", "refund_issue")),
        (
            "2**53",
            (
                "propose",
                "bot",
                "--action",
                "refund_issue",
                "--params",
                '{"amount": 9007199254740993}',
            ),
        ),
        (
            "is not a JSON number",
            ("propose", "bot", "--action", "refund_issue", "--params", '{"amount": NaN}'),
        ),
        ("not valid JSON", ("trigger", "bot", "--source", "data_sync", "--context", "nope")),
        ("not valid JSON", ("register_agent", "new", "--configuration", "nope")),
        (
            "list of strings",
            ("register_agent", "new", "--configuration", '{"capabilities": "all"}'),
        ),
        ("already exists", ("register_agent", "bot")),
        ("is not the id of a proposal", ("approve", "42", "--by", "x")),
        ("There is no proposal", ("approve", NO_SUCH_ID, "--by", "x")),
        ("There is no proposal", ("reject", NO_SUCH_ID, "--by", "x", "--reason", "y")),
        ("There is no workspace 'mars'", ("decide", "bot", "refund_issue", "--workspace", "mars")),
        ("cannot be read: No such file", ("load_actions", "missing.json")),
        ("cannot be read: No such file", ("replay", "missing.jsonl", "--agent", "bot")),
        ("The port must lie between", ("serve", "--port", "70000")),
    ],
)
def test_refused(refused, bot, says, arguments):
    refused(says, *arguments)


def test_an_unknown_reviewer_is_refused(refused, house):
    proposal = house.proposal()
    refused("no active user 'ghost'", "approve", str(proposal.id), "--by", "ghost")


def test_a_viewer_may_not_decide(refused, house):
    proposal = house.proposal()
    refused("may not decide proposals", "approve", str(proposal.id), "--by", house.viewer.username)


def test_a_plan_of_a_megabyte_is_refused(refused, bot, tmp_path):
    plan = [{"id": "a", "action_type": "refund_issue", "params": {"note": "x" * 1_000_000}}]
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan))
    refused("The plan is larger than 256,000 bytes", "propose", "bot", "--plan", str(file))


def test_an_edited_plan_of_a_megabyte_is_refused(refused, house, tmp_path):
    file = tmp_path / "plan.json"
    file.write_text(" " * 1_000_000)
    proposal = house.proposal()
    refused("larger than 256,000", "approve", str(proposal.id), "--by", "x", "--edit", str(file))


@pytest.mark.parametrize(
    ("says", "plan"),
    [
        ("at least 1 item", []),
        ("valid list", {"id": "a"}),
        ("Extra inputs are not permitted", [{"id": "a", "action_type": "b", "params": {}, "x": 1}]),
        ("Field required", [{"id": "a", "params": {}}]),
        ("match pattern", [{"id": "A b", "action_type": "refund_issue", "params": {}}]),
    ],
)
def test_a_plan_that_is_none_is_refused(refused, bot, tmp_path, says, plan):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan))
    refused(says, "propose", "bot", "--plan", str(file))


def test_a_refusal_is_json_when_asked_for(refused, bot):
    result = refused("no enabled action", "decide", "bot", "nothing", "--json")
    assert result.json["error"]["code"] == "not_found"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example_and_the_exit_codes(name):
    result = typed(name, "--help")
    assert result.code == 0
    assert f"manage.py {name}" in result.out
    assert "0 done, 1 refused, 2 wrong use" in result.out


@pytest.mark.parametrize(
    "arguments",
    [("decide",), ("trigger", "bot", "--source", "wind"), ("propose", "bot"), ("approve", "x")],
)
def test_wrong_use_ends_with_two(arguments):
    assert typed(*arguments).code == 2


def test_the_program_itself_ends_likewise():
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "decide"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "the following arguments are required: agent" in ended.stderr
    assert "Traceback" not in ended.stderr
