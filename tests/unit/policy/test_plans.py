from __future__ import annotations

import hashlib

import pytest

from governance.domain.errors import InvalidInput
from governance.policy import plans
from governance.policy.plans import difference


def step(**values):
    return {"id": "pay", "action_type": "pay_invoice", "params": {"amount": 5}, **values}


def test_a_plan_is_its_steps_and_their_canonical_text():
    plan = plans.parse([step(), step(id="tell", action_type="send", params={})])
    assert [s.id for s in plan.steps] == ["pay", "tell"]
    assert plan.steps[0].params == {"amount": 5}
    assert plan.text == (
        '[{"action_type":"pay_invoice","id":"pay","params":{"amount":5}},'
        '{"action_type":"send","id":"tell","params":{}}]'
    )
    assert plan.as_json() == [step(), step(id="tell", action_type="send", params={})]


def test_a_single_action_is_a_plan_of_one_step():
    assert plans.single("pay_invoice", {"amount": 5}) == [
        {"id": "step1", "action_type": "pay_invoice", "params": {"amount": 5}}
    ]


@pytest.mark.parametrize(
    "same",
    [
        [{"params": {"amount": 5}, "id": "pay", "action_type": "pay_invoice"}],  # order of keys
        [step(params={"amount": 5.0})],  # a whole number, however it is written
        (step(),),
    ],
)
def test_what_means_the_same_has_the_same_text(same):
    assert plans.parse(same).text == plans.parse([step()]).text


@pytest.mark.parametrize(
    "other",
    [
        [step(params={"amount": "5"})],
        [step(params={"amount": 5.5})],
        [step(params={"amount": True})],
        [step(params={"amount": None})],
        [step(params={})],
        [step(id="pay2")],
        [step(action_type="pay_invoices")],
        [step(), step(id="b")],
        [step(params={"amount": [5]})],
    ],
)
def test_what_means_something_else_has_another_text(other):
    assert plans.parse(other).text != plans.parse([step()]).text


def test_the_order_of_steps_means_something():
    steps = [step(id="a"), step(id="b")]
    assert plans.parse(steps).text != plans.parse(steps[::-1]).text


def test_what_is_judged_is_what_was_sealed():
    # -0.0 is sealed as 0, so 0 is what the gate and the handler get.
    assert str(plans.parse([step(params={"amount": -0.0})]).steps[0].params) == "{'amount': 0}"


LARGEST = 256_000


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "at least 1 item"),
        ({}, "valid list"),
        (None, "valid list"),
        ("[]", "valid list"),
        (5, "valid list"),
        ([None], "plan/0"),
        ([[]], "plan/0"),
        ([{}], "plan/0/id: Field required"),
        ([{"id": "a", "params": {}}], "plan/0/action_type: Field required"),
        ([{"id": "a", "action_type": "x"}], "plan/0/params: Field required"),
        ([step(), step(id="b", note="hi")], "plan/1/note: Extra inputs are not permitted"),
        ([step(when="true")], "plan/0/when: Extra inputs"),
        ([step(id=5)], "plan/0/id: Input should be a valid string"),
        ([step(id=None)], "plan/0/id"),
        ([step(id="")], "plan/0/id"),
        ([step(id="Pay")], "plan/0/id"),
        ([step(id="1pay")], "plan/0/id"),
        ([step(id="pay-it")], "plan/0/id"),
        ([step(id="pay\n")], "plan/0/id"),
        ([step(id="é")], "plan/0/id"),
        ([step(id="a" * 51)], "plan/0/id"),
        ([step(action_type=5)], "plan/0/action_type"),
        ([step(action_type="")], "plan/0/action_type"),
        ([step(action_type="x" * 101)], "plan/0/action_type"),
        ([step(params=None)], "plan/0/params"),
        ([step(params=[])], "plan/0/params"),
        ([step(params="{}")], "plan/0/params"),
        ([step(), step()], "two steps with the id 'pay'"),
        ([step(id="a"), step(id="b"), step(id="a")], "two steps with the id 'a'"),
        ([step(id=f"s{n}") for n in range(51)], "at most 50 items"),
        ([step(params={"a": {"$cel": "steps.x.output"}})], "$cel"),
        ([step(params={"$cel": "steps.x.output"})], "$cel"),
        ([step(params={"a": [{"b": [{"$cel": 1}]}]})], "$cel"),
        ([step(params={"a": "x" * LARGEST})], "at most 256,000"),
        ([step(params={"a": "\x00"})], "U+0000"),
        ([step(params={"\x00": 1})], "U+0000"),
        ([step(params={"a": float("nan")})], "no canonical JSON form"),
        ([step(params={"a": 2**53})], "no canonical JSON form"),
        ([step(params={"a": "\ud800"})], "no canonical JSON form"),
        ([step(params={1: 2})], "no canonical JSON form"),
    ],
)
def test_what_is_no_plan_is_refused(data, says):
    with pytest.raises(InvalidInput) as refusal:
        plans.parse(data)
    assert says in str(refusal.value)


def test_the_largest_plan():
    room = LARGEST - len(plans.parse([step(params={"a": ""})]).text)
    assert len(plans.parse([step(params={"a": "x" * room})]).text) == LARGEST
    with pytest.raises(InvalidInput, match="256,001 bytes"):
        plans.parse([step(params={"a": "x" * (room + 1)})])


def test_fifty_steps_an_id_of_fifty_characters_and_a_key_of_a_hundred_are_fine():
    assert len(plans.parse([step(id=f"s{n}") for n in range(50)]).steps) == 50
    assert plans.parse([step(id="a" * 50)]).steps[0].id == "a" * 50
    assert plans.parse([step(action_type="x" * 100)]).steps[0].action_type == "x" * 100


