"""Plans as agents propose them: filed, approved, carried out, and their result shown to people.

Those that need a browser are in tests/browser/test_what_agents_propose.py.
"""

from __future__ import annotations

import json
import re
import threading

import pytest
from django.urls import reverse

from governance.domain.actors import system
from governance.management.simulating import SimulatedDevice
from governance.models import Canvas, DeviceCommand, Execution, Proposal
from governance.services import devices, executions, forms, proposals, reviews, workflows
from tests.factories import AllowedHostFactory
from tests.far_side import http_server

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = system("worker")
SALES = {
    "type": "line",
    "labels": ["July", "August", "September"],
    "series": [{"name": "Sales", "values": [310, 290, 415]}],
}
ORDERS = {"columns": ["order", "total"], "rows": [["A-1", 20], ["A-2", 35.5]]}


@pytest.fixture
def agent(house):
    return house.agent("intern", name="clerk")


@pytest.fixture
def approve_and_work(house, agent):
    """File a plan, have a reviewer approve it, let a worker go; the execution as it is then."""

    def run(*plan: dict) -> Execution:
        filed = proposals.propose(agent=agent, plan=list(plan), by=agent.actor)
        reviews.approve(proposal=filed, digest=filed.digest, by=house.by_reviewer)
        return work(filed)

    return run


@pytest.fixture
def page(house, client):
    """What a reviewer reads at an address."""

    def read(address: str) -> str:
        client.force_login(house.reviewer)
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, address
        return answer.content.decode()

    return read


@pytest.fixture
def phone(house, live_server):
    """A device that answers, over HTTP, whatever it is asked."""
    key = devices.register(
        workspace=house.workspace,
        name="phone",
        kinds=["camera", "location", "notification"],
        by=house.by_governor,
    ).key
    device = SimulatedDevice(url=live_server.url, key=key, say=lambda text: None)
    stop = threading.Event()

    def answer() -> None:
        while not stop.is_set():
            device.run(count=None, patience=1.0)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield device
    stop.set()
    thread.join()
    device.close()


def work(filed: Proposal) -> Execution:
    while executions.run_next(by=WORKER) is not None:
        pass
    return Execution.objects.get(proposal=filed)


def outputs(execution: Execution) -> dict:
    """What each step gave, or the state of one that gave nothing."""
    return {
        row.step: json.loads(row.output) if row.output else row.state
        for row in execution.steps.order_by("position")
    }


def step(name: str, action_type: str, params: dict, **more: str) -> dict:
    return {"id": name, "action_type": action_type, "params": params, **more}


def show(name: str, kind: str, title: str, content: object, **more: str) -> dict:
    params = {"kind": kind, "title": title, kind: content}
    return step(name, "canvas_present", params, **more)


def device(name: str, kind: str, params: dict | None = None, **more: str) -> dict:
    asked = {"device": "phone", "kind": kind, **({kind: params} if params else {})}
    return step(name, "device_command", asked, **more)


ASK = show(
    "ask",
    "form",
    "What do you need?",
    {
        "fields": [
            {
                "name": "what",
                "label": "A photo, or the place?",
                "type": "select",
                "required": True,
                "options": ["photo", "place"],
            }
        ]
    },
)
ANSWER = step(
    "answer", "form_answer", {"canvas": {"$cel": "steps.ask.output.canvas"}, "wait_minutes": 60}
)


def test_submit_form_data(house, agent, approve_and_work, client, page):
    """A form is shown, a person submits it on its page, and the agent reads the data."""
    execution = approve_and_work(ASK)
    form = Canvas.objects.get()
    client.force_login(house.supervisor)
    shown = client.get(outputs(execution)["ask"]["path"], follow=True).content.decode()
    question = re.search(r'<select name="([^"]+)"', shown)[1]
    place = re.search(r'<option value="([^"]+)">place</option>', shown)[1]
    address = reverse("admin:governance_canvas_answer", args=[form.pk])
    assert f'action="{address}"' in shown
    assert client.post(address, {question: place}).status_code == 302
    assert house.supervisor.username in page(outputs(execution)["ask"]["path"])

    read = approve_and_work(step("answer", "form_answer", {"canvas": str(form.pk)}))
    assert (execution.state, read.state) == ("done", "done")
    answer = outputs(read)["answer"]
    assert (answer["answered"], answer["answers"]) == (True, {"what": "place"})
    assert answer["answered_by"] == house.supervisor.username


def test_present_a_sales_line_chart(approve_and_work, page):
    execution = approve_and_work(show("chart", "chart", "Sales", SALES))
    assert execution.proposal.state == "executed"
    shown = page(outputs(execution)["chart"]["path"])
    assert "<svg" in shown
    assert "September" in shown


