"""What the documentation shows is run here."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from governance.domain.words import CanvasKind
from governance.execution import registry
from governance.models import ActionType, Canvas, Execution, Proposal
from governance.policy import exams, schemas
from governance.policy.conditions import Condition
from governance.services import (
    action_types,
    actions,
    agent_runs,
    agents,
    allowed_hosts,
    demos,
    exam_cases,
    forms,
    people,
    proposals,
    reviews,
    workflows,
)
from tests.agents import serving
from tests.factories import ActionTypeFactory, run_worker

ROOT = Path(settings.BASE_DIR)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def execute(source: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(source, "documented", "exec"), {"__name__": "documented"})
    return out.getvalue()


@pytest.fixture
def demo(db) -> demos.House:
    return demos.build(password=people.generate_password())


def test_the_first_agent_of_the_readme_is_sent_to_a_person(demo):
    (source,) = blocks("README.md", "python")
    assert "waits for a person: " in execute(source)
    assert Proposal.objects.get().agent.name == "intern-bot"


def test_the_first_agent_of_the_readme_acts_when_autonomous(demo):
    (source,) = blocks("README.md", "python")
    assert execute(source.replace("intern-bot", "autonomous-bot")).startswith("execution")
    assert Execution.objects.get().state == "done"


def test_an_approved_proposal_is_claimed_and_reported_as_documented(demo):
    (first_agent,) = blocks("README.md", "python")
    execute(first_agent)
    proposal = Proposal.objects.get()
    reviews.approve(proposal=proposal, digest=proposal.digest, by=demo.person)
    after_approval, _form, _handler = blocks("docs/connecting.md", "python")
    assert "acting: address_change" in execute(after_approval)
    proposal.refresh_from_db()
    assert proposal.state == "executed"


def test_the_documented_handler_registers_and_joins_the_catalogue(demo):
    _after_approval, _form, handler = blocks("docs/connecting.md", "python")
    try:
        execute(handler)
        created = action_types.install_builtin(workspace=demo.workspace, by=demo.person)
        assert created == ["ticket_file"]
    finally:
        registry.unregister("ticket_file")


def test_the_documented_catalogue_loads(demo):
    catalogue, _workflow, _step = blocks("docs/connecting.md", "json")
    ActionType.objects.filter(key="refund_issue").delete()
    loaded = action_types.load(
        workspace=demo.workspace, entries=json.loads(catalogue), by=demo.person
    )
    assert loaded["created"] == ["refund_issue"]


def test_the_documented_form_is_asked_and_waited_for(demo):
    _after_approval, source, _handler = blocks("docs/connecting.md", "python")
    assert "waits for a person: " in execute(source)
    proposal = Proposal.objects.get()
    reviews.approve(proposal=proposal, digest=proposal.digest, by=demo.person)
    run_worker()
    form = Canvas.objects.get(title="At the door")
    assert Execution.objects.get().waiting_for == form.id
    forms.answer(canvas=form, answers={"what": "location"}, by=demo.person)
    run_worker()
    (location,) = Execution.objects.get().steps.filter(step="location")
    assert location.error.startswith("There is no device 'door' here")  # this demo has none


def test_the_documented_workflow_is_defined_and_triggered(demo):
    _catalogue, workflow, step = (json.loads(text) for text in blocks("docs/connecting.md", "json"))
    workflows.load(workspace=demo.workspace, entry=workflow, by=demo.person)
    agent = demo.agents["intern"]
    proposal = proposals.propose(agent=agent, plan=[step], by=agent.actor)
    reviews.approve(proposal=proposal, digest=proposal.digest, by=demo.person)
    run_worker()
    assert Canvas.objects.get().content == {"markdown": "The invoices are out."}
    assert Execution.objects.get().steps.get().step == "tell_show"


def test_the_documented_exam_case_loads_and_can_be_passed(demo):
    (source,) = blocks("docs/exams.md", "json")
    ActionTypeFactory(workspace=demo.workspace, key="order_read", complexity=1)
    (case,) = exam_cases.load(workspace=demo.workspace, entries=json.loads(source), by=demo.person)
    acts = [["order_read", {"customer": "C-4711"}]]
    acts += [["refund_issue", {"payment": "pay_1", "amount": 148.5}]]
    read = exams.read(
        task=case.task,
        tools=case.tools,
        expectation=case.expectation,
        required=case.required,
        forbidden=case.forbidden,
    )
    simulation, calls = read.simulation(), []
    for key, params in acts:
        answer = simulation.answer(key, params, [])
        calls.append(exams.Call(key, params, "done", output=answer.output))
    assert [call.output for call in calls] == [
        {"payment": "pay_1", "amount": 148.5},
        {"refunded": 148.5},
    ]
    assert exams.judge(read, calls, exams.Ending(succeeded=True)) == ()
    assert simulation.answer("refund_issue", {"amount": 3000}, []).error == "Over the limit."
    assert simulation.answer("order_read", {"customer": "x"}, []).error == (
        "There is no such customer."
    )


def test_the_documented_program_runs(demo, monkeypatch):
    program, _server = blocks("docs/runtimes.md", "python")
    module = types.ModuleType("documented_greeting")
    exec(compile(program, "documented", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    agent = agents.register(
        workspace=demo.workspace,
        name="greeter",
        owner=people.named(demo.person.label),
        maturity="intern",
        module_path=module.__name__,
        class_name="Greeter",
        by=demo.person,
    )
    ran = agent_runs.execute(agent=agent, instruction="Good morning", by=demo.person)
    canvas = Canvas.objects.get()
    assert (ran.ending.outcome, ran.ending.output) == ("succeeded", {"canvas": str(canvas.id)})
    assert canvas.content == {"markdown": "*Good morning*"}


def test_the_documented_endpoint_is_run_over_http(demo):
    _program, source = blocks("docs/runtimes.md", "python")
    names: dict[str, Any] = {"__name__": "documented"}
    exec(compile(source, "documented", "exec"), names)
    quiet = type("Quiet", (names["Greeter"],), {"log_message": lambda self, *args: None})
    with serving(quiet) as port:
        allowed_hosts.add(
            workspace=demo.workspace,
            host="127.0.0.1",
            port=port,
            allow_private=True,
            by=demo.person,
        )
        agent = agents.register(
            workspace=demo.workspace,
            name="greeter",
            owner=people.named(demo.person.label),
            maturity="intern",
            configuration={"endpoint": f"http://127.0.0.1:{port}/"},
            by=demo.person,
        )
        ran = agent_runs.execute(agent=agent, instruction="Good morning", by=demo.person)
    assert ran.ending.outcome == "succeeded"
    assert ran.ending.output["canvas"] == str(Canvas.objects.get().id)


def test_every_documented_canvas_is_presented(house):
    run = house.run("autonomous")
    examples = [json.loads(text) for text in blocks("docs/canvas.md", "json")]
    assert [params["kind"] for params in examples] == list(CanvasKind.values)
    for params in examples:
        answer = actions.request(
            run=run, action_type="canvas_present", params=params, by=run.agent.actor
        )
        assert answer.route == "execution", answer.reasons
        run_worker()
        assert Execution.objects.get(pk=answer.execution.pk).state == "done"
        assert Canvas.objects.filter(kind=params["kind"], title=params["title"]).exists()


def test_the_params_of_every_documented_refund_fit_the_documented_catalogue():
    [entry] = json.loads(blocks("docs/connecting.md", "json")[0])
    pattern = re.compile(rf"{entry['key']}\s+--params '(.*?)'")
    pages = [path.read_text() for path in (ROOT / "docs").glob("*.md")]
    given = [text for page in pages for text in pattern.findall(page)]
    assert len(given) == 3
    for text in given:
        assert schemas.problems(entry["params_schema"], json.loads(text)) == ()


def test_every_documented_condition_compiles():
    page = (ROOT / "docs/policy.md").read_text()
    examples = page.split("Examples:\n\n")[1].split("\n\n")[0]
    conditions = [line.strip() for line in examples.splitlines()]
    assert len(conditions) == 5
    for source in conditions:
        assert Condition(source).source == source


def test_the_generated_pages_are_what_the_code_says():
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")
