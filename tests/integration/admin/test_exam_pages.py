"""The pages of exams and of their cases: write, retire, cut, start, watch, read."""

from __future__ import annotations

import datetime
import html
import json
import re

import pytest
import time_machine
from django.db import transaction

from governance.domain.words import EpisodeOutcome, EpisodeSource, Maturity, SegmentKind
from governance.models import Exam, ExamCase, LedgerEntry
from governance.services import episodes, exams, maturity
from governance.services.segments import Part
from tests.agents import http_agent
from tests.factories import (
    BY_SYSTEM,
    AllowedHostFactory,
    ExamCaseFactory,
    ExamineeFactory,
    House,
    sat,
)
from tests.factories.exams import PAID, PAY, READ
from tests.integration.admin.visits import (
    buttons,
    opened,
    refusals,
    said,
    send,
    signed_in,
    trail,
    url,
)

NOON = datetime.datetime(2026, 3, 4, 12, 0, tzinfo=datetime.UTC)


@pytest.fixture
def school(house):
    maturity.install(workspace=house.workspace, by=BY_SYSTEM)
    ExamCaseFactory(workspace=house.workspace, key="pay")
    return house


@pytest.fixture
def pupil(school):
    return ExamineeFactory(workspace=school.workspace, name="pupil")


@pytest.fixture
def browser(school):
    return signed_in(school.governor)


def examined(school, pupil, **values):
    values = {"repeats": 1, **values}
    return sat(exams.start(agent=pupil, by=school.by_governor, **values))


def rows_of(response, title):
    """The cells of a table of a page, as text."""
    card = re.search(rf"<h2>{title}</h2>(.*?)</section>", response.content.decode(), re.DOTALL)
    assert card, f"there is no {title} here"
    lines = re.findall(r"<tr>(.*?)</tr>", card[1], re.DOTALL)[1:]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", line, re.DOTALL) for line in lines]
    return [[" ".join(html.unescape(re.sub("<[^>]*>", " ", c)).split()) for c in r] for r in cells]


# --- Cases ----------------------------------------------------------------------------------------

TYPED = {
    "case_set": "refunds",
    "key": "refund",
    "title": "Refund a lamp",
    "task": '{"instruction": "Refund it.", "context": {"lamp": 1}}',
    "tools": json.dumps([{"action_type": PAY, "output": {"paid": True}}]),
    "required": json.dumps([{"action_type": PAY, "params": {"sum": 5}}]),
    "forbidden": json.dumps([{"action_type": PAY}]),
    "expectation": "calls.size() < 5",
    "seconds": "30",
}


def test_a_case_is_written(school, browser):
    answer = send(browser, url("examcase", "add"), **TYPED)
    case = ExamCase.objects.get(key="refund")
    assert (answer.status_code, answer.url) == (302, url("examcase", "change", case))
    assert (case.case_set, case.number, case.seconds) == ("refunds", 1, 30)
    assert case.task == {"instruction": "Refund it.", "context": {"lamp": 1}}
    assert case.tools == [{"action_type": PAY, "output": {"paid": True}}]
    assert case.expectation == "calls.size() < 5"
    assert trail(case) == ["exam_case.defined"]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"tools": "{"}, "This is not JSON at line 1"),
        ({"tools": "{}"}, "Write a JSON list here"),
        ({"task": "[]"}, "Write a JSON object here"),
        ({"seconds": "0"}, "greater than or equal to 1"),
        ({"title": ""}, "This field is required"),
    ],
)
def test_what_is_typed_wrongly_is_said_at_its_field(school, browser, typed, says):
    answer = send(browser, url("examcase", "add"), **{**TYPED, **typed})
    assert answer.status_code == 400
    assert says in said(answer)
    assert "Refund a lamp" in answer.content.decode() or "title" in typed
    assert ExamCase.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"task": '{"instruction": ""}'}, "task/instruction"),
        ({"forbidden": '[{"action_type": "burn"}]'}, "no action type burn"),
        ({"expectation": "calls.size("}, "The expectation is not usable"),
        ({"required": "", "forbidden": "", "expectation": "true"}, "The case expects nothing"),
    ],
)
def test_what_the_service_refuses_is_said_at_the_top(school, browser, typed, says):
    answer = send(browser, url("examcase", "add"), **{**TYPED, **typed})
    assert says in refusals(answer)[0]
    assert "Refund a lamp" in answer.content.decode()
    assert ExamCase.objects.count() == 1


