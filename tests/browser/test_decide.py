"""A reviewer's morning in a real browser: by keyboard, without scripts, on a narrow screen."""

from __future__ import annotations

import json

import pytest

from governance.models import Proposal
from tests.factories import CanvasFactory, House, approved
from tests.factories.people import PASSWORD
from tests.integration.admin.browsing import INBOX, refund, refund_type
from tests.integration.admin.browsing import page as address

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AMOUNT = "[name='plan/step1/amount']"


@pytest.fixture
def house(transactional_db):
    house = House.build()
    refund_type(house)
    return house


def state(proposal):
    return Proposal.objects.get(pk=proposal.pk).state


def test_log_in_and_decide_with_the_keyboard_alone(house, visit):
    first, second = refund(house, title="the older one"), refund(house, title="the newer one")
    page = visit(None)
    page.goto(INBOX)
    page.locator("[name=username]").focus()
    page.keyboard.type(house.reviewer.get_username())
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Begin with the oldest").wait_for()

    _tab_to(page, "Begin with the oldest")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{address(first)}")
    assert page.get_by_text("1 of 2 waiting for you").is_visible()
    _tab_to(page, "To the decision")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Checked with the shop.")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Approve"
    page.keyboard.press("Enter")

    page.wait_for_url(f"**{address(second)}")
    assert page.get_by_text("Approved: the older one").is_visible()
    assert page.get_by_text("1 of 1 waiting for you").is_visible()
    assert state(first) == "approved"
    assert first.reviews.get().comment == "Checked with the shop."


def test_hidden_characters_can_be_seen(house, visit):
    hostile = refund(house, params={"payment": "pay\u200b_\u202e1<b>", "amount": 1})

    page = visit(house.reviewer)
    page.goto(address(hostile))

    cell = page.locator(".params .exact-text").first
    assert cell.inner_text() == "payU+200B_U+202E1<b>"
    for mark in cell.locator(".invisible").all():
        assert mark.is_visible()


def test_a_rejection_wants_a_reason_and_then_goes_on(house, visit):
    proposal = refund(house)
    page = visit(house.reviewer)
    page.goto(address(proposal))

    page.get_by_role("button", name="Reject").click()
    assert page.get_by_text("The reason is empty; it is required.").is_visible()
    page.get_by_label("Comment, or reason to reject").fill("Too much.\nAsk for less.")
    page.get_by_role("button", name="Reject").click()

    page.wait_for_url(f"**{INBOX}")
    assert page.get_by_text("Nothing else waits for you.").is_visible()
    assert Proposal.objects.get().closing_reason == "Too much.\nAsk for less."


@pytest.mark.parametrize("javascript", [True, False])
def test_edit_preview_and_approve(house, visit, javascript):
    proposal = refund(house)
    page = visit(house.reviewer, javascript=javascript)
    page.goto(address(proposal))
    page.get_by_label("Comment, or reason to reject").fill("only half")
    page.get_by_role("button", name="Edit, then approve").click()

    page.fill(AMOUNT, "half")
    page.get_by_role("button", name="Preview the change").last.click()
    assert page.get_by_text("Write a number in digits").is_visible()
    assert page.input_value(AMOUNT) == "half"

    page.fill(AMOUNT, "70")
    page.press(AMOUNT, "Enter")  # previews, and nothing more
    difference = page.locator(".preview .difference")
    assert difference.locator(".before").inner_text().strip() == "148.5"
    assert difference.locator(".after").inner_text().strip() == "70"
    assert state(proposal) == "proposed"
    page.get_by_role("button", name="Approve with this edit").click()

    page.wait_for_url(f"**{INBOX}")
    row = Proposal.objects.get()
    assert row.state == "approved"
    assert json.loads(row.execution.plan)[0]["params"] == {"amount": 70, "payment": "pay_1"}
    assert row.reviews.get().comment == "only half"


def test_of_two_reviewers_the_second_is_told(house, visit):
    proposal = refund(house)
    one, other = visit(house.reviewer), visit(house.supervisor)
    for page in (one, other):
        page.goto(address(proposal))
    other.get_by_label("Comment, or reason to reject").fill("I would not")

    one.get_by_role("button", name="Approve", exact=True).click()
    one.wait_for_url(f"**{INBOX}")
    other.get_by_role("button", name="Reject").click()

    name = house.reviewer.get_username()
    assert other.get_by_text(f"This proposal is already approved by {name}").is_visible()
    assert other.get_by_text("I would not").is_visible()
    assert other.get_by_role("button", name="Approve", exact=True).count() == 0
    assert state(proposal) == "approved"


def test_everything_works_without_scripts(house, visit):
    first, second = refund(house), refund(house)
    page = visit(house.reviewer, javascript=False)
    page.goto(INBOX)
    page.get_by_role("link", name="Begin with the oldest").click()

    page.get_by_role("button", name="Approve", exact=True).click()

    assert page.url.endswith(address(second))
    assert (state(first), state(second)) == ("approved", "proposed")


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_no_page_is_wider_than_the_screen(house, visit, width, dark):
    long = "x" * 180
    proposal = refund(house, title=long, params={"payment": long, "amount": 1, "note": long * 9})
    execution = approved(refund(house, title=long)).execution
    sheet = {"columns": ["c" * 30] * 12, "rows": [["y" * 40] * 12]}
    canvas = CanvasFactory(run=house.run(), params={"kind": "sheet", "title": long, "sheet": sheet})
    page = visit(house.reviewer, width=width, dark=dark)

    for url in (
        INBOX,
        f"{INBOX}?show=history",
        address(proposal),
        address(proposal, "edit"),
        f"/canvases/{canvas.pk}/",
        "/admin/governance/canvas/",
        f"/admin/governance/execution/{execution.pk}/change/",
        "/admin/governance/execution/",
    ):
        assert page.goto(url).status == 200, url
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, url


def _tab_to(page, text):
    """Press Tab until this link or button has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip() == text:
            return
    raise AssertionError(f"{text!r} cannot be reached with the Tab key")
