"""move_out and move_in: all of it arrives, exactly, or nothing does."""

from __future__ import annotations

import json
import stat

import pytest
from django.core.management import call_command
from django.db import DatabaseError

from governance.models import Execution, LedgerEntry, PolicyRule, Workspace
from tests.factories import House, approved
from tests.integration.commands.conftest import run

pytestmark = pytest.mark.django_db(transaction=True)

MARKDOWN = {"kind": "markdown", "title": "Note", "markdown": "# Hello \u001b[1m"}


@pytest.fixture
def moved(house, tmp_path):
    """Everything the demo leaves, something that waits for a worker, and the file of it."""
    assert run("demo", "--once").code == 0
    approved(house.proposal(action_type="canvas_present", params=MARKDOWN))
    path = tmp_path / "data.jsonl"
    result = run("move_out", str(path), "--json")
    assert (result.code, result.json["rows"]) == (0, len(path.read_text().splitlines()))
    return path


def rows(path) -> list[str]:
    """In one order; databases give the members of a JSON column back in another."""
    return sorted(
        json.dumps(json.loads(line), sort_keys=True) for line in path.read_text().splitlines()
    )


def empty() -> None:
    """Numbers go on: what other tests put back (factories/remembered.py) keeps its own."""
    call_command("flush", interactive=False, verbosity=0, reset_sequences=False)
    assert not Workspace.objects.exists()


def guarded() -> bool:
    """Whether the triggers refuse what they are there to refuse."""
    try:
        LedgerEntry.objects.update(kind="edited")
    except DatabaseError:
        return True
    return False


def test_every_row_arrives_as_it_was(moved, tmp_path):
    before = rows(moved)
    empty()
    result = run("move_in", str(moved), "--json")
    assert result.code == 0
    assert (result.json["governance.workspace"], result.json["governance.policyrule"] > 0) == (
        2,
        True,
    )
    again = tmp_path / "again.jsonl"
    assert run("move_out", str(again)).code == 0
    assert rows(again) == before
    assert guarded()


def test_what_waited_is_carried_out_where_it_arrived(moved):
    empty()
    assert run("move_in", str(moved)).code == 0
    assert Execution.objects.filter(state="ready").count() == 1
    assert run("worker", "--drain", "--json").json["done"] == 1


def test_the_file_is_for_its_owner_only_and_is_not_overwritten(moved):
    assert stat.S_IMODE(moved.stat().st_mode) == 0o600
    before = moved.read_text()
    result = run("move_out", str(moved))
    assert (result.code, "File exists" in result.err) == (1, True)
    assert moved.read_text() == before


def test_only_an_empty_database_is_moved_into(moved):
    before = LedgerEntry.objects.count()
    result = run("move_in", str(moved))
    assert (result.code, "This database is not empty" in result.err) == (1, True)
    assert LedgerEntry.objects.count() == before


# what is wrong with the file
BROKEN = {
    "cut off": lambda text: text[: len(text) // 2],
    "no JSON": lambda text: text + "nonsense\n",
    "unknown model": lambda text: text.replace('"governance.run"', '"governance.walk"'),
    "a row is missing": lambda text: "\n".join(
        line for line in text.splitlines() if '"model": "governance.workspace"' not in line
    ),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_of_a_file_that_is_broken_nothing_arrives(moved, broken):
    moved.write_text(broken(moved.read_text()))
    empty()
    result = run("move_in", str(moved))
    assert (result.code, "The file cannot be loaded" in result.err) == (1, True)
    assert (Workspace.objects.count(), PolicyRule.objects.count()) == (0, 0)
    House.build()
    assert guarded()


@pytest.mark.parametrize("name", ["data.json", "gone.jsonl", "."])
def test_what_is_no_such_file(db, tmp_path, name):
    (tmp_path / "data.json").touch()
    result = run("move_in", str(tmp_path / name))
    assert (result.code, "There is no file" in result.err) == (1, True)


@pytest.mark.parametrize(
    ("name", "says"), [("data.json", "must end in .jsonl"), ("no/where.jsonl", "Cannot write")]
)
def test_where_nothing_can_be_written(db, tmp_path, name, says):
    result = run("move_out", str(tmp_path / name))
    assert (result.code, says in result.err) == (1, True)


def test_a_rule_of_a_published_version_cannot_be_loaded_past_the_command(moved):
    """Why there is a command at all."""
    empty()
    with pytest.raises(DatabaseError, match="published policy version does not change"):
        call_command("loaddata", str(moved), verbosity=0)
