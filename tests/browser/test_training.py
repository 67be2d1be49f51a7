"""A training in a real browser, from the blocked trigger to its retry; advice; narrow screens."""

from __future__ import annotations

import re

import pytest

from governance.models import Agent, BlockedTrigger, Proposal, TrainingSession, Trigger
from tests.browser.pictures import keep
from tests.factories import (
    BlockedTriggerFactory,
    House,
    TrainingTopicFactory,
    adviser,
    answered,
    run_worker,
    training_completed,
)
from tests.integration.admin.browsing import page as address
from tests.integration.admin.visits import url

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOURS, A_DAY = "[name='plan/step1/hours']", "[name='plan/step1/hours_a_day']"
LONG = "x" * 90


@pytest.fixture
def house(transactional_db):
    return House.build()


def blocked(house, **topic) -> BlockedTrigger:
    """A trigger of a student who lacks two capabilities; its proposal waits."""
    for name in ("addresses", "refunds"):
        TrainingTopicFactory(
            workspace=house.workspace,
            capability=name,
            tasks=[f"Read about {name}.", f"Do {name}."],
            **topic,
        )
    agent = house.agent("student", name="pupil")
    return BlockedTriggerFactory(agent=agent, type="invoice", context={"action_types": []})


def approve_with_other_hours(page, proposal):
    page.goto(address(proposal))
    assert page.get_by_text("29 h, between 20.3 h and 43.5 h").is_visible()
    keep(page, "training-proposal")
    page.get_by_role("button", name="Edit, then approve").click()
    assert page.locator(".settled").get_by_text("cannot be changed").is_visible()
    page.fill(HOURS, "0.5")
    page.get_by_role("button", name="Preview the change").last.click()
    assert page.locator(".preview").get_by_role("alert").is_visible()
    assert page.input_value(HOURS) == "0.5"
    page.fill(HOURS, "12")
    page.fill(A_DAY, "4")
    page.get_by_role("button", name="Preview the change").last.click()
    keep(page, "training-edit")
    page.get_by_role("button", name="Approve with this edit").click()
    page.wait_for_url(re.compile(r"/governance/proposal/$"))
    run_worker()


def tick_all_but_one(page):
    for done in range(1, 4):
        page.get_by_role("button", name="Tick off").first.click()
        page.get_by_role("heading", name=f"Tasks: {done} of 4 done").wait_for()
    page.get_by_role("button", name="Take back: Read about addresses.").click()
    page.get_by_role("heading", name="Tasks: 2 of 4 done").wait_for()
    keep(page, "training-tasks")


def complete(page):
    page.get_by_role("link", name="Complete", exact=True).click()
    page.get_by_label("Score: addresses").fill("0.9")
    page.get_by_label("Score: refunds").fill("lots")
    page.get_by_label("Hours spent").fill("14.5")
    page.get_by_label("Feedback").fill("Refunds need more work.")
    page.get_by_role("button", name="Complete", exact=True).click()
    assert page.get_by_text("Enter a number.").is_visible()
    assert page.get_by_label("Score: addresses").input_value() == "0.9"
    assert page.get_by_label("Feedback").input_value() == "Refunds need more work."
    page.get_by_label("Score: refunds").fill("0.6")
    page.get_by_role("button", name="Complete", exact=True).click()
    page.get_by_role("heading", name="What it was worth").wait_for()
    keep(page, "training-completed")


@pytest.mark.parametrize("javascript", [True, False])
def test_from_the_blocked_trigger_to_its_retry(house, visit, javascript):
    row = blocked(house)
    page = visit(house.supervisor, javascript=javascript)
    approve_with_other_hours(page, row.plan.proposal)
    session = TrainingSession.objects.get()
    assert (session.hours, session.hours_a_day, len(session.days)) == (12.0, 4.0, 3)

    page.goto(url("trainingsession", "change", session))
    assert page.get_by_text("12 h, 4 h a day").is_visible()
    assert page.get_by_role("button", name="Tick off").count() == 0
    page.get_by_role("link", name="Start", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).click()
    tick_all_but_one(page)
    complete(page)
    assert page.get_by_text("0.00 before, 0.20 after.").is_visible()

    page.goto(url("agent", "change", row.trigger.agent))
    assert page.get_by_text("Not yet eligible for intern: 0.50 is needed").is_visible()
    assert page.get_by_text("a training, performance 0.75").is_visible()
    assert page.get_by_text("may be retried").is_visible()
    keep(page, "training-agent")
    agent = Agent.objects.get(name="pupil")
    assert (agent.confidence_score, agent.maturity) == (0.2, "student")

    page.goto(url("trainingsession", "change", session))
    page.get_by_role("button", name="Retry").click()
    assert page.get_by_text("It was fired again, and the gate answered training.").is_visible()
    assert page.get_by_text("What came of it:").is_visible()
    assert page.get_by_role("button", name="Retry").count() == 0
    assert Trigger.objects.count() == 2
    assert Proposal.objects.filter(state="proposed", kind="training").count() == 1


def test_ask_an_adviser(house, visit):
    proposal = blocked(house).plan.proposal
    adviser(house.workspace, name="oracle", opinion="against", reasons="It learns this alone.")
    page = visit(house.reviewer)
    page.goto(address(proposal))
    page.get_by_label("Ask an adviser").select_option(label="oracle")
    page.get_by_role("button", name="Ask", exact=True).click()
    assert page.get_by_text("oracle is being asked.").is_visible()
    answered(proposal.advice.get())
    page.reload()
    card = page.locator("#advice")
    assert card.get_by_text("It learns this alone.").is_visible()
    assert card.get_by_text("it counts among no approvals").is_visible()
    keep(page, "advice")
    assert page.get_by_role("button", name="Approve", exact=True).is_visible()
    assert Proposal.objects.get(pk=proposal.pk).state == "proposed"


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_no_page_is_wider_than_the_screen(house, visit, width, dark):
    row = blocked(house, objective=LONG)
    page = visit(house.governor, width=width, dark=dark)
    proposal = row.plan.proposal
    adviser(house.workspace, name=LONG, reasons=LONG * 5)
    page.goto(address(proposal))
    page.get_by_role("button", name="Ask", exact=True).click()
    answered(proposal.advice.get())
    approve_with_other_hours(page, proposal)
    session = training_completed(TrainingSession.objects.get(), feedback=LONG * 5)
    for where in (
        "/admin/",
        address(proposal),
        url("trainingsession", "changelist"),
        url("trainingsession", "change", session),
        "/admin/governance/trainingsession/history/",
        url("blockedtrigger", "changelist"),
        url("blockedtrigger", "change", row),
        url("blockedtrigger", "retry", row),
        url("trainingtopic", "changelist"),
        "/admin/governance/trainingtopic/add/",
        url("agent", "change", row.trigger.agent),
        url("workspace", "change", house.workspace),
        url("workspace", "advice", house.workspace),
    ):
        assert page.goto(where).status == 200, where
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, where