def test_the_text_dollar_cel_is_no_reference():
    assert plans.parse([step(params={"a": ["$cel"], "b": "$cel"})])


@pytest.mark.parametrize("amount", [1e16, 2.0**53])
def test_a_plan_that_is_accepted_can_be_read_back(amount):
    try:
        text = plans.parse([step(params={"amount": amount})]).text
    except InvalidInput:
        return  # refusing it at once would be right as well
    assert plans.parse_text(text).text == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The plan is not valid JSON"),
        ('[{"id":"a","id":"b","action_type":"x","params":{}}]', "'id' appears twice"),
        ('[{"id":"a","action_type":"x","params":{"a":1,"a":2}}]', "'a' appears twice"),
        ('[{"id":"a","action_type":"x","params":{"a":NaN}}]', "NaN"),
        ('[{"id":"a","action_type":"x","params":{"a":1e400}}]', "too large for a number"),
        ('[{"id":"a","action_type":"x","params":{"a":9007199254740992}}]', "2**53"),
        ("[" * 100, "The plan"),
        (b"\xff", "The plan"),
        (" " * (LARGEST + 1), "256,001 bytes"),
    ],
)
def test_text_that_is_no_plan_is_refused(text, says):
    with pytest.raises(InvalidInput) as refusal:
        plans.parse_text(text)
    assert says in str(refusal.value)


def test_text_and_bytes_are_read_alike():
    text = '[ {"id": "a", "action_type": "x", "params": {"é": 1.0}} ]'
    expected = '[{"action_type":"x","id":"a","params":{"é":1}}]'
    assert plans.parse_text(text).text == expected
    assert plans.parse_text(text.encode()).text == expected


# --- Seals ----------------------------------------------------------------------------------------

SEALED = {"agent_id": "a1", "fingerprint": "f1", "policy_version": 3}


def sealed(data=None, **values):
    return plans.seal(plan=plans.parse(data or [step()]), **{**SEALED, **values})


def test_a_seal_covers_plan_agent_fingerprint_and_policy_version():
    text = (
        '{"agent":"a1","fingerprint":"f1","plan":[{"action_type":"pay_invoice","id":"pay",'
        '"params":{"amount":5}}],"policy_version":3}'
    )
    assert sealed() == hashlib.sha256(text.encode()).hexdigest()
    assert sealed([step(params={"amount": 5.0})]) == sealed()
    others = [
        sealed([step(params={"amount": 6})]),
        sealed(agent_id="a2"),
        sealed(fingerprint="f2"),
        sealed(policy_version=4),
    ]
    assert len({sealed(), *others}) == 5


# --- Differences ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": 2}, [{"path": "/a", "before": 1, "after": 2}]),
        # null is a value; absent is none
        ({"a": None}, {}, [{"path": "/a", "before": None}]),
        ({}, {"a": None}, [{"path": "/a", "after": None}]),
        ({"a": None}, {"a": 0}, [{"path": "/a", "before": None, "after": 0}]),
        # 1 and true are equal in Python, and not here
        ({"a": 1}, {"a": True}, [{"path": "/a", "before": 1, "after": True}]),
        ({"a": 0}, {"a": False}, [{"path": "/a", "before": 0, "after": False}]),
        ({"a": "1"}, {"a": 1}, [{"path": "/a", "before": "1", "after": 1}]),
        ({"a": [True]}, {"a": [1]}, [{"path": "/a/0", "before": True, "after": 1}]),
        # RFC 6901: ~ becomes ~0 and / becomes ~1
        ({"a/b": 1}, {"a/b": 2}, [{"path": "/a~1b", "before": 1, "after": 2}]),
        ({"a~b": 1}, {"a~b": 2}, [{"path": "/a~0b", "before": 1, "after": 2}]),
        ({"~1": 1}, {"~1": 2}, [{"path": "/~01", "before": 1, "after": 2}]),
        ({"/~": {"": 1}}, {"/~": {"": 2}}, [{"path": "/~1~0/", "before": 1, "after": 2}]),
        # lists, by index
        ([1, 2], [1, 3], [{"path": "/1", "before": 2, "after": 3}]),
        ([1], [1, 2], [{"path": "/1", "after": 2}]),
        ([1, 2, 3], [1], [{"path": "/1", "before": 2}, {"path": "/2", "before": 3}]),
        ([{"a": 1}], [{"a": 1, "b": 2}], [{"path": "/0/b", "after": 2}]),
        # another kind of value is a change of the whole
        ({"a": {"b": 1}}, {"a": [1]}, [{"path": "/a", "before": {"b": 1}, "after": [1]}]),
        ({"a": {}}, {"a": []}, [{"path": "/a", "before": {}, "after": []}]),
        ({"a": {}}, {"a": None}, [{"path": "/a", "before": {}, "after": None}]),
        # the whole document
        (1, 2, [{"path": "", "before": 1, "after": 2}]),
        ([], {}, [{"path": "", "before": [], "after": {}}]),
    ],
)
def test_difference(before, after, expected):
    found = difference(before, after)
    assert repr(found) == repr(expected)  # by repr, because True == 1


def test_changes_come_in_the_order_of_the_document():
    before = {"z": 1, "a": [1, 2], "gone": 1}
    after = {"new": 1, "a": [2, 1], "z": 2}
    paths = [change["path"] for change in difference(before, after)]
    assert paths == ["/z", "/a/0", "/a/1", "/gone", "/new"]
