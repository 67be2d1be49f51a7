"""Trainings: from the proposal to the ticks, the result, and the retry of what was blocked."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.models import (
    Agent,
    BlockedTrigger,
    LedgerEntry,
    Proposal,
    TrainingSession,
    TrainingTask,
    TrainingTopic,
    Trigger,
)
from governance.services import triggers
from tests.factories import (
    BlockedTriggerFactory,
    TrainingPlanFactory,
    TrainingSessionFactory,
    TrainingTopicFactory,
    run_worker,
    training_begun,
    training_cancelled,
    training_completed,
    training_failed,
)
from tests.integration.admin.browsing import inputs, seen
from tests.integration.admin.browsing import page as proposal_page
from tests.integration.admin.visits import (
    buttons,
    opened,
    refusals,
    said,
    send,
    signed_in,
    token,
    trail,
    url,
)

HISTORY = "/admin/governance/trainingsession/history/"
ONLY_TOPICS = {"action_types": []}


@pytest.fixture
def browser(house):
    return signed_in(house.supervisor)


@pytest.fixture
def student(house):
    for name in ("addresses", "refunds"):
        TrainingTopicFactory(
            workspace=house.workspace,
            capability=name,
            objective=f"Knows {name}.",
            tasks=[f"Read about {name}.", f"Do {name}."],
        )
    return house.agent("student", name="pupil")


@pytest.fixture
def plan(student):
    return TrainingPlanFactory(agent=student, context=ONLY_TOPICS)


@pytest.fixture
def session(plan):
    return TrainingSessionFactory(plan=plan)


def page(session, part="change"):
    return url("trainingsession", part, session)


def stored(row):
    return type(row).objects.get(pk=row.pk)


# --- The proposal ---------------------------------------------------------------------------------


def test_the_proposal_shows_the_plan_behind_it(browser, plan):
    text = said(browser.get(proposal_page(plan.proposal)))
    assert "Estimate 29 h, between 20.3 h and 43.5 h How sure that is 0.50 of 1" in text
    assert "Missing capabilities addresses refunds" in text
    assert (
        "Part Hours Weight Share Why "
        "Base 40 h 0.20 8 h Every training starts from 40 h. "
        "Confidence 25 h 0.20 5 h Its confidence of 0.00 is 0.50 below 0.50. "
        "Missing capabilities 8 h 0.25 2 h 2 capabilities are missing, at 4 h each. "
        "Similar agents 40 h 0.25 10 h No similar agent was trained here; 40 h stands in. "
        "Pace of learning 40 h 0.10 4 h It was never trained before; a usual pace is assumed. "
        "All together – 1.00 29 h –"
    ) in text
    assert "addresses Knows addresses. Read about addresses. Do addresses." in text
    assert "Schedule, if it is approved today" in text
    assert "data_sync/test blocked" in text
    # The system filed it: there is no claim of an agent on it.
    assert "What the agent says about it" not in text


def test_a_proposal_that_an_agent_calls_a_training_stays_its_claim(house, browser):
    house.action_type("pay")
    proposal = house.proposal(action_type="pay", kind="training", title="Teach me to pay")
    text = said(browser.get(proposal_page(proposal)))
    assert "What the agent says about it" in text
    assert "The training behind it" not in text


def test_the_schedule_is_that_of_the_hours_in_force(browser, plan, time_machine):
    time_machine.move_to("2026-11-27T09:00:00Z", tick=False)  # a Friday
    Proposal.objects.filter(pk=plan.proposal_id).update(
        expires_at="2026-12-24T00:00:00Z",
        edited_plan=plan.proposal.plan.replace('"hours":29', '"hours":10'),
    )
    text = said(browser.get(proposal_page(plan.proposal)))
    assert "Days Fri 27 Nov 2026: 8 h Mon 30 Nov 2026: 2 h" in text


def test_approve_with_other_hours_through_the_edit_form(house, browser, plan):
    proposal, address = plan.proposal, proposal_page(plan.proposal, "edit")
    drawn = browser.post(address, seen(proposal))
    markup = drawn.content.decode()
    assert "cannot be changed" in markup
    assert 'name="plan/step1/training"' not in markup
    form = inputs(drawn)
    assert (form["plan/step1/hours"], form["plan/step1/hours_a_day"]) == ("29", "8")

    wrong = browser.post(address, {**form, "plan/step1/hours": "2000", "do": "preview"})
    assert wrong.status_code == 400
    assert "2000" in said(wrong)

    form |= {"plan/step1/hours": "12.5", "plan/step1/hours_a_day": "4"}
    preview = browser.post(address, {**form, "do": "preview"})
    assert preview.status_code == 200
    assert "/0/params/hours 29 12.5 /0/params/hours_a_day 8 4" in said(preview)
    answer = browser.post(address, {**inputs(preview), "comment": "enough", "do": "approve"})
    assert answer.status_code == 302
    run_worker()
    session = TrainingSession.objects.get()
    assert (session.hours, session.hours_a_day, len(session.days)) == (12.5, 4.0, 4)
    text = said(browser.get(proposal_page(proposal)))
    assert "/0/params/hours 29 12.5" in text
    assert "Training training of pupil (scheduled)" in text


def test_a_forged_plan_of_another_training_is_refused(house, browser, plan):
    other = TrainingPlanFactory(agent=house.agent("student"))
    forged = plan.proposal.plan.replace(str(plan.pk), str(other.pk))
    answer = browser.post(
        proposal_page(plan.proposal, "edit"),
        {**seen(plan.proposal), "edited_plan": forged, "do": "approve"},
    )
    assert answer.status_code == 400
    assert "only the hours and the hours a day can be edited" in said(answer)
    assert stored(plan.proposal).state == "proposed"


# --- The list and the page ------------------------------------------------------------------------


def test_the_list(browser, session, house):
    training_completed(session, score=0.8, hours_spent=20)
    # 8 + 3 + 1 + 10 + 4 / 1.45: it knows both topics now, and learned them faster than planned.
    TrainingSessionFactory(plan=TrainingPlanFactory(agent=session.agent, context=ONLY_TOPICS))
    answer = browser.get(url("trainingsession", "changelist"))
    text = said(answer)
    assert "pupil Completed 29 h 20 h 0.80 +0.20" in text
    assert "pupil Scheduled 24.8 h – – –" in text
    assert "How estimates compared with what happened" in text
    only = browser.get(url("trainingsession", "changelist"), {"state__exact": "completed"})
    assert only.context["cl"].result_list == [session]


OFFERED = {
    "scheduled": ["Start", "Cancel"],
    "in_progress": ["Complete", "Fail", "Cancel"],
    "completed": [],
    "failed": [],
    "cancelled": [],
}
INTO = {
    "scheduled": lambda session: session,
    "in_progress": training_begun,
    "completed": training_completed,
    "failed": training_failed,
    "cancelled": training_cancelled,
}


@pytest.mark.parametrize("state", OFFERED)
def test_what_is_offered(browser, house, session, state):
    INTO[state](session)
    always = ["Trainings of this agent"]
    assert buttons(browser.get(page(session))) == [*always, *OFFERED[state], "Ledger"]
    for person in (house.viewer, house.auditor, house.reviewer):
        answer = signed_in(person).get(page(session))
        assert buttons(answer) == [*always, "Ledger"]
        assert "Tick off" not in said(answer)


@pytest.mark.parametrize("part", ["start", "complete", "fail", "cancel"])
def test_others_do_nothing_to_a_training(house, session, part):
    if part in {"complete", "fail"}:
        training_begun(session)
    before = stored(session).state
    sent = {"seen": str(stored(session).version), "reason": "because"}
    for person in (house.viewer, house.auditor, house.reviewer):
        assert signed_in(person).get(page(session, part)).status_code == 403
        assert signed_in(person).post(page(session, part), sent).status_code == 403
    assert stored(session).state == before


def test_start(browser, session):
    assert "Start the training, then tick them off here." in said(browser.get(page(session)))
    assert send(browser, page(session, "start")).url == page(session)
    assert stored(session).state == "in_progress"
    assert browser.post(page(session, "start"), {"seen": "1"}).status_code == 409


# --- Ticks ----------------------------------------------------------------------------------------


def test_each_task_is_ticked_off_with_one_click(browser, house, session):
    training_begun(session)
    first, second = session.tasks.order_by("position")[:2]
    answer = browser.post(page(session, "tick"), {"done": first.pk})
    assert (answer.status_code, answer.url) == (302, f"{page(session)}#tasks")
    browser.post(page(session, "tick"), {"done": second.pk})
    text = said(browser.get(page(session)))
    assert "Tasks: 2 of 4 done" in text
    assert f"by {house.supervisor.username}" in text
    browser.post(page(session, "tick"), {"undo": first.pk})
    assert "Tasks: 1 of 4 done" in said(browser.get(page(session)))
    assert [task.done_at is None for task in session.tasks.order_by("position")] == [
        True,
        False,
        True,
        True,
    ]


def test_a_tick_is_posted_with_its_token(house, session):
    training_begun(session)
    task = session.tasks.first()
    strict = signed_in(house.supervisor)
    strict.handler.enforce_csrf_checks = True
    assert strict.post(page(session, "tick"), {"done": task.pk}).status_code == 403
    assert strict.get(page(session, "tick"), {"done": task.pk}).status_code == 405
    assert stored(task).done_at is None


def test_others_tick_nothing(house, session):
    training_begun(session)
    task = session.tasks.first()
    for person in (house.viewer, house.auditor, house.reviewer):
        answer = signed_in(person).post(page(session, "tick"), {"done": task.pk})
        assert answer.status_code == 403
    assert stored(task).done_at is None


@pytest.mark.parametrize("key", ["", "x", "01920000-0000-7000-8000-000000000000"])
def test_a_task_of_no_or_another_training_is_not_there(browser, session, key):
    training_begun(session)
    assert browser.post(page(session, "tick"), {"done": key}).status_code == 404


def test_a_task_of_another_training_is_not_ticked_here(browser, house, session):
    training_begun(session)
    other = training_begun(TrainingSessionFactory(plan=TrainingPlanFactory()))
    assert browser.post(page(session, "tick"), {"done": other.tasks.first().pk}).status_code == 404
    assert not TrainingTask.objects.filter(done_at__isnull=False).exists()


def test_what_cannot_be_ticked_says_why(browser, session):
    answer = browser.post(page(session, "tick"), {"done": session.tasks.first().pk}, follow=True)
    assert "The training is scheduled; start it before ticking tasks off." in said(answer)


# --- The result -----------------------------------------------------------------------------------

RESULT = {
    "score-0": "0.9",
    "score-1": "0.6",
    "errors_made": "3",
    "hours_spent": "31.5",
    "feedback": "Refunds need more work.",
}


def test_complete(browser, student, session):
    training_begun(session)
    text = said(browser.get(page(session, "complete")))
    assert "Tasks ticked off 0 of 4" in text
    assert "0 and below 0.3 +0.05, up to 1 0.3 and below 0.5 +0.10, up to 1" in text
    assert "Score: addresses" in text
    assert send(browser, page(session, "complete"), **RESULT).url == page(session)
    row = stored(session)
    assert (row.scores, row.errors, row.hours_spent) == (
        {"addresses": 0.9, "refunds": 0.6},
        3,
        31.5,
    )
    text = said(browser.get(page(session)))
    assert "Performance 0.75 of 1, the mean of the scores Added to its confidence 0.20" in text
    assert (
        "Confidence 0.00 before, 0.20 after. That is not yet the 0.50 which intern needs. Its "
        "maturity stayed as it was."
    ) in text
    assert "Hours spent 31.5 h of 29 h planned Errors 3 Feedback Refunds need more work." in text
    assert "refunds Knows refunds. 0.60" in text
    assert Agent.objects.get(pk=student.pk).maturity == "student"


WRONG = [
    ({"score-0": ""}, "This field is required."),
    ({"score-0": "1.1"}, "less than or equal to 1"),
    ({"score-1": "-0.1"}, "greater than or equal to 0"),
    ({"score-1": "good"}, "Enter a number."),
    ({"score-1": "nan"}, "Enter a number."),
    ({"errors_made": "-1"}, "greater than or equal to 0"),
    ({"errors_made": "1.5"}, "Enter a whole number."),
    ({"hours_spent": ""}, "This field is required."),
    ({"hours_spent": "0"}, "Above 0, and at most 1,000."),
    ({"hours_spent": "1001"}, "Above 0, and at most 1,000."),
    ({"feedback": "x" * 2_001}, "at most 2000 characters"),
]


@pytest.mark.parametrize(("typed", "complaint"), WRONG)
def test_what_is_wrong_is_said_beside_its_field_and_everything_typed_is_kept(
    browser, session, typed, complaint
):
    training_begun(session)
    answer = send(browser, page(session, "complete"), **{**RESULT, **typed})
    assert answer.status_code == 400
    markup = answer.content.decode()
    [name] = typed
    field = markup[markup.index(f'for="id_{name}"') :]
    assert complaint in said(answer)
    assert complaint in field[: field.index("ag-help") if "ag-help" in field else len(field)]
    for other, value in RESULT.items():
        if other != name:
            assert value in markup
    assert stored(session).state == "in_progress"


def test_what_a_service_refuses_is_said_on_the_page(browser, session):
    training_begun(session)
    answer = send(browser, page(session, "complete"), **{**RESULT, "feedback": "a\x00b"})
    assert answer.status_code == 400
    assert stored(session).state == "in_progress"


def test_of_two_people_completing_it_the_second_is_told(browser, house, session):
    training_begun(session)
    hidden = opened(browser, page(session, "complete"))
    training_completed(session)
    answer = browser.post(page(session, "complete"), {**hidden, **RESULT})
    assert answer.status_code == 409
    assert "was changed after you opened this page" in refusals(answer)[0]
    assert "Refunds need more work." in answer.content.decode()
    assert stored(session).performance == 0.8


@pytest.mark.parametrize(("part", "state"), [("fail", "failed"), ("cancel", "cancelled")])
def test_a_training_that_leads_nowhere(browser, session, part, state):
    training_begun(session)
    assert send(browser, page(session, part), reason=" ").status_code == 400
    assert send(browser, page(session, part), reason="It never answered.").url == page(session)
    text = said(browser.get(page(session)))
    assert stored(session).state == state
    assert "Why it ended so Reason It never answered." in text
    assert "blocked until a training of this agent is completed" in text
    assert trail(session)[-1] == f"training_session.{state}"


# --- What was blocked -----------------------------------------------------------------------------


def retry_form(answer):
    """The first retry form of a training's page: its address and its token."""
    markup = answer.content.decode()
    action = re.search(r'action="(/admin/governance/blockedtrigger/[^"]+/retry/)"', markup)
    return action and action[1], re.findall(r'name="seen" value="([^"]*)"', markup)


