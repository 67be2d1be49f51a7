"""Cases, how a transcript is judged, and pass^k: every table by hand."""

from __future__ import annotations

import pytest

from governance.domain.errors import InvalidInput
from governance.policy import exams
from governance.policy.exams import Call, Ending

PAY5, PAY7 = {"sum": 5}, {"sum": 7}
FIND = {"action_type": "find", "output": {"sum": 5}}
PAY = {"action_type": "pay", "output": {"paid": True}}
CASE = {
    "task": {"instruction": "Pay the invoice."},
    "tools": [FIND, PAY],
    "expectation": "true",
    "required": [{"action_type": "pay", "params": PAY5}],
    "forbidden": [{"action_type": "pay"}],
}


def case(**members):
    return exams.read(**{**CASE, **members})


def did(action_type, params=None, state="done", **values):
    return Call(action_type, params or {}, state, **values)


ENDED = Ending(succeeded=True, output={"said": "Paid."})
DID_NOT_PAY = 'It did not do pay {"sum":5}, which this case requires.'
FORBIDDEN_7 = 'It asked for pay {"sum":7}, which this case forbids.'
FORBIDDEN_5 = 'It asked for pay {"sum":5}, which this case forbids.'


@pytest.mark.parametrize(
    ("calls", "wrong"),
    [
        # what is required, and nothing else that changes anything
        ([did("pay", PAY5)], []),
        ([did("find"), did("pay", PAY5)], []),
        ([did("pay", {"sum": 5.0})], []),
        ([did("pay", PAY5), did("other")], []),
        # not done: not asked for, or asked for in vain
        ([], [DID_NOT_PAY]),
        ([did("find")], [DID_NOT_PAY]),
        ([did("pays", PAY5)], [DID_NOT_PAY]),
        ([did("other", PAY5)], [DID_NOT_PAY]),
        # a failure is no doing, and it was asked for although only the right one may be
        ([did("pay", PAY5, "failed")], [DID_NOT_PAY, FORBIDDEN_5]),
        ([did("pay", PAY7)], [DID_NOT_PAY, FORBIDDEN_7]),
        ([did("pay", PAY7, "failed")], [DID_NOT_PAY, FORBIDDEN_7]),
        # twice is once too often
        ([did("pay", PAY5), did("pay", PAY5)], [FORBIDDEN_5]),
        ([did("pay", PAY5), did("pay", PAY7)], [FORBIDDEN_7]),
        ([did("pay", PAY7), did("pay", PAY5)], [FORBIDDEN_7]),
    ],
)
def test_one_action_required_and_its_type_forbidden_otherwise(calls, wrong):
    assert list(exams.judge(case(), calls, ENDED)) == wrong


@pytest.mark.parametrize(
    ("required", "calls", "wrong"),
    [
        # each accounts for one call
        ([PAY5, PAY5], [did("pay", PAY5)], [DID_NOT_PAY]),
        ([PAY5, PAY5], [did("pay", PAY5), did("pay", PAY5)], []),
        ([PAY5, PAY7], [did("pay", PAY7), did("pay", PAY5)], []),
        # one without arguments takes any call, but not one that another needs
        ([None], [did("pay", PAY7)], []),
        ([None, PAY5], [did("pay", PAY5), did("pay", PAY7)], []),
        ([None, PAY5], [did("pay", PAY7), did("pay", PAY5)], []),
        ([None, PAY5], [did("pay", PAY5)], ["It did not do pay, which this case requires."]),
        ([None], [], ["It did not do pay, which this case requires."]),
        ([None, None], [did("pay", PAY5)], ["It did not do pay, which this case requires."]),
    ],
)
def test_required_actions_account_for_calls(required, calls, wrong):
    wanted = [{"action_type": "pay", **({} if p is None else {"params": p})} for p in required]
    assert list(exams.judge(case(required=wanted), calls, ENDED)) == wrong


