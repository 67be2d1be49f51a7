"""The pages of standing, episodes, the constitution and the criteria; and moving from there."""

from __future__ import annotations

import json

import pytest

from governance.models import ConstitutionVersion, CriteriaRow, Episode, ExamCase
from governance.services import actions, executions
from tests.factories import (
    EpisodeFactory,
    MaturityChangeFactory,
    MembershipFactory,
    RunFactory,
    ViolationFactory,
    executed,
)
from tests.integration.admin.visits import (
    buttons,
    opened,
    refusals,
    said,
    send,
    signed_in,
    url,
)
from tests.integration.services.test_promotions import confident, examined, shows

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(house):
    return signed_in(house.governor)


@pytest.fixture
def agent(house):
    return house.agent("intern", name="bot", module_path="tests.exam_programs", class_name="Acts")


def standing(browser, agent):
    return browser.get(url("agent", "standing", agent))


def test_the_standing_of_an_agent_that_did_nothing(browser, agent):
    page = said(standing(browser, agent))
    assert "not ready for supervised: 0.0 of 100" in page
    assert "25 more successful episodes" in page
    assert "no episode has been finished at this maturity" in page
    assert "Nobody has decided or corrected anything of it yet." in page


def test_the_standing_says_what_was_shown_and_what_the_sample_shows(house, browser, agent):
    house.action_type("pay", complexity=3)
    shows(agent, 100, successful=43)
    run = RunFactory(agent=agent)
    proposal = actions.request(run=run, action_type="pay", params={}, by=agent.actor).proposal
    executed(proposal)
    page = said(standing(browser, agent))
    assert "43 of 100" in page
    assert "0.3515" in page
    assert "pay" in page
    assert "0.2699" in page  # one clean approval shows that much


def test_the_agents_page_leads_to_its_standing(browser, agent):
    page = browser.get(url("agent", "change", agent))
    assert "Standing" in buttons(page)
    assert "Promote" in buttons(page)
    assert "Demote" in buttons(page)


@pytest.mark.parametrize("who", ["viewer", "reviewer", "supervisor", "auditor"])
def test_everybody_may_read_and_only_governors_may_move(house, agent, who):
    browser = signed_in(getattr(house, who))
    assert standing(browser, agent).status_code == 200
    assert "Promote" not in buttons(browser.get(url("agent", "change", agent)))
    for page in ("promote", "demote"):
        assert browser.get(url("agent", page, agent)).status_code == 403
        assert browser.post(url("agent", page, agent), {}).status_code == 403


def test_a_stranger_sees_nothing(house, agent):
    stranger = MembershipFactory(user__is_staff=True, workspace__name="elsewhere").user
    episode = EpisodeFactory(run=RunFactory(agent=agent))
    browser = signed_in(stranger)
    assert browser.get(url("agent", "standing", agent)).status_code == 404
    assert browser.get(url("episode", "change", episode)).status_code == 404


def test_a_promotion_that_was_not_earned_is_refused_in_words(browser, agent):
    answer = send(browser, url("agent", "promote", agent), seen="1:0", note="")
    assert "It lacks: 25 more successful episodes" in " ".join(refusals(answer))
    agent.refresh_from_db()
    assert agent.maturity == "intern"


def test_a_promotion_from_the_page(house, browser, agent):
    confident(agent)
    shows(agent)
    examined(agent)
    send(browser, url("agent", "promote", agent), note="Well done.")
    agent.refresh_from_db()
    assert agent.maturity == "supervised"
    assert agent.maturity_changes.get().note == "Well done."


def test_a_page_that_was_opened_before_a_change_is_stale(house, browser):
    agent = house.agent("autonomous")
    page = url("agent", "demote", agent)
    before = opened(browser, page)["seen"]
    MaturityChangeFactory(agent=agent, to="supervised")
    answer = browser.post(page, {"seen": before, "to": "student", "reason": "x"})
    assert answer.status_code == 409
    assert "changed after you opened" in answer.content.decode()
    agent.refresh_from_db()
    assert agent.maturity == "supervised"


