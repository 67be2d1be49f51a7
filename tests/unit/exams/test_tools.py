"""Simulated tools: as a program is told, and as the transcript says."""

from __future__ import annotations

import pytest

from governance.domain.words import Maturity
from governance.exams.tools import SimulatedTools, gate_words
from governance.policy.simulations import Simulation, Tool
from governance.runtimes.base import ResultState, Stopped

FIND = Tool(action_type="find", params={"id": 1}, output={"name": "Ada"})
PAY = Tool(action_type="pay", error="The card was declined.")
BROKEN = Tool(action_type="broken", cel="params.missing")


def tools(turns=10, reasons=lambda key: (f"why {key}",)):
    return SimulatedTools(Simulation([FIND, PAY, BROKEN]), reasons=reasons, turns=turns)


def test_what_the_case_knows_is_answered_as_carried_out():
    told = tools().act("find", {"id": 1})
    assert (told.route, told.reasons, told.state) == ("execution", ("why find",), ResultState.DONE)
    assert told.output == {"name": "Ada"}
    assert (told.guidance, told.proposal, told.claim) == ("", "", None)


def test_a_recorded_failure_is_a_failure():
    told = tools().act("pay", {})
    assert (told.route, told.state) == ("execution", ResultState.FAILED)
    assert told.reasons == ("why pay", "The card was declined.")


def test_what_it_does_not_know_is_a_tool_that_found_nothing_and_is_noted():
    given = tools()
    told = given.act("find", {"id": 2})
    assert (told.state, told.reasons) == (ResultState.FAILED, ("why find", "no such record"))
    assert [(c.known, c.fault) for c in given.calls] == [(False, "")]


def test_what_is_wrong_with_the_case_is_noted_and_not_told():
    given = tools()
    told = given.act("broken", {})
    assert told.reasons == ("why broken", "no such record")
    assert given.calls[0].fault.startswith("The tool broken: it cannot be evaluated")


def test_the_transcript_has_what_was_meant_in_canonical_numbers():
    given = tools()
    given.act("find", {"id": 1.0}, reasoning="To know.")
    (call,) = given.calls
    assert call.params == {"id": 1}
    assert isinstance(call.params["id"], int)
    assert (call.output, call.reasoning, call.state) == ({"name": "Ada"}, "To know.", "done")
    assert 0 <= call.seconds < 5


@pytest.mark.parametrize(
    ("action_type", "params", "says"),
    [
        ("find", {"id": float("nan")}, "no canonical JSON form"),
        ("find", {"id": {1, 2}}, "no canonical JSON form"),
        ("find", [], "plan/0/params"),
        (5, {}, "plan/0/action_type"),
        ("", {}, "plan/0/action_type"),
        ("find", {"text": "a\x00"}, "U+0000"),
        ("find", {"text": "x" * 256_000}, "at most 256,000"),
    ],
)
def test_what_is_no_plan_is_blocked(action_type, params, says):
    given = tools()
    told = given.act(action_type, params)
    assert (told.route, told.state) == ("denied", ResultState.BLOCKED)
    assert says in told.reasons[0]
    assert [(c.action_type, c.params, c.state) for c in given.calls] == [("", {}, "blocked")]


def test_a_reason_that_is_too_long_is_blocked_as_in_live_work():
    assert tools().act("find", {"id": 1}, reasoning="x" * 10_001).state is ResultState.BLOCKED


def test_there_is_no_claim_to_report_on():
    told = tools().report("c1", outcome="done", output={})
    assert (told.route, told.state) == ("denied", ResultState.BLOCKED)
    assert told.reasons == ("There is no open claim 'c1' in this run.",)


def test_turns_are_counted_reports_too():
    given = tools(turns=2)
    given.act("find", {"id": 1})
    given.report("c", outcome="done")
    with pytest.raises(Stopped, match="within 2 turns"):
        given.act("find", {"id": 1})
    assert len(given.calls) == 1


@pytest.mark.parametrize(
    ("maturity", "complexity", "words"),
    [
        ("student", 1, ("student agent, complexity 1: execution",)),
        (
            "student",
            3,
            ("student agent, complexity 3: training", "a grant loosens it to execution"),
        ),
        ("intern", 2, ("intern agent, complexity 2: execution",)),
        ("intern", 3, ("intern agent, complexity 3: proposal", "a grant loosens it to execution")),
        ("supervised", 3, ("supervised agent, complexity 3: supervision",)),
        (
            "supervised",
            4,
            ("supervised agent, complexity 4: proposal", "a grant loosens it to execution"),
        ),
        ("autonomous", 4, ("autonomous agent, complexity 4: execution",)),
    ],
)
def test_the_words_are_those_of_the_gate(maturity, complexity, words):
    assert gate_words(Maturity(maturity), {"pay": complexity})("pay") == words
    assert gate_words(Maturity(maturity), {"pay": complexity})("other") == ()
