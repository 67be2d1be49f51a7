"""Agents: register, change, pause, resume, retire, and what their pages say."""

from __future__ import annotations

import json

import pytest

from governance.models import Agent
from governance.services import agents
from tests.factories import (
    AgentFactory,
    CeilingFactory,
    DecisionFactory,
    GrantFactory,
    ProposalFactory,
    UserFactory,
    paused,
    retired,
)
from tests.integration.admin.visits import (
    buttons,
    newest_entry,
    opened,
    refusals,
    said,
    send,
    signed_in,
    token,
    trail,
    url,
)

ADD = "/admin/governance/agent/add/"


@pytest.fixture
def browser(house):
    return signed_in(house.governor)


def typed(house, **values):
    return {
        "name": "clerk",
        "owner": house.governor.pk,
        "maturity": "student",
        "category": "bookings",
        "description": "Answers\r\ncustomers.",
        "configuration": '{"capabilities": ["book"]}',
        **values,
    }


# --- Registering


def test_register(browser, house):
    answer = send(browser, ADD, **typed(house))
    agent = Agent.objects.get(name="clerk")
    assert answer.url == url("agent", "change", agent)
    assert agent.workspace == house.workspace
    assert agent.owner == house.governor
    assert (agent.maturity, agent.category) == ("student", "bookings")
    assert agent.description == "Answers\ncustomers."
    assert agent.configuration == {"capabilities": ["book"]}
    entry = newest_entry(agent)
    assert entry["kind"] == "agent.active"
    assert entry["by"]["label"] == house.governor.username


