"""Advice: what an agent thinks; nobody's approval, unless a governor lets it approve."""

from __future__ import annotations

import datetime
import logging

import pytest
from django.conf import settings
from django.utils import timezone

from governance.domain.errors import AlreadyDecided, InvalidInput, StaleState
from governance.models import Advice, Agent, Evidence, Execution, LedgerEntry, Proposal, Review
from governance.services import advice, allowed_hosts, reviews, runs
from tests.agents import SECRET, http_agent
from tests.factories import (
    BY_SYSTEM,
    AdviceFactory,
    CeilingFactory,
    House,
    TrainingPlanFactory,
    TriggerFactory,
    adviser,
    answered,
    approved,
    expired,
    halted,
    paused,
    rejected,
    retired,
    run_worker,
)
from tests.integration.services.checks import kinds, recorded, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def proposal(house):
    """A light plan: reversible, of complexity 2, and one approval is enough."""
    house.action_type("note", complexity=2)
    return house.proposal(action_type="note", title="Note it", reasoning="because")


def ask(house, proposal, agent, **values):
    return advice.ask(adviser=agent, proposal=proposal, **{"by": house.by_reviewer, **values})


def stored(row):
    return type(row)._default_manager.get(pk=row.pk)


# --- Asking ---------------------------------------------------------------------------------------


def test_asking_writes_the_question(house, proposal):
    agent = adviser(house.workspace)
    with recorded() as entries:
        row = ask(house, proposal, agent)
    row = stored(row)
    assert (row.adviser, row.proposal, row.run, row.digest) == (
        agent,
        proposal,
        None,
        proposal.digest,
    )
    assert (row.asked_by, row.taken_at, row.answered_at) == (house.reviewer, None, None)
    [entry] = entries
    assert (entry.kind, entry.subject_id) == ("advice.asked", row.pk)
    assert entry.data["data"] == {"adviser": str(agent.pk), "about": str(proposal.pk)}


def test_asking_about_a_run(house):
    run = house.run()
    row = advice.ask(adviser=adviser(house.workspace), run=run, by=house.by_reviewer)
    assert (row.run, row.proposal, row.digest) == (run, None, "")


def test_advice_is_about_one_thing(house, proposal):
    agent = adviser(house.workspace)
    for about in ({}, {"proposal": proposal, "run": proposal.run}):
        with refused(InvalidInput, "about one proposal or one run"):
            advice.ask(adviser=agent, by=house.by_reviewer, **about)


NO_ADVISERS = [
    (lambda agent: Agent.objects.filter(pk=agent.pk).update(maturity="supervised"), "cannot be"),
    (paused, "cannot be asked for advice"),
    (retired, "cannot be asked for advice"),
    (lambda agent: CeilingFactory(agent=agent, maturity="supervised"), "no ceiling holds below"),
]


@pytest.mark.parametrize(("change", "says"), NO_ADVISERS)
def test_only_an_active_autonomous_agent_is_asked(house, proposal, change, says):
    agent = adviser(house.workspace)
    change(agent)
    with refused(InvalidInput, says):
        ask(house, proposal, agent)  # by the caller's old copy of the row
    assert list(advice.candidates(proposal)) == []


def test_a_ceiling_at_the_top_holds_nobody_back(house, proposal):
    agent = adviser(house.workspace)
    CeilingFactory(agent=agent, maturity="autonomous")
    assert list(advice.candidates(proposal)) == [agent]
    ask(house, proposal, agent)


def test_nobody_advises_on_their_own_work(house):
    agent = adviser(house.workspace)
    TriggerFactory(agent=agent, source="manual")
    run = agent.runs.get()
    house.action_type("pay")
    proposal = house.proposal(run=run, action_type="pay")
    with refused(InvalidInput, "cannot advise on its own work"):
        ask(house, proposal, agent)
    assert list(advice.candidates(proposal)) == []


def test_nobody_advises_in_another_workspace(house, proposal):
    agent = adviser(House.build().workspace)
    with refused(InvalidInput, "no such agent in this workspace"):
        ask(house, proposal, agent)
    assert list(advice.candidates(proposal)) == []


