"""Canvases: each kind is drawn, whatever an agent put into it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.models import Canvas
from tests.factories import CanvasFactory, House, UserFactory
from tests.integration.admin.browsing import login, snapshot

pytestmark = pytest.mark.django_db

LIST = "/admin/governance/canvas/"
ATTACK = "<script>alert(1)</script>"
CHART = {
    "kind": "chart",
    "title": "Refunds",
    "chart": {
        "type": "bar",
        "labels": ["Jan", f"Feb{ATTACK}", "Mar"],
        "series": [
            {"name": "paid", "values": [1, 2.5, -3]},
            {"name": f"open{ATTACK}", "values": [10]},
        ],
    },
}
SHEET = {
    "kind": "sheet",
    "title": "Tickets",
    "sheet": {
        "columns": ["Ticket", ATTACK],
        "rows": [[1, "a\u200bb"], [True, None, "one too many"], [ATTACK]],
    },
}
FORM = {
    "kind": "form",
    "title": "Questions",
    "form": {
        "fields": [
            {"name": "mood", "label": "How is it?", "type": "select", "options": ["good", ATTACK]},
            {"name": "hours", "label": f"Hours{ATTACK}", "type": "number", "required": True},
            {"name": "again", "label": "Ask again", "type": "checkbox"},
        ]
    },
}
MARKDOWN = {
    "kind": "markdown",
    "title": "Notes",
    "markdown": f"# Head\n\n**bold** {ATTACK} [here](https://elsewhere.example/)\n\n[unused]: x\n",
}


@pytest.fixture
def shown(client, house):
    """The page of a canvas with these params, and its text."""

    def show(params):
        canvas = CanvasFactory(run=house.run(), params=params)
        response = login(client, house.viewer).get(f"/canvases/{canvas.pk}/", follow=True)
        assert response.status_code == 200
        text = response.content.decode()
        assert ATTACK not in text
        return text

    return show


def test_a_chart_is_drawn_and_its_numbers_are_in_a_table(shown):
    text = shown(CHART)

    assert '<svg xmlns="http://www.w3.org/2000/svg" class="drawing"' in text
    table = text.split("The numbers</h3>")[1]
    for cell in ("<td>Jan</td><td>1</td><td>10</td>", "<td>2.5</td><td></td>", "<td>-3</td>"):
        assert cell in table, cell
    assert "open&lt;script&gt;" in table


def test_a_sheet_is_a_table_with_every_cell(shown):
    text = shown(SHEET)

    assert '<th scope="col">Ticket</th><th scope="col">&lt;script&gt;' in text
    assert '<td>1</td><td>a<span class="invisible" title="ZERO WIDTH SPACE">U+200B</span>b' in text
    assert "<td>true</td><td></td><td>one too many</td>" in text


def test_a_form_cannot_be_answered_and_says_so(shown):
    text = shown(FORM)

    assert "Answers cannot be given here yet" in text
    form = text.split('<fieldset class="inputs" disabled>')[1].split("</fieldset>")[0]
    assert "<option>good</option><option>&lt;script&gt;" in form
    assert '<input type="number"' in form
    assert '<input type="checkbox"' in form
    assert "name=" not in form


def test_markdown_is_drawn_with_its_source_beside_it(shown):
    text = shown(MARKDOWN)

    assert "<h1>Head</h1>" in text
    assert "<strong>bold</strong>" in text
    assert '<span class="target">(https://elsewhere.example/)</span>' in text
    assert "[unused]: x" in text.split("The text as the agent wrote it")[1]


@pytest.mark.parametrize("content", [{}, {"chart": {"type": "cake"}}, {"chart": None}, []])
def test_what_cannot_be_drawn_is_shown_as_it_is(client, house, content):
    canvas = CanvasFactory(run=house.run(), params=CHART)
    Canvas.objects.filter(pk=canvas.pk).update(content=content)

    response = login(client, house.viewer).get(f"/canvases/{canvas.pk}/", follow=True)

    assert response.status_code == 200
    assert "This cannot be drawn" in response.content.decode()


@pytest.mark.parametrize(
    ("who", "status"),
    [("viewer", 200), ("auditor", 200), ("governor", 200), ("outsider", 404), ("superuser", 404)],
)
def test_only_members_of_its_workspace_see_a_canvas(client, house, who, status):
    others = {
        "outsider": lambda: House.build(name="elsewhere").governor,
        "superuser": lambda: UserFactory(is_staff=True, is_superuser=True),
    }
    canvas = CanvasFactory(run=house.run())
    login(client, others[who]() if who in others else getattr(house, who))

    assert client.get(f"{LIST}{canvas.pk}/change/").status_code == status
    assert ("A note" in client.get(LIST).content.decode()) is (status == 200)


def test_looking_changes_nothing_and_nothing_can_be_changed(client, house):
    canvas = CanvasFactory(run=house.run())
    login(client, house.governor)
    before = snapshot()

    assert client.get(LIST).status_code == 200
    assert client.get(f"{LIST}{canvas.pk}/change/").status_code == 200
    assert client.post(f"{LIST}{canvas.pk}/change/", {"title": "x"}).status_code == 405
    assert client.post(f"{LIST}{canvas.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get("/canvases/not-a-key/").status_code == 404

    assert snapshot() == before


def test_the_list_takes_no_more_queries_for_more_lines(client, house, django_assert_num_queries):
    run = house.run()
    CanvasFactory(run=run)
    login(client, house.viewer)
    with CaptureQueriesContext(connection) as one_line:
        client.get(LIST)
    for params in (CHART, SHEET, FORM, MARKDOWN):
        CanvasFactory(run=run, params=params)

    with django_assert_num_queries(len(one_line)):
        text = client.get(LIST).content.decode()

    assert text.count("cell-title") == 5