def test_the_page_of_a_case_says_what_it_asks(school, browser):
    case = ExamCase.objects.get()
    answer = browser.get(url("examcase", "change", case))
    assert rows_of(answer, "What must be done") == [[PAY, '{ "params": { "sum": 5 } }']]
    assert rows_of(answer, "What must not be asked for") == [[PAY, "any"]]
    assert rows_of(answer, "What its tools answer") == [
        [READ, "–", '{ "sum": 5 }'],
        [PAY, "–", '{ "paid": true }'],
    ]
    assert "Do pay." in said(answer)
    assert buttons(answer) == ["Write another version", "Retire", "Ledger"]


def test_another_version_takes_its_place(school, browser):
    old = ExamCase.objects.get()
    page = url("examcase", "version", old)
    form = browser.get(page)
    assert "Do pay." in html.unescape(form.content.decode())
    typed = {name: value for name, value in TYPED.items() if name not in {"case_set", "key"}}
    answer = send(browser, page, **typed)
    new = ExamCase.objects.get(number=2)
    assert (answer.url, new.key) == (url("examcase", "change", new), "pay")
    shown = browser.get(url("examcase", "change", old))
    assert rows_of(shown, "Versions") == [
        ["Version 2", rows_of(shown, "Versions")[0][1], "in force", "Refund a lamp"],
        ["Version 1", rows_of(shown, "Versions")[1][1], "replaced", "Pay"],
    ]
    assert buttons(shown) == ["Ledger"]
    again = browser.get(page)
    assert refusals(again) == [
        "“Write another version” is not possible: this exam case is replaced."
    ]


def test_of_two_who_write_a_version_the_second_is_told(school, browser):
    case = ExamCase.objects.get()
    typed = {name: value for name, value in TYPED.items() if name not in {"case_set", "key"}}
    seen = opened(browser, url("examcase", "version", case))
    ExamCaseFactory(workspace=school.workspace, key="pay")
    answer = browser.post(url("examcase", "version", case), {**seen, **typed})
    assert "was changed after you opened this page" in refusals(answer)[0]
    assert ExamCase.objects.count() == 2


def test_a_case_is_retired_once(school, browser):
    case = ExamCase.objects.get()
    send(browser, url("examcase", "retire", case), reason="Too easy.")
    case.refresh_from_db()
    assert case.retired
    answer = browser.get(url("examcase", "change", case))
    assert buttons(answer) == ["Write another version", "Ledger"]
    assert "retired" in said(answer)


def test_the_list_says_which_versions_are_in_force(school, browser):
    ExamCaseFactory(workspace=school.workspace, key="pay", title="New")
    ExamCaseFactory(workspace=school.workspace, key="other", case_set="second")
    answer = browser.get(url("examcase", "changelist"))
    found = [(row.case_set, row.key, row.number) for row in answer.context["cl"].result_list]
    assert found == [("default", "pay", 2), ("default", "pay", 1), ("second", "other", 1)]
    assert said(answer).count("in force") == 2
    assert "replaced" in said(answer)
    second = browser.get(url("examcase", "changelist"), {"case_set": "second"})
    assert [row.key for row in second.context["cl"].result_list] == ["other"]


# --- Cutting --------------------------------------------------------------------------------------


def episode(house, *, parts=True, outcome="succeeded"):
    agent = house.agent(name="worked")
    action = Part(SegmentKind.ACTION, NOON, PAY, {"params": {"sum": 5}, "state": "done"})
    work = episodes.Finished(
        source=EpisodeSource.IMPORTED,
        external_id="file:1",
        title="A \u202egnorw title",
        started_at=NOON,
        finished_at=NOON,
        outcome=EpisodeOutcome(outcome),
        reported="",
        reported_by="tests",
        verified=True,
        interventions=0,
        parts=[action] if parts else [],
        maturity=Maturity.INTERN,
        fingerprint=agent.fingerprint,
        counts=False,
    )
    with transaction.atomic():
        return episodes.close(work, agent=agent, by=BY_SYSTEM)


def cutting(row):
    return f"/admin/governance/examcase/cut/{row.pk}/"