def test_whom_a_page_offers(house, proposal):
    able = adviser(house.workspace, name="able")
    house.agent("autonomous", name="unreachable")
    over_http = house.agent("autonomous", configuration={"endpoint": "http://127.0.0.1:9/"})
    assert list(advice.candidates(proposal)) == [able, over_http]


@pytest.mark.parametrize(
    ("move", "word"), [(approved, "approved"), (rejected, "rejected"), (expired, "expired")]
)
def test_advice_on_what_is_decided_comes_too_late(house, proposal, move, word):
    agent = adviser(house.workspace)
    move(proposal)
    with refused(StaleState, f"This proposal is {word}; advice would come too late"):
        ask(house, proposal, agent)


def test_advice_on_what_ran_out_comes_too_late(house, proposal, time_machine):
    agent = adviser(house.workspace)
    time_machine.move_to(proposal.expires_at)
    with refused(StaleState, "This proposal is expired"):
        ask(house, proposal, agent)


def test_an_agent_is_asked_once_at_a_time(house, proposal):
    agent = adviser(house.workspace, name="oracle", opinion="unsure")
    row = ask(house, proposal, agent)
    with refused(StaleState, "oracle is being asked already"):
        ask(house, proposal, agent, by=house.by_governor)
    ask(house, proposal, adviser(house.workspace))
    answered(row)
    ask(house, proposal, agent)


def test_a_halted_workspace_asks_nobody(house, proposal):
    agent = adviser(house.workspace)
    row = AdviceFactory(proposal=proposal)
    assert list(Advice.objects.untaken()) == [row]
    halted(house.workspace)
    assert list(Advice.objects.untaken()) == []
    with refused(StaleState, "The workspace is halted"):
        ask(house, proposal, agent)


# --- Answering ------------------------------------------------------------------------------------


def test_one_process_takes_it(proposal):
    row = AdviceFactory(proposal=proposal)
    assert advice.take(row.pk)
    assert not advice.take(row.pk)
    assert not Advice.objects.untaken().exists()


@pytest.mark.parametrize("opinion", ["for", "against", "unsure"])
def test_the_answer_is_kept_and_approves_nothing(house, proposal, opinion):
    row = AdviceFactory(
        proposal=proposal, adviser=adviser(house.workspace, opinion=opinion, reasons="It is.")
    )
    with recorded() as entries:
        row = answered(row)
    assert (row.opinion, row.reasons, row.error) == (opinion, "It is.", "")
    assert row.answered_at is not None
    assert kinds(entries) == ["advice.given"]
    assert entries[0].data["data"] == {
        "adviser": str(row.adviser_id),
        "opinion": opinion,
        "reasons": "It is.",
        "error": "",
    }
    assert stored(proposal).state == "proposed"
    assert not Review.objects.exists()


def test_advice_is_not_counted_among_approvals(house):
    house.action_type("two", complexity=2, required_approvals=2)
    proposal = house.proposal(action_type="two")
    for _ in range(3):
        answered(AdviceFactory(proposal=proposal))
    reviews.approve(proposal=proposal, digest=proposal.digest, by=house.by_reviewer)
    assert stored(proposal).state == "proposed"


def test_reasons_are_cleaned_and_cut(house, proposal):
    says = "a\x07\u202eb\nc" + "x" * 5_000
    row = answered(AdviceFactory(proposal=proposal, adviser=adviser(house.workspace, reasons=says)))
    assert row.reasons == "ab\nc" + "x" * 3_996


NO_OPINIONS = [
    ({"opinion": "yes"}, "It did not answer with an opinion"),
    ({"opinion": ""}, "It did not answer with an opinion"),
    ({"opinion": None}, "It did not answer with an opinion"),
    ({"opinion": ["for"]}, "It did not answer with an opinion"),
    ({"reasons": 7}, "It did not answer with an opinion"),
]


@pytest.mark.parametrize(("says", "error"), NO_OPINIONS)
def test_what_is_no_opinion_is_an_error(house, proposal, says, error):
    row = answered(AdviceFactory(proposal=proposal, adviser=adviser(house.workspace, **says)))
    assert (row.opinion, row.reasons) == ("", "")
    assert row.error.startswith(error)


