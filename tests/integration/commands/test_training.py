"""start_training, complete_training, retry_trigger, advise: what each does and what it refuses."""

from __future__ import annotations

import pytest

from governance.models import Advice, Agent, BlockedTrigger, Proposal, TrainingSession, Trigger
from governance.models.base import new_id
from governance.services import advice
from tests.factories import (
    BlockedTriggerFactory,
    House,
    TrainingPlanFactory,
    TrainingSessionFactory,
    TrainingTopicFactory,
    adviser,
    training_begun,
    training_completed,
)


@pytest.fixture
def session(house) -> TrainingSession:
    """For two objectives, one with spaces and one with an equals sign in its name."""
    for name in ("asking first", "a=b"):
        TrainingTopicFactory(workspace=house.workspace, capability=name)
    agent = house.agent("student", name="pupil")
    return TrainingSessionFactory(
        plan=TrainingPlanFactory(agent=agent, context={"action_types": []})
    )


@pytest.fixture
def who(house):
    return ("--by", house.supervisor.username)


def result(**values):
    values = {"scores": ("asking first=0.9", "a=b=0.5"), "hours": "20", **values}
    scores = [part for score in values["scores"] for part in ("--score", score)]
    return (*scores, "--hours", values["hours"])


def test_start_training(command, session, who):
    told = command("start_training", str(session.pk), *who, "--json").json
    assert (told["agent"], told["state"], told["hours"]) == ("pupil", "in_progress", 29.0)
    assert [day.split(" ", 1)[1] for day in told["days"]] == ["8 h", "8 h", "8 h", "5 h"]
    assert told["tasks"] == ["Read about it.", "Do it."] * 2
    assert command("start_training", str(session.pk), *who).code == 1


def test_complete_training(command, session, who):
    training_begun(session)
    told = command(
        "complete_training",
        str(session.pk),
        *result(),
        "--errors",
        "2",
        "--feedback",
        "Well done.",
        *who,
        "--json",
    ).json
    blocked = BlockedTrigger.objects.get()
    assert told == {
        "training": str(session.pk),
        "state": "completed",
        "performance": 0.7,
        "gain": 0.2,
        "confidence": 0.2,
        "maturity": "student",
        "triggers_to_retry": [str(blocked.trigger_id)],
    }
    row = TrainingSession.objects.get()
    assert row.scores == {"asking first": 0.9, "a=b": 0.5}
    assert (row.errors, row.hours_spent, row.feedback) == (2, 20.0, "Well done.")


BAD = [
    ({"scores": ()}, "Give one score for each of: a=b, asking first."),
    ({"scores": ("asking first=1",)}, "Give one score for each of"),
    ({"scores": ("refunds",)}, "'refunds' is no score; write it as in refunds=0.8."),
    ({"scores": ("=0.8",)}, "'=0.8' is no score"),
    ({"scores": ("refunds=well",)}, "'refunds=well' is no score"),
    ({"scores": ("x=1", "x=0")}, "x has two scores; give it one."),
    ({"scores": ("asking first=1.1", "a=b=0")}, "The score of asking first must lie between"),
    ({"scores": ("asking first=nan", "a=b=0")}, "The score of asking first must lie between"),
    ({"hours": "0"}, "The hours spent are a number above 0"),
    ({"hours": "nan"}, "The hours spent are a number above 0"),
]


@pytest.mark.parametrize(("values", "says"), BAD)
def test_a_bad_result_is_refused(refused, session, who, values, says):
    training_begun(session)
    refused(says, "complete_training", str(session.pk), *result(**values), *who)


@pytest.mark.parametrize(("option", "kind"), [("--hours", "float"), ("--errors", "int")])
def test_what_is_no_number_is_wrong_use(command, session, who, option, kind):
    told = command("complete_training", str(session.pk), *result(), option, "many", *who)
    assert f"invalid {kind} value: 'many'" in told.err


def test_a_training_that_has_not_begun_is_not_completed(refused, session, who):
    refused("cannot become completed", "complete_training", str(session.pk), *result(), *who)


