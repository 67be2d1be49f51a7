"""register_agent, load_actions, trigger, decide, propose, approve, reject: what each does."""

from __future__ import annotations

import json

import pytest

from governance.management import serving
from governance.models import Agent, Decision, LedgerEntry, Proposal, Run


@pytest.fixture
def bot(house) -> Agent:
    house.action_type("refund_issue", complexity=4)
    house.action_type("customer_read", complexity=1)
    return house.agent("intern", name="bot")


def test_register_agent_begins_as_a_student(command, house):
    result = command("register_agent", "helper", "--owner", house.governor.username, "--json")
    assert result.json["maturity"] == "student"
    agent = Agent.objects.get(name="helper")
    assert agent.owner == house.governor
    assert agent.configuration == {}


def test_register_agent_takes_the_first_governor_as_owner(command, house):
    command("register_agent", "helper", "--configuration", '{"capabilities": ["read"]}')
    agent = Agent.objects.get(name="helper")
    assert agent.owner == house.governor
    assert agent.capabilities == ("read",)


def test_a_maturity_without_evidence_is_in_the_ledger(command, house):
    command("register_agent", "helper", "--maturity", "autonomous")
    entry = LedgerEntry.objects.get(subject_id=Agent.objects.get(name="helper").id)
    assert entry.data["data"]["maturity"] == "autonomous"
    assert entry.data["data"]["evidence"] is None
    assert entry.data["by"] == {"kind": "system", "id": "command line", "label": "command line"}


def test_load_actions_writes_all_or_none(command, refused, house, tmp_path):
    good = {
        "key": "note_write",
        "title": "Write a note",
        "complexity": 2,
        "reversibility": "reversible",
        "mode": "agent",
        "effect": "local",
        "params_schema": {"type": "object"},
    }
    file = tmp_path / "actions.json"
    file.write_text(json.dumps([good, {**good, "key": "second", "complexity": 5}]))
    refused("actions/1/complexity", "load_actions", str(file))
    file.write_text(json.dumps([good]))
    assert command("load_actions", str(file), "--json").json["created"] == ["note_write"]
    assert command("load_actions", str(file), "--json").json == {
        "created": [],
        "changed": [],
        "unchanged": ["note_write"],
    }


@pytest.mark.parametrize(
    ("maturity", "route", "run_state", "proposals", "code"),
    [
        ("student", "training", None, 1, 1),
        ("intern", "proposal", "queued", 1, 0),
        ("supervised", "supervision", "queued", 0, 0),
        ("autonomous", "execution", "running", 0, 0),
    ],
)
def test_an_automated_trigger(command, house, maturity, route, run_state, proposals, code):
    house.agent(maturity, name="bot")
    result = command("trigger", "bot", "--source", "data_sync", "--type", "sync", "--json")
    assert (result.code, result.json["route"]) == (code, route)
    assert result.json["run_state"] == run_state
    assert Proposal.objects.count() == proposals


def test_a_manual_trigger_starts_and_warns(command, house):
    house.agent("student", name="bot")
    result = command("trigger", "bot", "--by", house.supervisor.username, "--json")
    assert (result.code, result.json["route"]) == (0, "execution")
    assert any(reason.startswith("warning: student agent") for reason in result.json["reasons"])
    assert Run.objects.get().state == "running"


def test_decide_records_the_decision_and_a_dry_run_does_not(command, bot):
    dry = command("decide", "bot", "refund_issue", "--dry-run", "--json")
    assert (dry.code, dry.json["route"], dry.json["recorded"]) == (0, "proposal", False)
    assert Decision.objects.count() == 0
    kept = command("decide", "bot", "refund_issue", "--json")
    assert kept.json == {
        "route": "proposal",
        "reasons": ["intern agent, complexity 4: proposal"],
        "matched_rules": [],
        "maturity": "intern",
        "policy_version": 1,
        "recorded": True,
    }
    assert Decision.objects.get().route == "proposal"


def test_decide_ends_with_one_when_denied(command, bot, house):
    command("decide", "bot", "customer_read")
    Agent.objects.filter(pk=bot.pk).update(state="paused")
    result = command("decide", "bot", "customer_read", "--json")
    assert (result.code, result.json["route"]) == (1, "denied")
    assert result.err == "the agent is paused"


def test_propose_approve_with_an_edit(command, bot, house, tmp_path):
    filed = command(
        "propose", "bot", "--action", "refund_issue", "--params", '{"amount": 20}', "--json"
    ).json
    edit = tmp_path / "edit.json"
    plan = [{"id": "step1", "action_type": "refund_issue", "params": {"amount": 15}}]
    edit.write_text(json.dumps(plan))
    who = ("--by", house.reviewer.username)
    result = command("approve", filed["proposal"], *who, "--edit", str(edit), "--json").json
    assert result["state"] == "approved"
    assert result["edit"] == [{"path": "/0/params/amount", "before": 20, "after": 15}]
    assert result["digest"] != filed["digest"]
    again = command("approve", filed["proposal"], *who)
    assert again.code == 1
    assert "already approved" in again.err


def test_propose_twice_under_one_key_is_one_proposal(command, bot):
    first = ("propose", "bot", "--action", "refund_issue", "--idempotency-key", "k", "--json")
    assert command(*first).json["proposal"] == command(*first).json["proposal"]
    other = command(*first, "--title", "another body")
    assert (other.code, other.json["error"]["code"]) == (1, "idempotency_conflict")
    assert Proposal.objects.count() == 1


def test_reject_needs_and_keeps_a_reason(command, refused, bot, house):
    filed = command("propose", "bot", "--action", "refund_issue", "--json").json["proposal"]
    who = ("--by", house.reviewer.username)
    refused("The reason is empty", "reject", filed, *who, "--reason", " ")
    assert command("reject", filed, *who, "--reason", "no invoice", "--json").code == 0
    assert Proposal.objects.get().closing_reason == "no invoice"


def test_an_approval_by_digest_refuses_another_plan(refused, command, bot, house):
    filed = command("propose", "bot", "--action", "refund_issue", "--json").json["proposal"]
    who = ("--by", house.reviewer.username)
    refused("The plan changed", "approve", filed, *who, "--digest", "0" * 64)


@pytest.mark.parametrize(
    ("enabled", "says"),
    [
        (True, "and working. Stop with Ctrl-C."),
        (False, "only: execution is switched off (GOVERNANCE_EXECUTION_ENABLED), and approved"),
    ],
)
def test_serve_says_whether_it_works(command, db, monkeypatch, settings, enabled, says):
    settings.GOVERNANCE_EXECUTION_ENABLED = enabled
    monkeypatch.setattr(serving, "serve", lambda **where: None)
    monkeypatch.setattr("governance.management.commands.serve.require_free", lambda *where: None)
    result = command("serve")
    assert result.code == 0
    assert says in result.err