PROGRAMS = [
    ("Raises", "Its program raised ValueError."),
    ("Fails", "There are no sales."),
    ("Exits", "Its program raised SystemExit."),
    ("NoProgram", "tests.agents has no class NoProgram that is an AgentProgram"),
]


@pytest.mark.parametrize(("class_name", "error"), PROGRAMS)
def test_a_program_that_gives_no_advice(house, proposal, class_name, error, caplog):
    agent = house.agent("autonomous", module_path="tests.agents", class_name=class_name)
    with caplog.at_level(logging.INFO):
        row = answered(AdviceFactory(proposal=proposal, adviser=agent))
    assert row.opinion == ""
    assert row.error.startswith(error)
    assert SECRET not in row.error + caplog.text


def test_a_program_that_never_answers_is_interrupted(house, proposal, settings):
    settings.GOVERNANCE_AGENT_RUN_SECONDS = 0.3
    agent = house.agent("autonomous", module_path="tests.agents", class_name="Hangs")
    row = answered(AdviceFactory(proposal=proposal, adviser=agent))
    assert row.error == "It took longer than 0.3 s."


def test_a_program_that_is_interrupted_has_given_no_advice(house, proposal):
    agent = house.agent("autonomous", module_path="tests.agents", class_name="Interrupted")
    row = AdviceFactory(proposal=proposal, adviser=agent)
    with pytest.raises(KeyboardInterrupt):
        answered(row)
    assert stored(row).error == "It was interrupted before it answered."


@pytest.fixture
def over_http(house):
    def make(server):
        allowed_hosts.add(
            workspace=house.workspace,
            host="127.0.0.1",
            port=server.port,
            allow_private=True,
            by=house.by_governor,
        )
        return house.agent("autonomous", configuration={"endpoint": server.url})

    return make


def finish(**output):
    return lambda asked: {"finish": {"outcome": "succeeded", "output": output}}


def test_an_adviser_over_http_is_shown_the_plan_as_it_would_be_carried_out(
    house, proposal, over_http
):
    with http_agent(finish(opinion="against", reasons="No.")) as server:
        row = answered(AdviceFactory(proposal=proposal, adviser=over_http(server)))
    assert (row.opinion, row.reasons, row.error) == ("against", "No.", "")
    task = server.seen[0]["task"]
    assert task["instruction"] == advice.INSTRUCTION
    assert task["context"] == {
        "proposal": {
            "agent": proposal.agent.name,
            "title": "Note it",
            "reasoning": "because",
            "plan": [{"id": "step1", "action_type": "note", "params": {"amount": 5}}],
        }
    }


def test_an_adviser_is_shown_nothing_that_looks_like_a_secret(house, over_http):
    house.action_type("note", complexity=2, params_schema={"type": "object"})
    proposal = house.proposal(
        action_type="note",
        title="Note token=s3cret-1",
        reasoning="See password=s3cret-2",
        params={"password": "s3cret-3"},
    )
    with http_agent(finish(opinion="for", reasons="Yes.")) as server:
        answered(AdviceFactory(proposal=proposal, adviser=over_http(server)))
    shown = server.seen[0]["task"]["context"]["proposal"]
    assert shown == {
        "agent": proposal.agent.name,
        "title": "Note token=[redacted]",
        "reasoning": "See password=[redacted]",
        "plan": [{"id": "step1", "action_type": "note", "params": {"password": "[redacted]"}}],
    }


def test_an_adviser_over_http_that_is_not_there_says_so(proposal, over_http):
    with http_agent(finish()) as server:
        row = AdviceFactory(proposal=proposal, adviser=over_http(server))
    assert "Nothing was sent" in answered(row).error


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (500, "It answered turn 1 with status 500."),
        (b"x", "What was given as the answer is not valid JSON"),
        ({"act": {"action_type": "note", "params": {}}}, "It did not finish within 3 turns."),
    ],
)
def test_an_adviser_over_http_that_breaks_the_protocol(
    proposal, over_http, settings, answer, error
):
    settings.GOVERNANCE_AGENT_TURNS = 3
    with http_agent(lambda asked: answer) as server:
        row = answered(AdviceFactory(proposal=proposal, adviser=over_http(server)))
    assert row.error.startswith(error)
    assert not Execution.objects.exists()


