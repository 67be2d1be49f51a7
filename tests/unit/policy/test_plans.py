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
        ([step(when=None)], "plan/0/when: Input should be a valid string"),
        ([step(when=5)], "plan/0/when: Input should be a valid string"),
        ([step(when="")], "plan/0/when"),
        ([step(when=True)], "plan/0/when"),
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


# --- References and conditions --------------------------------------------------------------------


def test_a_step_may_refer_to_those_before_it_and_depend_on_them():
    fetch, then = step(id="fetch"), {"rows": {"$cel": "steps.fetch.output.rows"}}
    told = step(id="tell", params=then, when="size(steps.fetch.output.rows) > 0")
    plan = plans.parse([fetch, told])
    assert [s.when for s in plan.steps] == [None, "size(steps.fetch.output.rows) > 0"]
    assert plan.as_json() == [fetch, told]
    assert plan.text == (
        '[{"action_type":"pay_invoice","id":"fetch","params":{"amount":5}},'
        '{"action_type":"pay_invoice","id":"tell",'
        '"params":{"rows":{"$cel":"steps.fetch.output.rows"}},'
        '"when":"size(steps.fetch.output.rows) > 0"}]'
    )
    assert plans.parse_text(plan.text) == plan


def test_a_condition_means_something():
    plain = [step(id="a"), step(id="b")]
    under = [step(id="a"), step(id="b", when="steps.a.state == 'done'")]
    assert sealed(plain) != sealed(under)


def refers(source, **more):
    return step(id="b", params={"a": {"x": [{"$cel": source}]}}, **more)


ONLY_EARLIER = "only earlier steps may be named"

# what comes after step a (or alone), what is said of it
UNFIT = [
    ([refers("steps.b.output")], "Step b: `steps.b.output` does not compile"),  # itself
    ([refers("steps.c.output"), step(id="c")], ONLY_EARLIER),  # later
    ([refers("steps.x.output")], ONLY_EARLIER),  # unknown
    ([refers("1 +")], "Step b: `1 +` does not compile"),
    ([refers("agent.name")], ONLY_EARLIER),
    ([refers(1)], "Step b: a CEL expression must be a string"),
    ([refers(None)], "Step b: a CEL expression must be a string"),
    ([refers("1" * 2_001)], "Step b: an expression is longer than 2,000 characters"),
    ([step(id="b", params={"$cel": "steps.x.output"})], ONLY_EARLIER),
    ([step(id="b", params={"a": {"$cel": "1", "b": 2}})], 'an object with "$cel" has no other'),
    ([step(id="b", when="steps.b.state == 'done'")], ONLY_EARLIER),
    ([step(id="b", when="steps.c.state == 'done'"), step(id="c")], ONLY_EARLIER),
    ([step(id="b", when="steps.x.state == 'done'")], ONLY_EARLIER),
    ([step(id="b", when="steps.a.output.ok")], "Step b: the condition must be true or false"),
    ([step(id="b", when="1")], "Step b: the condition must be true or false"),
    ([step(id="b", when="'true'")], "Step b: the condition must be true or false"),
    ([step(id="b", when="true &&")], "Step b: `true &&` does not compile"),
    ([step(id="b", when="true" + " " * 2_000)], "Step b: an expression is longer than 2,000"),
]


@pytest.mark.parametrize(("rest", "says"), UNFIT)
def test_what_no_step_may_refer_to_or_depend_on(rest, says):
    with pytest.raises(InvalidInput) as refusal:
        plans.parse([step(id="a"), *rest])
    assert says in str(refusal.value)


def test_the_first_step_has_nothing_to_refer_to():
    with pytest.raises(InvalidInput, match=ONLY_EARLIER):
        plans.parse([refers("steps.a.output")])
    assert plans.parse([refers("1 + 1", when="1 < 2")])


def test_the_form_of_one_step_by_itself():
    whole = step(id="sync", when="steps.a.output.go == true")
    assert plans.parse_step(whole).as_json() == whole
    with pytest.raises(InvalidInput, match="Extra inputs"):
        plans.parse_step({**whole, "more": 1})


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
        ("", "What was given as the plan is not valid JSON"),
        ('[{"id":"a","id":"b","action_type":"x","params":{}}]', "'id' appears twice"),
        ('[{"id":"a","action_type":"x","params":{"a":1,"a":2}}]', "'a' appears twice"),
        ('[{"id":"a","action_type":"x","params":{"a":NaN}}]', "NaN"),
        ('[{"id":"a","action_type":"x","params":{"a":1e400}}]', "too large for a number"),
        ('[{"id":"a","action_type":"x","params":{"a":9007199254740992}}]', "2**53"),
        ("[" * 100, "the plan"),
        (b"\xff", "the plan"),
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
