"""The library of cases: versions, retirement, files, and cases cut from episodes."""

from __future__ import annotations

import datetime

import pytest
from django.db import transaction

from governance.domain.errors import InvalidInput, NotAllowed, StaleState
from governance.domain.words import EpisodeOutcome, EpisodeSource, Maturity, SegmentKind
from governance.execution.registry import ActionFailed
from governance.models import ExamCase
from governance.services import episodes, exam_cases, exams, maturity
from governance.services.segments import Part
from tests.agents import execute
from tests.factories import (
    BY_SYSTEM,
    ExamCaseFactory,
    ExamineeFactory,
    House,
    make_spec,
    sat,
)
from tests.integration.services.checks import recorded, refused

NOON = datetime.datetime(2026, 3, 4, 12, 0, tzinfo=datetime.UTC)
ENTRY = {
    "key": "pay",
    "title": "Pay an invoice",
    "task": {"instruction": "Pay it."},
    "tools": [{"action_type": "pay", "output": {}}],
    "required": [{"action_type": "pay"}],
}


@pytest.fixture
def library(house):
    house.action_type("pay")
    house.action_type("find", complexity=1)
    return house


def define(house, **values):
    by = values.pop("by", house.by_governor)
    return exam_cases.define(workspace=house.workspace, by=by, **{**ENTRY, **values})


# --- Versions -------------------------------------------------------------------------------------


def test_a_case_is_written_and_the_ledger_knows_its_digest(library):
    with recorded() as entries:
        case = define(library)
    assert (case.case_set, case.key, case.number, case.retired) == ("default", "pay", 1, False)
    assert (case.expectation, case.forbidden, case.seconds) == ("true", [], 60)
    (entry,) = entries
    assert (entry.kind, entry.subject_id) == ("exam_case.defined", case.pk)
    said = entry.data["data"]
    assert (said["case_set"], said["key"], said["number"]) == ("default", "pay", 1)
    assert len(said["digest"]) == 64


def test_another_version_takes_its_place_and_the_old_one_stays(library):
    old = define(library)
    new = define(library, title="Pay it better")
    other = define(library, case_set="refunds")
    assert (new.number, other.number) == (2, 1)
    in_force = ExamCase.objects.in_force(library.workspace.pk, "default")
    assert [(c.pk, c.title) for c in in_force] == [(new.pk, "Pay it better")]
    old.refresh_from_db()
    assert old.title == "Pay an invoice"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"key": "Pay"}, "key: "),
        ({"key": "pay it"}, "key: "),
        ({"key": ""}, "key: "),
        ({"case_set": "Big Set"}, "case_set: "),
        ({"title": ""}, "title: "),
        ({"title": "x" * 201}, "title: "),
        ({"task": {}}, "task/instruction"),
        ({"required": [], "forbidden": []}, "The case expects nothing"),
        ({"expectation": "calls.size("}, "The expectation is not usable"),
        ({"tools": [{"action_type": "pay", "output": {}, "when": "x"}]}, "does not compile"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": 3_601}, "seconds"),
        # a mistyped name would forbid nothing
        ({"forbidden": [{"action_type": "bruned"}]}, "no action type bruned"),
        ({"tools": [*ENTRY["tools"], {"action_type": "x", "output": {}}]}, "no action type x"),
    ],
)
def test_what_is_refused(library, values, says):
    with refused(InvalidInput, says):
        define(library, **values)


def test_who_may_define_and_retire(library):
    case = define(library)
    for by in (library.by_viewer, library.by_supervisor, library.by_reviewer):
        with refused(NotAllowed, "may not govern agents"):
            define(library, by=by)
        with refused(NotAllowed, "may not govern agents"):
            exam_cases.retire(case=case, reason="old", by=by)


def test_retiring_leaves_it_out_until_it_has_another_version(library):
    case = define(library)
    with recorded() as entries:
        exam_cases.retire(case=case, reason="It is too easy.", by=library.by_governor)
    assert ExamCase.objects.in_force(library.workspace.pk, "default") == []
    assert (entries[0].kind, entries[0].data["data"]["reason"]) == (
        "exam_case.retired",
        "It is too easy.",
    )
    with refused(StaleState, "is not in force"):
        exam_cases.retire(case=case, reason="again", by=library.by_governor)
    assert define(library).number == 2
    assert len(ExamCase.objects.in_force(library.workspace.pk, "default")) == 1


def test_only_the_version_in_force_is_retired(library):
    old = define(library)
    define(library)
    with refused(StaleState, "default/pay version 1 is not in force"):
        exam_cases.retire(case=old, reason="old", by=library.by_governor)