def test_a_case_is_cut_with_one_click(school, browser):
    row = episode(school)
    assert "U+202E" in said(browser.get(cutting(row)))
    answer = browser.post(cutting(row), {"case_set": "cut"})
    case = ExamCase.objects.get(cut_from=row)
    assert answer.url == url("examcase", "change", case)
    assert (case.case_set, case.required) == (
        "cut",
        [{"action_type": PAY, "params": {"sum": 5}}],
    )


def test_what_cannot_be_cut_says_why(school, browser):
    answer = browser.post(cutting(episode(school, parts=False)), {"case_set": "cut"})
    assert "Nothing was done in this episode" in refusals(answer)[0]


def test_who_may_cut(school):
    row = episode(school)
    neighbour = signed_in(House.build().governor)
    assert neighbour.get(cutting(row)).status_code == 404
    for user in (school.viewer, school.auditor, school.reviewer, school.supervisor):
        assert signed_in(user).get(cutting(row)).status_code == 403
        assert signed_in(user).post(cutting(row), {"case_set": "x"}).status_code == 403
    assert ExamCase.objects.count() == 1


# --- Starting -------------------------------------------------------------------------------------


def test_an_exam_is_started_from_the_page_of_its_agent(school, browser, pupil):
    page = browser.get(url("agent", "change", pupil))
    assert "Start an exam" in buttons(page)
    assert "It has sat no exam yet." in said(page)
    form = browser.get(url("exam", "add"), {"agent": str(pupil.pk)})
    assert re.search(rf'value="{pupil.pk}" selected', form.content.decode())
    typed = {"agent": str(pupil.pk), "target": "", "case_set": "default", "repeats": "2"}
    answer = send(browser, url("exam", "add"), **typed)
    exam = Exam.objects.get()
    assert answer.url == url("exam", "change", exam)
    assert (exam.agent, exam.target, exam.repeats) == (pupil, "supervised", 2)
    assert (exam.seen_at, trail(exam)) == (None, ["exam.running"])


def test_what_is_refused_is_said(school, browser, pupil):
    exams.start(agent=pupil, by=school.by_governor)
    typed = {"agent": str(pupil.pk), "case_set": "default", "repeats": "1"}
    answer = send(browser, url("exam", "add"), **typed)
    assert "is sitting an exam already" in refusals(answer)[0]
    nonsense = send(browser, url("exam", "add"), **{**typed, "case_set": "x", "repeats": "99"})
    assert nonsense.status_code == 400


def test_a_running_exam_shows_how_far_it_is_and_reads_itself_again(school, browser, pupil):
    exam = exams.start(agent=pupil, by=school.by_governor, repeats=2)
    waiting = browser.get(url("exam", "change", exam))
    assert waiting["Refresh"] == "3"
    assert "It waits for a worker." in said(waiting)
    assert buttons(waiting) == ["Abort", "Ledger"]
    seen = []

    def look(number, total):
        page = browser.get(url("exam", "change", exam))
        seen.append((page["Refresh"], rows_of(page, "Results")[0][1:]))
        assert f"{number} of {total} sittings" in said(page)

    assert exams.take(exam.pk)
    exams.run(exam=exam, by=BY_SYSTEM, progress=look)
    assert seen == [
        ("3", ["passed", "not yet", "–"]),
        ("3", ["passed", "passed", "yes"]),
    ]
    ended = browser.get(url("exam", "change", exam))
    assert "Refresh" not in ended
    assert buttons(ended) == ["Ledger"]


def test_an_exam_is_aborted(school, browser, pupil):
    exam = exams.start(agent=pupil, by=school.by_governor)
    send(browser, url("exam", "abort", exam), reason="The cases are wrong.")
    exam.refresh_from_db()
    assert (exam.state, exam.note) == ("aborted", "The cases are wrong.")
    page = browser.get(url("exam", "change", exam))
    assert rows_of(page, "Results") == [["pay (version 1)", "not sat", "not sat", "not sat", "–"]]


# --- Reading --------------------------------------------------------------------------------------


