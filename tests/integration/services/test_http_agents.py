"""Agents over HTTP, run through the services against a real server on loopback."""

from __future__ import annotations

import pytest

from governance.domain.errors import NotAllowed
from governance.models import Execution, Proposal, Run, Trigger
from governance.outbound import OutboundRefused
from governance.services import allowed_hosts, credentials
from tests.agents import SECRET, execute, http_agent


@pytest.fixture
def http_agent_of(house):
    """Register an HTTP agent whose host and port a governor allowed."""

    def make(server, maturity="autonomous", *, allowed=True, **configuration):
        if allowed:
            allowed_hosts.add(
                workspace=house.workspace,
                host="127.0.0.1",
                port=server.port,
                allow_private=True,
                by=house.by_governor,
            )
        return house.agent(maturity, configuration={"endpoint": server.url, **configuration})

    return make


def turns(*answers):
    return lambda asked: answers[asked["turn"] - 1]


READ = {"act": {"action_type": "thing_read", "params": {"n": 1}}}
CHANGE = {"act": {"action_type": "thing_change", "params": {"n": 2}}}
FINISH = {"finish": {"outcome": "succeeded", "output": {"ok": True}}}


def test_an_http_agent_acts_through_its_own_gate(things, http_agent_of):
    with http_agent(turns(READ, CHANGE, FINISH)) as server:
        agent = http_agent_of(server, "intern")
        ran = execute(agent, "Go.", source="manual", by=things.by_supervisor)
    assert (ran.ending.outcome, ran.ending.output) == ("succeeded", {"ok": True})
    assert server.seen[1]["last"]["output"] == {"n": 1}
    assert server.seen[2]["last"]["state"] == "waiting"
    assert server.seen[2]["last"]["proposal"] == str(Proposal.objects.get().id)
    assert server.seen[0]["task"] == {
        "run": str(Run.objects.get().id),
        "instruction": "Go.",
        "context": {},
    }


def test_an_http_agent_carries_out_and_reports_what_it_claimed(things, http_agent_of):
    def turn(asked):
        if asked["turn"] == 1:
            return {"act": {"action_type": "thing_do", "params": {}}}
        if asked["turn"] == 2:
            claim = asked["last"]["claim"]["id"]
            return {"report": {"claim": claim, "outcome": "done", "output": {"sent": 1}}}
        return FINISH

    with http_agent(turn) as server:
        assert execute(http_agent_of(server)).ending.outcome == "succeeded"
    assert server.seen[2]["last"]["output"] == {"sent": 1}
    assert Execution.objects.get().state == "done"


@pytest.mark.parametrize(
    ("answer", "outcome", "says"),
    [
        (500, "failed", "It answered turn 1 with status 500."),
        (b"garbage", "failed", "What was given as the answer is not valid JSON"),
        (READ, "abandoned", "It did not finish within 5 turns."),
        ({"finish": {"outcome": "failed", "output": {}, "note": "No."}}, "failed", "No."),
    ],
)
def test_an_http_agent_that_does_not_do_its_part(
    things, http_agent_of, settings, answer, outcome, says
):
    settings.GOVERNANCE_AGENT_TURNS = 5
    with http_agent(lambda asked: answer) as server:
        ran = execute(http_agent_of(server))
    assert ran.ending.outcome == outcome
    assert ran.ending.note.startswith(says)
    assert Run.objects.get().state == outcome


def test_an_http_agent_that_is_not_there_is_abandoned(http_agent_of):
    with http_agent(lambda asked: FINISH) as server:
        agent = http_agent_of(server)
    ran = execute(agent)
    assert ran.ending.outcome == "abandoned"
    assert "Nothing was sent" in ran.ending.note


def test_an_endpoint_off_the_list_is_refused_before_anything_is_written(http_agent_of):
    with http_agent(lambda asked: FINISH) as server:
        agent = http_agent_of(server, allowed=False)
        with pytest.raises(OutboundRefused, match="not on the workspace's list"):
            execute(agent)
    assert (server.seen, Trigger.objects.count()) == ([], 0)


def test_an_http_agent_knows_us_by_a_stored_credential(house, http_agent_of):
    credentials.store(
        workspace=house.workspace,
        name="agent-key",
        kind="token",
        secret=SECRET,
        hosts=["127.0.0.1"],
        by=house.by_governor,
    )
    with http_agent(
        lambda asked: {"finish": {"outcome": "succeeded", "output": {"k": SECRET}}}
    ) as server:
        agent = http_agent_of(server, headers={"X-Api-Key": {"$secret": "agent-key"}})
        ran = execute(agent)
    assert server.headers[0]["x-api-key"] == SECRET
    assert ran.ending.output == {"k": "[redacted]"}


def test_a_credential_for_another_host_is_not_sent(house, http_agent_of):
    credentials.store(
        workspace=house.workspace,
        name="agent-key",
        kind="token",
        secret=SECRET,
        hosts=["example.com"],
        by=house.by_governor,
    )
    with http_agent(lambda asked: FINISH) as server:
        agent = http_agent_of(server, headers={"X-Api-Key": {"$secret": "agent-key"}})
        with pytest.raises(NotAllowed, match=r"may be sent to example\.com only"):
            execute(agent)
    assert (server.seen, Trigger.objects.count()) == ([], 0)
