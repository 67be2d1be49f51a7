"""The turn-based protocol, against a real server on loopback."""

from __future__ import annotations

import time

import pytest

from governance import outbound
from governance.runtimes.base import (
    Claim,
    Misbehaved,
    Result,
    ResultState,
    Stopped,
    Task,
    Unreachable,
)
from governance.runtimes.http import Http
from tests.agents import http_agent

TASK = Task("run-1", "Show the sales.", {"year": 2024})
DONE = Result("execution", ("because",), ResultState.DONE, {"rows": [1]}, guidance="Be brief.")
FINISH = {"finish": {"outcome": "succeeded", "output": {"ok": True}}}


class Tools:
    """Answers everything with DONE, and keeps what was asked."""

    def __init__(self, *results):
        self.asked, self.results = [], list(results)

    def act(self, action_type, params, *, reasoning=""):
        self.asked.append(("act", action_type, params, reasoning))
        return self.results.pop(0) if self.results else DONE

    def report(self, claim, *, outcome, output=None, error=""):
        self.asked.append(("report", claim, outcome, output, error))
        return DONE


def run(agent, tools=None, *, turns=10, seconds=10.0, turn_seconds=5.0, **values):
    rules = (outbound.HostRule("127.0.0.1", agent.port, allow_private=True),)
    limits = outbound.Limits(seconds=turn_seconds)
    with outbound.client(rules, limits=limits) as client:
        runtime = Http(agent.url, client, turns=turns, seconds=seconds, **values)
        return runtime.run(TASK, tools or Tools())


def test_an_agent_acts_reports_and_finishes():
    claimed = Result(
        "execution", (), ResultState.CLAIMED, claim=Claim("c1", "thing_do", {"amount": 5})
    )
    answers = [
        {"act": {"action_type": "thing_do", "params": {"amount": 5}, "reasoning": "why"}},
        {"report": {"claim": "c1", "outcome": "done", "output": {"ok": 1}}},
        {"finish": {"outcome": "failed", "output": {}, "note": "No luck."}},
    ]
    tools = Tools(claimed)
    with http_agent(lambda asked: answers[asked["turn"] - 1]) as agent:
        finished = run(agent, tools)
    assert (finished.succeeded, finished.output, finished.note) == (False, {}, "No luck.")
    assert tools.asked == [
        ("act", "thing_do", {"amount": 5}, "why"),
        ("report", "c1", "done", {"ok": 1}, ""),
    ]
    task = {"run": "run-1", "instruction": "Show the sales.", "context": {"year": 2024}}
    assert agent.seen[0] == {"task": task, "turn": 1, "last": None}
    assert agent.seen[1]["last"] == {
        "route": "execution",
        "reasons": [],
        "state": "claimed",
        "output": {},
        "guidance": "",
        "proposal": "",
        "claim": {"id": "c1", "action_type": "thing_do", "params": {"amount": 5}},
    }
    assert agent.seen[2]["turn"] == 3
    assert agent.seen[2]["last"]["guidance"] == "Be brief."
    assert agent.seen[2]["last"]["claim"] is None


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "not valid JSON"),
        (b"<html>", "not valid JSON"),
        (b'{"finish": {"outcome": "succeeded", "output": {"n": NaN}}}', "not acceptable JSON"),
        (b'{"finish": 1, "finish": 2}', "appears twice"),
        (b"\x80", "not acceptable JSON"),
        (b"[" * 100_000, "not acceptable JSON"),
        (b"x" * 300_001, "more than 300,000 bytes"),
        ([], "answer: Input should be"),
        ({}, "exactly one of act, report and finish"),
        ({**FINISH, "act": {"action_type": "a", "params": {}}}, "exactly one"),
        ({**FINISH, "more": 1}, "answer/more"),
        ({"act": {"action_type": "a"}}, "answer/act/params"),
        ({"act": {"action_type": 5, "params": {}}}, "answer/act/action_type"),
        ({"act": {"action_type": "a", "params": [], "reasoning": ""}}, "answer/act/params"),
        ({"finish": {"outcome": "abandoned", "output": {}}}, "answer/finish/outcome"),
        ({"finish": {"outcome": "succeeded", "output": [1]}}, "answer/finish/output"),
        ({"finish": {"outcome": "succeeded", "output": {"n": 2**53}}}, "no canonical JSON form"),
        ({"report": {"claim": "c", "outcome": "maybe"}}, "answer/report/outcome"),
        (204, "status 204"),
        (302, "status 302"),
        (500, "status 500"),
    ],
)
def test_garbage_ends_the_run_and_says_what_was_wrong(answer, says):
    tools = Tools()
    with http_agent(lambda asked: answer) as agent, pytest.raises(Misbehaved, match=says):
        run(agent, tools)
    assert tools.asked == []
    assert len(agent.seen) == 1  # nothing is sent again


def test_endless_turns_end():
    act = {"act": {"action_type": "thing_read", "params": {}}}
    with http_agent(lambda asked: act) as agent, pytest.raises(Stopped, match="within 4 turns"):
        run(agent, turns=4)
    assert [asked["turn"] for asked in agent.seen] == [1, 2, 3, 4]


def test_slow_turns_end():
    def turn(asked):
        time.sleep(0.05)
        return {"act": {"action_type": "thing_read", "params": {}}}

    with http_agent(turn) as agent, pytest.raises(Stopped, match=r"within 0\.2 s"):
        run(agent, turns=1_000, seconds=0.2)


def test_a_turn_that_is_not_answered_in_time_ends_it():
    with (
        http_agent(lambda asked: time.sleep(0.6) or FINISH) as agent,
        pytest.raises(Unreachable, match="Turn 1 was not answered"),
    ):
        run(agent, turn_seconds=0.2)


def test_an_agent_that_is_not_there():
    with http_agent(lambda asked: FINISH) as agent:
        pass
    with pytest.raises(Unreachable, match="Nothing was sent"):
        run(agent)


def test_a_host_off_the_list_is_not_reached():
    with (
        http_agent(lambda asked: FINISH) as agent,
        outbound.client([outbound.HostRule("example.com")]) as client,
        pytest.raises(Unreachable, match="not on the workspace's list"),
    ):
        Http(agent.url, client, turns=2, seconds=5).run(TASK, Tools())
    assert agent.seen == []


def test_headers_go_along_and_their_secrets_are_masked_when_they_come_back():
    def turn(asked):
        if asked["turn"] == 1:
            return {"act": {"action_type": "a", "params": {"echo": "Bearer s3cr3t-s3cr3t"}}}
        return {"finish": {"outcome": "succeeded", "output": {"echo": "s3cr3t-s3cr3t"}}}

    tools = Tools()
    with http_agent(turn) as agent:
        finished = run(
            agent,
            tools,
            headers={"Authorization": "Bearer s3cr3t-s3cr3t"},
            secrets=("s3cr3t-s3cr3t",),
        )
    assert agent.headers[0]["authorization"] == "Bearer s3cr3t-s3cr3t"
    assert finished.output == {"echo": "[redacted]"}
    assert tools.asked[0][2] == {"echo": "Bearer [redacted]"}
