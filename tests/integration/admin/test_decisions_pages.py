"""Decisions: the answer, its reasons, and everything it belongs to."""

from __future__ import annotations

import pytest

from governance.models import Decision
from tests.factories import (
    DecisionFactory,
    GrantFactory,
    ProposalFactory,
    TriggerFactory,
    approved,
    rule,
)
from tests.integration.admin.visits import buttons, said, signed_in, url


@pytest.fixture
def browser(house):
    return signed_in(house.viewer)


def test_the_page(browser, house):
    house.publish(
        rule("careful", condition="params.nope > 1", route="proposal", reason="Look first.")
    )
    run = house.run("autonomous")
    house.action_type("refund")
    decision = DecisionFactory(run=run, action_type="refund", params={"amount": 5})
    answer = browser.get(url("decision", "change", decision))
    text = said(answer)
    assert "Question refund Route proposal" in text
    assert "rule careful: proposal, Look first. (counted as matched" in text
    assert "careful proposal Look first." in text
    assert f"Agent {run.agent.name} Maturity then autonomous Policy policy version 2" in text
    assert f"Params digest {decision.params_digest}" in text
    markup = answer.content.decode()
    for row in (run.agent, run, decision.policy):
        assert url(row._meta.model_name, "change", row) in markup
    assert buttons(answer) == []


def test_the_grant_that_loosened_it(browser, house):
    run, action_type = house.run("intern"), house.action_type("refund")
    grant = GrantFactory(agent=run.agent, action_type=action_type.key)
    decision = DecisionFactory(run=run, action_type="refund")
    answer = browser.get(url("decision", "change", decision))
    assert "Route execution" in said(answer)
    assert url("grant", "change", grant) in answer.content.decode()


def test_one_about_starting(browser, house):
    trigger = TriggerFactory(agent=house.agent("student"))
    decision = Decision.objects.get(trigger=trigger)
    answer = browser.get(url("decision", "change", decision))
    assert "Question May it start? Route training" in said(answer)
    assert url("trigger", "change", trigger) in answer.content.decode()


def test_one_of_a_proposal_and_of_its_execution(browser, house):
    proposal = approved(ProposalFactory(run=house.run(), title="Refund"))
    decision = proposal.decisions.first()
    markup = browser.get(url("decision", "change", decision)).content.decode()
    assert url("proposal", "change", proposal) in markup


def test_before_any_policy_was_published(browser, house):
    decision = DecisionFactory(run=house.run())
    Decision.objects.filter(pk=decision.pk).update(policy=None, maturity="")
    text = said(browser.get(url("decision", "change", decision)))
    assert "Maturity then – Policy none was published" in text


def test_the_list_and_its_filters(browser, house):
    run = house.run("intern")
    DecisionFactory(run=run, action_type="launch")
    address = url("decision", "changelist")
    text = said(browser.get(address))
    assert f"UTC {run.agent.name} launch denied intern policy version 1" in text
    assert f"UTC {run.agent.name} May it start? execution intern policy version 1" in text

    def found(query):
        return [row.action_type for row in browser.get(address + query).context["cl"].result_list]

    assert found("?route__exact=denied") == ["launch"]
    assert found("?kind__exact=trigger") == [""]
    assert found(f"?agent={run.agent_id}") == ["launch", ""]
    assert found(f"?agent={house.agent().pk}") == []
    assert found("?agent=nonsense") == []


def test_filters_offer_nothing_of_another_workspace(browser, house):
    house.agent(name="ours")
    theirs = DecisionFactory().agent
    markup = browser.get(url("decision", "changelist")).content.decode()
    assert "ours" in markup
    assert str(theirs.pk) not in markup
