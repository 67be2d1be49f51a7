"""Canvases: each kind is drawn, whatever an agent put into it."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.models import Canvas
from governance.services import forms
from tests.factories import (
    CanvasFactory,
    House,
    MembershipFactory,
    UserFactory,
    WorkflowFactory,
)
from tests.integration.admin.browsing import login, snapshot

pytestmark = pytest.mark.django_db

LIST = "/admin/governance/canvas/"
ATTACK = "<script>alert(1)</script>"
HIDDEN = '<span class="invisible" title="ZERO WIDTH SPACE">U+200B</span>'
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
BOARD = {
    "kind": "orchestration",
    "title": "The week",
    "orchestration": {
        "steps": [
            {"title": "Collect", "state": "done", "note": f"all of it{ATTACK}"},
            {"title": "Report", "state": "doing", "link": "workflow/weekly"},
            {"title": f"Ask {ATTACK}", "state": "failed", "link": "agent/helper bot"},
            {"title": "Close", "state": "todo", "link": "agent/nobody\u200b"},
            {"title": "Then", "state": "todo", "link": "workflow/unheard-of"},
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


def test_markdown_is_drawn_with_its_source_beside_it(shown):
    text = shown(MARKDOWN)

    assert "<h1>Head</h1>" in text
    assert "<strong>bold</strong>" in text
    assert '<span class="target">(https://elsewhere.example/)</span>' in text
    assert "[unused]: x" in text.split("The text as the agent wrote it")[1]


def links(text):
    """Where the board leads, and the sentences where it leads nowhere."""
    board = text.split('<ol class="board">')[1].split("</ol>")[0]
    return re.findall(r'href="([^"]*)">', board), re.findall(r'ag-quiet">(.*?)</span></p>', board)


def test_a_board_shows_its_steps_and_leads_to_agents_and_workflows(house, shown):
    helper = house.agent(name="helper bot")
    for _ in range(2):
        newest = WorkflowFactory(workspace=house.workspace, name="weekly")
    text = shown(BOARD)

    for said in (
        '<span class="ag-badge ag-plain">2 to do</span>',
        '<span class="ag-badge ag-info">1 doing</span>',
        '<span class="ag-badge ag-good">1 done</span>',
        '<span class="ag-badge ag-bad">1 failed</span>',
        "<strong>Ask &lt;script&gt;",
        "all of it&lt;script&gt;",
        ">Agent helper bot</a>",
        ">Workflow weekly</a>",
    ):
        assert said in text, said
    assert newest.number == 2
    assert links(text) == (
        [
            f"/admin/governance/workflow/{newest.pk}/change/",
            f"/admin/governance/agent/{helper.pk}/change/",
        ],
        [
            f"There is no agent “nobody{HIDDEN}” here.",
            "There is no workflow “unheard-of” here.",
        ],
    )


def test_every_link_of_a_board_opens_for_those_who_see_it(client, house, shown):
    house.agent(name="helper bot")
    WorkflowFactory(workspace=house.workspace, name="weekly")
    found, _ = links(shown(BOARD))
    assert [client.get(address).status_code for address in found] == [200, 200]


def test_a_board_says_nothing_of_other_workspaces(client, house, shown):
    """The reader is a governor of both; the board belongs to one."""
    other = House.build(name="elsewhere")
    MembershipFactory(workspace=other.workspace, user=house.viewer, role="governor")
    other.agent(name="helper bot")
    WorkflowFactory(workspace=other.workspace, name="weekly")

    assert links(shown(BOARD)) == (
        [],
        [
            "There is no workflow “weekly” here.",
            "There is no agent “helper bot” here.",
            f"There is no agent “nobody{HIDDEN}” here.",
            "There is no workflow “unheard-of” here.",
        ],
    )


def test_a_long_board_takes_no_more_queries_than_a_short_one(
    client, house, django_assert_num_queries
):
    def board(count):
        steps = [{"title": "S", "state": "todo", "link": f"agent/a{n}"} for n in range(count)]
        return CanvasFactory(
            run=house.run(),
            params={"kind": "orchestration", "title": "B", "orchestration": {"steps": steps}},
        )

    login(client, house.viewer)
    short, long = board(1), board(60)
    with CaptureQueriesContext(connection) as few:
        client.get(f"{LIST}{short.pk}/change/")
    with django_assert_num_queries(len(few)):
        client.get(f"{LIST}{long.pk}/change/")


def test_the_list_tells_forms_with_and_without_an_answer(client, house):
    run = house.run()
    forms_ = [
        CanvasFactory(run=run, params={**FORM, "title": title}) for title in ("Open", "Settled")
    ]
    CanvasFactory(run=run)
    answers = {"hours": 1, "mood": "good"}
    forms.answer(canvas=forms_[1], answers=answers, by=house.by_reviewer)
    login(client, house.viewer)

    def titles(query):
        text = client.get(f"{LIST}{query}").content.decode()
        return re.findall(r'class="cell-title" href="[^"]*">([^<]*)<', text)

    assert titles("") == ["A note", "Settled", "Open"]
    assert titles("?answer=none") == ["Open"]
    assert titles("?answer=given") == ["Settled"]
    assert titles("?answer=other") == ["A note", "Settled", "Open"]
    text = client.get(LIST).content.decode()
    assert '<span class="ag-badge ag-warn">none yet</span>' in text
    assert '<span class="ag-badge ag-good">answered</span>' in text


@pytest.mark.parametrize("content", [{}, {"chart": {"type": "cake"}}, {"chart": None}, []])
def test_what_cannot_be_drawn_is_shown_as_it_is(client, house, content):
    canvas = CanvasFactory(run=house.run(), params=CHART)
    Canvas.objects.filter(pk=canvas.pk).update(content=content)

    response = login(client, house.viewer).get(f"/canvases/{canvas.pk}/", follow=True)

    assert response.status_code == 200
    assert "This cannot be drawn" in response.content.decode()


BROKEN = [
    (FORM, {"form": None}),
    (FORM, {"form": {"fields": [{"name": "x"}]}}),
    (BOARD, {"orchestration": {"steps": [{"title": "x", "state": "lost"}]}}),
    (BOARD, {"orchestration": {"steps": [{"title": "x", "state": "todo", "link": "run/x"}]}}),
    (BOARD, {"orchestration": {"steps": [{"title": 5, "state": "todo"}]}}),
    (BOARD, {"orchestration": None}),
]


@pytest.mark.parametrize(("params", "content"), BROKEN)
def test_a_broken_form_or_board_is_shown_as_it_is(client, house, params, content):
    canvas = CanvasFactory(run=house.run(), params=params)
    Canvas.objects.filter(pk=canvas.pk).update(content=content)

    response = login(client, house.governor).get(f"/canvases/{canvas.pk}/", follow=True)

    assert response.status_code == 200
    text = response.content.decode()
    assert "This cannot be drawn" in text
    assert "Send the answer" not in text


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
    for params in (CHART, SHEET, FORM, BOARD, MARKDOWN):
        CanvasFactory(run=run, params=params)

    with django_assert_num_queries(len(one_line)):
        text = client.get(LIST).content.decode()

    assert text.count("cell-title") == 6
