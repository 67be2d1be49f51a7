"""readiness, promote, demote, recount and what_if, from the command line."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from governance.models import StintCounter
from governance.services import actions
from tests.factories import EpisodeFactory, MembershipFactory, RunFactory
from tests.integration.services.test_promotions import confident, examined, shows

pytestmark = pytest.mark.django_db


def run(command, *arguments, code=0):
    out = StringIO()
    try:
        call_command(command, *arguments, stdout=out, stderr=StringIO())
        ended = 0
    except CommandError as error:
        ended = error.returncode
    assert ended == code, out.getvalue()
    return out.getvalue()


def told(command, *arguments, code=0):
    return json.loads(run(command, *arguments, "--json", code=code))


@pytest.fixture
def bot(house):
    return house.agent("intern", name="bot", module_path="tests.exam_programs", class_name="Acts")


KEYS = {
    "target",
    "ready",
    "score",
    "episodes",
    "successful",
    "success_lower_bound",
    "intervention_rate",
    "constitution",
    "gaps",
}


def test_readiness_of_an_agent_that_did_nothing(bot):
    found = told("readiness", "bot", code=1)
    assert set(found) >= KEYS
    assert (found["ready"], found["score"], found["episodes"]) == (False, 0.0, 0)
    assert found["success_lower_bound"] is None
    assert found["intervention_rate"] is None
    assert found["constitution"] is None


def test_readiness_of_one_that_is_ready_and_still_lacks_an_exam(bot):
    shows(bot)
    found = told("readiness", "bot", "--target", "supervised")
    assert (found["ready"], found["score"], found["gaps"]) == (True, 100.0, [])
    assert len(found["wanting"]) == 2
    text = run("readiness", "bot")
    assert "ready, 100.0 of 100" in text
    assert "and for a promotion: a passed exam" in text


def test_promote_and_demote(house, bot):
    confident(bot)
    shows(bot)
    refused = told("promote", "bot", "--by", house.governor.username, code=1)
    assert refused["error"]["code"] == "not_ready"
    examined(bot)
    found = told("promote", "bot", "--by", house.governor.username)
    assert (found["from"], found["to"], found["reason"]) == ("intern", "supervised", "exam")
    args = ["--to", "student", "--reason", "It paid twice."]
    found = told("demote", "bot", *args, "--by", house.governor.username)
    assert (found["from"], found["to"], found["reason"]) == ("supervised", "student", "governor")
    bot.refresh_from_db()
    assert (bot.maturity, bot.stint) == ("student", 2)


def test_who_may_not(house, bot):
    viewer = MembershipFactory(workspace=house.workspace, role="viewer").user
    asked = ["--to", "student", "--reason", "x", "--by", viewer.username]
    found = told("demote", "bot", *asked, code=1)
    assert found["error"]["code"] == "not_allowed"


def test_recount(house, bot):
    EpisodeFactory(run=RunFactory(agent=bot))
    assert told("recount")["agrees"] is True
    StintCounter.objects.filter(agent=bot).update(successful=0)
    found = told("recount", "bot", code=1)
    assert found["differences"] == {
        "bot": [{"counter": "stint 0", "field": "successful", "counted": 0, "found": 1}]
    }
    assert told("recount", "bot")["agrees"] is True


def test_what_if(house, bot):
    house.action_type("pay", complexity=3)
    found = RunFactory(agent=bot)
    actions.request(run=found, action_type="pay", params={}, by=bot.actor)
    result = told("what_if", "bot", "--maturity", "autonomous")
    assert (result["decisions"], result["without_a_person"]) == (1, 1)
    assert result["action_types"][0]["before"] == {"proposal": 1}
    assert "1 of 1 would have run" in run("what_if", "bot", "--maturity", "autonomous")
    for arguments in ([], ["--policy", "99"], ["--policy", "x"]):
        assert "error" in told("what_if", "bot", *arguments, code=1)


@pytest.mark.parametrize("command", ["readiness", "recount"])
def test_an_agent_that_is_not_there(house, command):
    assert told(command, "nobody", code=1)["error"]["code"] == "not_found"
