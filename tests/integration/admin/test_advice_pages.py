"""Advice on pages: asked for by people, shown as an agent's word, and who decided where it did."""

from __future__ import annotations

import re

import pytest

from governance.models import Advice, Proposal
from governance.services import advice
from tests.factories import (
    AdviceFactory,
    House,
    adviser,
    answered,
    approved,
    halted,
)
from tests.integration.admin.browsing import INBOX, page, seen
from tests.integration.admin.visits import buttons, refusals, said, send, signed_in, url

ASIDE = "It is advice: nobody has checked it, and it counts among no approvals."


@pytest.fixture
def browser(house):
    return signed_in(house.reviewer)


@pytest.fixture
def proposal(house):
    house.action_type("note", complexity=2)
    return house.proposal(action_type="note", title="Note it")


def choices(response) -> list[str]:
    return re.findall(r'<option value="[0-9a-f-]+">([^<]*)</option>', response.content.decode())


def ask(browser, proposal, agent):
    return browser.post(page(proposal, "ask"), {"adviser": agent.pk}, follow=True)


def test_whom_the_page_offers(browser, house, proposal):
    assert "Advice of agents" not in said(browser.get(page(proposal)))
    adviser(house.workspace, name="oracle")
    adviser(House.build().workspace, name="theirs")
    house.agent("autonomous", name="unreachable")
    answer = browser.get(page(proposal))
    assert choices(answer) == ["oracle"]
    assert ASIDE in said(answer)


def test_what_looks_like_a_secret_in_an_answer_is_masked(browser, house, proposal):
    says = "It would send token=s3cret-1."
    answered(AdviceFactory(proposal=proposal, adviser=adviser(house.workspace, reasons=says)))
    text = said(browser.get(page(proposal)))
    assert "It would send token=[redacted]" in text
    assert "s3cret" not in text


def test_ask_and_read_the_answer(browser, house, proposal):
    agent = adviser(house.workspace, name="oracle", opinion="against", reasons="No.\nNot yet.")
    answer = ask(browser, proposal, agent)
    text = said(answer)
    assert "oracle is being asked." in text
    assert f"being asked oracle asked by {house.reviewer.username}" in text
    assert "A worker asks it. Load the page again to see what it says." in text

    answered(Advice.objects.get())
    text = said(browser.get(page(proposal)))
    assert re.search(r"Against oracle asked by \S+ 0 minutes ago answered 0 minutes ago", text)
    assert "No. Not yet." in text
    assert "Approvals 0 of 1" in text
    assert "Reviews so far" not in text
    assert Proposal.objects.get(pk=proposal.pk).state == "proposed"


def test_why_there_is_no_advice(browser, house, proposal):
    agent = house.agent("autonomous", module_path="tests.agents", class_name="Raises")
    answered(AdviceFactory(proposal=proposal, adviser=agent))
    text = said(browser.get(page(proposal)))
    assert f"no advice {agent.name}" in text
    assert "Its program raised ValueError." in text


def test_advice_about_the_plan_before_an_edit_says_so(browser, house):
    house.action_type("two", required_approvals=2)
    proposal = house.proposal(action_type="two")
    answered(AdviceFactory(proposal=proposal))
    edited = [{"id": "step1", "action_type": "two", "params": {"amount": 6}}]
    approved(proposal, by=house.by_reviewer, edited_plan=edited)
    text = said(signed_in(house.governor).get(page(proposal)))
    assert "About the plan as it was before it was edited." in text


@pytest.mark.parametrize("who", ["viewer", "auditor"])
def test_who_may_not_decide_may_not_ask_and_may_read(house, proposal, who):
    agent = adviser(house.workspace, reasons="Sound.")
    answered(AdviceFactory(proposal=proposal, adviser=agent))
    reader = signed_in(getattr(house, who))
    answer = reader.get(page(proposal))
    assert (choices(answer), "Sound." in said(answer)) == ([], True)
    assert "may not decide proposals here" in said(ask(reader, proposal, agent))
    assert Advice.objects.count() == 1


def test_nobody_asks_about_what_they_cannot_see(house, proposal):
    stranger = signed_in(House.build().governor)
    assert stranger.post(page(proposal, "ask"), {}).status_code == 404


def test_asking_is_posted_with_its_token(house, proposal):
    agent = adviser(house.workspace)
    strict = signed_in(house.reviewer)
    strict.handler.enforce_csrf_checks = True
    assert strict.post(page(proposal, "ask"), {"adviser": agent.pk}).status_code == 403
    assert strict.get(page(proposal, "ask"), {"adviser": agent.pk}).status_code == 405
    assert not Advice.objects.exists()


