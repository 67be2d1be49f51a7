"""Canvases: what an agent presents, stored in the transaction of its step, once."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from governance.models import Canvas
from governance.services import actions, canvases
from tests.factories import BY_SYSTEM, CanvasFactory, House
from tests.integration.services.checks import everything, kinds, recorded

pytestmark = pytest.mark.django_db

CHART = {
    "type": "bar",
    "labels": ["a", "b"],
    "series": [{"name": "orders", "values": [1, 2.5]}],
}
SHEET = {"columns": ["a", "b"], "rows": [["x", 1], [None, True]]}
FORM = {"fields": [{"name": "why", "label": "Why?", "type": "text"}]}
KINDS = [("chart", CHART), ("sheet", SHEET), ("form", FORM), ("markdown", "# Hello")]


def ask(run, **params):
    return actions.request(run=run, action_type="canvas_present", params=params, by=run.agent.actor)


@pytest.mark.parametrize(("kind", "content"), KINDS)
def test_a_worker_stores_what_was_asked(house, kind, content):
    run = house.run()
    answer = ask(run, kind=kind, title="Look", **{kind: content})
    with recorded() as entries:
        house.work()
    canvas = Canvas.objects.get()
    assert (canvas.kind, canvas.title, canvas.content) == (kind, "Look", {kind: content})
    assert (canvas.agent, canvas.workspace) == (run.agent, house.workspace)
    assert canvas.step.execution == answer.execution
    assert kinds(entries) == [
        "execution.claimed",
        "canvas.presented",
        "execution_step.done",
        "execution.done",
    ]
    assert entries[1].data["data"] == {
        "step": str(canvas.step_id),
        "kind": kind,
        "title": "Look",
    }
    canvas.step.refresh_from_db()
    assert canvas.step.output == (
        f'{{"canvas":"{canvas.id}","kind":"{kind}","path":"/canvases/{canvas.id}/"}}'
    )


BAD = [
    {"kind": "chart", "title": "t"},
    {"kind": "chart", "title": "t", "sheet": SHEET},
    {"kind": "chart", "title": "t", "chart": CHART, "sheet": SHEET},
    {"kind": "chart", "title": "t", "chart": {**CHART, "type": "radar"}},
    {"kind": "chart", "title": "t", "chart": {**CHART, "labels": []}},
    {"kind": "sheet", "title": "t", "sheet": {"columns": [], "rows": []}},
    {"kind": "sheet", "title": "t", "sheet": {"columns": ["a"], "rows": [[{}]]}},
    {"kind": "form", "title": "t", "form": {"fields": [{"name": "Bad", "label": "x"}]}},
    {"kind": "markdown", "title": "", "markdown": "x"},
    {"kind": "markdown", "title": "t" * 201, "markdown": "x"},
    {"kind": "markdown", "title": "t", "markdown": "x" * 100_001},
    {"kind": "poem", "title": "t", "markdown": "x"},
    {"kind": "markdown", "title": "t", "markdown": "x", "extra": 1},
]


@pytest.mark.parametrize("params", BAD)
def test_what_the_schema_refuses_is_denied_and_nothing_is_stored(house, params):
    answer = ask(house.run(), **params)
    assert answer.route == "denied"
    assert answer.reasons[0].startswith("invalid params: params")
    house.work()
    assert Canvas.objects.count() == 0


def test_a_step_has_at_most_one():
    canvas = CanvasFactory()
    before = everything()
    with pytest.raises(IntegrityError), transaction.atomic():
        canvases.present(
            workspace_id=canvas.workspace_id,
            agent_id=canvas.agent_id,
            step_id=canvas.step_id,
            kind="markdown",
            title="again",
            content={"markdown": "x"},
            by=BY_SYSTEM,
        )
    assert everything() == before


def test_it_belongs_to_the_workspace_of_its_agent(house):
    other = House.build()
    CanvasFactory(run=house.run())
    assert Canvas.objects.of(house.workspace.id).count() == 1
    assert Canvas.objects.of(other.workspace.id).count() == 0
