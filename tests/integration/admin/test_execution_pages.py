"""Executions: the plan, each step with its times, output and error, and the way to what it made."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.domain.words import Effect
from governance.execution import claims
from governance.execution.registry import ActionFailed, ActionInDoubt, ActionWaits
from governance.models import Execution
from governance.services import executions
from tests.factories import (
    CanvasFactory,
    House,
    UserFactory,
    approved,
    cancelled,
    claimed,
    executed,
    failed,
    halted,
    in_doubt,
    make_spec,
    paused,
)
from tests.factories.moves import WORKER
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
        "Every step was carried out, or skipped by its own condition.",
    ):
        assert said in shown, said
    step = shown[shown.index('id="live-step-1"') :]
    assert step.index("Sent</dt>") < step.index("Ended</dt>") < step.index("Took</dt>")


def test_a_failure_says_why(client, house, waiting):
    execution = failed(waiting, error="The card <b>is</b> closed.").execution

    shown = text(login(client, house.viewer).get(at(execution)))

    assert ">Failed</span>" in shown
    assert "The card &lt;b&gt;is&lt;/b&gt; closed." in shown


def test_a_step_that_failed_is_not_said_to_have_been_sent(client, house, registered):
    """It was handed to its handler, which may have refused it before anything left."""

    def refuse(context, params):
        raise ActionFailed("That host is not allowed. Nothing was sent.")

    registered(make_spec("tell", handler=refuse, effect=Effect.KEYED), workspace=house.workspace)
    proposal = approved(house.proposal(action_type="tell"))
    house.work()

    shown = text(login(client, house.viewer).get(at(proposal.execution)))

    assert proposal.execution.steps.get().sent_at is not None
    assert "Nothing was sent." in shown
    assert "Sent</dt>" not in shown
    assert "Begun</dt>" in shown


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
    assert "Not run: step 1 (s1) failed, and the plan stops there." in shown
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

    row = Execution.objects.get()
    assert f"Held by</dt><dd>agent {row.agent.name}</dd>" in shown
    until = f"{row.lease_expires_at:%Y-%m-%d %H:%M:%S} UTC"
    assert f">{until}</time>" in shown[shown.index("Until, unless extended</dt>") :]
    assert "claimed 1 time" in shown


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
    for part, status in (("live", 200), ("reconcile", 405), ("cancel", 405)):
        assert client.get(f"{LIST}{execution.pk}/{part}/").status_code == status
    assert client.post(f"{LIST}{execution.pk}/live/").status_code == 405
    assert client.post(at(execution), {"state": "done"}).status_code == 405
    assert client.post(f"{LIST}{execution.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get(f"{LIST}not-a-key/change/").status_code == 404
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


# --- How each step stands


STEPS = [
    # the second of three steps fails, with its first skipped
    (
        [{"when": "1 > 2"}, {"action_type": "refuse"}, {}],
        ["Skipped: `1 &gt; 2` was false.", "No paper left.", "step 2 (s2) failed"],
    ),
    # the first leaves a doubt
    ([{"action_type": "vanish"}, {}], ["Nobody answered.", "step 1 (s1) is in doubt"]),
]


@pytest.fixture
def office(house, registered):
    """Three handlers of this workspace: one prints, one refuses, one leaves a doubt."""

    def refuse(context, params):
        raise ActionFailed("No paper left.")

    def vanish(context, params):
        raise ActionInDoubt("Nobody answered.")

    registered(make_spec("print_it"), workspace=house.workspace)
    registered(make_spec("refuse", handler=refuse), workspace=house.workspace)
    registered(
        make_spec("vanish", handler=vanish, effect=Effect.UNKEYED), workspace=house.workspace
    )
    return house


def carried_out(house, *steps):
    plan = [
        {"id": f"s{number}", "action_type": "print_it", "params": {"page": number}, **step}
        for number, step in enumerate(steps, start=1)
    ]
    execution = approved(house.proposal(plan=plan)).execution
    house.work()
    return Execution.objects.get(pk=execution.pk)


@pytest.mark.parametrize(("steps", "said"), STEPS)
def test_what_was_not_carried_out_says_why(client, office, steps, said):
    execution = carried_out(office, *steps)

    shown = text(login(client, office.viewer).get(at(execution)))

    for number, words in enumerate(said, start=1):
        part = shown[shown.index(f'id="live-step-{number}"') :]
        assert words in part[: part.index("What was asked for")], words


def test_a_step_is_put_in_words_and_its_condition_is_shown(client, office):
    execution = carried_out(office, {}, {"when": "steps.s1.output.page == 1"})

    shown = text(login(client, office.viewer).get(at(execution)))

    assert '<span class="unseen">Step 1: </span>Print it.</h2>' in shown
    code = '<code class="ag-code">steps.s1.output.page == 1</code>'
    assert f"If {code}: print it.</h2>" in shown
    assert f"Only if {code} is true" in shown


def test_a_long_output_is_cut_and_all_of_it_has_a_page(client, office):
    pages = [f"page {number}" for number in range(400)]
    execution = carried_out(office, {"params": {"pages": pages, "token": "a-secret-token"}})
    login(client, office.viewer)

    shown = text(client.get(at(execution)))
    step = execution.steps.get()
    whole = f"{LIST}{execution.pk}/output/{step.pk}/"

    assert f'href="{whole}">Show all of it</a>' in shown
    assert "&quot;page 100&quot;" in shown.split("What was asked for")[0]
    assert "&quot;page 399&quot;" not in shown.split("What was asked for")[0]
    page = text(client.get(whole))
    assert "&quot;page 399&quot;" in page
    assert "a-secret-token" not in page + shown
    assert client.post(whole).status_code == 405
    assert client.get(f"{LIST}{execution.pk}/output/{execution.pk}/").status_code == 404


def test_a_retry_says_how_many_attempts_and_when_the_next_is(client, house, registered):
    def stumble(context, params):
        raise RuntimeError("not today")

    registered(make_spec("stumble", handler=stumble), workspace=house.workspace)
    proposal = approved(house.proposal(action_type="stumble"))
    house.work()

    shown = text(login(client, house.viewer).get(at(proposal.execution)))

    row = Execution.objects.get()
    assert "What failed will be tried again." in shown
    assert f"{row.not_before:%Y-%m-%d %H:%M:%S} UTC" in shown[shown.index("Next attempt</dt>") :]
    assert "1 so far, of at most 3" in shown

    cancelled(proposal)
    shown = text(client.get(at(proposal.execution)))
    assert "What failed will be tried again." not in shown
    assert "Next attempt" not in shown
    assert "The handler of stumble raised RuntimeError" in shown


def test_one_that_waits_says_for_whom(client, house, registered):
    canvas = CanvasFactory(run=house.run())
    patience = timezone.now() + datetime.timedelta(days=1)

    def wait(context, params):
        raise ActionWaits("a form", subject=canvas, until=patience)

    registered(make_spec("wait", handler=wait), workspace=house.workspace)
    proposal = approved(house.proposal(action_type="wait"))
    house.work()

    shown = text(login(client, house.viewer).get(at(proposal.execution)))

    assert "It waits for somebody to act, and goes on when they have." in shown
    link = f'<a class="ag-link" href="/admin/governance/canvas/{canvas.pk}/change/">A note</a>'
    assert f"Waits for</dt><dd>an answer to {link}</dd>" in shown
    assert f"{patience:%Y-%m-%d %H:%M:%S} UTC" in shown[shown.index("At the latest until</dt>") :]


def test_a_halted_workspace_s_work_says_so(client, house, waiting):
    execution = approved(waiting).execution
    halted(house.workspace)

    assert "The workspace is halted" in text(login(client, house.viewer).get(at(execution)))


def test_switched_off_it_says_so(client, house, waiting, settings):
    settings.GOVERNANCE_EXECUTION_ENABLED = False
    execution = approved(waiting).execution

    assert "GOVERNANCE_EXECUTION_ENABLED" in text(login(client, house.viewer).get(at(execution)))


def test_claims_that_ran_out_are_counted(client, office):
    execution = approved(office.proposal(action_type="print_it")).execution
    claims.claim(execution=execution, by=WORKER, lease=datetime.timedelta(seconds=1))
    with time_machine.travel(timezone.now() + datetime.timedelta(seconds=2), tick=False):
        executions.sweep(by=WORKER)

    shown = text(login(client, office.viewer).get(at(execution)))

    assert "Claims that ran out</dt><dd>1</dd>" in shown


def test_the_lists_of_each_state_are_a_click_away(client, house, waiting):
    in_doubt(waiting)
    login(client, house.viewer)

    shown = text(client.get(f"{LIST}?state__exact=in_doubt"))

    assert '<a href="?state__exact=in_doubt" aria-current="page">In doubt</a>' in shown
    assert "look on the far side, and say what you found" in shown
    assert "Refund for the lamp" in shown
    assert "look on the far side" not in text(client.get(LIST))