def test_what_cannot_be_asked_says_why(browser, house, proposal):
    agent = adviser(house.workspace, name="oracle")
    for key in ("", "x", house.agent("intern").pk):
        answer = browser.post(page(proposal, "ask"), {"adviser": key}, follow=True)
        assert "Choose an agent that can be asked." in said(answer)
    ask(browser, proposal, agent)
    assert "oracle is being asked already; wait for its answer." in said(
        ask(browser, proposal, agent)
    )
    approved(proposal)
    assert "This proposal is approved; advice would come too late." in said(
        ask(browser, proposal, agent)
    )
    assert choices(browser.get(page(proposal))) == []
    assert Advice.objects.count() == 1


def test_a_halted_workspace_asks_nobody(browser, house, proposal):
    agent = adviser(house.workspace)
    halted(house.workspace)
    assert "The workspace is halted; nobody is asked" in said(ask(browser, proposal, agent))


def test_an_advisers_words_are_shown_and_never_obeyed(browser, house, proposal):
    hostile = "<script>alert(1)</script>\u00ad"
    agent = adviser(house.workspace, name=hostile, reasons=hostile)
    answered(AdviceFactory(proposal=proposal, adviser=agent))
    for address in (page(proposal), url("run", "change", proposal.run)):
        markup = browser.get(address).content.decode()
        assert "<script>alert(1)" not in markup, address
        assert "\u00ad" not in markup, address


# --- A run ----------------------------------------------------------------------------------------


def test_ask_about_a_run(browser, house):
    run = house.run("intern")
    address = url("run", "change", run)
    assert "Ask an adviser" not in buttons(browser.get(address))
    agent = adviser(house.workspace, name="oracle", opinion="unsure", reasons="Hard to say.")
    assert "Ask an adviser" in buttons(browser.get(address))
    assert send(browser, url("run", "ask", run), adviser=str(agent.pk)).url == address
    answered(Advice.objects.get())
    text = said(browser.get(address))
    assert "Advice of agents, asked for by people" in text
    assert "oracle Unsure Hard to say." in text
    answer = send(browser, url("run", "ask", run), adviser="x")
    assert answer.status_code == 400
    assert signed_in(house.viewer).get(url("run", "ask", run)).status_code == 403


def test_a_run_nobody_can_be_asked_about(browser, house):
    answer = browser.get(url("run", "ask", house.run("intern")))
    assert "no reachable autonomous agent can be asked about" in refusals(answer)[0]


# --- Who decided ----------------------------------------------------------------------------------


@pytest.fixture
def on_advice(house, proposal):
    """Approved on the advice of the agent `oracle`, which a governor had allowed."""
    advice.allow_to_approve(workspace=house.workspace, allowed=True, by=house.by_governor)
    row = AdviceFactory(proposal=proposal, adviser=adviser(house.workspace, name="oracle"))
    answered(row)
    return Proposal.objects.get(pk=proposal.pk)


def test_where_advice_may_approve_the_page_says_so_beforehand(browser, house, proposal):
    adviser(house.workspace)
    advice.allow_to_approve(workspace=house.workspace, allowed=True, by=house.by_governor)
    text = said(browser.get(page(proposal)))
    assert "This workspace lets advice for a plan approve it" in text


def test_what_was_approved_on_advice_says_so_everywhere(browser, on_advice):
    assert (on_advice.state, on_advice.decided_by) == ("approved", None)
    text = said(browser.get(page(on_advice)))
    assert "Decided 0 minutes ago on the advice of the agent oracle" in text
    assert "Approvals 0 of 1" in text
    assert "this advice approved it" in text
    assert "system adviser approved it on an agent’s advice, as this workspace lets it" in text
    listed = said(browser.get(f"{INBOX}?show=history"))
    assert "Approved on the advice of the agent oracle" in listed


@pytest.mark.parametrize("verb", ["approve", "reject", "abstain", "cancel"])
def test_who_comes_after_it_is_told(house, browser, proposal, on_advice, verb):
    answer = browser.post(page(proposal, verb), seen(proposal, comment="no"))
    assert answer.status_code == 409
    assert (
        "This proposal is already approved on the advice of the agent oracle; nothing was changed."
    ) in said(answer)


def test_who_edits_after_it_is_told(browser, proposal, on_advice):
    answer = browser.post(page(proposal, "edit"), seen(proposal))
    assert answer.status_code == 409
    assert "already approved on the advice of the agent oracle" in said(answer)


def test_what_a_person_decided_names_the_person(browser, house, proposal):
    approved(proposal, by=house.by_governor)
    name = house.governor.username
    assert f"Decided 0 minutes ago by {name}" in said(browser.get(page(proposal)))
    assert f"Approved by {name}" in said(browser.get(f"{INBOX}?show=history"))