def test_advice_about_a_run_knows_its_events(house, over_http):
    run = house.run("autonomous")
    with http_agent(finish(opinion="for", reasons="Fine.")) as server:
        row = advice.ask(adviser=over_http(server), run=run, by=house.by_supervisor)
        row = answered(row)
    assert (row.opinion, row.error) == ("for", "")
    assert server.seen[0]["task"]["context"] == {"run": {"agent": run.agent.name, "events": []}}
    runs.finish(run=run, outcome="succeeded", by=run.agent.actor)


def test_it_is_answered_once(house, proposal):
    row = answered(AdviceFactory(proposal=proposal))
    agent = row.adviser
    agent.configuration = {"says": {"opinion": "against", "reasons": "Changed my mind."}}
    agent.save()
    advice.give(advice_id=row.pk)
    assert stored(row).opinion == "for"
    assert LedgerEntry.objects.filter(kind="advice.given").count() == 1


def test_asking_here_answers_here(house, proposal):
    row = advice.ask_here(adviser=adviser(house.workspace), proposal=proposal, by=house.by_reviewer)
    assert (row.opinion, row.taken_at is not None) == ("for", True)


def test_the_advice_of_a_process_that_died_is_given_up(proposal, time_machine):
    taken, waiting = AdviceFactory(proposal=proposal), AdviceFactory(proposal=proposal)
    advice.take(taken.pk)
    limit = datetime.timedelta(seconds=settings.GOVERNANCE_AGENT_RUN_SECONDS + 60)
    time_machine.move_to(timezone.now() + limit - datetime.timedelta(seconds=1))
    assert advice.give_up_silent(by=BY_SYSTEM) == 0
    time_machine.shift(2)
    assert advice.give_up_silent(by=BY_SYSTEM) == 1
    assert stored(taken).error == "The process that asked the adviser died."
    assert stored(waiting).answered_at is None
    assert advice.give_up_silent(by=BY_SYSTEM) == 0


# --- Where advice may approve ---------------------------------------------------------------------


@pytest.fixture
def allowing(house):
    advice.allow_to_approve(workspace=house.workspace, allowed=True, by=house.by_governor)
    return house


def test_a_governor_lets_advice_approve_and_stops_it(house):
    assert not house.workspace.advice_may_approve
    with recorded() as entries:
        for allowed in (True, True, False):
            advice.allow_to_approve(
                workspace=house.workspace, allowed=allowed, by=house.by_governor
            )
            assert stored(house.workspace).advice_may_approve is allowed
    assert kinds(entries) == ["workspace.advice_may_approve"] * 2
    assert [entry.data["data"] for entry in entries] == [{"allowed": True}, {"allowed": False}]


def test_advice_that_approves(allowing, proposal):
    row = AdviceFactory(proposal=proposal)
    with recorded() as entries:
        answered(row)
    proposal = stored(proposal)
    assert (proposal.state, proposal.decided_by, proposal.decided_on_advice) == (
        "approved",
        None,
        row,
    )
    assert proposal.decided_at is not None
    assert proposal.decider == f"on the advice of the agent {row.adviser.name}"
    assert kinds(entries) == [
        "advice.given",
        "proposal.approved",
        "execution.ready",
    ]
    assert not Evidence.objects.exists()  # it is nobody's approval, and no evidence
    approval = next(entry for entry in entries if entry.kind == "proposal.approved")
    assert approval.data["by"] == {"kind": "system", "id": "adviser", "label": "adviser"}
    told = approval.data["data"]
    assert (told["advice"], told["adviser"], told["approvals"]) == (
        str(row.pk),
        str(row.adviser_id),
        0,
    )
    assert not Review.objects.exists()
    proposal.validate_constraints()


