"""The live part of an execution's page: drawn when something changed, and only then."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from governance.domain.words import Effect
from governance.execution.registry import ActionFailed
from governance.models import Attachment, Execution, ExecutionStep
from governance.services import executions
from tests.factories import (
    House,
    UserFactory,
    approved,
    cancelled,
    claimed,
    executed,
    in_doubt,
    make_spec,
)
from tests.factories.devices import PIXEL
from tests.integration.admin.browsing import login, refund, refund_type, snapshot

pytestmark = pytest.mark.django_db

LIST = "/admin/governance/execution/"


@pytest.fixture
def waiting(house):
    refund_type(house)
    return refund(house)


@pytest.fixture
def viewer(client, house):
    return login(client, house.viewer)


def live(client, execution, **headers):
    return client.get(f"{LIST}{execution.pk}/live/", headers=headers)


def parts(response):
    """The stamp of every part, by its id."""
    markup = response.content.decode()
    return dict(re.findall(r'class="live-part" id="live-([\w-]+)" data-live="(\w+)"', markup))


def page_parts(client, execution):
    return parts(client.get(f"{LIST}{execution.pk}/change/"))


def test_it_holds_the_parts_of_the_page_and_nothing_else(viewer, house, registered):
    registered(make_spec("print_it"), workspace=house.workspace)
    plan = [{"id": f"s{n}", "action_type": "print_it", "params": {"page": n}} for n in (1, 2, 3)]
    execution = approved(house.proposal(plan=plan)).execution

    response = live(viewer, execution)

    assert list(parts(response)) == ["head", "act", "step-1", "step-2", "step-3", "answers"]
    assert parts(response) == page_parts(viewer, execution)
    markup = response.content.decode()
    assert 'data-live-summary="Ready. 0 of 3 steps ended."' in markup
    assert 'data-live-ended="no"' in markup
    assert "<html" not in markup
    assert "What was asked for" not in markup  # it does not change


def test_as_long_as_nothing_changes_nothing_is_drawn(viewer, house, waiting):
    execution = approved(waiting).execution
    first = live(viewer, execution)
    with CaptureQueriesContext(connection) as drawing:
        live(viewer, execution)

    with CaptureQueriesContext(connection) as asking:
        second = live(viewer, execution, if_none_match=first["ETag"])

    assert (first.status_code, second.status_code) == (200, 304)
    assert second.content == b""
    assert second["ETag"] == first["ETag"]
    assert len(asking) < len(drawing)
    assert len(asking) <= 12
    assert not any("output" in query["sql"].lower() for query in asking)
    page = viewer.get(f"{LIST}{execution.pk}/change/").content.decode()
    assert f'data-live-etag="{first["ETag"].replace(chr(34), "&quot;")}"' in page


def test_only_the_parts_that_changed_have_another_stamp(viewer, house, registered):
    def refuse(context, params):
        raise ActionFailed("no")

    registered(make_spec("print_it"), workspace=house.workspace)
    registered(make_spec("refuse", handler=refuse), workspace=house.workspace)
    plan = [
        {"id": "a", "action_type": "print_it", "params": {}},
        {"id": "b", "action_type": "refuse", "params": {}},
    ]
    execution = approved(house.proposal(plan=plan)).execution
    before = live(viewer, execution)
    house.work()

    after = live(viewer, execution, if_none_match=before["ETag"])

    assert after.status_code == 200
    changed = {key for key, stamp in parts(before).items() if parts(after)[key] != stamp}
    assert changed == {"head", "act", "step-1", "step-2"}
    assert 'data-live-ended="yes"' in after.content.decode()
    assert 'data-live-summary="Failed. 2 of 2 steps ended."' in after.content.decode()


def step_error(execution):
    ExecutionStep.objects.filter(execution=execution).update(attempts=1, error="Once more.")


def picture(execution):
    step = execution.steps.get()
    Attachment.objects.create(
        workspace_id=step.workspace_id,
        step=step,
        name="screen.png",
        media_type="image/png",
        sha256="0" * 64,
        content=PIXEL,
    )


def longer_lease(execution):
    row = Execution.objects.get(pk=execution.pk)
    longer = row.lease_expires_at.replace(year=row.lease_expires_at.year + 1)
    Execution.objects.filter(pk=execution.pk).update(lease_expires_at=longer)


CHANGES = [
    (step_error, {"step-1"}),
    (picture, {"step-1"}),
    (longer_lease, {"head"}),
]


@pytest.mark.parametrize(
    ("change", "expected"), CHANGES, ids=lambda each: getattr(each, "__name__", "")
)
def test_what_no_lifecycle_counts_is_noticed_too(viewer, house, waiting, change, expected):
    execution = claimed(approved(waiting).execution)
    before = live(viewer, execution)

    change(execution)
    after = live(viewer, execution, if_none_match=before["ETag"])

    assert {k for k, stamp in parts(before).items() if parts(after)[k] != stamp} == expected


SUMMARIES = [
    (approved, "Ready. 0 of 1 steps ended.", "no"),
    (
        lambda p: claimed(approved(p).execution).proposal,
        "Claimed. 0 of 1 steps ended; step 1 sent.",
        "no",
    ),
    (executed, "Done. 1 of 1 steps ended.", "yes"),
    (in_doubt, "In doubt. 0 of 1 steps ended; step 1 in doubt.", "no"),
    (lambda p: cancelled(approved(p)), "Cancelled. 1 of 1 steps ended.", "yes"),
]


@pytest.mark.parametrize(("move", "summary", "ended"), SUMMARIES, ids=range(len(SUMMARIES)))
def test_what_is_read_out(viewer, waiting, move, summary, ended):
    execution = move(waiting).execution

    markup = live(viewer, execution).content.decode()

    assert f'data-live-ended="{ended}" data-live-summary="{summary}"' in markup
    page = viewer.get(f"{LIST}{execution.pk}/change/").content.decode()
    assert ("governance/live.js" in page) is (ended == "no")


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("viewer", 200),
        ("auditor", 200),
        ("reviewer", 200),
        ("supervisor", 200),
        ("governor", 200),
        ("outsider", 404),
        ("superuser", 404),
        ("nobody", 302),
    ],
)
def test_who_may_ask(house, waiting, who, status):
    execution = approved(waiting).execution
    people = {
        "outsider": lambda: House.build(name="elsewhere").governor,
        "superuser": lambda: UserFactory(is_staff=True, is_superuser=True),
    }
    browser = Client()
    if who != "nobody":
        browser.force_login(people[who]() if who in people else getattr(house, who))

    assert live(browser, execution).status_code == status
    assert live(browser, execution, if_none_match="*").status_code in {status, 304}


def test_one_person_s_etag_is_not_another_s(house, waiting):
    execution = in_doubt(waiting).execution
    tags = {
        live(login(Client(), user), execution)["ETag"]
        for user in (house.viewer, house.auditor, house.reviewer)
    }
    assert len(tags) == 3


def test_nobody_else_keeps_it(viewer, waiting):
    response = live(viewer, approved(waiting).execution)
    assert "private" in response["Cache-Control"]
    assert "no-store" in response["Cache-Control"]
    assert "Cookie" in response["Vary"]


def test_a_doubt_offers_its_form_without_a_reload(client, house, waiting):
    execution = claimed(approved(waiting).execution)
    login(client, house.reviewer)
    assert "Settle it" not in live(client, execution).content.decode()

    in_doubt_now = in_doubt(refund(house, title="another")).execution

    markup = live(client, in_doubt_now).content.decode()
    assert ">Settle it</button>" in markup
    assert "csrfmiddlewaretoken" in markup


def test_asking_changes_nothing(viewer, waiting):
    execution = approved(waiting).execution
    before = snapshot()
    live(viewer, execution)
    assert snapshot() == before
    assert executions.uncancellable(execution) == ""


def test_a_page_of_fifty_steps_takes_no_more_queries_than_one_of_two(viewer, house, registered):
    registered(make_spec("print_it", effect=Effect.KEYED), workspace=house.workspace)

    def cost(count):
        plan = [{"id": f"s{n}", "action_type": "print_it", "params": {}} for n in range(count)]
        execution = approved(house.proposal(plan=plan)).execution
        house.work()
        with CaptureQueriesContext(connection) as queries:
            assert live(viewer, execution).status_code == 200
        return len(queries)

    assert cost(2) == cost(50)