def test_a_blocked_trigger_is_retried_with_one_click(browser, student, session):
    training_completed(session)
    answer = browser.get(page(session))
    assert "Asked now, the gate would answer Training data_sync trigger, student agent" in said(
        answer
    )
    address, [seen_] = retry_form(answer)
    done = browser.post(address, {"seen": seen_}, follow=True)
    assert done.redirect_chain == [(page(session), 302)]
    text = said(done)
    assert "It was fired again, and the gate answered training." in text
    assert "retried What came of it: training the new trigger blocked again" in text
    assert retry_form(done) == (None, [])
    # The same click once more: told, and nothing happens.
    assert browser.post(address, {"seen": seen_}).status_code == 409
    assert Trigger.objects.count() == 2


def test_what_came_of_the_retry_of_somebody_promoted(browser, student, session):
    training_completed(session)
    Agent.objects.filter(pk=student.pk).update(maturity="autonomous")
    answer = browser.get(page(session))
    assert "the gate would answer Execution data_sync trigger, autonomous agent" in said(answer)
    address, [seen_] = retry_form(answer)
    text = said(browser.post(address, {"seen": seen_}, follow=True))
    assert "What came of it: execution the new trigger its run (running)" in text


def test_retrying_takes_the_right_to_start(house, session):
    training_completed(session)
    blocked = BlockedTrigger.objects.get()
    for person in (house.viewer, house.auditor, house.reviewer):
        browser = signed_in(person)
        assert retry_form(browser.get(page(session))) == (None, [])
        address = url("blockedtrigger", "retry", blocked)
        assert browser.post(address, {"seen": ""}).status_code == 403
    assert Trigger.objects.count() == 1