def test_present_a_spreadsheet(approve_and_work, page):
    execution = approve_and_work(show("sheet", "sheet", "Orders", ORDERS))
    shown = page(outputs(execution)["sheet"]["path"])
    assert ("A-2" in shown, "35.5" in shown) == (True, True)


def test_take_a_photo_read_a_location_send_a_notification(approve_and_work, phone, page):
    execution = approve_and_work(
        device("photo", "camera", {"facing": "back"}),
        device("place", "location", {"accuracy": "fine"}),
        device("tell", "notification", {"title": "Done", "body": "Photo and place are in."}),
    )
    assert execution.state == "done", execution.error
    found = outputs(execution)
    assert found["photo"]["camera"]["media_type"] == "image/png"
    assert found["place"]["location"]["accuracy_m"] == 5.0
    assert found["tell"]["notification"] == {"shown": True}
    assert DeviceCommand.objects.filter(state="done").count() == 3
    shown = page(reverse("admin:governance_execution_change", args=[execution.pk]))
    assert "<img" in shown  # the photo itself
    assert str(found["place"]["location"]["latitude"]) in shown


def test_open_an_agent_and_a_workflow_by_deep_link(house, agent, approve_and_work, page):
    workflow = workflows.define(
        workspace=house.workspace,
        name="weekly",
        title="The weekly report",
        plan=[show("chart", "chart", "Sales", SALES)],
        params_schema={"type": "object"},
        by=house.by_governor,
    )
    execution = approve_and_work(
        show(
            "board",
            "orchestration",
            "The week",
            {
                "steps": [
                    {"title": "Ask the clerk", "state": "done", "link": "agent/clerk"},
                    {"title": "Report", "state": "todo", "link": "workflow/weekly"},
                    {"title": "Archive", "state": "todo", "link": "agent/nobody"},
                ]
            },
        )
    )
    shown = page(outputs(execution)["board"]["path"])
    to_agent = reverse("admin:governance_agent_change", args=[agent.pk])
    to_workflow = reverse("admin:governance_workflow_change", args=[workflow.pk])
    assert (f'href="{to_agent}"' in shown, f'href="{to_workflow}"' in shown) == (True, True)
    assert "clerk" in page(to_agent)
    assert "The weekly report" in page(to_workflow)

    triggered = approve_and_work(
        step("run", "workflow_trigger", {"workflow": "weekly", "params": {}})
    )
    assert list(outputs(triggered)) == ["run_chart"]


@pytest.mark.parametrize(
    ("choice", "photo", "place"), [("photo", "camera", "skipped"), ("place", "skipped", "location")]
)
def test_depending_on_a_forms_answer_take_a_photo_or_read_the_location(
    house, agent, approve_and_work, phone, choice, photo, place
):
    """One plan, approved once: it waits for the answer, and goes on as that says."""
    execution = approve_and_work(
        ASK,
        ANSWER,
        device("photo", "camera", when="steps.answer.output.answers.what == 'photo'"),
        device("place", "location", when="steps.answer.output.answers.what == 'place'"),
    )
    assert (execution.state, execution.proposal.state) == ("ready", "approved")
    assert outputs(execution)["answer"] == "pending"

    forms.answer(canvas=Canvas.objects.get(), answers={"what": choice}, by=house.by_supervisor)
    execution = work(execution.proposal)

    assert execution.state == "done", execution.error
    found = outputs(execution)
    assert (photo in found["photo"], place in found["place"]) == (True, True)


def test_fetch_then_sheet_then_chart(house, approve_and_work, page):
    with http_server() as far_side:
        far_side.body = json.dumps({"months": ["May", "June"], "orders": [3, 5]}).encode()
        AllowedHostFactory(
            workspace=house.workspace, host="127.0.0.1", port=far_side.port, allow_private=True
        )
        got = "steps.fetch.output.json"
        execution = approve_and_work(
            step(
                "fetch",
                "integration_connect",
                {"connector": "http", "http": {"method": "GET", "url": far_side.url("/raw")}},
            ),
            show(
                "sheet",
                "sheet",
                "Orders",
                {"columns": {"$cel": f"{got}.months"}, "rows": {"$cel": f"[{got}.orders]"}},
            ),
            show(
                "chart",
                "chart",
                "Orders",
                {
                    "type": "bar",
                    "labels": {"$cel": f"{got}.months"},
                    "series": [{"name": "orders", "values": {"$cel": f"{got}.orders"}}],
                },
                when=f"size({got}.orders) > 0",
            ),
        )
    assert execution.state == "done", execution.error
    assert [seen.path for seen in far_side.seen] == ["/raw"]
    found = outputs(execution)
    assert "June" in page(found["sheet"]["path"])
    assert "<svg" in page(found["chart"]["path"])
