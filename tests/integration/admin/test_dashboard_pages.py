"""The front page and the sidebar: only one's own, and only what one may open."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.admin import dashboard
from tests.factories import (
    DecisionFactory,
    ExecutionFactory,
    MembershipFactory,
    ProposalFactory,
    QueuedRunFactory,
    SupervisionSessionFactory,
    TrainingPlanFactory,
    TrainingSessionFactory,
    UserFactory,
    WorkspaceFactory,
    halted,
    held,
    in_doubt,
    paused,
    rated,
    retired,
    training_begun,
    training_completed,
)
from tests.integration.admin.visits import said, signed_in

FRONT = "/admin/"


def sidebar(browser):
    """The titles of the sidebar, in order, with badges."""
    markup = browser.get(FRONT).content.decode()
    nav = markup[markup.index('id="nav-sidebar-apps"') : markup.index('id="main"')]
    text = re.sub(r'<span class="material-symbols[^<]*</span>', " ", nav)
    links = re.findall(r"<a href.*?</a>", text[: text.index("/password_change/")], re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", link).split()) for link in links]


MEMBERS_SEE = [
    "Overview",
    "Proposals",
    "Executions",
    "In doubt",
    "Canvases",
    "Live now",
    "Runs",
    "Triggers",
    "Blocked triggers",
    "Trainings",
    "Decisions",
    "Agents",
    "Action types",
    "Workflows",
    "Policy",
    "Grants",
    "Ceilings",
    "Training topics",
    "Allowed hosts",
    "Credentials",
    "Devices",
    "Episodes",
    "Violations",
    "Changes of maturity",
    "Constitution",
    "Criteria",
    "Exams",
    "Exam cases",
    "Ledger",
    "Workspaces",
    "Memberships",
]


@pytest.mark.parametrize("role", ["viewer", "auditor", "reviewer", "supervisor", "governor"])
def test_the_sidebar_of_members(house, role):
    assert sidebar(signed_in(getattr(house, role))) == MEMBERS_SEE


def test_the_sidebar_of_others(house):
    stranger = UserFactory(is_staff=True)
    assert sidebar(signed_in(stranger)) == ["Overview"]
    root = UserFactory(is_staff=True, is_superuser=True)
    assert sidebar(signed_in(root)) == ["Overview", "Users"]
    MembershipFactory(workspace=house.workspace, user=root)
    assert sidebar(signed_in(root)) == [*MEMBERS_SEE, "Users"]


def test_every_link_of_the_sidebar_opens(house):
    root = UserFactory(is_staff=True, is_superuser=True)
    MembershipFactory(workspace=house.workspace, user=root)
    browser = signed_in(root)
    groups = browser.get(FRONT).context["sidebar_navigation"]
    links = [item["link"] for group in groups for item in group["items"]]
    assert len(links) == 32
    assert {browser.get(link).status_code for link in links} == {200}


def test_the_badge_counts_what_waits_in_ones_own_workspaces(house):
    for _ in range(3):
        house.proposal()
    ProposalFactory()
    assert "Proposals 3" in sidebar(signed_in(house.viewer))


def test_what_is_in_doubt_has_an_entry_of_its_own(house):
    in_doubt(house.proposal())
    in_doubt(ProposalFactory())  # elsewhere
    browser = signed_in(house.viewer)
    assert "In doubt 1" in sidebar(browser)
    assert "Executions" in sidebar(browser)

    def active(address):
        groups = browser.get(address).context["sidebar_navigation"]
        return [item["title"] for group in groups for item in group["items"] if item["active"]]

    listed = "/admin/governance/execution/"
    assert active(listed) == ["Executions"]
    assert active(f"{listed}?state__exact=in_doubt") == ["In doubt"]


@pytest.mark.parametrize(("waiting", "badge"), [(2, "2"), (3, "2+"), (4, "2+")])
def test_counting_stops(house, monkeypatch, waiting, badge):
    monkeypatch.setattr(dashboard, "COUNTED", 3)
    for _ in range(waiting):
        house.proposal()
    assert f"Proposals {badge}" in sidebar(signed_in(house.viewer))


def test_what_ran_out_does_not_wait(house, time_machine):
    proposal = house.proposal()
    time_machine.move_to(proposal.expires_at)
    assert "Proposals" in sidebar(signed_in(house.viewer))
    assert proposal.expires_at <= timezone.now()


def test_the_front_page(house):
    house.action_type("refund", title="Refund")
    house.proposal(title="Refund Ms Ada", action_type="refund", params={"payment": "p1"})
    run = house.run("supervised")
    in_doubt(house.proposal(title="Sent"))
    ExecutionFactory(proposal=house.proposal(title="Soon"))
    paused(house.agent("autonomous"))
    retired(house.agent("student"))
    DecisionFactory(run=run, action_type="launch")
    text = said(signed_in(house.viewer).get(FRONT))
    assert "1 Proposals waiting" in text
    assert "1 Executions in doubt" in text
    assert "1 Executions ready" in text
    assert "Waiting for a decision Proposal Agent Waiting since Expires “Refund Ms Ada”" in text
    assert "“Refund Ms Ada” Refund: payment “p1”." in text
    assert (
        "Agents by maturity Maturity Active Paused Retired Autonomous – 1 – Supervised 1 – – "
        "Intern 3 – – Student – – 1"
    ) in text
    assert f"{run.agent.name} launch denied there is no enabled action type 'launch'" in text


def test_what_is_live_and_what_waits_for_somebody_to_watch_it(house):
    browser = signed_in(house.viewer)
    text = said(browser.get(FRONT))
    assert "0 Runs waiting for a supervisor" in text
    assert "Live now Agent State Since" not in text
    watched = QueuedRunFactory(agent=house.agent("supervised", name="watched"))
    held(SupervisionSessionFactory(run=watched))
    rated(SupervisionSessionFactory(run=QueuedRunFactory(agent=house.agent("supervised"))))
    QueuedRunFactory(agent=house.agent("supervised", name="waiting"))
    QueuedRunFactory()  # elsewhere
    text = said(browser.get(FRONT))
    assert "1 Runs waiting for a supervisor" in text
    assert (
        "Live now Agent State Since watched paused just now waiting waits for a supervisor just "
        "now All that is live"
    ) in text
    assert "Live now 1" in sidebar(browser)


def test_what_students_learn_is_counted(house):
    def counted():
        text = said(signed_in(house.viewer).get(FRONT))
        return re.findall(r"(\d+) (Trainings under way|Triggers to retry)", text)

    session = TrainingSessionFactory(plan=TrainingPlanFactory(agent=house.agent("student")))
    training_completed(TrainingSessionFactory())  # elsewhere
    assert counted() == [("0", "Trainings under way"), ("0", "Triggers to retry")]
    training_begun(session)
    assert counted() == [("1", "Trainings under way"), ("0", "Triggers to retry")]
    training_completed(session)
    assert counted() == [("0", "Trainings under way"), ("1", "Triggers to retry")]


def test_nothing_of_another_workspace_is_on_it(house):
    theirs = ProposalFactory(title="Not for your eyes")
    ExecutionFactory(proposal=ProposalFactory(run=theirs.run))
    text = said(signed_in(house.governor).get(FRONT))
    assert "Not for your eyes" not in text
    assert theirs.agent.name not in text
    assert "0 Executions ready" in text
    assert "Nothing waits for a decision." in text
    assert "The gate has not been asked yet." in text


def test_a_halted_workspace_is_said(house):
    halted(WorkspaceFactory())
    assert "is halted" not in said(signed_in(house.viewer).get(FRONT))
    halted(house.workspace)
    text = said(signed_in(house.viewer).get(FRONT))
    assert f"The workspace {house.workspace.name} is halted: everything in it is denied." in text


def test_somebody_without_a_workspace(db):
    text = said(signed_in(UserFactory(is_staff=True)).get(FRONT))
    assert "You are not a member of any workspace yet." in text
    assert "Proposals waiting" not in text


def test_what_the_front_page_costs_does_not_grow(house):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            signed_in(house.viewer).get(FRONT)
        return len(queries)

    house.proposal()
    DecisionFactory(run=house.run())
    cost()  # the first visit of all writes down that they were here
    before = cost()
    for _ in range(6):
        house.proposal()
        DecisionFactory(run=house.run())
    assert cost() == before


def test_nothing_on_the_page_comes_from_elsewhere(house):
    markup = signed_in(house.governor).get(FRONT).content.decode()
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', markup)
    assert "governance/admin.css" in markup
    assert "governance/favicon.svg" in markup
