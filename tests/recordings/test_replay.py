"""replay: 100 recorded conversations, 572 tool calls, against tables written from the design."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from governance.models import Execution, LedgerEntry, Proposal, Review, Run

ASKED = {
    "book_reservation": 20,
    "calculate": 44,
    "cancel_reservation": 35,
    "get_reservation_details": 187,
    "get_user_details": 59,
    "list_all_airports": 2,
    "search_direct_flight": 70,
    "search_onestop_flight": 19,
    "send_certificate": 3,
    "think": 48,
    "transfer_to_human_agents": 22,
    "update_reservation_baggages": 5,
    "update_reservation_flights": 56,
    "update_reservation_passengers": 2,
}
"""Counted in the recording by hand; 572 in all."""

ASKED_IN_A_FIFTH = {
    "book_reservation": 8,
    "calculate": 2,
    "cancel_reservation": 5,
    "get_reservation_details": 43,
    "get_user_details": 15,
    "list_all_airports": 1,
    "search_direct_flight": 11,
    "search_onestop_flight": 4,
    "send_certificate": 1,
    "think": 8,
    "transfer_to_human_agents": 4,
    "update_reservation_baggages": 1,
    "update_reservation_flights": 10,
    "update_reservation_passengers": 1,
}
"""In every fifth conversation, from the first one on; 114 in all."""

COMPLEXITY = {
    "calculate": 1,
    "get_reservation_details": 1,
    "get_user_details": 1,
    "list_all_airports": 1,
    "search_direct_flight": 1,
    "search_onestop_flight": 1,
    "think": 1,
    "transfer_to_human_agents": 2,
    "book_reservation": 3,
    "update_reservation_baggages": 3,
    "update_reservation_flights": 3,
    "update_reservation_passengers": 3,
    "cancel_reservation": 4,
    "send_certificate": 4,
}

MATRIX = {
    "student": {1: "executed", 2: "training", 3: "training", 4: "training"},
    "intern": {1: "executed", 2: "executed", 3: "proposed", 4: "proposed"},
    "supervised": {1: "executed", 2: "executed", 3: "supervised", 4: "proposed"},
    "autonomous": {1: "executed", 2: "executed", 3: "executed", 4: "executed"},
}
"""Section 2 of the design, as columns of the table."""

NOTHING = {"executed": 0, "proposed": 0, "supervised": 0, "training": 0, "denied": 0}


@pytest.fixture
def catalogue(command, house, airline):
    assert command("load_actions", str(airline / "actions.json")).code == 0
    return airline / "episodes.jsonl"


def table(maturity, asked):
    """By action type: where the matrix sends it, so often as it was asked for."""
    return {
        key: {**NOTHING, "asked": times, MATRIX[maturity][COMPLEXITY[key]]: times}
        for key, times in asked.items()
    }


@pytest.mark.parametrize("maturity", ["student", "intern", "supervised", "autonomous"])
def test_the_table_is_what_the_matrix_says(command, house, catalogue, tmp_path, maturity):
    house.agent(maturity, name="airline-bot")
    fifth = tmp_path / "fifth.jsonl"
    fifth.write_text("\n".join(catalogue.read_text().splitlines()[::5]))
    result = command("replay", str(fifth), "--agent", "airline-bot", "--json")
    assert result.code == 0
    assert (result.json["runs"], result.json["lines_skipped"]) == (20, 0)
    assert result.json["actions"] == table(maturity, ASKED_IN_A_FIFTH)
    assert Counter(Run.objects.values_list("state", flat=True)) == {"succeeded": 9, "failed": 11}


def test_an_interns_changes_are_approved_claimed_once_and_reported(command, house, catalogue):
    """The whole recording, with a person beside it."""
    house.agent("intern", name="airline-bot")
    arguments = ("--agent", "airline-bot", "--approve-as", house.reviewer.username, "--json")
    result = command("replay", str(catalogue), *arguments)
    assert result.code == 0
    assert (result.json["runs"], result.json["lines_skipped"]) == (100, 0)
    assert result.json["actions"] == table("intern", ASKED)
    assert Counter(Run.objects.values_list("state", flat=True)) == {"succeeded": 43, "failed": 57}
    # 83 changes and 38 irreversible actions
    assert Proposal.objects.count() == 121
    assert Review.objects.filter(reviewer=house.reviewer, verdict="approve").count() == 121
    states = Counter(Proposal.objects.values_list("state", flat=True))
    assert set(states) == {"executed", "failed"}
    executions = Execution.objects.filter(proposal__isnull=False)
    assert executions.count() == 121
    assert set(executions.values_list("fencing_token", flat=True)) == {1}
    assert executions.exclude(state__in=["done", "failed"]).count() == 0
    assert _kinds("execution.claimed", executions) == 121
    assert _kinds("execution.done", executions) + _kinds("execution.failed", executions) == 121
    proposals = Proposal.objects.all()
    for kind in ("proposal.proposed", "review.approve", "proposal.approved"):
        assert _kinds(kind, proposals) == 121
    assert _kinds("proposal.executed", proposals) == states["executed"]
    assert _kinds("proposal.failed", proposals) == states["failed"]


def test_a_recorded_error_is_reported_as_a_failure(command, house, tmp_path):
    house.action_type("refund_issue", complexity=3)
    house.agent("autonomous", name="bot")
    file = tmp_path / "one.jsonl"
    file.write_text(_conversation([("refund_issue", "{}", "Error: card declined")]))
    assert command("replay", str(file), "--agent", "bot").code == 0
    execution = Execution.objects.get()
    assert (execution.state, execution.error) == ("failed", "step step1: Error: card declined")


def test_malformed_lines_are_reported_and_the_rest_is_played(command, house, tmp_path):
    house.action_type("refund_issue", complexity=3)
    house.agent("intern", name="bot")
    good = _conversation([("refund_issue", "{}", "ok"), ("unheard_of", "{}", "ok")])
    file = tmp_path / "mixed.jsonl"
    lines = [
        good,
        "{not json",
        '{"messages": 5}',
        "",
        _conversation([("refund_issue", "{broken", "ok")]),
        '{"messages": [{"role": "alien"}]}',
        good,
    ]
    file.write_text("\n".join(lines))
    result = command("replay", str(file), "--agent", "bot", "--json")
    assert result.code == 1
    assert (result.json["runs"], result.json["lines_skipped"]) == (2, 4)
    assert result.json["actions"] == {
        "refund_issue": {**NOTHING, "asked": 2, "proposed": 2},
        "unheard_of": {**NOTHING, "asked": 2, "denied": 2},
    }
    for number in (2, 3, 5, 6):
        assert f"line {number} skipped: " in result.err
    assert "4 lines were skipped." in result.err
    assert Run.objects.count() == 2


def test_the_table_for_people_names_every_column(command, house, tmp_path):
    house.action_type("refund_issue", complexity=3)
    house.agent("intern", name="bot")
    file = tmp_path / "one.jsonl"
    file.write_text(_conversation([("refund_issue", "{}", "ok")]))
    out = command("replay", str(file), "--agent", "bot").out
    for name in ("asked", "executed", "proposed", "supervised", "training", "denied"):
        assert name in out
    assert "refund_issue" in out


def test_a_paused_agent_is_refused(command, house, tmp_path):
    agent = house.agent("intern", name="bot")
    type(agent).objects.filter(pk=agent.pk).update(state="paused")
    file = tmp_path / "one.jsonl"
    file.write_text(_conversation([]))
    result = command("replay", str(file), "--agent", "bot")
    assert result.code == 1
    assert "the agent is paused" in result.err


def _kinds(kind, subjects) -> int:
    ids = subjects.values_list("id", flat=True)
    return LedgerEntry.objects.filter(kind=kind, subject_id__in=ids).count()


def _conversation(calls: list[tuple[str, str, str]]) -> str:
    messages: list[dict[str, object]] = [{"role": "user", "content": "Please."}]
    for number, (name, arguments, result) in enumerate(calls):
        call = {
            "id": f"c{number}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": result})
    return json.dumps({"messages": messages, "reward": 1.0})