def test_cases_of_another_workspace_are_not_here(library):
    ExamCaseFactory(workspace=House.build().workspace)
    assert ExamCase.objects.in_force(library.workspace.pk, "default") == []


# --- Files ----------------------------------------------------------------------------------------


def test_a_file_is_loaded_whole(library):
    entries = [ENTRY, {**ENTRY, "key": "pay-again", "seconds": 5, "expectation": "1 == 1"}]
    found = exam_cases.load(workspace=library.workspace, entries=entries, by=BY_SYSTEM)
    assert [(c.key, c.number, c.seconds) for c in found] == [("pay", 1, 60), ("pay-again", 1, 5)]


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([], "cases: "),
        ({}, "cases: "),
        ([{**ENTRY, "kye": 1}], "cases/0/kye: "),
        ([{"key": "a"}], "cases/0/title: "),
        ([{**ENTRY, "seconds": "5"}], "cases/0/seconds"),
        ([ENTRY, {**ENTRY, "key": "other", "task": {}}], "other: task/instruction"),
    ],
)
def test_or_not_at_all(library, entries, says):
    with refused(InvalidInput, says):
        exam_cases.load(workspace=library.workspace, entries=entries, by=BY_SYSTEM)


# --- Cut from a run -------------------------------------------------------------------------------


def close(agent, parts, *, outcome="succeeded", verified=False, by=BY_SYSTEM, **values):
    work = episodes.Finished(
        title=values.pop("title", "Some work"),
        started_at=NOON,
        finished_at=NOON,
        outcome=EpisodeOutcome(outcome),
        reported=outcome,
        reported_by="tests",
        verified=verified,
        interventions=0,
        parts=parts,
        maturity=Maturity(agent.maturity),
        fingerprint=agent.fingerprint,
        counts=False,
        **values,
    )
    with transaction.atomic():
        return episodes.close(work, agent=agent, by=by)


@pytest.fixture
def worked(library, registered):
    """A run in which a reading and a change were carried out, and one change failed."""

    def pay(context, params):
        if params["sum"] > 100:
            raise ActionFailed("Too much.")
        return {"paid": params["sum"]}

    registered(make_spec("look", complexity=1), workspace=library.workspace)
    registered(make_spec("settle", handler=pay), workspace=library.workspace)
    agent = library.agent("autonomous", module_path="tests.agents", class_name="Echo")
    acts = [["look", {"at": 1}], ["settle", {"sum": 500}], ["settle", {"sum": 5}]]
    ran = execute(agent, "Settle the invoice.", context={"acts": acts})
    return ran.started.run


def test_a_case_is_cut_from_a_run(library, worked):
    episode = worked.episode
    case = exam_cases.cut_from_episode(episode=episode, by=library.by_governor)
    assert case.task["instruction"] == "Settle the invoice."
    assert case.task["context"]["acts"][0] == ["look", {"at": 1}]
    assert case.tools == [
        {"action_type": "look", "params": {"at": 1}, "output": {"at": 1}},
        {"action_type": "settle", "params": {"sum": 500}, "error": "Too much."},
        {"action_type": "settle", "params": {"sum": 5}, "output": {"paid": 5}},
    ]
    assert case.required == [{"action_type": "settle", "params": {"sum": 5}}]
    forbidden = {each["action_type"]: each for each in case.forbidden}
    assert forbidden["settle"] == {"action_type": "settle", "may_fail": [{"sum": 500}]}
    assert forbidden["pay"] == {"action_type": "pay"}
    assert not {"look", "find", "run_start"} & set(forbidden)
    assert (case.cut_from, case.key) == (episode, f"episode-{episode.pk.hex}")
    assert exam_cases.cut_from_episode(episode=episode, by=library.by_governor).number == 2


def test_the_program_that_did_it_passes_the_case(library, worked):
    maturity.install(workspace=library.workspace, by=BY_SYSTEM)
    episode = worked.episode
    exam_cases.cut_from_episode(episode=episode, by=library.by_governor)
    pupil = ExamineeFactory(workspace=library.workspace)
    ended = sat(exams.start(agent=pupil, by=library.by_governor, repeats=2))
    assert (ended.state, ended.score) == ("passed", 1.0)


def test_what_did_not_succeed_is_no_example(library, worked):
    episode = episodes.correct(
        episode=worked.episode, outcome="failed", note="It was not.", by=library.by_governor
    )
    with refused(InvalidInput, "This episode failed, and nothing says what would have been right"):
        exam_cases.cut_from_episode(episode=episode, by=library.by_governor)