def test_a_demotion_from_the_page(browser, agent):
    send(browser, url("agent", "demote", agent), to="student", reason="It paid Bob.")
    agent.refresh_from_db()
    assert agent.maturity == "student"
    change = agent.maturity_changes.get()
    page = said(browser.get(url("maturitychange", "change", change)))
    assert "It paid Bob." in page
    assert "A governor's word" in page or "A governor" in page


def test_an_episode_shows_its_parts_and_can_be_corrected(house, browser):
    episode = EpisodeFactory(run=house.run("supervised"))
    page = said(browser.get(url("episode", "change", episode)))
    assert "said by its agent alone" in page
    assert "1.000" in page
    send(browser, url("episode", "correct", episode), outcome="failed", note="It paid Bob.")
    episode.refresh_from_db()
    assert (episode.outcome, episode.corrected_by) == ("failed", house.governor)
    page = said(browser.get(url("episode", "change", episode)))
    assert "deception" in page
    assert "not compliant" in page


def test_a_case_is_cut_with_one_click(house, browser):
    house.action_type("look", complexity=1)
    run = house.run("autonomous")
    claim = actions.request(run=run, action_type="look", params={"at": 1}, by=run.agent.actor).claim
    executions.report(
        execution=claim.execution, token=claim.token, outcome="done", by=run.agent.actor
    )
    episode = EpisodeFactory(run=run)
    answer = browser.post(url("examcase", "cut", episode))
    assert answer.status_code == 302
    assert ExamCase.objects.get().cut_from == episode


def test_a_violation_has_a_page(house, browser):
    violation = ViolationFactory(run=house.run())
    page = said(browser.get(url("violation", "change", violation)))
    assert "Nothing may end." in page


def test_a_draft_of_the_constitution_is_changed_and_published(house, browser):
    before = ConstitutionVersion.objects.newest(house.workspace.pk)
    send(browser, url("constitutionversion", "add"), note="Stricter.")
    draft = ConstitutionVersion.objects.get(state="draft")
    assert draft.rules.count() == before.rules.count()
    rules = [{"key": "no-pay", "severity": "high", "reason": "Nobody pays."}]
    send(
        browser,
        url("constitutionversion", "edit", draft),
        rules=json.dumps(rules),
        note="Stricter.",
    )
    send(browser, url("constitutionversion", "publish", draft))
    assert ConstitutionVersion.objects.newest(house.workspace.pk) == draft
    page = said(browser.get(url("constitutionversion", "change", draft)))
    assert "Nobody pays." in page
    assert "in force" in page


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("[5]", "Each rule is an object of texts."),
        ('[{"key": "a"}]', "lacks: reason, severity"),
        ('[{"key": "a", "severity": "low", "reason": "x", "rank": "y"}]', "rank"),
        ('[{"key": "a", "severity": "low", "reason": "x", "condition": "1"}]', "true or false"),
    ],
)
def test_rules_that_cannot_be_are_refused_in_words(house, browser, rules, says):
    send(browser, url("constitutionversion", "add"), note="")
    draft = ConstitutionVersion.objects.get(state="draft")
    page = url("constitutionversion", "edit", draft)
    answer = send(browser, page, rules=rules, note="")
    assert says in " ".join(refusals(answer))


def test_criteria_are_data(house, browser):
    row = CriteriaRow.objects.get(workspace=house.workspace, maturity="intern")
    values = {
        "episodes": "12",
        "max_intervention_rate": "0.4",
        "min_constitution": "0.8",
        "min_exam": "0.75",
        "min_success": "0.6",
    }
    send(browser, url("criteriarow", "edit", row), **values)
    row.refresh_from_db()
    assert (row.episodes, row.min_success) == (12, 0.6)
    assert "12" in said(browser.get(url("criteriarow", "change", row)))


LISTS = ["episode", "violation", "maturitychange", "constitutionversion", "criteriarow"]


@pytest.mark.parametrize("name", LISTS)
def test_lists_open(house, browser, name):
    ViolationFactory(run=house.run())
    MaturityChangeFactory(agent=house.agent("supervised"))
    assert browser.get(url(name, "changelist")).status_code == 200
    assert Episode.objects.exists()
