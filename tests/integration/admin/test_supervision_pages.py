"""Live now, and the console: what whoever watches sees, what they can do, what they are told."""

from __future__ import annotations

import datetime
import json
import re

import pytest
from django.utils import timezone

from governance.models import Run, SupervisionSession
from governance.services import actions, runs, supervision
from tests.factories import (
    InterventionFactory,
    MembershipFactory,
    QueuedRunFactory,
    SupervisionSessionFactory,
    UserFactory,
    by,
    failed,
    finished,
    held,
    rated,
    terminated,
)
from tests.integration.admin.visits import buttons, said, signed_in, url

NO_SUCH = "01a20000-0000-7000-8000-000000000000"
LIST = "/admin/governance/supervisionsession/"
JSON = {"Accept": "application/json"}


@pytest.fixture
def session(house):
    house.action_type("pay", title="Pay an invoice", complexity=3)
    return SupervisionSessionFactory(
        run=QueuedRunFactory(agent=house.agent("supervised", name="clerk"), type="month_closed")
    )


def now(row):
    return SupervisionSession.objects.select_related("run", "agent").get(pk=row.pk)


def console(row):
    return url("supervisionsession", "change", row)


def steer(browser, row, verb, *, seen=None, headers=None, **typed):
    values = {"seen": str(now(row).version if seen is None else seen), **typed}
    return browser.post(url("supervisionsession", verb, row), values, headers=headers)


def shown(response) -> list[str]:
    """The forms that can be used."""
    markup = response.content.decode()
    forms = re.findall(r'<(?:form|details)[^>]*data-when="[^"]*"[^>]*>', markup)
    return [
        (re.search(r'data-verb="(\w+)"', tag) or re.search("(details)", tag))[1]
        for tag in forms
        if " hidden" not in tag
    ]


def events(response) -> list[str]:
    markup = response.content.decode()
    body = markup.split('data-part="events"')[1].split("</ol>")[0]
    found = re.findall(r'<li class="event.*?</li>', body, re.DOTALL)
    return [" ".join(re.sub("<[^>]*>", " ", each).split())[9:] for each in found]


def ask(session, action_type="pay", reasoning="It is due.", **params):
    run = Run.objects.select_related("agent").get(pk=session.run_id)
    return actions.request(
        run=run, action_type=action_type, params=params, reasoning=reasoning, by=run.agent.actor
    )


def test_nothing_that_looks_like_a_secret_is_read_on_the_way(house, session):
    ask(session, reasoning="With token=s3cret-1.", password="s3cret-2", note="pwd=s3cret-3")
    InterventionFactory(session=session, guidance="Use token=s3cret-4 instead.")
    run = Run.objects.select_related("agent").get(pk=session.run_id)
    runs.finish(run=run, outcome="succeeded", note="Used token=s3cret-5.", by=run.agent.actor)
    answer = signed_in(house.viewer).get(console(session))
    assert "s3cret" not in answer.content.decode()
    text = said(answer)
    assert "Use token=[redacted] instead." in text
    assert "Used token=[redacted]" in text
    assert "s3cret" not in json.dumps(list(session.events.values_list("data", flat=True)))


# --- What the page says, and to whom --------------------------------------------------------------

#    state of it          what a supervisor can do
PHASES = (
    ("running", ["pause", "correct", "details"]),
    ("paused", ["resume", "correct", "details"]),
    ("to be rated", ["complete"]),
    ("rated", []),
    ("terminated", []),
    ("failed", []),
)


def brought_to(session, phase):
    if phase == "paused":
        held(session)
    elif phase == "to be rated":
        finished(session.run)
    elif phase == "rated":
        rated(session, rating=5)
    elif phase == "terminated":
        terminated(session)
    elif phase == "failed":
        finished(session.run, outcome="failed")


