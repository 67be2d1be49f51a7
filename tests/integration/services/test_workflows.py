"""Workflows: versions that never change, and triggers written out before anybody judges."""

from __future__ import annotations

import json

import pytest

from governance.domain.errors import InvalidInput, NotFound
from governance.models import Canvas, Decision, Execution, Workflow
from governance.policy import plans
from governance.services import action_types, actions, proposals, workflows
from tests.factories import (
    BY_SYSTEM,
    House,
    ProposalFactory,
    WorkflowFactory,
    approved,
    run_worker,
)
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db

SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string", "maxLength": 20}, "rows": {"type": "array"}},
    "required": ["title", "rows"],
    "additionalProperties": False,
}
SHOW = {
    "id": "show",
    "action_type": "canvas_present",
    "params": {
        "kind": "sheet",
        "title": {"$param": "title"},
        "sheet": {"columns": ["n"], "rows": {"$param": "rows"}},
    },
}
NOTE = {
    "id": "note",
    "action_type": "canvas_present",
    "params": {
        "kind": "markdown",
        "title": "About it",
        "markdown": {"$cel": "'See ' + steps.show.output.path"},
    },
    "when": "steps.show.output.kind == 'sheet'",
}
PLAN = [SHOW, NOTE]


def define(house, **values):
    values = {"name": "report", "title": "Report", "plan": PLAN, "params_schema": SCHEMA, **values}
    return workflows.define(workspace=house.workspace, **values, by=house.by_governor)


def trigger(name="report", step="weekly", **params):
    params = {"workflow": name, "params": params}
    return {"id": step, "action_type": "workflow_trigger", "params": params}


# --- Defining -------------------------------------------------------------------------------------


def test_a_workflow_gets_numbers_from_one_and_its_versions_stay(house):
    with recorded() as entries:
        first = define(house)
    second = define(house, title="Shorter", plan=[SHOW])
    other = define(house, name="other")

    rows = list(Workflow.objects.order_by("name", "number"))
    assert [(row.name, row.number, row.title) for row in rows] == [
        ("other", 1, "Report"),
        ("report", 1, "Report"),
        ("report", 2, "Shorter"),
    ]
    assert rows == [other, first, second]
    assert json.loads(rows[1].plan) == PLAN
    assert rows[1].plan == plans.parse(PLAN).text
    assert kinds(entries) == ["workflow.defined"]
    data = entries[0].data["data"]
    assert (data["name"], data["number"], len(data["plan"])) == ("report", 1, 64)
    assert Workflow.objects.newest("report", workspace_id=house.workspace.id) == second


def test_numbers_are_a_workspaces_own(house):
    define(house)
    assert WorkflowFactory(workspace=House.build().workspace, name="report").number == 1


def step(**values):
    return [{"id": "a", "action_type": "canvas_present", "params": {}, **values}]


# what is different, what is said
WRONG = [
    ({"plan": []}, "plan: List should have at least 1 item"),
    ({"plan": {"id": "a"}}, "plan: Input should be a valid list"),
    ({"plan": step(more=1)}, "plan/0/more: Extra inputs are not permitted"),
    ({"plan": step(when="steps.b.output.x == 1")}, "only earlier steps may be named"),
    ({"plan": step(when="steps . b.output.x == 1")}, "only earlier steps may be named"),
    ({"plan": step(when="true // always")}, "comment"),
    ({"plan": step(params={"x": {"$cel": "1 // one"}})}, "comment"),
    ({"plan": [SHOW, SHOW]}, "two steps with the id 'show'"),
    ({"plan": step(action_type="unheard_of")}, "no enabled action type 'unheard_of'"),
    ({"plan": [trigger("report")]}, "A workflow cannot trigger a workflow; write its steps out."),
    (
        {"plan": step(params={"kind": {"$param": "kind"}})},
        "The plan uses params that its schema does not require: kind.",
    ),
    (
        {"params_schema": {**SCHEMA, "required": ["title"]}},
        "The plan uses params that its schema does not require: rows.",
    ),
    ({"plan": step(params={"x": {"$param": "rows", "y": 1}})}, "names one param, and nothing else"),
    ({"params_schema": {}}, 'must be an object schema: {"type": "object"'),
    ({"params_schema": {"type": "object", "properties": 5}}, "not a usable JSON Schema"),
    ({"params_schema": {"type": "object", "$ref": "https://x.test/"}}, "only local references"),
    ({"name": "Report"}, "name: Use a-z, 0-9, _ and -, from a letter."),
    ({"name": "report\n"}, "name: Use a-z, 0-9, _ and -, from a letter."),
    ({"name": "r" * 61}, "name: Ensure this value has at most 60 characters (it has 61)."),
    ({"name": ""}, "name: This field cannot be blank."),
    ({"title": ""}, "title: This field cannot be blank."),
    ({"title": "t" * 201}, "title: Ensure this value has at most 200 characters (it has 201)."),
    ({"title": "a\x00b"}, "The title holds a character that cannot be stored"),
]


