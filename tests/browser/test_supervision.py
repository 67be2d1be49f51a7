"""Watching a run in a real browser, with a real server, a real worker, and a program that runs."""

from __future__ import annotations

import pytest

from governance.models import Canvas, Execution, Run, SupervisionSession
from governance.services import supervision, workflows
from tests.browser.pictures import keep
from tests.factories import (
    BY_SYSTEM,
    House,
    InterventionFactory,
    PresenceFactory,
    QueuedRunFactory,
    SupervisionSessionFactory,
    finished,
    held,
    rated,
    registered_handler,
    terminated,
)
from tests.live.processes import Processes
from tests.live.slow import LETTERS, SPEC

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LIST = "/admin/governance/supervisionsession/"
GUIDE = {"module_path": "governance.runtimes.samples", "class_name": "TourGuide"}
WRITER = {"module_path": "tests.live.agents", "class_name": "LetterWriter"}
SECONDS = {"type": "object", "properties": {"seconds": {"type": "number"}}, "required": ["seconds"]}


@pytest.fixture
def processes(tmp_path, transactional_db):
    found = Processes(tmp_path / "processes.log")
    yield found
    found.close()


@pytest.fixture
def site(processes) -> str:
    processes.serve()
    return processes.url


@pytest.fixture
def house(transactional_db):
    return House.build()


@pytest.fixture
def letters(house):
    with registered_handler(SPEC, workspace=house.workspace):
        workflows.define(
            workspace=house.workspace,
            name="three_letters",
            title="Three letters",
            plan=LETTERS,
            params_schema=SECONDS,
            by=BY_SYSTEM,
        )
        yield house


def queued(house, program=GUIDE, name="guide-bot", **configuration) -> Run:
    agent = house.agent("supervised", name=name, **program, configuration=configuration)
    return QueuedRunFactory(agent=agent, type="newcomer_arrived")


def console(session) -> str:
    return f"{LIST}{session.pk}/change/"


def state(row) -> str:
    return type(row).objects.values_list("state", flat=True).get(pk=row.pk)


def events(page) -> list[str]:
    """What happened, the oldest first."""
    return [line.inner_text() for line in reversed(page.locator(".event").all())]


def numbers(page) -> list[int]:
    return [int(line.get_attribute("data-sequence")) for line in page.locator(".event").all()]


def not_reloaded(page):
    """Marks the page; calling what is returned asserts that it is still the same one."""
    page.evaluate("window.still = 'here'")

    def check():
        assert page.evaluate("window.still") == "here"

    return check


def live(page):
    page.locator("#connection[data-state=live]").wait_for()


# --- The whole way -------------------------------------------------------------------------------


def test_watch_pause_correct_resume_and_rate(house, visit, processes):
    run = queued(house, pause_seconds=1.2)
    processes.work()
    page = visit(house.supervisor)
    PresenceFactory(user=house.supervisor, to="offline")  # so that nobody is given it unasked
    page.goto("/admin/")
    assert page.get_by_text("1 Runs waiting for a supervisor").is_visible()
    keep(page, "front")
    page.get_by_role("link", name="Live now").first.click()
    keep(page, "list-waiting")
    page.get_by_role("button", name="Watch guide-bot").click()
    page.wait_for_url("**/change/")
    same = not_reloaded(page)
    live(page)
    page.get_by_text("It asked: Show a text titled “Agents ask”").wait_for(timeout=30_000)
    keep(page, "running")

    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused: its next action waits.").wait_for()
    page.locator(".stands", has_text="Its next action waits: Show a text").wait_for()
    assert page.get_by_role("button", name="Pause").count() == 0
    shown = Canvas.objects.count()
    keep(page, "paused")

    page.get_by_label("Guidance").fill("Please speak of May only.")
    page.get_by_role("button", name="Correct").click()
    page.get_by_text("Kept: the agent is handed it with its next answer.").wait_for()
    assert page.get_by_label("Guidance").input_value() == ""
    page.get_by_text("Not handed to the agent yet.").wait_for()
    assert Canvas.objects.count() == shown
    keep(page, "corrected")

    page.get_by_role("button", name="Resume").click()
    page.get_by_text("The agent was handed the guidance, with its answer.").wait_for()
    told = "Page 5 of 5, because of newcomer_arrived. I was told: Please speak of May only."
    page.get_by_text(told).wait_for(timeout=30_000)
    page.get_by_text("It waits for your rating.").wait_for(timeout=30_000)
    assert numbers(page) == sorted(set(numbers(page)), reverse=True)
    keep(page, "to-rate")

    page.get_by_label("5 excellent").check()
    page.get_by_label("Feedback").fill("It listened.")
    page.get_by_role("button", name="Rate and close").click()
    page.get_by_text("Rated 5 of 5: the agent’s confidence rose by 0.08.").first.wait_for()
    page.get_by_text("This session is over.").wait_for()
    same()
    keep(page, "rated")
    run.refresh_from_db()
    assert (run.state, state(SupervisionSession.objects.get())) == ("succeeded", "completed")
    last = Canvas.objects.order_by("-created_at", "-id").first()
    assert last.content["markdown"].endswith("I was told: Please speak of May only.")


