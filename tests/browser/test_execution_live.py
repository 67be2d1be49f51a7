"""Watching an execution in a real browser: it follows along, survives a restart, is settled."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from django.db import connection

from governance.domain.words import Effect
from governance.execution.registry import ActionInDoubt
from governance.models import Attachment, Execution
from governance.services import executions
from tests.browser.conftest import session_of
from tests.factories import House, approved, by, in_doubt, make_spec, run_worker
from tests.factories.devices import PIXEL
from tests.integration.admin.browsing import refund, refund_type

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PLAN = [
    {"id": "one", "action_type": "slowly", "params": {"n": 1}},
    {"id": "two", "action_type": "slowly", "params": {"n": 2}},
    {"id": "three", "action_type": "slowly", "params": {"n": 3}},
]
LIVE = "Live: this page follows along by itself."
LOST = "Connection lost, retrying."


@pytest.fixture
def house(transactional_db):
    house = House.build()
    refund_type(house)
    return house


class Pace:
    """A handler that waits to be let go; call `n` gives an output and a picture."""

    def __init__(self):
        self.called = {n: threading.Event() for n in (1, 2, 3)}
        self.go = {n: threading.Event() for n in (1, 2, 3)}

    def handle(self, context, params):
        n = params["n"]
        self.called[n].set()
        assert self.go[n].wait(60)
        Attachment.objects.create(
            workspace_id=context.workspace_id,
            step_id=context.step_id,
            name=f"picture-{n}.png",
            media_type="image/png",
            sha256="0" * 64,
            content=PIXEL,
        )
        return {"said": f"output {n}", "lines": [f"line {i}" for i in range(60)]}

    def let(self, n):
        """Wait until the step has been sent, then let it end."""
        assert self.called[n].wait(30)
        self.go[n].set()


@pytest.fixture
def pace(house, registered):
    pace = Pace()
    spec = make_spec("slowly", title="Do it slowly", handler=pace.handle, effect=Effect.KEYED)
    registered(spec, workspace=house.workspace)
    yield pace
    for event in pace.go.values():
        event.set()


@contextmanager
def working():
    """A worker at work beside the test, in a thread with a connection of its own."""

    def work():
        try:
            run_worker()
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(60)
        assert not thread.is_alive()


def address(execution):
    return f"/admin/governance/execution/{execution.pk}/change/"


def opened(visit, user, execution, **how):
    """The page, with a mark that a reload would wipe out."""
    page = visit(user, **how)
    page.goto(address(execution))
    page.evaluate("window.neverReloaded = true")
    return page


def badges(page):
    return page.locator(".progress .ag-badge").all_inner_texts()


def wait_for_badges(page, *expected):
    page.wait_for_function(
        "wanted => [...document.querySelectorAll('.progress .ag-badge')]"
        ".map(one => one.textContent).join() === wanted",
        arg=",".join(expected),
    )


def part(page, n):
    return page.locator(f"#live-step-{n}")


def ask_of(page):
    """Wait until the page has asked the server once more, and been answered."""
    with page.expect_response("**/live/"):
        pass


def test_a_page_follows_three_steps_without_a_reload(house, visit, pace):
    execution = approved(house.proposal(plan=PLAN)).execution
    page = opened(visit, house.reviewer, execution)
    assert badges(page) == ["Pending", "Pending", "Pending"]
    assert page.get_by_text(LIVE).is_visible()
    assert page.get_by_text("It is cleared, and waits for a worker.").is_visible()

    with working():
        wait_for_badges(page, "Sent", "Pending", "Pending")
        assert page.get_by_text("A worker has it in hand, and carries it out.").is_visible()
        assert page.get_by_text("what was sent cannot be cancelled").is_visible()
        assert part(page, 1).get_by_text("Takes so far").is_visible()
        news = page.locator("[data-live-news]")
        assert news.inner_text() == "Claimed. 0 of 3 steps ended; step 1 sent."

        pace.let(1)
        wait_for_badges(page, "Done", "Sent", "Pending")
        assert "output 1" in part(page, 1).locator("pre").inner_text()
        assert part(page, 1).get_by_text("Took", exact=True).is_visible()
        image = part(page, 1).get_by_role("img", name="picture-1.png, from step 1")
        image.scroll_into_view_if_needed()
        page.wait_for_function("one => one.naturalWidth === 1", arg=image.element_handle())

        pace.let(2)
        wait_for_badges(page, "Done", "Done", "Sent")
        assert news.inner_text() == "Claimed. 2 of 3 steps ended; step 3 sent."
        pace.let(3)

    wait_for_badges(page, "Done", "Done", "Done")
    assert page.get_by_text("It has ended; nothing will change any more.").is_visible()
    assert news.inner_text() == "Done. 3 of 3 steps ended."
    assert page.evaluate("window.neverReloaded") is True
    # It does not ask any more.
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []


def test_most_answers_are_a_bare_304(house, visit):
    execution = approved(refund(house)).execution
    page = visit(house.viewer)
    answers = []
    page.on("response", lambda found: answers.append(found) if "/live/" in found.url else None)
    page.goto(address(execution))
    page.wait_for_timeout(3500)

    assert len(answers) >= 2
    assert {found.status for found in answers} == {304}


def test_what_is_open_focused_and_scrolled_stays_so(house, visit, pace):
    execution = approved(house.proposal(plan=PLAN)).execution
    with working():
        pace.let(1)
        assert pace.called[2].wait(30)
        page = opened(visit, house.governor, execution)
        output = part(page, 1).locator("pre")
        output.evaluate("one => { one.scrollTop = 120; }")
        asked = page.locator("#step-3 .asked")
        asked.get_by_text("What was asked for").click()
        link = page.locator("#live-head a", has_text="See the run")
        link.focus()
        page.evaluate("window.scrollTo(0, 500)")
        top = page.locator("#step-3").evaluate("one => one.getBoundingClientRect().top")
        grown = page.locator("#live-step-2").evaluate("one => one.offsetHeight")

        pace.let(2)
        wait_for_badges(page, "Done", "Done", "Sent")

        # The head was drawn anew, with the focus in it; step 1 and its output were not touched.
        assert page.evaluate("document.activeElement.textContent") == "See the run"
        assert output.evaluate("one => one.scrollTop") == 120
        assert asked.get_attribute("open") is not None
        assert page.evaluate("window.scrollY") > 0
        assert page.locator("#live-step-2").evaluate("one => one.offsetHeight") > grown
        first = page.locator("#step-1").evaluate("one => one.getBoundingClientRect().top")
        assert first < top
        pace.let(3)
    wait_for_badges(page, "Done", "Done", "Done")
    assert asked.get_attribute("open") is not None


def test_what_is_being_read_does_not_jump_when_something_above_it_grows(house, visit, pace):
    execution = approved(house.proposal(plan=PLAN)).execution
    with working():
        assert pace.called[1].wait(30)
        page = opened(visit, house.governor, execution)
        page.set_viewport_size({"width": 1280, "height": 500})
        page.locator("#step-3").evaluate("one => one.scrollIntoView()")
        before = page.locator("#step-3").evaluate("one => one.getBoundingClientRect().top")

        pace.let(1)
        wait_for_badges(page, "Done", "Sent", "Pending")

        after = page.locator("#step-3").evaluate("one => one.getBoundingClientRect().top")
        assert abs(after - before) < 2
        pace.let(2)
        pace.let(3)


def test_when_the_server_is_gone_it_says_so_and_goes_on_when_it_is_back(house, visit, pace):
    execution = approved(house.proposal(plan=PLAN)).execution
    page = opened(visit, house.reviewer, execution)
    down = {"how": "refused"}

    def answer(route):
        if down["how"] == "refused":
            route.abort("connectionrefused")
        elif down["how"] == "starting":
            route.fulfill(status=502, body="Bad gateway")
        else:
            route.continue_()

    page.route("**/live/", answer)
    page.get_by_text(LOST).wait_for()
    assert page.locator("[data-live-note]").get_attribute("data-state") == "lost"
    assert badges(page) == ["Pending", "Pending", "Pending"]

    with working():
        pace.let(1)
        assert pace.called[2].wait(30)
        down["how"] = "starting"
        ask_of(page)
        assert page.get_by_text(LOST).is_visible()
        down["how"] = "back"

        wait_for_badges(page, "Done", "Sent", "Pending")
        page.get_by_text(LIVE).wait_for()
        assert page.evaluate("window.neverReloaded") is True
        pace.let(2)
        pace.let(3)
    wait_for_badges(page, "Done", "Done", "Done")


def test_it_asks_less_and_less_often_while_nobody_answers(house, visit):
    execution = approved(refund(house)).execution
    page = opened(visit, house.reviewer, execution)
    asked = []

    def refuse(route):
        asked.append(route.request.url)
        route.abort("connectionrefused")

    page.route("**/live/", refuse)
    page.get_by_text(LOST).wait_for()
    page.wait_for_timeout(7500)

    # After 2, 4 and 8 seconds: a page that asked every second would have asked eight times.
    assert 2 <= len(asked) <= 4


def test_a_hidden_tab_does_not_ask(house, visit):
    execution = approved(refund(house)).execution
    page = opened(visit, house.reviewer, execution)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    hide = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""

    page.evaluate(hide, True)
    page.wait_for_timeout(500)
    asked.clear()
    page.wait_for_timeout(2500)
    assert asked == []
    with page.expect_response("**/live/", timeout=900):
        page.evaluate(hide, False)


def test_whoever_is_signed_out_is_told(house, visit):
    execution = approved(refund(house)).execution
    page = opened(visit, house.reviewer, execution)

    page.context.clear_cookies()

    page.get_by_text("You are not signed in any more. Reload the page to go on.").wait_for()
    assert page.evaluate("window.neverReloaded") is True


# --- Settling a doubt


def vanish(context, params):
    raise ActionInDoubt("Nobody answered.")


def test_a_doubt_that_arises_while_one_looks_is_settled_there(house, visit, registered):
    spec = make_spec("vanish", title="Send money", handler=vanish, effect=Effect.UNKEYED)
    registered(spec, workspace=house.workspace)
    execution = approved(house.proposal(action_type="vanish", params={"to": "Ann"})).execution
    page = opened(visit, house.reviewer, execution)
    assert page.get_by_role("button", name="Settle it").count() == 0

    with working():
        page.get_by_role("button", name="Settle it").wait_for()
    assert page.locator("#nav-sidebar-apps").get_by_text("In doubt").is_visible()
    doubt = page.locator("#doubt")
    assert f"{execution.pk}:step1" in doubt.inner_text()
    assert '"to": "Ann"' in doubt.inner_text()

    page.get_by_role("button", name="Settle it").click()  # the browser asks for what is missing
    assert Execution.objects.get().state == "in_doubt"
    page.get_by_label("It took effect, as it was asked for").check()
    page.get_by_label("How you know").fill("It is on the statement.")
    ask_of(page)  # which changes nothing of what is being written
    assert page.get_by_label("How you know").input_value() == "It is on the statement."
    page.get_by_role("button", name="Settle it").click()

    page.get_by_text("Settled: the execution is done.").wait_for()
    name = house.reviewer.get_username()
    assert page.get_by_text(f"{name} found: It is on the statement.").first.is_visible()
    assert Execution.objects.get().state == "done"


def test_who_is_writing_is_told_and_loses_nothing(house, visit):
    execution = in_doubt(refund(house)).execution
    page = opened(visit, house.reviewer, execution)
    page.get_by_label("It took no effect, or not the whole of it").check()
    page.get_by_label("How you know").fill("I am still writing")

    executions.reconcile(
        execution=execution, outcome="done", note="I was faster.", by=by(house.governor)
    )

    page.get_by_text("This has changed since you began to write.").wait_for()
    assert page.get_by_label("How you know").input_value() == "I am still writing"
    assert badges(page) == ["Done"]
    page.get_by_role("button", name="Settle it").click()
    page.get_by_text("Nothing was done").wait_for()
    assert page.get_by_text(
        f"{house.governor.get_username()} found: I was faster."
    ).first.is_visible()
    assert page.get_by_text("I am still writing").is_visible()
    assert Execution.objects.get().state == "done"


def test_what_waits_is_cancelled_with_a_reason(house, visit):
    execution = approved(refund(house)).execution
    page = opened(visit, house.reviewer, execution)

    page.get_by_text("Cancel it").click()
    page.get_by_label("Reason").fill("Ann called.")
    page.get_by_role("button", name="Cancel the execution").click()

    page.get_by_text("Cancelled, and so is its proposal.").wait_for()
    assert badges(page) == ["Not run"]
    assert Execution.objects.get().state == "cancelled"


# --- Everywhere


def test_without_scripts_it_works_and_offers_to_reload(house, visit):
    execution = in_doubt(refund(house)).execution
    page = visit(house.reviewer, javascript=False)
    page.goto(address(execution))

    assert page.get_by_text(LIVE).count() == 0
    assert page.locator("[data-live-note]").is_hidden()
    page.get_by_role("link", name="Reload it").click()
    page.get_by_label("It took effect, as it was asked for").check()
    page.get_by_label("How you know").fill("Seen.")
    page.get_by_role("button", name="Settle it").click()

    assert page.get_by_text("Settled: the execution is done.").is_visible()


@pytest.mark.parametrize("scripts", ["'self' 'unsafe-eval'", "'self'"])
def test_a_strict_policy_for_scripts_does_not_stop_it(house, chromium, live_server, pace, scripts):
    execution = approved(house.proposal(plan=PLAN)).execution
    context = chromium.new_context(base_url=live_server.url)
    context.add_cookies([session_of(house.reviewer, live_server.url)])
    page = context.new_page()

    def strict(route):
        policy = f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'"
        found = route.fetch()
        route.fulfill(response=found, headers={**found.headers, "content-security-policy": policy})

    page.route(f"**{address(execution)}", strict)
    page.add_init_script(
        "window.violations = [];"
        "document.addEventListener('securitypolicyviolation',"
        " event => window.violations.push(`${event.violatedDirective} ${event.sourceFile}`));"
    )
    page.goto(address(execution))
    with working():
        for n in (1, 2, 3):
            pace.let(n)
    wait_for_badges(page, "Done", "Done", "Done")
    page.get_by_role("img", name="picture-1.png, from step 1").scroll_into_view_if_needed()
    violations = page.evaluate("window.violations")
    # The admin's own scripts evaluate text; nothing of ours does.
    allowed = [] if "unsafe-eval" in scripts else ["unfold/js/"]
    assert [each for each in violations if not any(part in each for part in allowed)] == []
    context.close()


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_no_page_is_wider_than_the_screen(house, visit, pace, width, dark):
    plan = [{**step, "params": {**step["params"], "long": "x" * 300}} for step in PLAN]
    execution = approved(house.proposal(plan=plan, title="y" * 180)).execution
    with working():
        for n in (1, 2, 3):
            pace.let(n)
    doubtful = in_doubt(refund(house, title="z" * 180)).execution
    waiting = approved(refund(house)).execution
    page = visit(house.governor, width=width, dark=dark)
    for url in (
        *map(address, (execution, doubtful, waiting)),
        "/admin/governance/execution/?state__exact=in_doubt",
        "/admin/governance/device/",
        "/admin/governance/device/add/",
        "/admin/governance/credential/",
        "/admin/governance/allowedhost/",
    ):
        assert page.goto(url).status == 200, url
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, url