def test_a_retry_by_a_link_changes_nothing(browser, session):
    training_completed(session)
    address = url("blockedtrigger", "retry", BlockedTrigger.objects.get())
    assert browser.get(address).status_code == 200
    assert Trigger.objects.count() == 1


def test_the_list_and_the_page_of_blocked_triggers(browser, house, session):
    other = BlockedTriggerFactory(agent=house.agent("student", name="other"))
    training_completed(session)
    listed = url("blockedtrigger", "changelist")
    text = said(browser.get(listed))
    assert "other data_sync/test blocked" in text
    assert "pupil data_sync/test may be retried" in text
    free = browser.get(listed, {"standing": "free"}).context["cl"].result_list
    assert [row.trigger.agent.name for row in free] == ["pupil"]
    mine = browser.get(listed, {"agent": str(other.trigger.agent_id)}).context["cl"].result_list
    assert mine == [other]
    text = said(browser.get(url("blockedtrigger", "change", other)))
    assert "Standing blocked Proposal to train it Train other" in text
    assert buttons(browser.get(url("blockedtrigger", "change", other))) == []
    answer = browser.get(url("blockedtrigger", "retry", other))
    assert "this blocked trigger is blocked until a training ends well" in said(answer)


# --- History --------------------------------------------------------------------------------------


