"""A form on its page: answered once, by those who may, with errors beside the fields."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client

from governance.models import Canvas, Execution, FormAnswer
from tests.factories import (
    CanvasFactory,
    House,
    ProposalFactory,
    UserFactory,
    approved,
    cancelled,
    run_worker,
)
from tests.integration.admin.browsing import inputs, login, snapshot
from tests.integration.admin.visits import said

pytestmark = pytest.mark.django_db

ATTACK = "<script>alert(1)</script>"
FORM = {
    "kind": "form",
    "title": "What next?",
    "form": {
        "fields": [
            {
                "name": "what",
                "label": "What shall I do?",
                "type": "select",
                "options": ["photo", f"go {ATTACK}"],
                "required": True,
            },
            {"name": "hours", "label": f"Hours{ATTACK}", "type": "number", "required": True},
            {"name": "day", "label": "Day", "type": "date"},
            {"name": "again", "label": "Ask again", "type": "checkbox"},
            {"name": "note", "label": "Any\u200bthing else?", "type": "text"},
        ]
    },
}
TYPED = {
    "answer-what": "1",
    "answer-hours": " -1.50 ",
    "answer-day": "2026-01-31",
    "answer-again": "on",
    "answer-note": f"two\r\nlines {ATTACK}",
}
GIVEN = {
    "what": f"go {ATTACK}",
    "hours": -1.5,
    "day": "2026-01-31",
    "again": True,
    "note": f"two\nlines {ATTACK}",
}


@pytest.fixture
def form(house):
    return CanvasFactory(run=house.run(), params=FORM)


def page(canvas):
    return f"/admin/governance/canvas/{canvas.pk}/change/"


def send(client, canvas, **typed):
    return client.post(f"/admin/governance/canvas/{canvas.pk}/answer/", typed)


def errors(response):
    """What is said beside each field."""
    found = re.findall(
        r'<div class="error" id="answer-(\w+)-error">(.*?)</div>', response.content.decode()
    )
    return {name: html.unescape(text) for name, text in found}


def alert(response):
    found = re.search(
        r'<div class="ag-refusal" role="alert">(.*?)</div>', response.content.decode(), re.DOTALL
    )
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", found[1])).split()) if found else ""


# --- Answering ------------------------------------------------------------------------------------


def test_a_form_has_a_labelled_input_for_each_question(client, house, form):
    response = login(client, house.reviewer).get(page(form))

    text = response.content.decode()
    assert ATTACK not in text
    empty = {"answer-day": "", "answer-hours": "", "answer-note": ""}
    assert {name: v for name, v in inputs(response).items() if "answer" in name} == empty
    for name in ("what", "hours", "day", "again", "note"):
        assert f'<label for="answer-{name}">' in text
        assert f'name="answer-{name}" id="answer-{name}"' in text
    assert 'Any<span class="invisible" title="ZERO WIDTH SPACE">U+200B</span>thing else?' in text
    assert '<option value="0">photo</option><option value="1">go &lt;script&gt;' in text
    assert "Send the answer" in text
    assert "plan waits" not in text


def test_what_is_typed_is_the_answer(client, house, form):
    response = send(login(client, house.reviewer), form, **TYPED)

    assert (response.status_code, response["Location"]) == (302, page(form))
    row = FormAnswer.objects.get()
    assert (row.answers, row.answered_by) == (GIVEN, house.reviewer)


def test_the_answer_is_shown_with_who_and_when_to_all_who_may_read(client, house, form):
    send(login(client, house.reviewer), form, **TYPED)
    at = FormAnswer.objects.get().created_at

    response = login(client, house.auditor).get(page(form))

    text = said(response)
    assert f"Given by {house.reviewer.username} on {at:%Y-%m-%d %H:%M:%S} UTC ." in text
    assert "What shall I do? what go " in text
    assert f"Hours{ATTACK} hours -1.5" in text
    assert "Ask again again Yes" in text
    assert ATTACK not in response.content.decode()
    assert "<form" not in response.content.decode().split("The answer</h2>")[1].split("</main>")[0]


def test_whoever_answered_is_told_that_it_is_kept(client, house, form):
    login(client, house.reviewer)
    response = client.post(f"/admin/governance/canvas/{form.pk}/answer/", TYPED, follow=True)
    assert "Your answer is kept; the agent can read it." in said(response)


def test_what_is_left_empty_is_no_answer(client, house, form):
    empty = {"answer-day": "", "answer-note": "  "}
    send(login(client, house.reviewer), form, **{"answer-what": "0", "answer-hours": "2", **empty})
    assert FormAnswer.objects.get().answers == {
        "what": "photo",
        "hours": 2,
        "day": None,
        "again": False,
        "note": None,
    }


# --- What is wrong --------------------------------------------------------------------------------

# what is typed instead, what is said beside which field
WRONG = [
    ({"answer-hours": "two"}, {"hours": "Write a number in digits, such as 12 or -1.50."}),
    ({"answer-hours": ""}, {"hours": "This has to be answered."}),
    ({"answer-hours": "1e400"}, {"hours": "This number is too large: write a smaller one."}),
    (
        {"answer-hours": "0.1000000000000000000001"},
        {"hours": "This number cannot be kept exactly, only as 0.1: write that."},
    ),
    (
        {"answer-hours": "9007199254740993"},
        {"hours": "This number is too large to be kept exactly."},
    ),
    ({"answer-what": ""}, {"what": "This has to be answered."}),
    ({"answer-what": "2"}, {"what": "Choose one of the options."}),
    ({"answer-what": "photo"}, {"what": "Choose one of the options."}),
    (
        {"answer-day": "31.1.2026"},
        {"day": "Write a date as year, month and day: 2026-01-31."},
    ),
    (
        {"answer-note": "x" * 4_001},
        {"note": "The text is 4,001 characters long; at most 4,000 are accepted."},
    ),
    (
        {"answer-note": "a\x00b"},
        {"note": "The text holds a character that cannot be stored; remove it."},
    ),
    (
        {"answer-what": "", "answer-hours": "x"},
        {
            "what": "This has to be answered.",
            "hours": "Write a number in digits, such as 12 or -1.50.",
        },
    ),
]


@pytest.mark.parametrize(("typed", "expected"), WRONG)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_lost(
    client, house, form, typed, expected
):
    before = snapshot()
    response = send(login(client, house.reviewer), form, **{**TYPED, **typed})

    assert response.status_code == 400
    assert errors(response) == expected
    said_first = "Nothing was sent. Correct what is marked below, and send it again: "
    assert alert(response).startswith(said_first)
    for name in expected:
        assert f'href="#answer-{name}"' in response.content.decode()
    kept = {**TYPED, **typed}
    text = response.content.decode()
    assert inputs(response)["answer-hours"] == kept["answer-hours"]
    assert inputs(response)["answer-note"] == kept["answer-note"]
    assert ('<option value="1" selected>' in text) is (kept["answer-what"] == "1")
    assert 'value="on" checked' in text
    for name in expected:
        assert f'aria-invalid="true" aria-describedby="answer-{name}-error"' in text
    assert ATTACK not in text
    assert snapshot() == before


def test_a_field_that_did_not_arrive_is_no_empty_answer(client, house, form):
    response = send(login(client, house.reviewer), form)
    assert errors(response) == dict.fromkeys(
        ("what", "hours", "day", "note"), "This field did not arrive: open the page again."
    )
    assert not FormAnswer.objects.exists()


def test_the_second_person_is_told_and_keeps_what_they_wrote(client, house, form):
    ann, ben = login(Client(), house.reviewer), login(client, house.governor)
    send(ann, form, **TYPED)
    before = snapshot()

    for typed in ({"answer-hours": "2"}, {"answer-hours": "not even a number"}):
        response = send(ben, form, **{**TYPED, **typed, "answer-note": "mine"})
        assert response.status_code == 409
        assert alert(response).startswith(f"{house.reviewer.username} has answered this form")
        text = said(response)
        assert "What you had written, which was not kept" in text
        assert f"Hours{ATTACK} {typed['answer-hours']}" in text
        assert "Any U+200B thing else? mine" in text
        assert "Send the answer" not in text
    assert snapshot() == before
    assert FormAnswer.objects.get().answered_by == house.reviewer


# --- Who may --------------------------------------------------------------------------------------

#        who            reads  has the form enabled  what sending is answered
WHO = [
    ("viewer", 200, False, 403),
    ("auditor", 200, False, 403),
    ("reviewer", 200, True, 302),
    ("supervisor", 200, True, 302),
    ("governor", 200, True, 302),
    ("outsider", 404, False, 404),
    ("superuser", 404, False, 404),
]


@pytest.mark.parametrize(("who", "reads", "enabled", "sends"), WHO)
def test_who_may_answer(client, house, form, who, reads, enabled, sends):
    others = {
        "outsider": lambda: House.build(name="elsewhere").governor,
        "superuser": lambda: UserFactory(is_staff=True, is_superuser=True),
    }
    login(client, others[who]() if who in others else getattr(house, who))

    response = client.get(page(form))
    assert response.status_code == reads
    text = response.content.decode()
    assert ("Send the answer" in text) is enabled
    if reads == 200 and not enabled:
        assert "Answering takes the role of reviewer, supervisor or governor" in said(response)
        assert '<fieldset class="inputs" disabled>' in text
    assert send(client, form, **TYPED).status_code == sends
    assert FormAnswer.objects.exists() is (sends == 302)


def test_the_form_wants_its_csrf_token(house, form):
    client = Client(enforce_csrf_checks=True)
    login(client, house.reviewer)
    assert send(client, form, **TYPED).status_code == 403
    token = re.search(
        r'name="csrfmiddlewaretoken" value="(\w+)"',
        client.get(page(form)).content.decode().split('class="inputs"')[1],
    )[1]
    assert send(client, form, **TYPED, csrfmiddlewaretoken=token).status_code == 302


def test_somebody_who_is_not_signed_in_is_asked_to(client, form):
    response = send(client, form, **TYPED)
    assert response.status_code == 302
    assert "/login/" in response["Location"]
    assert not FormAnswer.objects.exists()


def test_the_address_of_the_answer_leads_to_the_form(client, house, form):
    response = login(client, house.reviewer).get(f"/admin/governance/canvas/{form.pk}/answer/")
    assert (response.status_code, response["Location"]) == (302, page(form))
    missing = "/admin/governance/canvas/01a20000-0000-7000-8000-000000000000/answer/"
    assert client.get(missing).status_code == 404


@pytest.mark.parametrize(
    "params", [None, {"kind": "sheet", "title": "t", "sheet": {"columns": ["a"], "rows": []}}]
)
def test_what_is_no_form_takes_no_answer(client, house, params):
    canvas = CanvasFactory(run=house.run(), params=params)
    response = send(login(client, house.governor), canvas, **TYPED)
    assert response.status_code == 400
    assert not FormAnswer.objects.exists()


# --- What waits for it ----------------------------------------------------------------------------

ASK = {"id": "ask", "action_type": "canvas_present", "params": FORM}
WAIT = {
    "id": "answer",
    "action_type": "form_answer",
    "params": {"canvas": {"$cel": "steps.ask.output.canvas"}, "wait_minutes": 120},
}
NOTE = {"kind": "markdown", "title": "Thank you", "markdown": "x"}
THANK = {
    "id": "thank",
    "action_type": "canvas_present",
    "params": NOTE,
    "when": "steps.answer.output.answers.hours < 0.0",
}


def test_a_plan_waits_a_person_answers_on_the_page_and_the_worker_carries_on(client, house):
    execution = approved(ProposalFactory(run=house.run(), plan=[ASK, WAIT, THANK])).execution
    run_worker()
    form = Canvas.objects.get()
    execution.refresh_from_db()

    text = said(login(client, house.reviewer).get(page(form)))
    assert (
        f"A plan waits for this answer until {execution.not_before:%Y-%m-%d %H:%M} UTC , "
        "and goes on when it is there: see the execution ."
    ) in text
    assert (
        f'href="/admin/governance/execution/{execution.pk}/change/"'
        in client.get(page(form)).content.decode()
    )
    front = said(client.get("/admin/"))
    assert "1 Forms to answer" in front
    assert "Form Agent Presented A plan waits until What next?" in front

    send(client, form, **TYPED)
    run_worker()

    execution.refresh_from_db()
    assert execution.state == "done"
    assert Canvas.objects.filter(title="Thank you").exists()
    assert "plan waits" not in said(client.get(page(form)))
    front = said(client.get("/admin/"))
    assert "0 Forms to answer" in front
    assert "A plan waits until" not in front


def test_a_plan_that_was_cancelled_asks_nothing_any_more(client, house):
    proposal = approved(ProposalFactory(run=house.run(), plan=[ASK, WAIT]))
    run_worker()
    form = Canvas.objects.get()
    cancelled(proposal)

    shown = said(login(client, house.reviewer).get(page(form)))
    assert "The plan that asked this was cancelled; no answer is wanted any more." in shown
    assert "Send the answer" not in shown
    assert "0 Forms to answer" in said(client.get("/admin/"))
    listed = said(client.get("/admin/governance/canvas/"))
    assert "none, cancelled" in listed
    response = send(client, form, **TYPED)
    assert response.status_code == 409
    assert not FormAnswer.objects.exists()


def test_a_form_that_another_plan_waits_for_still_asks(client, house):
    run = house.run()
    first = approved(ProposalFactory(run=run, plan=[ASK, WAIT]))
    run_worker()
    form = Canvas.objects.get()
    again = {**WAIT, "params": {"canvas": str(form.pk), "wait_minutes": 120}}
    second = approved(ProposalFactory(run=run, plan=[again])).execution
    run_worker()
    cancelled(first)
    assert "1 Forms to answer" in said(login(client, house.reviewer).get("/admin/"))
    send(client, form, **TYPED)
    run_worker()
    second.refresh_from_db()
    assert second.state == "done"


def test_what_another_workspace_asks_is_not_on_the_front_page(client, house):
    CanvasFactory(run=House.build().run(), params=FORM)
    front = said(login(client, house.governor).get("/admin/"))
    assert "0 Forms to answer" in front
    assert "What next?" not in front


def test_a_form_nobody_waits_for_has_no_time_on_the_front_page(client, house, form):
    front = said(login(client, house.governor).get("/admin/"))
    assert f"What next? {form.agent.name} just now –" in front
    assert Execution.objects.filter(waiting_for__isnull=False).count() == 0