def test_a_governor_may_give_a_maturity_and_the_default_is_student(browser, house):
    assert browser.get(ADD).context["form"]["maturity"].value() == "student"
    send(browser, ADD, **typed(house, maturity="supervised"))
    agent = Agent.objects.get(name="clerk")
    assert agent.maturity == "supervised"
    assert newest_entry(agent)["data"]["evidence"] is None


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"name": ""}, "This field is required."),
        ({"maturity": "boss"}, "Select a valid choice. boss is not one of the available choices."),
        ({"configuration": "{"}, "This is not JSON at line 1, column 2"),
        ({"configuration": "[1]"}, "Write a JSON object here: { ... }."),
        ({"configuration": '{"a": 1, "a": 2}'}, '"a" is here twice'),
        ({"configuration": '{"capabilities": "all"}'}, "must be a list of strings"),
        ({"configuration": '{"n": 9007199254740992}'}, "no canonical JSON form"),
        ({"name": "taken"}, "Agent with this"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(browser, house, values, complaint):
    AgentFactory(workspace=house.workspace, name="taken")
    sent = typed(house, description="Kept as typed.", **values)
    answer = send(browser, ADD, **sent)
    assert answer.status_code == 400
    assert complaint in said(answer)
    form = answer.context["form"]
    assert form["description"].value() == "Kept as typed."
    assert form["configuration"].value() == sent["configuration"]
    assert Agent.objects.count() == 1


def test_only_members_may_own_an_agent(browser, house):
    stranger = UserFactory(username="stranger")
    offered = [user for user, _ in browser.get(ADD).context["form"].fields["owner"].choices]
    assert len(offered) == 5
    answer = send(browser, ADD, **typed(house, owner=stranger.pk))
    assert answer.status_code == 400
    assert not Agent.objects.exists()


# --- Changing


def change(house):
    return AgentFactory(
        workspace=house.workspace,
        name="clerk",
        owner=house.governor,
        category="bookings",
        description="Two\nlines.",
        configuration={"capabilities": ["book"], "n": 1.0},
    )


def as_it_is(browser, address):
    form = browser.get(address).context["form"]
    return {name: form[name].value() or "" for name in form.fields}


def test_change(browser, house):
    agent = change(house)
    before, address = agent.fingerprint, url("agent", "edit", agent)
    answer = send(browser, address, **as_it_is(browser, address) | {"category": "refunds"})
    assert answer.url == url("agent", "change", agent)
    agent.refresh_from_db()
    assert (agent.category, agent.fingerprint) == ("refunds", before)
    assert newest_entry(agent)["data"]["changed"] == ["category"]


def test_another_configuration_is_another_fingerprint(browser, house):
    agent = change(house)
    before, address = agent.fingerprint, url("agent", "edit", agent)
    sent = as_it_is(browser, address) | {"configuration": '{"model": "other"}'}
    send(browser, address, **sent)
    agent.refresh_from_db()
    assert agent.configuration == {"model": "other"}
    assert agent.fingerprint != before


def test_sending_it_back_as_it_was_writes_nothing(browser, house):
    agent = change(house)
    address = url("agent", "edit", agent)
    sent = as_it_is(browser, address)
    sent["description"] = sent["description"].replace("\n", "\r\n")  # as browsers do
    answer = browser.post(address, {**opened(browser, address), **sent}, follow=True)
    assert "Nothing was different" in said(answer)
    assert trail(agent) == ["agent.active"]


def test_only_what_describes_an_agent_can_be_changed(browser, house):
    agent = change(house)
    address = url("agent", "edit", agent)
    sent = {"name": "boss", "maturity": "autonomous", "state": "retired", "confidence_score": "1"}
    send(browser, address, **as_it_is(browser, address), **sent)
    agent.refresh_from_db()
    assert (agent.name, agent.maturity, agent.state) == ("clerk", "student", "active")


def test_of_two_who_change_it_at_once_the_second_is_told(browser, house):
    agent = change(house)
    address = url("agent", "edit", agent)
    sent, hidden = as_it_is(browser, address), opened(browser, address)
    agents.update(agent=agent, changes={"category": "theirs"}, by=house.by_governor)
    answer = browser.post(address, {**hidden, **sent, "category": "mine"})
    assert answer.status_code == 409
    (message,) = refusals(answer)
    assert message.startswith("This agent was changed after you opened this page, and nothing was")
    assert message.endswith("anything you wrote is still below.")
    assert answer.context["form"]["category"].value() == "mine"
    assert "Save" not in said(answer)
    # The stale token stays in the page, so that sending it once more cannot overwrite either.
    assert token(answer) == hidden["seen"]
    assert browser.post(address, {**hidden, **sent, "category": "mine"}).status_code == 409
    agent.refresh_from_db()
    assert agent.category == "theirs"


def test_pausing_it_meanwhile_is_no_conflict(browser, house):
    agent = change(house)
    address = url("agent", "edit", agent)
    sent, hidden = as_it_is(browser, address), opened(browser, address)
    paused(agent)
    assert browser.post(address, {**hidden, **sent, "category": "mine"}).status_code == 302


# --- Pausing, resuming, retiring


#         page      from      to         entry
MOVES = (
    ("pause", "active", "paused", "agent.paused"),
    ("resume", "paused", "active", "agent.active"),
    ("retire", "active", "retired", "agent.retired"),
    ("retire", "paused", "retired", "agent.retired"),
)

INTO = {"active": lambda agent: agent, "paused": paused, "retired": retired}


@pytest.mark.parametrize(("page", "before", "after", "kind"), MOVES)
def test_moves(browser, house, page, before, after, kind):
    agent = INTO[before](house.agent())
    answer = send(browser, url("agent", page, agent), reason="Because of the audit.")
    assert answer.url == url("agent", "change", agent)
    agent.refresh_from_db()
    assert agent.state == after
    entry = newest_entry(agent)
    assert (entry["kind"], entry["data"]["reason"]) == (kind, "Because of the audit.")
    assert entry["by"]["label"] == house.governor.username


@pytest.mark.parametrize(("page", "before"), [("pause", "active"), ("resume", "paused")])
@pytest.mark.parametrize("reason", ["", "   \r\n ", "x" * 501])
def test_a_reason_is_required_and_bounded(browser, house, page, before, reason):
    agent = INTO[before](house.agent())
    answer = send(browser, url("agent", page, agent), reason=reason)
    assert answer.status_code == 400
    assert answer.context["form"].errors["reason"]
    agent.refresh_from_db()
    assert agent.state == before


#    page      state      what is said
IMPOSSIBLE = (
    ("resume", "active", "“Resume” is not possible: this agent is active."),
    ("pause", "paused", "“Pause” is not possible: this agent is paused."),
    ("pause", "retired", "“Pause” is not possible: this agent is retired."),
    ("resume", "retired", "“Resume” is not possible: this agent is retired."),
    ("retire", "retired", "“Retire” is not possible: this agent is retired."),
)


@pytest.mark.parametrize(("page", "state", "sentence"), IMPOSSIBLE)
def test_what_the_state_does_not_allow(browser, house, page, state, sentence):
    agent = INTO[state](house.agent())
    answer = browser.get(url("agent", page, agent))
    assert answer.status_code == 409
    assert refusals(answer) == [sentence]
    sent = {"seen": str(agent.version), "reason": "because"}
    assert browser.post(url("agent", page, agent), sent).status_code == 409
    agent.refresh_from_db()
    assert agent.state == state


def test_somebody_else_was_first(browser, house):
    agent = house.agent()
    hidden = opened(browser, url("agent", "pause", agent))
    paused(agent)
    answer = browser.post(url("agent", "pause", agent), {**hidden, "reason": "mine"})
    assert answer.status_code == 409
    assert "was changed after you opened this page" in refusals(answer)[0]
    assert answer.context["form"]["reason"].value() == "mine"
    assert trail(agent) == ["agent.active", "agent.paused"]


@pytest.mark.parametrize("seen", [None, "", "0", "2", "nonsense"])
def test_without_the_token_of_what_was_seen_nothing_is_done(browser, house, seen):
    agent = house.agent()
    sent = {"reason": "because"} | ({} if seen is None else {"seen": seen})
    assert browser.post(url("agent", "pause", agent), sent).status_code == 409
    agent.refresh_from_db()
    assert agent.state == "active"


# --- The page and the list


#    state      what a governor is offered; everybody else is offered the ledger alone
OFFERED = {
    "active": [
        "Standing",
        "Give a grant",
        "Set a ceiling",
        "Start an exam",
        "Change",
        "Promote",
        "Demote",
        "Pause",
        "Retire",
        "Ledger",
    ],
    "paused": [
        "Standing",
        "Give a grant",
        "Set a ceiling",
        "Start an exam",
        "Change",
        "Promote",
        "Demote",
        "Resume",
        "Retire",
        "Ledger",
    ],
    "retired": ["Standing", "Change", "Ledger"],
}


@pytest.mark.parametrize("state", OFFERED)
def test_what_is_offered(browser, house, state):
    agent = INTO[state](house.agent())
    address = url("agent", "change", agent)
    assert buttons(browser.get(address)) == OFFERED[state]
    for person in (house.viewer, house.auditor, house.reviewer, house.supervisor):
        assert buttons(signed_in(person).get(address)) == ["Standing", "Ledger"]


def test_the_page_says_what_the_agent_is_may_and_did(browser, house):
    run = house.run("intern", type="a call")
    agent = run.agent
    GrantFactory(agent=agent, action_type=house.action_type("refund").key, condition="true")
    ProposalFactory(run=run, title="Refund Ms Ada")
    DecisionFactory(run=run, action_type="launch")
    CeilingFactory(agent=agent, maturity="student")
    text = said(browser.get(url("agent", "change", agent)))
    assert "Maturity intern Ceiling at most student State active Confidence 0.00 of 1" in text
    assert f"Fingerprint {agent.fingerprint}" in text
    assert "refund execution true" in text
    assert "Refund Ms Ada proposed" in text
    assert "launch denied there is no enabled action type 'launch'" in text
    assert "manual/a call running intern" in text


def test_agents_words_are_shown_and_never_obeyed(browser, house):
    hostile = "<script>alert(1)</script>\u202egpj"
    agent = AgentFactory(
        workspace=house.workspace, name=hostile, configuration={"capabilities": [hostile]}
    )
    DecisionFactory(run=house.run(), action_type=hostile)
    for address in (
        url("agent", "change", agent),
        url("agent", "changelist"),
        url("agent", "pause", agent),
        url("decision", "changelist"),
        url("grant", "add"),
        "/admin/",
    ):
        markup = browser.get(address).content.decode()
        assert "<script>alert(1)" not in markup, address
        assert "\u202e" not in markup, address
        assert "U+202E" in markup, address


def test_the_list(browser, house):
    agent = house.agent("supervised", name="clerk", category="bookings")
    answer = browser.get(url("agent", "changelist"))
    assert "clerk bookings supervised active 0.00" in said(answer)
    assert url("agent", "change", agent) in answer.content.decode()
    assert 'href="/admin/governance/agent/add/' in answer.content.decode()
    viewer = signed_in(house.viewer).get(url("agent", "changelist"))
    assert "/agent/add/" not in viewer.content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=CLER", ["clerk"]),
        ("q=refunds", ["teller"]),
        ("maturity__exact=intern", ["clerk"]),
        ("state__exact=paused", ["teller"]),
        ("q=nobody", []),
    ],
)
def test_finding_agents(browser, house, query, found):
    house.agent("intern", name="clerk", category="bookings")
    paused(house.agent("student", name="teller", category="refunds"))
    cl = browser.get(f"{url('agent', 'changelist')}?{query}").context["cl"]
    assert [row.name for row in cl.result_list] == found


def test_the_list_cannot_be_used_to_guess_passwords(browser, house):
    house.agent()
    answer = browser.get(f"{url('agent', 'changelist')}?owner__password__startswith=md5")
    assert answer.status_code == 400


def test_the_configuration_is_shown_as_json_to_edit(browser, house):
    agent = change(house)
    shown = browser.get(url("agent", "edit", agent)).context["form"]["configuration"].value()
    assert json.loads(shown) == {"capabilities": ["book"], "n": 1.0}