def test_no_training_is_no_history(browser, house):
    text = said(browser.get(HISTORY))
    assert "Trainings compared none yet" in text
    assert "No training has been completed yet." in text
    assert "<svg" not in browser.get(HISTORY).content.decode().split('id="content-main"')[1]


def test_how_estimates_compared(browser, house, session):
    training_completed(session, hours_spent=58)
    other = TrainingPlanFactory(agent=house.agent("student", name="other"), context=ONLY_TOPICS)
    training_completed(TrainingSessionFactory(plan=other), hours_spent=21.75)
    text = said(browser.get(HISTORY))
    assert "29 h (20.3 h to 43.5 h) 29 h 58 h 2.00 No" in text
    assert "29 h (20.3 h to 43.5 h) 29 h 21.8 h 0.75 Yes" in text
    assert "Trainings compared 2 Spent ÷ planned, on average 1.38: 38 % longer than planned" in text
    assert "Within the range of their estimate 1 of 2" in text
    markup = browser.get(HISTORY).content.decode()
    assert '<svg xmlns="http://www.w3.org/2000/svg" class="drawing" role="img"' in markup
    assert "Spent, other" in markup
    of_one = said(browser.get(HISTORY, {"agent": str(session.agent_id)}))
    assert "How estimates compared: pupil" in of_one
    assert "Trainings compared 1 Spent ÷ planned, on average 2.00: 100 % longer" in of_one


