"""Executions: the plan, each step with its times, output and error, and the way to what it made."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.execution.registry import ActionFailed
from governance.models import Execution
from tests.factories import (
    CanvasFactory,
    House,
    UserFactory,
    approved,
    cancelled,
    claimed,
    executed,
    failed,
    in_doubt,
    make_spec,
    paused,
)
from tests.integration.admin.browsing import login, page, refund, refund_type, snapshot

pytestmark = pytest.mark.django_db

LIST = "/admin/governance/execution/"


@pytest.fixture
def waiting(house):
    refund_type(house)
    return refund(house)


def at(execution):
    return f"{LIST}{execution.pk}/change/"


def text(response):
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_shows_plan_state_output_and_where_it_comes_from(client, house, waiting):
    execution = executed(waiting, output={"receipt": "r<b>1</b>\u200b"}).execution

    shown = text(login(client, house.viewer).get(at(execution)))

    for said in (
        "Refund a payment",
        ">Done</span>",
        "People approved it.",
        f'href="{page(waiting)}">Refund for the lamp</a>',
        '<div class="exact-text">pay_1</div>',
        "&quot;receipt&quot;: &quot;r&lt;b&gt;1&lt;/b&gt;<span",
        'title="ZERO WIDTH SPACE">U+200B</span>&quot;',
        f"{execution.pk}:step1",
        execution.digest,
        "the agent itself",
    ):
        assert said in shown, said
    assert shown.index("Sent</dt>") < shown.index("Ended</dt><dd><time class")


def test_a_failure_says_why(client, house, waiting):
    execution = failed(waiting, error="The card <b>is</b> closed.").execution

    shown = text(login(client, house.viewer).get(at(execution)))

    assert ">Failed</span>" in shown
    assert "The card &lt;b&gt;is&lt;/b&gt; closed." in shown


def test_what_is_in_doubt_says_so(client, house, waiting):
    execution = in_doubt(waiting).execution

    assert "nobody knows whether it took effect" in text(
        login(client, house.viewer).get(at(execution))
    )


def test_steps_after_a_failure_are_shown_as_not_run(client, house, registered):
    def refuse(context, params):
        raise ActionFailed("No paper left.")

    registered(make_spec("print_it", handler=refuse), workspace=house.workspace)
    plan = [{"id": f"s{n}", "action_type": "print_it", "params": {"page": n}} for n in (1, 2)]
    proposal = approved(house.proposal(plan=plan))
    house.work()

    shown = text(login(client, house.viewer).get(at(proposal.execution)))

    assert "No paper left." in shown
    assert ">Not run</span>" in shown
    assert "a worker" in shown


def test_a_canvas_it_presented_is_linked(client, house):
    canvas = CanvasFactory(run=house.run())

    shown = text(login(client, house.viewer).get(at(canvas.step.execution)))

    assert f'href="/admin/governance/canvas/{canvas.pk}/change/">A note</a>' in shown
    assert "The gate itself cleared it." in shown


def test_the_gate_s_later_refusal_is_shown(client, house, registered):
    registered(make_spec("print_it"), workspace=house.workspace)
    proposal = approved(house.proposal(action_type="print_it"))
    paused(proposal.agent)
    house.work()

    shown = text(login(client, house.viewer).get(at(proposal.execution)))

    assert "the agent is paused" in shown
    assert "Nothing was sent." in shown


def test_one_that_is_claimed_shows_its_lease(client, house, waiting):
    execution = claimed(approved(waiting).execution)

    shown = text(login(client, house.viewer).get(at(execution)))

    assert "claimed 1 time, last by agent" in shown
    assert "the lease ends" in shown


@pytest.mark.parametrize(
    ("who", "status"),
    [("viewer", 200), ("auditor", 200), ("governor", 200), ("outsider", 404), ("superuser", 404)],
)
def test_only_members_of_its_workspace_see_an_execution(client, house, waiting, who, status):
    others = {
        "outsider": lambda: House.build(name="elsewhere").governor,
        "superuser": lambda: UserFactory(is_staff=True, is_superuser=True),
    }
    execution = approved(waiting).execution
    login(client, others[who]() if who in others else getattr(house, who))

    assert client.get(at(execution)).status_code == status
    assert ("Refund for the lamp" in client.get(LIST).content.decode()) is (status == 200)


def test_looking_changes_nothing_and_nothing_can_be_changed(client, house, waiting):
    execution = approved(waiting).execution
    login(client, house.governor)
    before = snapshot()

    assert client.get(LIST).status_code == 200
    assert client.get(at(execution)).status_code == 200
    assert client.post(at(execution), {"state": "done"}).status_code == 405
    assert client.post(f"{LIST}{execution.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get(f"{LIST}not-a-key/change/").status_code == 404
    assert ("<form" in text(client.get(at(execution))).split('class="ag-page"')[1]) is False

    assert snapshot() == before


def test_the_list_can_be_narrowed_to_a_state(client, house, waiting):
    cancelled(approved(waiting))
    approved(refund(house, title="still to come"))

    shown = text(login(client, house.viewer).get(f"{LIST}?state__exact=ready"))

    assert "still to come" in shown
    assert "Refund for the lamp" not in shown
    assert Execution.objects.count() == 2


def test_the_list_takes_no_more_queries_for_more_lines(
    client, house, waiting, django_assert_num_queries
):
    approved(waiting)
    login(client, house.viewer)
    with CaptureQueriesContext(connection) as one_line:
        client.get(LIST)
    for n in range(5):
        approved(refund(house, title=f"more {n}"))

    with django_assert_num_queries(len(one_line)):
        shown = text(client.get(LIST))

    assert shown.count("more ") >= 5
