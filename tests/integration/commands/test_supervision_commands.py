"""supervise, pause_run, resume_run, correct_run, terminate_run, complete_supervision."""

from __future__ import annotations

import pytest
from django.core.management import load_command_class

from governance.models import Agent, Intervention, Run, SupervisionSession
from tests.factories import MembershipFactory, QueuedRunFactory, SupervisionSessionFactory, finished
from tests.integration.commands.conftest import typed

NO_SUCH_ID = "01a20000-0000-7000-8000-000000000000"
NAMES = (
    "supervise",
    "pause_run",
    "resume_run",
    "correct_run",
    "terminate_run",
    "complete_supervision",
)


@pytest.fixture
def run(house) -> Run:
    return QueuedRunFactory(agent=house.agent("supervised", name="bot"))


@pytest.fixture
def steer(command, house, run):
    def call(name, *more, by=None):
        who = (by or house.supervisor).get_username()
        return command(name, str(run.id), "--by", who, "--json", *more)

    return call


def test_a_run_from_its_start_to_its_rating(command, house, run, steer):
    begun = steer("supervise").json
    session = SupervisionSession.objects.get()
    assert begun == {
        "session": str(session.id),
        "state": "running",
        "version": 1,
        "run": str(run.id),
        "run_state": "running",
    }
    assert steer("pause_run", "--reason", "Wait.").json["state"] == "paused"
    assert steer("correct_run", "--guidance", "Mind the step.").json["version"] == 2
    assert steer("resume_run").json == {**begun, "version": 3}
    finished(Run.objects.select_related("agent").get(pk=run.pk))
    rating = ("--rating", "5", "--feedback", "Careful.", "--by", house.governor.get_username())
    rated = command("complete_supervision", str(session.id), *rating, "--json").json
    assert rated == {
        **begun,
        "state": "completed",
        "version": 4,
        "run_state": "succeeded",
        "rating": 5,
        "boost": 0.08,  # 0.1, less 0.01 for each of a pause and a correction
        "confidence": 0.08,
    }
    assert Agent.objects.get(name="bot").confidence_score == 0.08
    said = Intervention.objects.values_list("kind", "guidance", "by__username")
    who = house.supervisor.get_username()
    assert list(said) == [
        ("pause", "Wait.", who),
        ("correct", "Mind the step.", who),
        ("resume", "", who),
    ]
    assert SupervisionSession.objects.get().feedback == "Careful."


def test_a_run_is_terminated(house, run, steer):
    steer("supervise")
    ended = steer("terminate_run", "--reason", "Enough.", by=house.governor).json
    assert (ended["state"], ended["run_state"]) == ("terminated", "abandoned")
    again = steer("terminate_run", "--reason", "Enough.")
    assert (again.code, again.json["error"]["code"]) == (1, "stale_state")


def test_who_saw_something_else_is_told(steer):
    seen = str(steer("supervise").json["version"])
    assert steer("pause_run", "--seen", seen).code == 0
    late = steer("terminate_run", "--reason", "Enough.", "--seen", seen)
    assert late.code == 1
    assert "acted (pause) after you looked. Nothing was done" in late.err


def test_what_cannot_be_done_is_refused(refused, house, run):
    who, key = ("--by", house.supervisor.get_username()), str(run.id)
    viewer = ("--by", house.viewer.get_username())
    refused("Nobody watches this run", "pause_run", key, *who)
    refused("may not watch live runs", "supervise", key, *viewer)
    refused("There is no run", "supervise", NO_SUCH_ID, *who)
    refused("is not the id of a run", "resume_run", "42", *who)
    refused("no active user 'ghost'", "supervise", key, "--by", "ghost")
    refused("There is no session", "complete_supervision", NO_SUCH_ID, "--rating", "4", *who)
    refused("is not the id of a session", "complete_supervision", "42", "--rating", "4", *who)
    session = SupervisionSessionFactory(run=run)
    refused("Somebody already watches this run", "supervise", key, *who)
    refused("may not watch live runs", "pause_run", key, *viewer)
    refused("cannot become running", "resume_run", key, *who)
    refused("The guidance is empty", "correct_run", key, "--guidance", " ", *who)
    refused("The reason is empty", "terminate_run", key, "--reason", " ", *who)
    still = ("complete_supervision", str(session.id), "--rating", "4")
    refused("The run is still going on", *still, *who)
    finished(Run.objects.select_related("agent").get(pk=run.pk))
    refused("it can only be rated", "pause_run", key, *who)


def test_of_another_workspace_there_is_no_run(refused, house, run):
    elsewhere = MembershipFactory(role="governor")
    name = ("--workspace", elsewhere.workspace.name)
    refused("There is no run", "supervise", str(run.id), "--by", elsewhere.user.username, *name)


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_an_example_and_the_exit_codes(name):
    said = load_command_class("governance", name).create_parser("manage.py", name).format_help()
    assert f"example:\n  manage.py {name} " in said
    assert "0 done, 1 refused, 2 wrong use" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("terminate_run", NO_SUCH_ID, "--by", "x"),
        ("complete_supervision", NO_SUCH_ID, "--by", "x", "--rating", "6"),
    ],
)
def test_wrong_use_ends_with_two(arguments):
    assert typed(*arguments).code == 2