@pytest.mark.parametrize(("values", "says"), WRONG)
def test_what_cannot_be_defined(house, values, says):
    with pytest.raises((InvalidInput, NotFound)) as told, recorded() as entries:
        define(house, **values)
    assert says in str(told.value)
    assert entries == []
    assert not Workflow.objects.exists()


ENTRY = {"name": "report", "title": "Report", "plan": PLAN, "params_schema": SCHEMA}


def test_a_file_defines_a_workflow(house):
    found = workflows.load(workspace=house.workspace, entry=ENTRY, by=house.by_governor)
    assert (found.name, found.number, found.params_schema) == ("report", 1, SCHEMA)
    without = {"name": "bare", "title": "Bare", "plan": [{**NOTE, "params": {}, "when": "true"}]}
    found = workflows.load(workspace=house.workspace, entry=without, by=house.by_governor)
    assert found.params_schema == {"type": "object", "additionalProperties": False}


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ([], "workflow: Input should be"),
        ({}, "workflow/name: Field required"),
        ({**ENTRY, "version": 3}, "workflow/version: Extra inputs are not permitted"),
        ({**ENTRY, "plan": "x"}, "workflow/plan: Input should be a valid list"),
        ({**ENTRY, "title": 5}, "workflow/title: Input should be a valid string"),
    ],
)
def test_a_file_that_is_none(house, entry, says):
    with refused(InvalidInput, says):
        workflows.load(workspace=house.workspace, entry=entry, by=house.by_governor)


# --- Triggering -----------------------------------------------------------------------------------


def test_what_is_filed_sealed_and_carried_out_is_the_whole_plan(house):
    define(house)
    proposal = ProposalFactory(run=house.run(), plan=[trigger(title="Sales", rows=[[1], [2]])])
    filed = json.loads(proposal.plan)
    assert [(found["id"], found["action_type"]) for found in filed] == [
        ("weekly_show", "canvas_present"),
        ("weekly_note", "canvas_present"),
    ]
    assert filed[0]["params"]["title"] == "Sales"
    assert filed[1]["when"] == "(steps.weekly_show.output.kind == 'sheet')"
    assert [d.step for d in Decision.objects.filter(proposal=proposal).order_by("id")] == [
        "weekly_show",
        "weekly_note",
    ]

    define(house, plan=[SHOW])  # what is sealed stays as it is
    execution = approved(proposal).execution
    run_worker()

    execution.refresh_from_db()
    assert execution.state == "done"
    sheet, note = Canvas.objects.order_by("id")
    assert sheet.content == {"sheet": {"columns": ["n"], "rows": [[1], [2]]}}
    assert note.content == {"markdown": f"See /canvases/{sheet.id}/"}


def test_the_newest_version_is_triggered_between_other_steps(house):
    define(house)
    define(house, plan=[SHOW])
    first = {**NOTE, "id": "first", "params": {**NOTE["params"], "markdown": "x"}}
    del first["when"]
    last = {
        **first,
        "id": "last",
        "params": {**first["params"], "markdown": {"$cel": "steps.weekly_show.output.path"}},
    }
    plan = workflows.expanded([first, trigger(title="t", rows=[]), last], workspace=house.workspace)
    assert [found["id"] for found in plan] == ["first", "weekly_show", "last"]
    assert plans.parse(plan)


def test_a_param_can_be_what_an_earlier_step_gives(house):
    define(house)
    rows = {"$cel": "steps.ask.output.rows"}
    plan = [{**SHOW, "id": "ask"}, trigger(title="t", rows=rows)]
    plan = workflows.expanded(plan, workspace=house.workspace)
    assert plan[1]["params"]["sheet"]["rows"] == rows


def test_a_trigger_cannot_take_away_the_condition_of_a_stored_step(house):
    define(house)
    outer = {**trigger(title="t", rows=[]), "when": "true || false"}
    plan = workflows.expanded([outer], workspace=house.workspace)
    assert plan[1]["when"] == "(true || false) && (steps.weekly_show.output.kind == 'sheet')"


def test_steps_before_a_trigger_that_are_none_are_refused_with_the_plan(house):
    define(house)
    run = house.run()
    for wrong in (5, {"id": 5}, {"id": "a b"}, {"id": "a\n"}):
        plan = [wrong, trigger(title="t", rows=[])]
        with refused(InvalidInput, "plan/0"):
            proposals.propose(agent=run.agent, run=run, plan=plan, by=run.agent.actor)