@pytest.mark.parametrize("key", ["x", "01920000-0000-7000-8000-000000000000"])
def test_the_history_of_nobody_is_not_there(browser, key):
    assert browser.get(HISTORY, {"agent": key}).status_code == 404


def test_nothing_of_another_workspace_is_in_the_history(browser):
    theirs = training_completed(TrainingSessionFactory())
    assert "none yet" in said(browser.get(HISTORY))
    assert browser.get(HISTORY, {"agent": str(theirs.agent_id)}).status_code == 404
    assert browser.get(page(theirs)).status_code == 404


def test_what_a_page_of_trainings_costs_does_not_grow(browser, house, session):
    def cost(address):
        with CaptureQueriesContext(connection) as queries:
            browser.get(address)
        return len(queries)

    addresses = (HISTORY, url("trainingsession", "changelist"), url("blockedtrigger", "changelist"))

    def retried(row):
        training_completed(row)
        triggers.retry(blocked=row.plan.blocked.get(), by=house.by_supervisor)

    retried(session)
    browser.get(HISTORY)  # who comes for the first time is noted
    before = [cost(address) for address in addresses]
    for _ in range(3):
        retried(TrainingSessionFactory(plan=TrainingPlanFactory(agent=house.agent("student"))))
    assert [cost(address) for address in addresses] == before


