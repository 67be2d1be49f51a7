"""The command `reconcile`: a person who looked says what became of an execution in doubt."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from governance.models import Execution, LedgerEntry
from tests.factories import House, ProposalFactory, approved, by, in_doubt
from tests.integration.commands.conftest import run

NOTE = ("--note", "It is on the statement.")


@pytest.fixture
def doubtful(house):
    return in_doubt(house.proposal()).execution


def who(user):
    return ("--by", user.get_username())


@pytest.mark.parametrize(
    ("outcome", "state", "proposal"), [("done", "done", "executed"), ("failed", "failed", "failed")]
)
def test_it_is_settled_and_in_the_ledger(command, house, doubtful, outcome, state, proposal):
    result = command(
        "reconcile", str(doubtful.id), "--outcome", outcome, *who(house.reviewer), *NOTE, "--json"
    )

    assert result.code == 0, result
    assert result.json == {
        "execution": str(doubtful.id),
        "state": state,
        "proposal": proposal,
        "steps": {"step1": outcome},
    }
    row = Execution.objects.get()
    assert (row.state, row.proposal.state) == (state, proposal)
    entry = LedgerEntry.objects.about(row.pk).last()
    assert entry.kind == f"execution.{state}"
    assert entry.data["by"] == {
        "kind": "person",
        "id": str(house.reviewer.pk),
        "label": house.reviewer.get_username(),
    }
    found = f"{house.reviewer.get_username()} found: It is on the statement."
    assert entry.data["data"]["note"] == found


def test_for_people_it_says_what_became_of_it(command, house, doubtful):
    result = command(
        "reconcile", str(doubtful.id), "--outcome", "done", *who(house.reviewer), *NOTE
    )
    assert result.out.splitlines() == [
        f"execution: {doubtful.id}",
        "state: done",
        "proposal: executed",
        "steps: step1 done",
    ]


def test_the_second_is_told_what_the_first_found(refused, command, house, doubtful):
    first = ("reconcile", str(doubtful.id), "--outcome", "done", *who(house.governor), *NOTE)
    assert command(*first).code == 0
    name = house.governor.get_username()

    refused(
        f"The execution is done; only one in doubt can be reconciled. {name} found: It is on",
        *("reconcile", str(doubtful.id), "--outcome", "failed", *who(house.reviewer), *NOTE),
    )


REFUSED = [
    ("may not decide proposals here", lambda h, e: [str(e.id), *who(h.viewer), *NOTE]),
    ("may not decide proposals here", lambda h, e: [str(e.id), *who(h.auditor), *NOTE]),
    ("The note is empty", lambda h, e: [str(e.id), *who(h.reviewer), "--note", " "]),
    ("'x' is not the id of an execution.", lambda h, e: ["x", *who(h.reviewer), *NOTE]),
    ("There is no execution", lambda h, e: [str(h.workspace.id), *who(h.reviewer), *NOTE]),
    ("There is no active user 'nobody'", lambda h, e: [str(e.id), "--by", "nobody", *NOTE]),
]


@pytest.mark.parametrize(("says", "arguments"), REFUSED, ids=range(len(REFUSED)))
def test_refused(refused, house, doubtful, says, arguments):
    refused(says, "reconcile", *arguments(house, doubtful), "--outcome", "done")
    assert Execution.objects.get().state == "in_doubt"


def test_what_is_not_in_doubt_is_refused(refused, house):
    execution = approved(house.proposal()).execution
    arguments = (str(execution.id), "--outcome", "done", *who(house.reviewer), *NOTE)
    refused("The execution is ready; only one in doubt can be reconciled.", "reconcile", *arguments)


def test_another_workspace_s_is_not_there(refused, house, doubtful):
    other = House.build(name="elsewhere")
    theirs = in_doubt(ProposalFactory(run=other.run())).execution
    arguments = (str(theirs.id), "--outcome", "done", *who(house.reviewer), *NOTE)

    refused("There are several workspaces", "reconcile", *arguments)
    here = ("--workspace", house.workspace.name)
    refused("There is no execution", "reconcile", *arguments, *here)
    there = ("--workspace", other.workspace.name)
    refused("may not decide proposals here", "reconcile", *arguments, *there)
    assert by(other.reviewer).label == "elsewhere-reviewer"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["some-id"],
        ["some-id", "--outcome", "done", "--by", "alex"],
        ["some-id", "--outcome", "perhaps", "--by", "alex", "--note", "x"],
    ],
)
def test_wrong_use_is_told_before_anything_is_done(db, arguments):
    with pytest.raises(CommandError):
        call_command("reconcile", *arguments)


def test_a_refusal_is_json_when_asked_for(db, house):
    result = run("reconcile", "x", "--outcome", "done", *who(house.reviewer), *NOTE, "--json")
    assert result.code == 1
    assert json.loads(result.out)["error"]["code"] == "invalid_input"


def test_help_shows_an_example_and_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        call_command("reconcile", "--help")
    shown = capsys.readouterr().out
    assert "manage.py reconcile 01a2... --outcome done --by alex --note" in shown
    assert "exit codes: 0 done, 1 refused, 2 wrong use" in shown