def test_a_plan_without_a_trigger_is_left_as_it_is(house):
    for plan in (PLAN, [], None, {"id": "x"}, [5], "text"):
        assert workflows.expanded(plan, workspace=house.workspace) is plan


def test_one_action_can_be_a_workflow_and_each_step_meets_the_gate(house):
    define(house)
    run = house.run()  # an intern shows sheets unasked
    answer = actions.request(
        run=run,
        action_type="workflow_trigger",
        params={"workflow": "report", "params": {"title": "t", "rows": []}},
        by=run.agent.actor,
    )
    assert answer.route == "execution"
    run_worker()
    assert Execution.objects.get().state == "done"
    assert Canvas.objects.count() == 2


def test_the_strictest_step_decides_also_when_one_only_asks(house):
    house.action_type("pay", complexity=4)
    define(house, name="payout", plan=step(action_type="pay"), params_schema={"type": "object"})
    run = house.run("supervised")
    params = {"workflow": "payout"}
    asked = actions.ask(
        agent=run.agent, action_type="workflow_trigger", params=params, by=BY_SYSTEM
    )
    assert asked.route == "proposal"
    answer = actions.request(
        run=run, action_type="workflow_trigger", params=params, by=run.agent.actor
    )
    assert answer.route == "proposal"
    assert json.loads(answer.proposal.plan)[0]["action_type"] == "pay"


def steps(count):
    return [{**SHOW, "id": f"s{n}"} for n in range(count)]


# the trigger, what is said
REFUSED = [
    (trigger("unheard-of"), NotFound, "There is no workflow 'unheard-of' here."),
    (trigger("elsewhere"), NotFound, "There is no workflow 'elsewhere' here."),
    (trigger(), InvalidInput, 'Step weekly, workflow report: params: "title" is a required'),
    (trigger(title="t" * 21, rows=[]), InvalidInput, "workflow report: params/title: the value"),
    (trigger(title="t", rows=[], more=1), InvalidInput, "Additional properties are not allowed"),
    (trigger(title="t", rows={"$param": "rows"}), InvalidInput, "params/rows: the value is not"),
    ({**trigger(), "params": {"workflow": 5}}, InvalidInput, 'write {"workflow": "its name"'),
    ({**trigger(), "params": {"workflow": "report", "params": []}}, InvalidInput, "to trigger one"),
    ({**trigger(), "params": {}}, InvalidInput, "to trigger one"),
    ({**trigger(title="t", rows=[]), "when": "true) || (true"}, InvalidInput, "does not compile"),
    ({**trigger(title="t", rows=[]), "when": "true // x"}, InvalidInput, "comment"),
    (
        {**trigger(title="t", rows=[]), "when": "steps.weekly_show.state == 'x'"},
        InvalidInput,
        "`steps.weekly_show.state == 'x'` does not compile",
    ),
    (trigger("re\x00port"), InvalidInput, "Step weekly: a workflow's name is a-z"),
    (trigger("re\ud800port"), InvalidInput, "Step weekly: a workflow's name is a-z"),
    (trigger("report\n"), InvalidInput, "Step weekly: a workflow's name is a-z"),
    (trigger("r" * 61), InvalidInput, "Step weekly: a workflow's name is a-z"),
    (trigger(""), InvalidInput, "Step weekly: a workflow's name is a-z"),
    ({**trigger(title="t", rows=[]), "id": "w" * 48}, InvalidInput, "String should match pattern"),
    ({**trigger(), "more": 1}, InvalidInput, "Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("outer", "error", "says"), REFUSED)
def test_what_cannot_be_triggered(house, outer, error, says):
    define(house)
    WorkflowFactory(workspace=House.build().workspace, name="elsewhere")
    run = house.run()
    with pytest.raises(error) as told, recorded() as entries:
        proposals.propose(agent=run.agent, run=run, plan=[outer], by=run.agent.actor)
    assert says in str(told.value)
    assert entries == []


def test_a_plan_that_grows_too_long_is_refused(house):
    define(house, plan=steps(30))
    run = house.run()
    plan = [trigger(step=name, title="t", rows=[]) for name in ("one", "two")]
    with refused(InvalidInput, "at most 50 items"):
        proposals.propose(agent=run.agent, run=run, plan=plan, by=run.agent.actor)


def test_a_workspace_may_switch_triggering_off(house):
    define(house)
    action_types.define(
        workspace=house.workspace,
        key="workflow_trigger",
        values={"enabled": False},
        by=house.by_governor,
    )
    with refused(NotFound, "no enabled action type 'workflow_trigger'"):
        workflows.expanded([trigger(title="t", rows=[])], workspace=house.workspace)