@pytest.mark.parametrize(("phase", "expected"), PHASES)
def test_what_can_be_done_depends_on_where_it_stands(house, session, phase, expected):
    brought_to(session, phase)
    answer = signed_in(house.supervisor).get(console(session))
    assert answer.status_code == 200
    assert shown(answer) == expected
    assert 'name="seen" value="' + str(now(session).version) + '"' in answer.content.decode()


@pytest.mark.parametrize(
    ("role", "steers"),
    [
        ("viewer", False),
        ("auditor", False),
        ("reviewer", False),
        ("supervisor", True),
        ("governor", True),
    ],
)
def test_who_may_only_watch_is_told_why(house, session, role, steers):
    answer = signed_in(getattr(house, role)).get(console(session))
    assert answer.status_code == 200
    assert bool(shown(answer)) is steers
    why = "You may watch. To pause, correct or terminate it takes the role of supervisor"
    assert (why in said(answer)) is not steers
    assert ("csrfmiddlewaretoken" in answer.content.decode().split("Where it stands")[1]) is steers


def test_what_happens_is_told_in_plain_words(house, session):
    ask(session, amount=5, note="May")
    held(session)
    ask(session, amount=6)
    ask(session, amount=6)  # asked again: told once
    InterventionFactory(session=session, guidance="Only the invoice of May.")
    answer = signed_in(house.viewer).get(console(session))
    supervisor = house.supervisor.get_username()
    assert events(answer) == [
        f"{supervisor} corrected it. Only the invoice of May.",
        "It asks: Pay an invoice waits amount: 6 It is due.",
        f"{supervisor} paused it. for a test",
        "It asked: Pay an invoice cleared under supervision record amount: 5, note: May It is due.",
        f"{supervisor} began to watch.",
    ]
    text = said(answer)
    assert "Its next action waits: Pay an invoice" in text
    assert f"Paused by {supervisor}" in text
    assert "Not handed to the agent yet. It has asked for nothing since." in text


def test_guidance_that_never_arrived_is_told_when_the_run_is_over(house, session):
    ask(session)
    InterventionFactory(session=session, guidance="Only May.")
    finished(session.run)
    answer = signed_in(house.viewer).get(console(session))
    assert (
        "The last guidance was never handed over: the agent asked for nothing after it."
        in events(answer)
    )
    assert "It was never handed over: the run is over." in said(answer)


def test_guidance_is_handed_over_and_what_the_agent_did_next_is_kept(house, session):
    InterventionFactory(session=session, guidance="Only May.")
    assert ask(session).guidance == "Only May."
    text = said(signed_in(house.viewer).get(console(session)))
    assert re.search(r"Handed to the agent at \d\d:\d\d:\d\d\. What it asked next: pay", text)
    assert "The agent was handed the guidance, with its answer." in text


def test_hostile_text_is_shown_and_never_obeyed(house, session):
    hostile = "<script>alert(1)</script>\u202e</li>"
    ask(session, reasoning=hostile, note=hostile)
    ask(session, action_type="<b>no such</b>")
    InterventionFactory(session=session, guidance=hostile)
    answer = signed_in(house.supervisor).get(console(session))
    live = signed_in(house.supervisor).get(url("supervisionsession", "live", session)).json()
    for markup in (answer.content.decode(), *live["parts"].values()):
        assert "<script>alert" not in markup
        assert "<b>no such" not in markup
        assert "\u202e" not in markup
    assert "U+202E" in said(answer)


def test_params_too_long_to_show_are_not_sent_to_everybody(house, session):
    ask(session, note="x" * 5_000)
    event = session.events.latest("sequence")
    assert "params" not in event.data
    assert "With params that are too long to show here." in said(
        signed_in(house.viewer).get(console(session))
    )


# --- Live ----------------------------------------------------------------------------------------