def test_the_grid_and_what_each_cell_leads_to(school, browser, pupil):
    ExamCaseFactory(workspace=school.workspace, key="idle", acts=[[READ, {}], ["gone", {"a": 1}]])
    with time_machine.travel(NOON, tick=False):
        exam = examined(school, pupil, repeats=2)
    page = browser.get(url("exam", "change", exam))
    assert rows_of(page, "Results") == [
        ["idle (version 1)", "failed", "failed", "no"],
        ["pay (version 1)", "passed", "passed", "yes"],
    ]
    text = said(page)
    assert "0.500, and 0.85 is needed" in text
    assert "2026-03-04 18:00:00 UTC" in text  # when the next attempt may begin
    assert "4 of 4 sittings" in text
    answer = exam.answers.get(case__key="idle", repeat=2)
    assert url("examanswer", "change", answer) in page.content.decode()
    sitting = browser.get(url("examanswer", "change", answer))
    lines = rows_of(sitting, "Transcript")
    assert [line[1:] for line in lines] == [
        [READ, "{}", "Asked.", "done", '{ "sum": 5 }'],
        ["gone", '{ "a": 1 }', "Asked.", "failed", "the case does not know this no such record"],
    ]
    assert 'It did not do exam_pay {"sum":5}, which this case requires.' in said(sitting)
    assert "It says that it did it." in said(sitting)
    assert buttons(sitting) == []


def test_limited_isolation_is_said(school, browser, pupil, monkeypatch):
    monkeypatch.setattr(exams, "limited", lambda exam: [exams.layers.Layer.SYSCALLS])
    exam = examined(school, pupil)
    text = said(browser.get(url("exam", "change", exam)))
    assert "limited isolation without a ban on sockets, processes and system calls" in text


def test_a_remote_agent_is_isolated_by_its_host(school, browser):
    def turn(asked):
        return {"finish": {"outcome": "succeeded", "output": {}}}

    with http_agent(turn) as server:
        AllowedHostFactory(
            workspace=school.workspace, host="127.0.0.1", port=server.port, allow_private=True
        )
        remote = ExamineeFactory(
            workspace=school.workspace,
            module_path="",
            class_name="",
            configuration={"endpoint": server.url},
        )
        exam = examined(school, remote)
    text = said(browser.get(url("exam", "change", exam)))
    assert "how it is isolated is its host’s matter" in text


def test_what_agents_write_is_shown_and_never_obeyed(school, browser, pupil):
    hostile = {"<b>x</b>": "<script>alert(1)</script>\u202e"}
    ExamCaseFactory(workspace=school.workspace, key="pay", acts=[[READ, hostile], *PAID])
    exam = examined(school, pupil)
    page = browser.get(url("examanswer", "change", exam.answers.get())).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "U+202E" in page


def test_the_lists(school, browser, pupil):
    exam = examined(school, pupil)
    listed = browser.get(url("exam", "changelist"))
    assert [row.pk for row in listed.context["cl"].result_list] == [exam.pk]
    assert "1.000, and 0.85 is needed" in said(listed)
    assert browser.get(url("examanswer", "changelist")).status_code == 200
    agent_page = browser.get(url("agent", "change", pupil))
    assert rows_of(agent_page, "Latest exams")[0][1:] == [
        "1",
        "supervised",
        "passed",
        "1.000 of 0.85",
    ]
    assert "Exams" in said(browser.get("/admin/"))


# --- Who may --------------------------------------------------------------------------------------


def test_everybody_in_the_workspace_reads_and_governors_do(school, pupil):
    exam = exams.start(agent=pupil, by=school.by_governor, repeats=1)
    case = ExamCase.objects.get()
    forms = [
        url("exam", "abort", exam),
        url("examcase", "version", case),
        url("examcase", "retire", case),
        url("exam", "add"),
        url("examcase", "add"),
    ]
    pages = [
        url("exam", "change", exam),
        url("examcase", "change", case),
        url("exam", "changelist"),
        url("examcase", "changelist"),
    ]
    before = LedgerEntry.objects.count()
    for user in (school.viewer, school.auditor, school.reviewer, school.supervisor):
        client = signed_in(user)
        assert {client.get(page).status_code for page in pages} == {200}
        assert {client.get(page).status_code for page in forms} == {403}
        assert {client.post(page, {"reason": "x"}).status_code for page in forms} == {403}
    assert LedgerEntry.objects.count() == before


def test_another_workspace_sees_nothing_of_it(school, pupil):
    exam = examined(school, pupil)
    neighbour = signed_in(House.build().governor)
    for model, row in (
        ("exam", exam),
        ("examcase", ExamCase.objects.get()),
        ("examanswer", exam.answers.get()),
    ):
        assert neighbour.get(url(model, "change", row)).status_code == 404
        assert str(row.pk) not in neighbour.get(url(model, "changelist")).content.decode()
    form = neighbour.get(url("exam", "add")).content.decode()
    assert str(pupil.pk) not in form