def test_retry_trigger(command, session, who):
    training_completed(session)
    blocked = BlockedTrigger.objects.get()
    Agent.objects.filter(name="pupil").update(maturity="autonomous")
    told = command("retry_trigger", str(blocked.trigger_id), *who, "--json")
    assert (told.code, told.json["route"], told.json["run_state"]) == (0, "execution", "running")
    assert told.json["trigger"] == str(Trigger.objects.latest("created_at").pk)
    again = command("retry_trigger", str(blocked.pk), *who, "--json")  # by its own id as well
    assert (again.code, again.json["error"]["code"]) == (1, "stale_state")


def test_a_retry_that_is_blocked_again_is_a_refusal_with_its_proposal(command, session, who):
    training_completed(session)
    told = command("retry_trigger", str(BlockedTrigger.objects.get().trigger_id), *who)
    assert told.code == 1
    assert "training: data_sync trigger, student agent" in told.err
    assert f"proposal: {Proposal.objects.latest('created_at').pk}" in told.out


def test_what_cannot_be_retried(refused, house, who):
    blocked = BlockedTriggerFactory(agent=house.agent("student"))
    refused("has not been completed", "retry_trigger", str(blocked.trigger_id), *who)
    refused("is not the id of a trigger", "retry_trigger", "x", *who)
    refused("no trigger", "retry_trigger", str(new_id()), *who)


@pytest.mark.parametrize("name", ["start_training", "complete_training"])
def test_a_training_that_is_not_there(refused, house, who, name):
    rest = result() if name == "complete_training" else ()
    refused("'x' is not the id of a training", name, "x", *rest, *who)
    refused("There is no training", name, str(new_id()), *rest, *who)


def test_a_training_of_another_workspace_is_not_there(refused, house, session):
    other = House.build(name="other")
    refused(
        "There is no training",
        "start_training",
        str(session.pk),
        "--workspace",
        "other",
        "--by",
        other.supervisor.username,
    )


def test_who_may_not(refused, house, session):
    for person in (house.viewer, house.reviewer):
        by = ("--by", person.username)
        refused("may not watch live runs", "start_training", str(session.pk), *by)
    refused("no active user 'nobody'", "start_training", str(session.pk), "--by", "nobody")


# --- Advice ---------------------------------------------------------------------------------------


@pytest.fixture
def proposal(house) -> Proposal:
    house.action_type("note", complexity=2)
    return house.proposal(action_type="note")


def advise(proposal, name, person):
    return ("advise", str(proposal.pk), "--agent", name, "--by", person.username)


def test_advise_runs_the_adviser_here_and_now(command, house, proposal):
    adviser(house.workspace, name="oracle", opinion="against", reasons="No.")
    told = command(*advise(proposal, "oracle", house.reviewer), "--json")
    assert told.code == 0
    assert told.json == {
        "advice": str(Advice.objects.get().pk),
        "agent": "oracle",
        "opinion": "against",
        "reasons": "No.",
        "error": "",
        "proposal_state": "proposed",
        "approved_on_this_advice": False,
    }


def test_advice_that_approves_says_so(command, house, proposal):
    advice.allow_to_approve(workspace=house.workspace, allowed=True, by=house.by_governor)
    adviser(house.workspace, name="oracle")
    told = command(*advise(proposal, "oracle", house.reviewer), "--json").json
    assert (told["proposal_state"], told["approved_on_this_advice"]) == ("approved", True)


def test_no_opinion_is_a_refusal(command, house, proposal):
    house.agent("autonomous", name="broken", module_path="tests.agents", class_name="Raises")
    told = command(*advise(proposal, "broken", house.reviewer))
    assert told.code == 1
    assert "There is no advice: Its program raised ValueError." in told.err
    assert Advice.objects.get().error == "Its program raised ValueError."


def test_who_cannot_be_asked(refused, house, proposal):
    house.agent("intern", name="novice")
    refused("no agent 'nobody'", *advise(proposal, "nobody", house.reviewer))
    refused("novice cannot be asked for advice", *advise(proposal, "novice", house.reviewer))
    adviser(house.workspace, name="oracle")
    refused("may not decide proposals", *advise(proposal, "oracle", house.viewer))


@pytest.mark.parametrize("name", ["start_training", "complete_training", "retry_trigger", "advise"])
def test_help_shows_an_example(name, capsys, command):
    with pytest.raises(SystemExit) as ended:
        command(name, "--help")
    assert ended.value.code == 0
    assert f"manage.py {name} 01a2..." in capsys.readouterr().out