def test_an_open_page_asks_for_what_is_new(house, session):
    browser = signed_in(house.viewer)
    held(session)
    answer = browser.get(url("supervisionsession", "live", session) + "?after=1")
    assert "no-store" in answer["Cache-Control"]
    got = answer.json()
    assert (got["phase"], got["version"], got["newest"]) == ("paused", 2, 2)
    assert set(got["parts"]) == {"status", "events", "interventions"}
    assert 'data-sequence="2"' in got["parts"]["events"]
    assert 'data-sequence="1"' not in got["parts"]["events"]
    for nonsense in ("", "?after=x", "?after=-1", "?after=" + "9" * 30):
        got = browser.get(url("supervisionsession", "live", session) + nonsense).json()
        assert 'data-sequence="1"' in got["parts"]["events"]


def test_an_open_console_says_that_somebody_watches(house, session):
    SupervisionSession.objects.update(watched_at=timezone.now() - datetime.timedelta(minutes=2))
    before = now(session).watched_at
    address = url("supervisionsession", "watched", session)
    assert signed_in(house.viewer).post(address).status_code == 403
    signed_in(house.viewer).get(console(session))
    assert now(session).watched_at == before
    assert signed_in(house.governor).post(address).status_code == 204  # it need not be whose it is
    assert now(session).watched_at > before
    assert signed_in(house.governor).get(address).status_code == 405


# --- What is done --------------------------------------------------------------------------------

SUPERVISES = ("supervisor", "governor")
#    verb         typed                                   state afterwards, of session and run
VERBS = (
    ("pause", {}, "paused", "running"),
    ("resume", {}, "running", "running"),
    ("correct", {"text": "Mind the step."}, "running", "running"),
    ("terminate", {"text": "Enough."}, "terminated", "abandoned"),
    ("complete", {"rating": "4", "text": "Fine."}, "completed", "succeeded"),
)


@pytest.mark.parametrize(("verb", "typed", "state", "run_state"), VERBS)
def test_every_verb_for_every_role(house, session, verb, typed, state, run_state):
    if verb == "resume":
        held(session)
    if verb == "complete":
        finished(session.run)
    before = (now(session).state, now(session).version)
    neighbour = MembershipFactory(role="governor", user__is_staff=True).user
    superuser = UserFactory(is_superuser=True, is_staff=True)
    for role in ("viewer", "auditor", "reviewer"):
        answer = steer(signed_in(getattr(house, role)), session, verb, **typed)
        assert (role, answer.status_code) == (role, 403)
        assert "may not watch live runs" in said(answer)
    for user in (neighbour, superuser):
        assert steer(signed_in(user), session, verb, **typed).status_code == 404
    assert (now(session).state, now(session).version) == before
    answer = steer(signed_in(house.supervisor), session, verb, **typed)
    assert (answer.status_code, answer.url) == (302, console(session))
    assert (now(session).state, now(session).run.state) == (state, run_state)


@pytest.mark.parametrize(("verb", "typed", "state", "run_state"), VERBS)
def test_every_verb_without_leaving_the_page(house, session, verb, typed, state, run_state):
    if verb == "resume":
        held(session)
    if verb == "complete":
        finished(session.run)
    answer = steer(signed_in(house.governor), session, verb, headers=JSON, **typed)
    assert answer.status_code == 200
    assert list(answer.json()) == ["told"]
    assert now(session).state == state


def test_of_two_the_second_is_told_and_keeps_what_was_typed(house, session):
    seen = session.version
    held(session)
    browser, who = signed_in(house.governor), house.supervisor.get_username()
    told = (
        f"The session is paused now: {who} acted (pause) after you looked. Nothing was done; look "
        "again, then decide."
    )
    answer = steer(browser, session, "terminate", seen=seen, text="Too slow.")
    assert answer.status_code == 409
    assert told in said(answer)
    assert "Too slow.</textarea>" in answer.content.decode()
    assert "<details" in answer.content.decode()
    answer = steer(browser, session, "terminate", seen=seen, headers=JSON, text="Too slow.")
    assert (answer.status_code, answer.json()) == (409, {"told": told})
    assert now(session).state == "paused"