# --- Topics ---------------------------------------------------------------------------------------

TOPICS = "/admin/governance/trainingtopic/"
TOPIC = {
    "capability": "refunds",
    "objective": "Knows refunds.",
    "tasks": "Read the guide.\r\n\r\n  Do five cases. \r\n",
    "category": "care",
    "action_type": "refund_issue",
}


@pytest.fixture
def governor(house):
    return signed_in(house.governor)


def test_add_change_and_remove_a_topic(governor, house):
    answer = send(governor, f"{TOPICS}add/", **TOPIC)
    row = _topic()
    assert answer.url == url("trainingtopic", "change", row)
    assert (row.capability, row.category, row.action_type) == ("refunds", "care", "refund_issue")
    assert row.tasks == ["Read the guide.", "Do five cases."]
    text = said(governor.get(answer.url))
    assert "Tasks Read the guide. Do five cases." in text

    edit = url("trainingtopic", "edit", row)
    drawn = governor.get(edit).content.decode()
    assert "Read the guide.\nDo five cases.</textarea>" in drawn
    send(governor, edit, objective="Refunds well.", tasks="Do it.")
    assert (_topic().objective, _topic().tasks) == ("Refunds well.", ["Do it."])

    send(governor, url("trainingtopic", "remove", row))
    assert "refunds" not in said(governor.get(TOPICS))
    assert trail(row) == [
        "training_topic.defined",
        "training_topic.defined",
        "training_topic.removed",
    ]


def _topic():
    return TrainingTopic.objects.get()


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"capability": " "}, "This field is required."),
        ({"objective": ""}, "This field is required."),
        ({"tasks": "\n \n"}, "This field is required."),
        ({"tasks": "\n".join(["x"] * 21)}, "At most 20 tasks; join some of them."),
        ({"tasks": "x" * 301}, "A task has at most 300 characters."),
        ({"category": "x" * 101}, "at most 100 characters"),
    ],
)
def test_a_bad_topic_is_said_and_kept_as_typed(governor, typed, complaint):
    answer = send(governor, f"{TOPICS}add/", **{**TOPIC, **typed})
    assert answer.status_code == 400
    assert complaint in said(answer)
    assert not TrainingTopic.objects.exists()


def test_a_topic_that_is_there_is_not_overwritten(governor, house):
    send(governor, f"{TOPICS}add/", **TOPIC)
    answer = send(governor, f"{TOPICS}add/", **{**TOPIC, "objective": "Other."})
    assert answer.status_code == 409
    assert "There is a row of this capability" in refusals(answer)[0]
    assert "Other." in answer.content.decode()
    assert _topic().objective == "Knows refunds."


