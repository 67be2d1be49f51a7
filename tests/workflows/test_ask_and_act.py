"""An agent asks a person on a page; what they choose, a real device does."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.test import Client

from governance.management.simulating import SimulatedDevice
from governance.models import Canvas, Execution, Proposal
from governance.services import demos, devices, people, reviews
from tests.factories import run_worker
from tests.workflows.test_documents import blocks, execute

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def at_work(device: SimulatedDevice):
    """The device, in a thread, until it has answered one command."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(device.run, count=1, patience=30)
        yield
        running.result()
    device.close()


# what the person chooses, what then becomes of the two steps
CHOICES = [
    ("photo", "0", ["done", "skipped"]),
    ("location", "1", ["skipped", "done"]),
]


@pytest.mark.parametrize(("what", "option", "expected"), CHOICES)
def test_depending_on_the_answer_a_photo_is_taken_or_the_location_read(
    live_server, what, option, expected
):
    demo = demos.build(password=people.generate_password())
    door = devices.register(
        workspace=demo.workspace, name="door", kinds=["camera", "location"], by=demo.person
    )
    _after_approval, source, _handler = blocks("docs/connecting.md", "python")
    execute(source)
    proposal = Proposal.objects.get()
    reviews.approve(proposal=proposal, digest=proposal.digest, by=demo.person)
    run_worker()
    form = Canvas.objects.get()

    browser = Client()
    browser.force_login(demo.user)
    address = f"/admin/governance/canvas/{form.pk}/"
    assert "A plan waits for this answer" in browser.get(f"{address}change/").content.decode()
    assert browser.post(f"{address}answer/", {"answer-what": option}).status_code == 302
    with at_work(SimulatedDevice(url=live_server.url, key=door.key, say=lambda line: None)):
        run_worker()

    rows = Execution.objects.get().steps.order_by("position")
    assert [row.state for row in rows] == ["done", "done", *expected]
    answer = json.loads(rows[1].output)
    assert (answer["answers"], answer["answered_by"]) == ({"what": what}, "demo")
    done = json.loads(rows.get(step=what).output)
    assert done["device"] == "door"
    assert ("camera" in done, "location" in done) == (what == "photo", what == "location")
    proposal.refresh_from_db()
    assert proposal.state == "executed"