REFUSED = (
    ("pause", {"seen": ""}, 400, "did not say what you had seen"),
    ("pause", {"seen": "x"}, 400, "did not say what you had seen"),
    ("pause", {"seen": "9" * 30}, 400, "did not say what you had seen"),
    ("correct", {"text": "  "}, 400, "The guidance is empty"),
    ("correct", {"text": "x" * 2_001}, 400, "at most 2,000"),
    ("terminate", {"text": ""}, 400, "The reason is empty"),
    ("resume", {}, 409, "cannot become running"),
    ("complete", {"rating": "4"}, 409, "still going on"),
)


@pytest.mark.parametrize(("verb", "typed", "status", "told"), REFUSED)
def test_what_is_refused_is_said(house, session, verb, typed, status, told):
    version = now(session).version
    answer = steer(signed_in(house.supervisor), session, verb, headers=JSON, **typed)
    assert answer.status_code == status
    assert told in answer.json()["told"]
    assert (now(session).version, now(session).state) == (version, "running")


@pytest.mark.parametrize("rating", ["", "0", "6", "3.5", "x"])
def test_a_rating_is_one_to_five(house, session, rating):
    finished(session.run)
    answer = steer(signed_in(house.supervisor), session, "complete", headers=JSON, rating=rating)
    assert (answer.status_code, now(session).rating) == (400, None)


def test_verbs_are_not_links(house, session):
    browser = signed_in(house.supervisor)
    for verb in ("pause", "resume", "correct", "terminate", "complete", "watched"):
        assert browser.get(url("supervisionsession", verb, session)).status_code == 405
    assert browser.post(console(session)).status_code == 405


def test_forms_carry_their_token_against_forgery(house, session):
    browser = signed_in(house.supervisor)
    browser.handler.enforce_csrf_checks = True
    assert steer(browser, session, "pause").status_code == 403
    assert now(session).state == "running"


def test_a_rating_is_told_with_what_it_did(house, session):
    rated(session, rating=4)
    text = said(signed_in(house.viewer).get(console(session)))
    assert "Rated 4 of 5: the agent’s confidence rose by 0.075." in text
    assert f"{house.supervisor.get_username()} rated it 4 of 5." in text


# --- Live now ------------------------------------------------------------------------------------


def listed(answer) -> list[str]:
    return [row.agent.name for row in answer.context["cl"].result_list]


def test_the_tabs(house, session):
    names = {}
    for name, bring in (
        ("held", held),
        ("over", terminated),
        ("to rate", lambda s: finished(s.run)),
        ("rated", rated),
    ):
        agent = house.agent("supervised", name=name)
        row = SupervisionSessionFactory(run=QueuedRunFactory(agent=agent))
        bring(row)
        names[name] = row
    browser = signed_in(house.viewer)
    assert set(listed(browser.get(LIST))) == {"clerk", "held"}
    assert listed(browser.get(f"{LIST}?show=rate")) == ["to rate"]
    assert set(listed(browser.get(f"{LIST}?show=all"))) == {"clerk", *names}
    one = browser.get(f"{LIST}?show=all&agent={names['over'].agent_id}")
    assert listed(one) == ["over"]
    assert "4 of 5" in said(browser.get(f"{LIST}?show=all"))
    neighbour = MembershipFactory(role="governor", user__is_staff=True).user
    assert listed(signed_in(neighbour).get(f"{LIST}?show=all")) == []


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("viewer", False),
        ("auditor", False),
        ("reviewer", False),
        ("supervisor", True),
        ("governor", True),
    ],
)
def test_what_nobody_watches_is_offered_to_those_who_may(house, role, may):
    waiting = QueuedRunFactory(agent=house.agent("supervised", name="waits"))
    house.run("autonomous")
    QueuedRunFactory(agent=house.agent("intern", name="proposal"))  # waits for a decision
    browser = signed_in(getattr(house, role))
    answer = browser.get(LIST)
    text = said(answer)
    assert "waits for a supervisor" in text
    assert "runs unwatched" in text
    assert answer.context["unwatched"][0]["run"].agent.name == "waits"
    assert len(answer.context["unwatched"]) == 2
    watch = url("supervisionsession", "watch", waiting)
    assert (watch in answer.content.decode()) is may
    answer = browser.post(watch)
    waiting.refresh_from_db()
    assert waiting.state == ("running" if may else "queued")
    assert SupervisionSession.objects.count() == int(may)