def test_who_may_cut(library, worked):
    episode = worked.episode
    with refused(NotAllowed, "may not govern agents"):
        exam_cases.cut_from_episode(episode=episode, by=library.by_supervisor)


def test_a_proposal_without_a_run_has_no_task(library):
    proposal = library.proposal(action_type="pay")
    proposal.run = None
    proposal.save()
    episode = close(
        proposal.agent, [], source=EpisodeSource.PROPOSAL, proposal=proposal, title="Pay"
    )
    with refused(InvalidInput, "belongs to no run"):
        exam_cases.cut_from_episode(episode=episode, by=library.by_governor)


def test_the_run_of_a_proposal_is_what_it_was_about(library, worked):
    finished_proposal = library.proposal(run=library.run(), action_type="pay")
    episode = close(
        finished_proposal.agent, [], source=EpisodeSource.PROPOSAL, proposal=finished_proposal
    )
    with refused(InvalidInput, "Nothing was done in this episode"):
        exam_cases.cut_from_episode(episode=episode, by=library.by_governor)


# --- Cut from a recording -------------------------------------------------------------------------


def action(key, params, **data):
    return Part(SegmentKind.ACTION, NOON, key, {"params": params, "state": "done", **data})


RECORDING = [
    Part(SegmentKind.MESSAGE, NOON, data={"text": "Please pay my invoice."}),
    action("find", {"id": 1}, text='{"sum": 5}'),
    action("pay", {"sum": 9}, state="failed", error="Error: too much"),
    action("pay", {"sum": 5}, text="paid"),
]


def imported(house, parts, *, expected=None, **values):
    result = {} if expected is None else {"expected_actions": expected}
    end = Part(SegmentKind.RESULT, NOON, data={"state": "succeeded", **result})
    values = {"external_id": "file:1", "source": EpisodeSource.IMPORTED, **values}
    return close(house.agent(), [*parts, end], **values)


def test_a_case_is_cut_from_a_recording(library):
    episode = imported(library, RECORDING, verified=True)
    case = exam_cases.cut_from_episode(episode=episode, case_set="air", by=library.by_governor)
    assert (case.case_set, case.task) == (
        "air",
        {"instruction": "Please pay my invoice.", "context": {}},
    )
    assert case.tools == [
        {"action_type": "find", "params": {"id": 1}, "output": {"content": '{"sum": 5}'}},
        {"action_type": "pay", "params": {"sum": 9}, "error": "Error: too much"},
        {"action_type": "pay", "params": {"sum": 5}, "output": {"content": "paid"}},
    ]
    assert case.required == [{"action_type": "pay", "params": {"sum": 5}}]


EXPECTED = [
    {"name": "find", "arguments": {"id": 1}},
    {"name": "pay", "arguments": {"sum": 7}},
]


@pytest.mark.parametrize(
    ("outcome", "verified", "expected", "required"),
    [
        # a success that was verified is right itself, whatever else would have been
        ("succeeded", True, EXPECTED, [{"sum": 5}]),
        # of anything else, what was expected is
        ("succeeded", False, EXPECTED, [{"sum": 7}]),
        ("failed", True, EXPECTED, [{"sum": 7}]),
        ("failed", True, [], []),
        ("succeeded", False, None, [{"sum": 5}]),
        ("failed", True, None, None),
        ("abandoned", False, None, None),
    ],
)
def test_what_is_right_of_a_recording(library, outcome, verified, expected, required):
    episode = imported(library, RECORDING, outcome=outcome, verified=verified, expected=expected)
    if required is None:
        with refused(InvalidInput, "nothing says what would have been right"):
            exam_cases.cut_from_episode(episode=episode, by=library.by_governor)
        return
    case = exam_cases.cut_from_episode(episode=episode, by=library.by_governor)
    assert [each["params"] for each in case.required] == required
    assert all(each["action_type"] == "pay" for each in case.required)


def test_a_conversation_in_which_nothing_was_done(library):
    episode = imported(library, RECORDING[:1], verified=True)
    with refused(InvalidInput, "Nothing was done in this episode"):
        exam_cases.cut_from_episode(episode=episode, by=library.by_governor)


def test_an_action_that_left_the_catalogue_cannot_be_examined(library):
    episode = imported(library, [*RECORDING, action("gone", {})], verified=True)
    with refused(InvalidInput, "no action type gone"):
        exam_cases.cut_from_episode(episode=episode, by=library.by_governor)
