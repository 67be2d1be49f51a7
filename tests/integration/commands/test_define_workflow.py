"""define_workflow: the next version from a file, or one sentence why not."""

from __future__ import annotations

import json

import pytest

from governance.models import Workflow

ENTRY = {
    "name": "report",
    "title": "Weekly report",
    "params_schema": {
        "type": "object",
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
    },
    "plan": [
        {
            "id": "show",
            "action_type": "canvas_present",
            "params": {"kind": "markdown", "title": {"$param": "title"}, "markdown": "x"},
        }
    ],
}


@pytest.fixture
def file(tmp_path):
    def write(entry):
        path = tmp_path / "workflow.json"
        path.write_text(entry if isinstance(entry, str) else json.dumps(entry))
        return str(path)

    return write


def test_each_time_it_is_the_next_version(command, house, file):
    arguments = (file(ENTRY), "--by", house.governor.username)
    first = command("define_workflow", *arguments, "--json")
    assert first.code == 0
    digest = first.json.pop("digest")
    assert len(digest) == 64
    assert first.json | {"digest": digest} == {
        "workflow": "report",
        "version": 1,
        "title": "Weekly report",
        "steps": ["canvas_present"],
        "digest": digest,
    }
    assert "version: 2" in command("define_workflow", *arguments).out
    assert list(Workflow.objects.values_list("number", flat=True)) == [2, 1]


WRONG = [
    ("not valid JSON", "{"),
    ("'name' appears twice", '{"name": "a", "name": "b"}'),
    ("workflow/name: Field required", {}),
    ("workflow: Input should be", []),
    ("workflow/more: Extra inputs are not permitted", {**ENTRY, "more": 1}),
    (
        "no enabled action type 'nothing'",
        {**ENTRY, "plan": [{"id": "a", "action_type": "nothing", "params": {}}]},
    ),
    ("does not require: title", {**ENTRY, "params_schema": {"type": "object"}}),
    (
        "cannot trigger a workflow",
        {
            **ENTRY,
            "plan": [
                {"id": "a", "action_type": "workflow_trigger", "params": {"workflow": "report"}}
            ],
        },
    ),
]


@pytest.mark.parametrize(("says", "entry"), WRONG)
def test_what_is_wrong_is_said_and_nothing_is_written(refused, house, file, says, entry):
    refused(says, "define_workflow", file(entry), "--by", house.governor.username)


def test_only_a_governor_defines(refused, house, file):
    path = file(ENTRY)
    for person in (house.reviewer, house.supervisor, house.viewer, house.auditor):
        refused(
            "may not govern agents, action types", "define_workflow", path, "--by", person.username
        )
    refused("no active user 'ghost'", "define_workflow", path, "--by", "ghost")
    refused("no workspace 'mars'", "define_workflow", path, "--by", "x", "--workspace", "mars")


def test_a_file_that_is_not_there(refused, house):
    who = ("--by", house.governor.username)
    refused("cannot be read: No such file", "define_workflow", "missing.json", *who)