def test_watching_from_the_page_of_a_run(house):
    run = QueuedRunFactory(agent=house.agent("supervised"))
    page = url("run", "change", run)
    assert buttons(signed_in(house.viewer).get(page)) == ["Ledger"]
    browser = signed_in(house.supervisor)
    assert "Watch" in said(browser.get(page))
    answer = browser.post(url("supervisionsession", "watch", run))
    session = SupervisionSession.objects.get()
    assert answer.url == console(session)
    assert "Open the console" in buttons(browser.get(page))
    assert "Supervision Began Supervisor State Rating" in said(browser.get(page))


def test_who_comes_second_is_led_to_the_session_of_the_first(house):
    run = QueuedRunFactory(agent=house.agent("supervised"))
    session = supervision.start(run=run, by=house.by_supervisor)
    browser = signed_in(house.governor)
    answer = browser.post(url("supervisionsession", "watch", run), follow=True)
    assert answer.redirect_chain == [(console(session), 302)]
    assert "Somebody already watches this run; open its session." in said(answer)


def test_a_run_that_cannot_be_watched_says_why(house):
    run = finished(house.run())
    browser = signed_in(house.supervisor)
    answer = browser.post(url("supervisionsession", "watch", run), follow=True)
    assert answer.redirect_chain == [(url("run", "change", run), 302)]
    assert "The run has succeeded; there is nothing left to watch." in said(answer)
    neighbour = MembershipFactory(role="governor", user__is_staff=True).user
    assert signed_in(neighbour).post(url("supervisionsession", "watch", run)).status_code == 404
    assert browser.get(url("supervisionsession", "watch", run)).status_code == 405


def test_a_run_that_was_demoted_meanwhile_is_not_begun(house):
    agent = house.agent("supervised")
    run = QueuedRunFactory(agent=agent)
    type(agent).objects.filter(pk=agent.pk).update(maturity="intern")
    browser = signed_in(house.supervisor)
    assert "waits for a supervisor" not in said(browser.get(LIST))
    answer = browser.post(url("supervisionsession", "watch", run), follow=True)
    assert "The gate now answers proposal to this start" in said(answer)
    run.refresh_from_db()
    assert run.state == "queued"


def test_other_peoples_sessions_cannot_be_guessed(house, session):
    neighbour = MembershipFactory(role="governor", user__is_staff=True).user
    browser = signed_in(neighbour)
    for page in ("change", "live"):
        assert browser.get(url("supervisionsession", page, session)).status_code == 404
    assert browser.post(url("supervisionsession", "watched", session)).status_code == 404
    assert browser.get(f"{LIST}{NO_SUCH}/change/").status_code == 404


def test_a_failed_proposal_of_a_watched_run_is_told(house, session):
    house.action_type("burn", title="Burn it", complexity=4)
    proposal = house.proposal(run=session.run, action_type="burn", title="Burn the files")
    failed(proposal, error="No match.")
    text = events(signed_in(house.viewer).get(console(session)))
    assert text[0] == "That did not work. record"  # the plan; a good end of one step is not said
    assert text[1] == "Failed: Burn it record No match."
    assert text[2] == "It proposed: Burn the files record"
    assert by(house.viewer).label == house.viewer.get_username()
