"""Workflows: what a version does, how it is triggered, and how the next one is written."""

from __future__ import annotations

import json
import re

import pytest

from governance.models import Workflow
from governance.services import proposals
from tests.factories import House, WorkflowFactory
from tests.integration.admin.browsing import snapshot
from tests.integration.admin.visits import (
    buttons,
    opened,
    refusals,
    said,
    send,
    signed_in,
    trail,
    url,
)

pytestmark = pytest.mark.django_db

SCHEMA = {
    "type": "object",
    "properties": {
        "what": {"enum": ["sales", "costs"]},
        "limit": {"type": "integer"},
        "note": {"type": "string"},
        "since": {"type": "string", "default": "2026-01-01"},
    },
    "required": ["what", "limit", "since"],
}
PLAN = [
    {
        "id": "show",
        "action_type": "canvas_present",
        "params": {"kind": "markdown", "title": {"$param": "what"}, "markdown": "x"},
    },
    {
        "id": "again",
        "action_type": "canvas_present",
        "params": {"kind": "markdown", "title": "<script>", "markdown": "x"},
        "when": "steps.show.state == 'done'",
    },
]


@pytest.fixture
def workflow(house):
    return WorkflowFactory(
        workspace=house.workspace,
        name="report",
        title="Weekly <script>report",
        plan=PLAN,
        params_schema=SCHEMA,
    )


def typed(**values):
    return {
        "title": "Weekly report",
        "params_schema": json.dumps(SCHEMA),
        "plan": json.dumps(PLAN),
        **values,
    }


def blocks(response):
    """The JSON shown on a page, in order."""
    found = re.findall(
        r'<pre class="ag-json"[^>]*>(.*?)</pre>', response.content.decode(), re.DOTALL
    )
    return [
        json.loads(
            re.sub(r"&quot;", '"', each)
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#x27;", "'")
        )
        for each in found
    ]


# --- The page -------------------------------------------------------------------------------------


def test_a_version_says_what_it_does_and_how_it_is_triggered(house, workflow):
    response = signed_in(house.viewer).get(url("workflow", "change", workflow))
    text = said(response)
    assert "1, the newest: this is what a trigger gets" in text
    assert "Show a text titled $param what ." in text
    assert "If steps.show.state == 'done' : show a text titled “<script>”." in text
    assert '<code class="ag-code">steps.show.state == &#x27;done&#x27;</code>' in (
        response.content.decode()
    )
    assert "This is the only one." in text
    assert "<script>report" not in response.content.decode()
    schema, plan, step = blocks(response)
    assert (schema, plan) == (SCHEMA, PLAN)
    assert step == {
        "id": "step1",
        "action_type": "workflow_trigger",
        "params": {
            "workflow": "report",
            "params": {"what": "sales", "limit": 1, "since": "2026-01-01"},
        },
    }


def test_the_step_it_shows_can_be_filed(house, workflow):
    step = blocks(signed_in(house.viewer).get(url("workflow", "change", workflow)))[2]
    run = house.run()
    filed = proposals.propose(agent=run.agent, run=run, plan=[step], by=run.agent.actor)
    assert [found["id"] for found in json.loads(filed.plan)] == ["step1_show", "step1_again"]


def test_nothing_on_the_page_runs_it(house, workflow):
    browser = signed_in(house.governor)
    page = browser.get(url("workflow", "change", workflow))
    assert buttons(page) == ["Write the next version", "Ledger"]
    assert "<form" not in page.content.decode().split('id="content-main"')[1]
    assert browser.post(url("workflow", "change", workflow), {}).status_code == 403
    assert buttons(signed_in(house.supervisor).get(url("workflow", "change", workflow))) == [
        "Ledger"
    ]


def test_other_versions_are_linked_and_an_old_one_says_that_it_is_replaced(house, workflow):
    second = WorkflowFactory(workspace=house.workspace, name="report")
    WorkflowFactory(workspace=House.build().workspace, name="report")
    browser = signed_in(house.viewer)
    old, new = (browser.get(url("workflow", "change", row)) for row in (workflow, second))
    assert "1, replaced" in said(old)
    assert "2, the newest" in said(new)
    for page, other in ((old, second), (new, workflow)):
        others = page.content.decode().split("Other versions</h2>")[1]
        linked = re.findall(r'href="(/admin/governance/workflow/[^"]+/change/)"', others)
        assert linked == [url("workflow", "change", other)]