# complexity, reversibility, approvals it needs; whether advice alone approves it
LIGHT = [
    (1, "reversible", 1, True),
    (2, "reversible", 1, True),
    (3, "reversible", 1, False),
    (4, "reversible", 1, False),
    (1, "compensable", 1, False),
    (2, "compensable", 1, False),
    (1, "irreversible", 1, False),
    (2, "irreversible", 1, False),
    (4, "irreversible", 1, False),
    (1, "reversible", 2, False),
    (2, "reversible", 3, False),
]


@pytest.mark.parametrize(("complexity", "reversibility", "needs", "approves"), LIGHT)
def test_only_light_plans_are_approved(allowing, complexity, reversibility, needs, approves):
    allowing.action_type(
        "act", complexity=complexity, reversibility=reversibility, required_approvals=needs
    )
    proposal = allowing.proposal(action_type="act")
    row = answered(AdviceFactory(proposal=proposal))
    assert row.opinion == "for"
    assert stored(proposal).state == ("approved" if approves else "proposed")


@pytest.mark.parametrize("opinion", ["against", "unsure", "nonsense"])
def test_only_advice_for_it_approves(allowing, proposal, opinion):
    answered(AdviceFactory(proposal=proposal, adviser=adviser(allowing.workspace, opinion=opinion)))
    assert stored(proposal).state == "proposed"


def made_heavier(house, proposal, row):
    house.action_type("note", complexity=3)


def stopped(house, proposal, row):
    advice.allow_to_approve(workspace=house.workspace, allowed=False, by=house.by_governor)


CHANGES = [
    made_heavier,
    stopped,
    lambda house, proposal, row: paused(row.adviser),
    lambda house, proposal, row: CeilingFactory(agent=row.adviser, maturity="intern"),
    lambda house, proposal, row: Agent.objects.filter(pk=row.adviser_id).update(
        maturity="supervised"
    ),
    lambda house, proposal, row: Agent.objects.filter(pk=proposal.agent_id).update(
        fingerprint="f" * 64
    ),
    lambda house, proposal, row: Agent.objects.filter(pk=proposal.agent_id).update(
        maturity="student"
    ),
    lambda house, proposal, row: Proposal.objects.filter(pk=proposal.pk).update(digest="0" * 64),
    lambda house, proposal, row: paused(proposal.agent),
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_after_the_question_stops_it(allowing, proposal, change):
    row = AdviceFactory(proposal=proposal)
    change(allowing, proposal, row)
    answered(row)
    assert stored(row).opinion == "for"
    assert stored(proposal).state == "proposed"
    assert not Execution.objects.exists()


def test_a_person_who_was_faster_has_decided(allowing, proposal):
    row = AdviceFactory(proposal=proposal)
    rejected(proposal)
    answered(row)
    assert stored(proposal).state == "rejected"


def test_who_comes_after_the_advice_is_told_of_it(allowing, proposal):
    row = answered(AdviceFactory(proposal=proposal))
    says = f"already approved on the advice of the agent {row.adviser.name}; nothing was changed"
    with refused(AlreadyDecided, says):
        reviews.approve(proposal=proposal, digest=proposal.digest, by=allowing.by_reviewer)


def test_the_systems_own_plans_are_never_approved_by_advice(allowing):
    """Starting a run and training an agent are light, and still for people."""
    training = TrainingPlanFactory(agent=allowing.agent("student")).proposal
    TriggerFactory(agent=allowing.agent("intern"))
    start = Proposal.objects.exclude(pk=training.pk).get()
    for proposal in (training, start):
        assert answered(AdviceFactory(proposal=proposal)).opinion == "for"
        assert stored(proposal).state == "proposed"


def test_advice_approves_where_it_was_let_and_nowhere_else(allowing, proposal):
    other = House.build()
    other.action_type("note", complexity=2)
    theirs = other.proposal(action_type="note")
    answered(AdviceFactory(proposal=theirs))
    assert stored(theirs).state == "proposed"


def test_what_advice_approved_is_carried_out(allowing):
    params = {"kind": "markdown", "title": "Hello", "markdown": "Hello."}
    proposal = allowing.proposal(action_type="canvas_present", params=params)
    answered(AdviceFactory(proposal=proposal))
    run_worker()
    assert (stored(proposal).state, stored(proposal).decided_by) == ("executed", None)