def test_terminate_a_plan_on_its_way(letters, visit, processes):
    run = queued(letters, WRITER, name="letter-bot", seconds=3)
    session = supervision.start(run=run, by=letters.by_supervisor)
    processes.work()
    page = visit(letters.supervisor)
    page.goto(console(session))
    page.get_by_text("Under way: Write a letter").wait_for(timeout=30_000)
    same = not_reloaded(page)
    page.get_by_text("Terminate", exact=True).click()
    page.get_by_label("Reason").fill("These are the wrong people.")
    keep(page, "terminating")
    page.get_by_role("button", name="Terminate the run").click()
    page.get_by_text("Terminated: the run is over, and what waited is cancelled.").wait_for()
    page.locator("#connection[data-state=over]").wait_for()
    assert page.get_by_role("button", name="Correct").count() == 0
    same()
    keep(page, "terminated")
    execution = Execution.objects.get()
    processes.until(lambda: state(execution) == "failed", what="the plan stops")
    steps = execution.steps.order_by("position").values_list("state", flat=True)
    assert list(steps) == ["done", "failed", "not_run"]
    assert state(run) == "abandoned"
    assert Execution.objects.count() == 1


# --- Together, and through a restart -------------------------------------------------------------


def test_of_two_who_act_at_once_the_second_is_told(house, visit):
    session = SupervisionSessionFactory(run=queued(house))
    one, other = visit(house.supervisor), visit(house.governor)
    for page in (one, other):
        page.goto(console(session))
        live(page)
    other.get_by_text("Terminate", exact=True).click()
    other.get_by_label("Reason").fill("It is slow.")
    other.route("**/live/**", lambda route: route.abort())  # has not heard of it yet
    one.get_by_role("button", name="Pause").click()
    one.get_by_text("Paused: its next action waits.").wait_for()
    other.get_by_role("button", name="Terminate the run").click()

    name = house.supervisor.get_username()
    told = f"The session is paused now: {name} acted (pause) after you looked."
    other.get_by_text(told).wait_for()
    assert other.get_by_label("Reason").input_value() == "It is slow."
    keep(other, "told")
    assert state(session) == "paused"
    other.unroute("**/live/**")
    one.get_by_role("button", name="Resume").click()
    other.get_by_text(f"{name} let it go on.").wait_for()  # without a reload


def test_it_keeps_up_through_a_restart_of_the_server(house, visit, processes):
    session = SupervisionSessionFactory(run=queued(house))
    page = visit(house.supervisor)
    page.goto(console(session))
    live(page)
    same = not_reloaded(page)
    InterventionFactory(session=session, guidance="first of all")
    page.get_by_text("first of all").first.wait_for()
    processes.kill("server")
    page.get_by_text("Connection lost, retrying …").wait_for()
    keep(page, "lost")
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("The server did not answer. Look at what is shown").wait_for()
    for number in range(3):
        InterventionFactory(session=session, guidance=f"meanwhile {number}")
    processes.serve()
    page.locator("#connection[data-state=live]").wait_for(timeout=30_000)
    page.get_by_text("meanwhile 2").first.wait_for()
    InterventionFactory(session=session, guidance="afterwards")
    page.get_by_text("afterwards").first.wait_for()
    assert numbers(page) == [6, 5, 4, 3, 2, 1]
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused: its next action waits.").wait_for()
    same()


# --- Other people, other browsers ----------------------------------------------------------------


def test_everything_works_without_scripts(house, visit):
    session = SupervisionSessionFactory(run=queued(house))
    page = visit(house.supervisor, javascript=False)
    page.goto(console(session))
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused: its next action waits.").wait_for()
    page.get_by_label("Guidance").fill("Slower.")
    page.get_by_role("button", name="Correct").click()
    page.get_by_text("Kept: the agent is handed it").wait_for()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("It goes on.").wait_for()
    keep(page, "without-scripts")
    page.get_by_text("Terminate", exact=True).click()
    page.get_by_label("Reason").fill("Enough.")
    supervision.pause(session=session, seen=3, by=house.by_governor)  # somebody is faster
    page.get_by_role("button", name="Terminate the run").click()
    page.get_by_text("acted (pause) after you looked").wait_for()
    assert page.get_by_label("Reason").input_value() == "Enough."
    page.get_by_role("button", name="Terminate the run").click()
    page.get_by_text("Terminated: the run is over").wait_for()
    assert state(session) == "terminated"


def test_who_may_not_act_reads_and_follows(house, visit):
    session = SupervisionSessionFactory(run=queued(house))
    page = visit(house.viewer)
    page.goto(console(session))
    live(page)
    assert page.get_by_text("You may watch. To pause, correct or terminate it").is_visible()
    assert page.locator("#console form").count() == 0
    held(session)
    page.locator(".stands", has_text="Its next action will wait").wait_for()
    keep(page, "viewer")


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_no_page_is_wider_than_the_screen(house, visit, width, dark):
    house.action_type("pay", title="x" * 100, complexity=1)
    long = "x" * 180
    rows = {}
    for name, bring in (
        ("running", lambda s: None),
        ("paused", held),
        ("to-rate", lambda s: finished(s.run)),
        ("rated", rated),
        ("terminated", terminated),
    ):
        session = SupervisionSessionFactory(run=queued(house, name=f"{name} {long}"[:100]))
        InterventionFactory(session=session, guidance=long * 3)
        bring(session)
        rows[name] = session
    queued(house, name="waits " + long[:90])
    page = visit(house.supervisor, width=width, dark=dark)
    urls = {name: console(session) for name, session in rows.items()}
    urls |= {"list": LIST, "list-rate": f"{LIST}?show=rate", "list-all": f"{LIST}?show=all"}
    urls |= {"run": f"/admin/governance/run/{rows['paused'].run_id}/change/", "overview": "/admin/"}
    for name, url in urls.items():
        assert page.goto(url).status == 200, url
        page.wait_for_timeout(300)
        keep(page, f"{width}-{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, url