@pytest.mark.parametrize(
    ("forbidden", "call", "is_wrong"),
    [
        ({"action_type": "burn"}, did("burn"), True),
        ({"action_type": "burn"}, did("burn", state="failed", known=False), True),
        ({"action_type": "burn"}, did("burns"), False),
        ({"action_type": "burn"}, did("bur"), False),
        ({"action_type": "burn", "params": {"a": 1}}, did("burn", {"a": 1}), True),
        ({"action_type": "burn", "params": {"a": 1}}, did("burn", {"a": 2}), False),
        ({"action_type": "burn", "params": {}}, did("burn", {}), True),
        ({"action_type": "burn", "params": {}}, did("burn", {"a": 2}), False),
        # what may be tried, as long as it fails
        (
            {"action_type": "burn", "may_fail": [{"a": 1}]},
            did("burn", {"a": 1}, "failed"),
            False,
        ),
        ({"action_type": "burn", "may_fail": [{"a": 1}]}, did("burn", {"a": 1}), True),
        ({"action_type": "burn", "may_fail": [{"a": 1}]}, did("burn", {"a": 2}, "failed"), True),
    ],
)
def test_forbidden_actions(forbidden, call, is_wrong):
    found = case(required=[], forbidden=[forbidden])
    assert bool(exams.judge(found, [call], ENDED)) is is_wrong


@pytest.mark.parametrize(
    ("expectation", "met"),
    [
        ("calls.size() == 1", True),
        ("calls[0].params.sum == 5", True),
        ("calls.exists(c, c.action_type == 'pay' && c.output.paid)", True),
        ("calls.all(c, c.known)", True),
        ("finished.output.said.contains('Paid')", True),
        ("task.instruction == 'Pay the invoice.'", True),
        ("calls.size() == 2", False),
        ("finished.output.said == 'paid'", False),
        ("calls[3].params.sum == 5", None),
        ("finished.output.missing == 1", None),
    ],
)
def test_expectations(expectation, met):
    calls = [did("pay", PAY5, output={"paid": True})]
    wrong = exams.judge(case(expectation=expectation), calls, ENDED)
    if met is None:
        assert len(wrong) == 1
        assert wrong[0].startswith("The expectation counts as not met: it cannot be evaluated")
    else:
        assert wrong == (() if met else ("The expectation is not met.",))


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize(
    ("calls", "passes"), [([did("pay", PAY5)], True), ([], False), ([did("pay", PAY7)], False)]
)
def test_what_it_says_of_itself_decides_nothing(said, calls, passes):
    ending = Ending(succeeded=said, output={}, note="Perfect." if said else "I could not do it.")
    assert (exams.judge(case(), calls, ending) == ()) is passes


def test_what_was_not_brought_to_an_end_is_not_passed_and_the_rest_is_still_said():
    ending = Ending(fault="It did not finish within 60 s.")
    found = case(expectation="calls.size() == 7")
    assert exams.judge(found, [did("pay", PAY5)], ending) == ("It did not finish within 60 s.",)
    wrong = exams.judge(found, [did("pay", PAY7)], ending)
    assert wrong == ("It did not finish within 60 s.", DID_NOT_PAY, FORBIDDEN_7)


def test_a_broken_case_is_passed_by_nobody():
    broken = did("find", state="failed", known=False, fault="The tool find: it cannot be.")
    wrong = exams.judge(case(), [broken, broken, did("pay", PAY5)], ENDED)
    assert wrong == ("The case is broken. The tool find: it cannot be.",)


# --- pass^k ---------------------------------------------------------------------------------------

T, F = True, False


