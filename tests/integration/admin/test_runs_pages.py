"""Triggers and runs: what asked, what happened, in order."""

from __future__ import annotations

import re

import pytest

from governance.models import Trigger
from governance.services import actions
from tests.factories import (
    ProposalFactory,
    QueuedRunFactory,
    TriggerFactory,
    finished,
    rejected,
    run_worker,
)
from tests.integration.admin.visits import buttons, said, signed_in, url


@pytest.fixture
def browser(house):
    return signed_in(house.viewer)


#     maturity       route          run
ROUTED = (
    ("student", "training", "–"),
    ("intern", "proposal", "run of"),
    ("supervised", "supervision", "run of"),
    ("autonomous", "execution", "run of"),
)


@pytest.mark.parametrize(("maturity", "route", "run"), ROUTED)
def test_a_trigger(browser, house, maturity, route, run):
    agent = house.agent(maturity)
    trigger = TriggerFactory(agent=agent, type="nightly", context={"day": "<Monday>"})
    answer = browser.get(url("trigger", "change", trigger))
    text = said(answer)
    assert f"Agent {agent.name} Source Data sync Type nightly" in text
    assert f"Route {route} Run {run}" in text
    assert '"day": "<Monday>"' in text
    assert "<Monday>" not in answer.content.decode()
    assert url("decision", "change", trigger.decisions.get()) in answer.content.decode()


def test_the_list_of_triggers(browser, house):
    TriggerFactory(agent=house.agent("student", name="clerk"), type="night\u202ely")
    text = said(browser.get(url("trigger", "changelist")))
    assert "UTC clerk Data sync night U+202E ly training" in text


def test_the_timeline_of_a_run(browser, house):
    run = house.run("intern", type="a call")
    rejected(ProposalFactory(run=run, title="Refund Ms Ada"), reason="Not ours.")
    shown = {"kind": "markdown", "title": "Hello", "markdown": "# Hello"}
    by = run.agent.actor
    actions.request(run=run, action_type="canvas_present", params=shown, by=by)
    run_worker()
    actions.request(run=run, action_type="launch", params={}, by=by)
    answer = browser.get(url("run", "change", run))
    text = said(answer)
    timeline = text[text.index("Timeline") :]
    times = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", timeline)
    assert len(times) == 6
    assert times == sorted(times)
    assert "Decision May it start? execution a person asked for it" in timeline
    assert "Proposal Refund Ms Ada rejected Not ours." in timeline
    assert "Execution canvas_present done –" in timeline
    assert "Decision launch denied there is no enabled action type 'launch'" in timeline
    assert f"Agent {run.agent.name} Trigger manual/a call Kind Live State running" in text
    for row in (run.agent, run.trigger, run.proposals.get(), run.executions.get()):
        assert url(row._meta.model_name, "change", row) in answer.content.decode()


def test_a_run_that_waits_and_one_that_ended(browser, house):
    queued = QueuedRunFactory(agent=house.agent("supervised"))
    assert "Begun – Ended –" in said(browser.get(url("run", "change", queued)))
    ended = finished(house.run())
    text = said(browser.get(url("run", "change", ended)))
    assert re.search(r"State succeeded .* Ended \d{4}-", text)


def test_the_list_of_runs(browser, house):
    run = house.run("intern")
    finished(house.run("autonomous"))
    address = url("run", "changelist")
    assert f"{run.agent.name} manual/test running intern –" in said(browser.get(address))
    cl = browser.get(f"{address}?state__exact=running").context["cl"]
    assert list(cl.result_list) == [run]


def test_there_is_nothing_to_do_but_read(house):
    run, browser = house.run(), signed_in(house.governor)
    assert buttons(browser.get(url("run", "change", run))) == ["Ledger"]
    assert buttons(browser.get(url("trigger", "change", run.trigger))) == ["Ledger"]


def test_a_long_run_is_cut_at_the_newest(browser, house, monkeypatch):
    monkeypatch.setattr("governance.admin.runs.MOST_EVENTS", 2)
    run = house.run()
    for n in range(4):
        actions.request(run=run, action_type=f"act_number_{n}", params={}, by=run.agent.actor)
    text = said(browser.get(url("run", "change", run)))
    assert "act_number_3" in text
    assert "act_number_2" in text
    assert "act_number_1" not in text
    assert Trigger.objects.count() == 1
