"""A person answers a form in a real browser, and the plan that waited for it goes on."""

from __future__ import annotations

import pytest

from governance.models import Canvas, Execution, FormAnswer
from tests.factories import CanvasFactory, House, ProposalFactory, approved, run_worker

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FORM = {
    "kind": "form",
    "title": "The delivery at the door",
    "form": {
        "fields": [
            {
                "name": "what",
                "label": "What shall I do?",
                "type": "select",
                "options": ["Take a photo", "Read the location"],
                "required": True,
            },
            {"name": "parcels", "label": "How many parcels?", "type": "number", "required": True},
            {"name": "day", "label": "Delivered on", "type": "date"},
            {"name": "note", "label": "Anything I should know?", "type": "text"},
            {"name": "damaged", "label": "A parcel is damaged", "type": "checkbox"},
        ]
    },
}
PLAN = [
    {"id": "ask", "action_type": "canvas_present", "params": FORM},
    {
        "id": "answer",
        "action_type": "form_answer",
        "params": {"canvas": {"$cel": "steps.ask.output.canvas"}, "wait_minutes": 1440},
    },
    {
        "id": "thank",
        "action_type": "canvas_present",
        "params": {
            "kind": "markdown",
            "title": "Thank you",
            "markdown": {"$cel": "steps.answer.output.answers.note"},
        },
        "when": 'steps.answer.output.answers.what == "Take a photo"',
    },
]
BOARD = {
    "kind": "orchestration",
    "title": "The week",
    "orchestration": {
        "steps": [
            {"title": "Collect the numbers", "state": "done", "note": "All of last week."},
            {"title": "Write the report", "state": "doing", "link": "agent/helper"},
            {"title": "Send it", "state": "todo", "link": "workflow/send-report"},
        ]
    },
}


@pytest.fixture
def house(transactional_db):
    return House.build()


@pytest.mark.parametrize("javascript", [True, False])
def test_from_the_front_page_to_the_answer_and_on(house, visit, javascript):
    execution = approved(ProposalFactory(run=house.run(), plan=PLAN)).execution
    run_worker()
    page = visit(house.reviewer, javascript=javascript)

    page.goto("/admin/")
    page.get_by_role("link", name="The delivery at the door").click()
    page.get_by_text("A plan waits for this answer until").wait_for()

    page.get_by_label("What shall I do?").select_option("Take a photo")
    page.get_by_label("How many parcels?").fill("three")
    page.get_by_label("Delivered on").fill("2026-01-31")
    page.get_by_label("Anything I should know?").fill("It rained.\nA lot.")
    page.get_by_label("A parcel is damaged").check()
    page.get_by_role("button", name="Send the answer").click()

    page.get_by_text("Write a number in digits, such as 12 or -1.50.").wait_for()
    assert page.get_by_label("How many parcels?").input_value() == "three"
    assert page.get_by_label("Delivered on").input_value() == "2026-01-31"
    assert page.get_by_label("Anything I should know?").input_value() == "It rained.\nA lot."
    assert page.get_by_label("A parcel is damaged").is_checked()
    assert not FormAnswer.objects.exists()

    page.get_by_label("How many parcels?").fill("3")
    page.get_by_label("How many parcels?").press("Enter")

    page.get_by_text("Your answer is kept; the agent can read it.").wait_for()
    assert FormAnswer.objects.get().answers == {
        "what": "Take a photo",
        "parcels": 3,
        "day": "2026-01-31",
        "note": "It rained.\nA lot.",
        "damaged": True,
    }
    page.get_by_text(f"Given by {house.reviewer.get_username()}").wait_for()
    assert page.get_by_text("A plan waits").count() == 0
    run_worker()
    assert Execution.objects.get(pk=execution.pk).state == "done"
    assert Canvas.objects.get(title="Thank you").content == {"markdown": "It rained.\nA lot."}


def test_somebody_who_may_only_read_can_type_nothing(house, visit):
    canvas = CanvasFactory(run=house.run(), params=FORM)
    page = visit(house.viewer)
    page.goto(f"/canvases/{canvas.pk}/")

    page.get_by_text("Answering takes the role of reviewer").wait_for()
    assert page.get_by_label("How many parcels?").is_disabled()
    assert page.get_by_role("button", name="Send the answer").count() == 0


def test_a_board_leads_to_the_agent(house, visit):
    house.agent(name="helper")
    canvas = CanvasFactory(run=house.run(), params=BOARD)
    page = visit(house.viewer)
    page.goto(f"/canvases/{canvas.pk}/")

    page.get_by_text("There is no workflow “send-report” here.").wait_for()
    page.get_by_role("link", name="Agent helper").click()
    page.get_by_role("heading", name="helper").first.wait_for()


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_no_page_is_wider_than_the_screen(house, visit, width, dark):
    long = "x" * 150
    fields = [{**field, "label": long} for field in FORM["form"]["fields"]]
    form = {**FORM, "title": long, "form": {"fields": fields}}
    steps = [{"title": long, "state": "todo", "note": long, "link": f"agent/{long[:90]}"}]
    board = {**BOARD, "title": long, "orchestration": {"steps": steps}}
    canvases = [CanvasFactory(run=house.run(), params=params) for params in (form, board)]
    page = visit(house.reviewer, width=width, dark=dark)

    for address in [f"/canvases/{canvas.pk}/" for canvas in canvases]:
        assert page.goto(address).status == 200
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