def test_of_two_governors_the_second_is_told(governor, house):
    row = TrainingTopicFactory(workspace=house.workspace)
    edit = url("trainingtopic", "edit", row)
    old = token(governor.get(edit))
    send(governor, edit, objective="Mine.", tasks="A.")
    answer = governor.post(edit, {"seen": old, "objective": "Yours.", "tasks": "B."})
    assert answer.status_code == 409
    assert _topic().objective == "Mine."


# --- The agent ------------------------------------------------------------------------------------

FURTHER = "Its confidence would do for autonomous, and maturity rises a level at a time."

#  maturity, confidence, what its page says
ELIGIBLE = [
    ("student", 0.0, "Not yet eligible for intern: 0.50 is needed, 0.50 more than it has."),
    ("student", 0.45, "Not yet eligible for intern: 0.50 is needed, 0.05 more than it has."),
    ("student", 0.5, "Eligible for intern; an exam is still needed."),
    ("student", 0.95, f"Eligible for intern; an exam is still needed. {FURTHER}"),
    ("intern", 0.6, "Not yet eligible for supervised: 0.70 is needed, 0.10 more than it has."),
    ("intern", 0.7, "Eligible for supervised; an exam is still needed."),
    ("supervised", 0.9, "Eligible for autonomous; an exam is still needed."),
    ("autonomous", 0.0, "It is autonomous: there is nothing above that."),
]


@pytest.mark.parametrize(("maturity", "score", "says"), ELIGIBLE)
def test_what_confidence_is_good_for(browser, house, maturity, score, says):
    agent = house.agent(maturity)
    Agent.objects.filter(pk=agent.pk).update(confidence_score=score)
    text = said(browser.get(url("agent", "change", agent)))
    assert f"Eligible {says}" in text
    assert "Confidence alone never changes it." in text
    assert Agent.objects.get(pk=agent.pk).maturity == maturity


def test_the_agents_page_says_what_moved_it_and_what_is_blocked(browser, student, session):
    training_completed(session, score=0.6, hours_spent=20)
    BlockedTriggerFactory(agent=student, type="again")
    text = said(browser.get(url("agent", "change", student)))
    assert "a training, performance 0.60 +0.15 0.00 to 0.15" in text
    assert "completed 29 h 20 h 0.60" in text
    assert "data_sync/again blocked" in text
    assert "data_sync/test may be retried" in text


def test_words_of_governors_and_agents_are_shown_and_never_obeyed(house, browser):
    hostile = "<script>alert(1)</script>\u202egpj"
    TrainingTopicFactory(
        workspace=house.workspace, capability=hostile, objective=hostile, tasks=[hostile]
    )
    agent = house.agent("student", name=hostile)
    blocked = BlockedTriggerFactory(agent=agent, type=hostile, context=ONLY_TOPICS)
    session = training_begun(TrainingSessionFactory(plan=blocked.plan))
    addresses = [
        proposal_page(blocked.plan.proposal),
        page(session),
        page(session, "complete"),
        url("trainingsession", "changelist"),
        url("blockedtrigger", "changelist"),
        url("blockedtrigger", "change", blocked),
        TOPICS,
        url("agent", "change", agent),
    ]
    training_completed(session)
    for address in [*addresses, HISTORY]:
        markup = browser.get(address).content.decode()
        assert "<script>alert(1)" not in markup, address
        assert "\u202e" not in markup, address
        assert "U+202E" in markup, address


def test_opening_the_pages_changes_nothing(browser, session):
    training_begun(session)
    before = LedgerEntry.objects.count()
    for part in ("change", "complete", "fail", "cancel"):
        browser.get(page(session, part), {"reason": "x", "score-0": "1"})
    assert LedgerEntry.objects.count() == before
    assert stored(session).state == "in_progress"