def test_the_list_has_a_line_a_version(house, workflow):
    WorkflowFactory(workspace=house.workspace, name="report")
    WorkflowFactory(workspace=house.workspace, name="again")
    text = said(signed_in(house.viewer).get(url("workflow", "changelist")))
    assert text.index("again 1") < text.index("report 2") < text.index("report 1")
    assert "Weekly <script>report canvas_present" in text


# --- Defining -------------------------------------------------------------------------------------


def test_a_governor_defines_a_workflow(house):
    browser = signed_in(house.governor)
    response = send(browser, url("workflow", "add"), name="report", **typed())
    row = Workflow.objects.get()
    assert response["Location"] == url("workflow", "change", row)
    assert (row.name, row.number, row.title, row.params_schema) == (
        "report",
        1,
        "Weekly report",
        SCHEMA,
    )
    assert json.loads(row.plan) == PLAN
    assert trail(row) == ["workflow.defined"]
    assert "from now on" in said(browser.get(response["Location"]))


def test_the_form_begins_with_no_params_and_no_steps(house):
    text = said(signed_in(house.governor).get(url("workflow", "add")))
    assert '{ "type": "object", "properties": {}, "additionalProperties": false }' in text
    assert "[]" in text


def test_the_next_version_begins_as_the_last_one_is(house, workflow):
    browser = signed_in(house.governor)
    text = said(browser.get(url("workflow", "next", workflow)))
    assert '"title": { "$param": "what" }' in text
    response = send(browser, url("workflow", "next", workflow), **typed(plan=json.dumps(PLAN[:1])))
    newest = Workflow.objects.newest("report", workspace_id=house.workspace.pk)
    assert response["Location"] == url("workflow", "change", newest)
    assert (newest.number, json.loads(newest.plan)) == (2, PLAN[:1])
    workflow.refresh_from_db()
    assert json.loads(workflow.plan) == PLAN


def test_of_two_governors_the_second_is_told(house, workflow):
    address, browser = url("workflow", "next", workflow), signed_in(house.governor)
    before = opened(browser, address)
    WorkflowFactory(workspace=house.workspace, name="report")
    rows = snapshot()
    response = browser.post(address, {**before, **typed(title="Mine")})
    assert response.status_code == 409
    assert "was changed after you opened this page" in refusals(response)[0]
    assert 'value="Mine"' in response.content.decode()
    assert snapshot() == rows


# what is typed instead, what is said
WRONG = [
    ({"plan": "[{]"}, "This is not JSON at line 1, column 3"),
    ({"plan": '[{"id": "a", "id": "b"}]'}, '"id" is here twice'),
    ({"plan": "{}"}, "Write a JSON list here: [ ... ]."),
    ({"params_schema": "[]"}, "Write a JSON object here: { ... }."),
    ({"params_schema": '{"type": NaN}'}, "NaN is not a JSON number"),
    ({"plan": "[9007199254740993]"}, "2**53"),
    ({"plan": ""}, "This field is required."),
    ({"plan": "[]"}, "plan: List should have at least 1 item"),
    ({"params_schema": ""}, "This field is required."),
    ({"params_schema": "{}"}, "The params_schema must be an object schema"),
    ({"params_schema": '{"type": "object"}'}, "uses params that its schema does not require: what"),
    ({"title": ""}, "This field is required."),
    ({"name": "Report!"}, "Use a-z, 0-9, _ and -, from a letter."),
    (
        {"plan": '[{"id": "a", "action_type": "nothing", "params": {}}]'},
        "no enabled action type 'nothing'",
    ),
    (
        {"plan": '[{"id": "a", "action_type": "workflow_trigger", "params": {}}]'},
        "A workflow cannot trigger a workflow",
    ),
]


@pytest.mark.parametrize(("values", "says"), WRONG)
def test_what_is_wrong_is_said_and_kept_as_typed(house, values, says):
    sent = {"name": "report", **typed(), **values}
    response = send(signed_in(house.governor), url("workflow", "add"), **sent)
    assert response.status_code in {400, 409}
    text = said(response)
    assert says in text
    for value in sent.values():
        assert " ".join(value.split()) in text or f'value="{value}"' in response.content.decode()
    assert not Workflow.objects.exists()


def test_in_another_workspace_nothing_is_there(house, workflow):
    browser = signed_in(House.build().governor)
    for page in ("change", "next"):
        assert browser.get(url("workflow", page, workflow)).status_code == 404
    assert "report" not in said(browser.get(url("workflow", "changelist")))
    response = send(browser, url("workflow", "add"), name="report", **typed())
    assert Workflow.objects.exclude(pk=workflow.pk).get().number == 1
    assert response.status_code == 302
