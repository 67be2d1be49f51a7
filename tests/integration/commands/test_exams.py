"""exam and exam_case: from the command line."""

from __future__ import annotations

import json

import pytest

from governance.models import Exam, ExamCase
from governance.services import maturity
from tests.factories import BY_SYSTEM, ExamCaseFactory, ExamineeFactory
from tests.factories.exams import PAID, PAY, READ

IDLE = [[READ, {}]]


@pytest.fixture
def school(house):
    maturity.install(workspace=house.workspace, by=BY_SYSTEM)
    ExamineeFactory(workspace=house.workspace, name="pupil")
    return house


@pytest.fixture
def who(school):
    return ("--by", school.governor.username)


def case(school, key, acts, **values):
    return ExamCaseFactory(workspace=school.workspace, key=key, acts=acts, **values)


# --- exam -----------------------------------------------------------------------------------------


def test_a_pass_ends_with_zero(command, school, who):
    case(school, "pay", PAID)
    result = command("exam", "pupil", "--repeats", "2", *who, "--json")
    assert result.code == 0, result
    told = result.json
    exam = Exam.objects.get()
    assert {name: told[name] for name in ("passed", "score", "attempt", "cases", "repeats")} == {
        "passed": True,
        "score": 1.0,
        "attempt": 1,
        "cases": 1,
        "repeats": 2,
    }
    assert (told["exam"], told["state"], told["target"]) == (str(exam.pk), "passed", "supervised")
    assert told["results"] == [
        {"case": "pay", "version": 1, "passed": True, "repeats": [True, True], "why": []}
    ]
    assert exam.isolation == told["isolation"]


def test_a_failure_ends_with_one_and_says_why(command, school, who):
    case(school, "pay", PAID)
    case(school, "idle", IDLE)
    result = command("exam", "pupil", "--target", "autonomous", "--repeats", "1", *who)
    assert result.code == 1
    assert "Attempt 1 at autonomous: failed, score 0.500 (needed 0.95), 2 cases" in result.out
    assert "passed  pay  +" in result.out
    assert "failed  idle  -" in result.out
    assert 'It did not do exam_pay {"sum":5}' in result.out
    assert result.err.endswith("Not passed: 0.500, and 0.95 is needed.")


def test_the_default_is_three_times_each(command, school, who, settings):
    case(school, "pay", PAID)
    assert command("exam", "pupil", *who, "--json").json["repeats"] == 3
    settings.GOVERNANCE_EXAM_REPEATS = 1
    assert command("exam", "pupil", *who, "--json").json["repeats"] == 1


def test_the_cases_of_another_set(command, school, who):
    case(school, "idle", IDLE)
    case(school, "pay", PAID, case_set="easy")
    assert command("exam", "pupil", "--cases", "easy", "--repeats", "1", *who).code == 0


def test_the_operator_may_start_one(command, school):
    case(school, "pay", PAID)
    assert command("exam", "pupil", "--repeats", "1", "--json").json["passed"] is True


def test_an_abort_ends_with_one(command, school, who):
    case(school, "pay", PAID)
    ExamineeFactory(workspace=school.workspace, name="nobody", class_name="Missing")
    result = command("exam", "nobody", *who, "--json")
    assert (result.code, result.json["passed"], result.json["score"]) == (1, False, None)
    assert result.json["state"] == "aborted"
    assert "The exam was aborted: tests.exam_programs has no class Missing" in result.err


def test_what_is_refused_writes_nothing(refused, command, school, who):
    refused("an exam without cases shows nothing", "exam", "pupil", *who)
    case(school, "idle", IDLE)
    refused("There is no agent 'other' here", "exam", "other", *who)
    refused("no active user 'nobody'", "exam", "pupil", "--by", "nobody")
    refused("may not govern agents", "exam", "pupil", "--by", school.viewer.username)
    refused("sat 1 to 20 times", "exam", "pupil", "--repeats", "0", *who)
    assert command("exam", "pupil", "--repeats", "1", *who).code == 1
    refused("the next may begin at", "exam", "pupil", *who)


# --- exam_case ------------------------------------------------------------------------------------

ENTRY = {
    "key": "pay",
    "title": "Pay an invoice",
    "task": {"instruction": "Pay it."},
    "tools": [{"action_type": PAY, "output": {}}],
    "required": [{"action_type": PAY}],
    "forbidden": [{"action_type": PAY}],
}


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "cases.json"
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return str(path)

    return write


def test_cases_are_defined_from_a_file_and_listed(command, school, file, who):
    school.action_type(PAY)
    result = command("exam_case", "--define", file([ENTRY]), "--set", "refunds", *who, "--json")
    assert result.code == 0, result
    row = {
        "set": "refunds",
        "case": "pay",
        "version": 1,
        "title": "Pay an invoice",
        "required": 1,
        "forbidden": 1,
        "tools": 1,
        "seconds": 60,
    }
    assert result.json == {"cases": [row]}
    assert command("exam_case", "--list", "--set", "refunds", "--json").json == {"cases": [row]}
    assert command("exam_case", "--list", "--json").json == {"cases": []}
    assert "No case is in force" in command("exam_case", "--list").out
    said = command("exam_case", "--list", "--set", "refunds").out
    assert said == "refunds/pay version 1: Pay an invoice (1 required, 1 forbidden)\n"


def test_a_file_that_is_refused(refused, school, file, who):
    school.action_type(PAY)
    refused("cannot be read", "exam_case", "--define", "/no/such/file", *who)
    refused("is not valid JSON", "exam_case", "--define", file("{"), *who)
    refused("cases/0/kye", "exam_case", "--define", file([{**ENTRY, "kye": 1}]), *who)
    refused(
        "no action type x",
        "exam_case",
        "--define",
        file([{**ENTRY, "forbidden": [{"action_type": "x"}]}]),
        *who,
    )
    refused(
        "may not govern agents",
        "exam_case",
        "--define",
        file([ENTRY]),
        "--by",
        school.viewer.username,
    )
    assert ExamCase.objects.count() == 0


def test_cutting_wants_an_episode(refused, school, who):
    refused("is not the id of an episode", "exam_case", "--cut", "x", *who)
    key = "00000000-0000-7000-8000-000000000000"
    refused(f"There is no episode {key} here", "exam_case", "--cut", key, *who)