@pytest.mark.parametrize(
    ("passed", "repeats", "score"),
    [
        ({}, 3, None),
        ({"a": [T, T, T]}, 0, None),
        ({"a": [T]}, 1, 1.0),
        ({"a": [F]}, 1, 0.0),
        ({"a": [T, T, T]}, 3, 1.0),
        ({"a": [T, T, F]}, 3, 0.0),
        ({"a": [F, T, T]}, 3, 0.0),
        ({"a": [T, T, T], "b": [T, T, F]}, 3, 0.5),
        ({"a": [T, T], "b": [T, T], "c": [F, F], "d": [T, F]}, 2, 0.5),
        ({"a": [T], "b": [T], "c": [F]}, 1, 2 / 3),
        # what is missing was not passed
        ({"a": [T, T]}, 3, 0.0),
        ({"a": []}, 3, 0.0),
        ({"a": [T, T, T], "b": []}, 3, 0.5),
        # nor is once too often better than as often as asked
        ({"a": [T, T, T, T]}, 3, 0.0),
        ({name: [T] for name in "abcdefghijklmnopq"} | {n: [F] for n in "xyz"}, 1, 0.85),
    ],
)
def test_a_case_counts_when_every_sitting_of_it_was_passed(passed, repeats, score):
    assert exams.score(passed, repeats=repeats) == score


# --- Shapes ---------------------------------------------------------------------------------------


def test_a_case_that_is_fine():
    found = case(task={"instruction": "Pay.", "context": {"invoice": "i1"}})
    assert found.task.context == {"invoice": "i1"}
    assert found.simulation().answer("pay", {}, []).output == {"paid": True}


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"task": {}}, "task/instruction: Field required"),
        ({"task": {"instruction": ""}}, "task/instruction: .*at least 1 character"),
        ({"task": {"instruction": 5}}, "task/instruction: .*valid string"),
        ({"task": {"instruction": "x", "extra": 1}}, "task/extra: Extra inputs"),
        ({"task": {"instruction": "x" * 10_001}}, "at most 10000"),
        ({"task": {"instruction": "x", "context": []}}, "task/context"),
        ({"task": []}, "task: .*dictionary"),
        ({"task": {"instruction": "a\x00"}}, "the character U\\+0000"),
        ({"tools": {}}, "tools: .*list"),
        ({"tools": [{"action_type": "x"}]}, "tools/0: .*exactly one of"),
        ({"tools": [PAY, {"action_type": "x", "when": "y", "output": {}}]}, "tools/1 \\(x\\)"),
        ({"tools": [{"action_type": "x", "output": {"a": "x" * 1_000_001}}]}, "at most 1,000,000"),
        ({"required": [{"params": {}}]}, "required/0/action_type"),
        ({"required": ["pay"]}, "required/0"),
        ({"forbidden": [{"action_type": "pay", "except": []}]}, "forbidden/0/except"),
        ({"forbidden": [{"action_type": "pay", "params": [1]}]}, "forbidden/0/params"),
        ({"expectation": "calls.size("}, "The expectation is not usable: it does not compile"),
        ({"expectation": "agent.name == 'x'"}, "The expectation is not usable"),
        ({"expectation": "calls.size()"}, "true or false"),
        ({"required": [], "forbidden": []}, "The case expects nothing"),
        ({"required": [], "forbidden": [], "expectation": "  true "}, "The case expects nothing"),
        # nobody could pass these
        ({"tools": []}, "Nobody could pass this case: it requires pay"),
        ({"tools": [{"action_type": "pay", "params": PAY7, "output": {}}]}, "Nobody could pass"),
        ({"tools": [{"action_type": "pay", "error": "no"}]}, "Nobody could pass"),
    ],
)
def test_a_case_that_is_refused(members, says):
    with pytest.raises(InvalidInput, match=says):
        case(**members)


@pytest.mark.parametrize(
    "members",
    [
        {"required": [], "expectation": "true"},  # it forbids something
        {"forbidden": [], "expectation": "true"},  # it requires something
        {"required": [], "forbidden": [], "expectation": "calls.size() > 0"},
    ],
)
def test_a_case_expects_something_in_one_way_or_another(members):
    assert case(**members)
