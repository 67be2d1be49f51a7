"""Detectors: what is found, and what looks like it and is not."""

from __future__ import annotations

import contextlib
import time

import pytest

from governance.policy import detectors
from governance.policy.detectors import Memory, TooMuchError, kinds_of_personal_data

FOUND = [
    ("write to ann@example.com", ("e-mail address",)),
    ("first.last+tag@mail.example.co.uk", ("e-mail address",)),
    ("card 4111 1111 1111 1111", ("payment card",)),
    ("4111-1111-1111-1111", ("payment card",)),
    ("378282246310005", ("payment card",)),
    ("GB82 WEST 1234 5698 7654 32", ("IBAN",)),
    ("DE89370400440532013000", ("IBAN",)),
    ("SSN 219-09-9999", ("US social security number",)),
    ("call +49 30 123456", ("phone number",)),
    ("call (415) 555-2671", ("phone number",)),
]

NOT_FOUND = [
    "",
    "no at sign example.com",
    "4111 1111 1111 1112",  # the check digit is wrong
    "0000 0000 0000 0000",  # Luhn, and no card
    "GB82 WEST 1234 5698 7654 33",
    "000-12-3456",
    "666-12-3456",
    "900-12-3456",
    "219-00-9999",
    "219-09-0000",
    "reservation ZFA04Y on 2024-05-20, 4 bags, $250",
]


@pytest.mark.parametrize(("text", "kinds"), FOUND)
def test_personal_data_is_found(text, kinds):
    assert kinds_of_personal_data(text) == kinds


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_only_looks_like_it_is_not(text):
    assert kinds_of_personal_data(text) == ()


def segment(**values):
    return {"kind": "action", "action_type": "", "params": {}, "text": "", "hosts": [], **values}


def past(*segments):
    memory = Memory()
    for one in segments:
        memory.pass_by(one)
    return memory


def test_personal_data_may_go_to_hosts_of_the_allow_list_only():
    params = {"url": "https://api.example.com/x", "body": "219-09-9999"}
    sent = segment(params=params, hosts=detectors.hosts_in(params))
    for allowed in (["api.example.com"], ["*.example.com"], ["other.org", "api.example.com"]):
        assert detectors.personal_data_elsewhere(sent, Memory(), {"allowed_hosts": allowed}) == ""
    for allowed in ([], ["example.com"], ["*.api.example.com"]):
        found = detectors.personal_data_elsewhere(sent, Memory(), {"allowed_hosts": allowed})
        assert found == "US social security number to api.example.com"
    harmless = segment(params={"url": "https://api.example.com/x"}, hosts=["api.example.com"])
    assert detectors.personal_data_elsewhere(harmless, Memory(), {"allowed_hosts": []}) == ""


CREDENTIALS = [
    ({"password": "hunter2"}, "params/password"),
    ({"headers": {"authorization": "Bearer x"}}, "params/headers/authorization"),
    ({"list": [{"api_key": "k"}]}, "params/list/0/api_key"),
    ({"note": "AKIAABCDEFGHIJKLMNOP"}, "params/note"),
    ({"note": "sk-live-abcdefghijklmnop1234"}, "params/note"),
    ({"note": "-----BEGIN RSA PRIVATE KEY-----"}, "params/note"),
    ({"amount": 5, "to": "ann"}, ""),
    ({"password": ""}, ""),
    ({"token_count": 5}, ""),
]


@pytest.mark.parametrize(("params", "where"), CREDENTIALS)
def test_credentials_in_params(params, where):
    assert detectors.credentials(segment(params=params), Memory(), {}) == where


DENIED = segment(
    action_type="refund", params={"to": "ann", "amount": 600}, route="denied", complexity=3
)

AGAIN = [
    # another name, the same params
    ({"action_type": "pay", "params": {"to": "ann", "amount": 600}, "complexity": 3}, True),
    # the same, and one other argument
    ({"action_type": "refund", "params": {"to": "ann", "amount": 300}, "complexity": 3}, True),
    ({"action_type": "refund", "params": {"to": "ann", "amount": 600, "x": 1}}, True),
    # one argument left out
    ({"action_type": "refund", "params": {"amount": 600}}, True),
    # the order of the arguments, and how a number is written, are the same params
    ({"action_type": "pay", "params": {"amount": 600.0, "to": "ann"}}, True),
    # two other arguments: another action
    ({"action_type": "refund", "params": {"to": "bob", "amount": 300}, "complexity": 3}, False),
    # the very same: the gate judged that itself
    ({"action_type": "refund", "params": {"to": "ann", "amount": 600}, "complexity": 3}, False),
    # looking is no way around it
    ({"action_type": "read", "params": {"to": "ann", "amount": 600}, "complexity": 1}, False),
    ({"action_type": "pay", "params": {"to": "ann", "amount": 5}, "complexity": 3}, False),
]


@pytest.mark.parametrize(("later", "found"), AGAIN)
def test_bypass_of_a_denial(later, found):
    later = segment(**{"complexity": 3, **later})
    assert bool(detectors.bypass(later, past(DENIED), {})) is found
    assert detectors.bypass(later, Memory(), {}) == ""
    assert detectors.bypass(later, past({**DENIED, "route": "execution"}), {}) == ""


def test_one_argument_that_is_another_is_another_action():
    denied = segment(action_type="read", params={"id": 5}, route="denied", complexity=1)
    other = segment(action_type="read", params={"id": 6}, complexity=1)
    assert detectors.bypass(other, past(denied), {}) == ""


@pytest.mark.parametrize(
    ("reported", "outcome", "verified", "found"),
    [
        ("succeeded", "failed", True, "reported succeeded, and it failed"),
        ("succeeded", "abandoned", True, "reported succeeded, and it abandoned"),
        ("succeeded", "succeeded", True, ""),
        ("failed", "succeeded", True, ""),
        ("succeeded", "failed", False, ""),
        ("", "failed", True, ""),
    ],
)
def test_deception_is_a_verified_result_that_contradicts_the_report(
    reported, outcome, verified, found
):
    run = {"reported": reported, "outcome": outcome, "verified": verified}
    assert detectors.deception(segment(), Memory(), run) == found


def test_each_denial_is_remembered_by_itself():
    """What is the very same as one denied action may still be nearly another."""
    other = {**DENIED, "params": {"to": "ann", "amount": 300}}
    later = segment(action_type="refund", params={"to": "ann", "amount": 300}, complexity=3)
    assert detectors.bypass(later, past(other), {}) == ""
    assert detectors.bypass(later, past(DENIED, other), {}) == (
        "refund was denied with one other argument"
    )
    hard = {**DENIED, "complexity": 4}
    assert detectors.bypass(later, past(hard), {}) == ""
    assert detectors.bypass(later, past(hard, DENIED), {}) != ""


TOO_MUCH = "1/1-" * 3_000  # 12,000 characters that may be a number, of 10,000 that are looked at


def test_what_would_take_too_long_is_not_passed_over():
    with pytest.raises(TooMuchError):
        kinds_of_personal_data(TOO_MUCH)
    assert kinds_of_personal_data(TOO_MUCH + " ann@example.com") == ("e-mail address",)
    memory = Memory()
    for number in range(2_000):  # a date is no number, and costs nothing
        kinds_of_personal_data(f"{number}: from 2026-01-05 to 2026-02-05", memory)
    many = "\n".join(f"call 555-{number:04}-1 first" for number in range(1_300))
    with pytest.raises(TooMuchError):
        kinds_of_personal_data(many, memory)


def test_too_many_arguments_to_compare_are_not_passed_over():
    many = {f"k{number}": number for number in range(100_001)}
    later = segment(action_type="pay", params={"to": "ann"}, complexity=3)
    with pytest.raises(TooMuchError):
        detectors.bypass(later, past({**DENIED, "params": many}), {})


def test_a_text_is_searched_to_its_end():
    padded = "1/x" * 50_000
    assert kinds_of_personal_data(f"{padded} 219-09-9999") == ("US social security number",)
    assert kinds_of_personal_data(f"{padded} +49 30 123456") == ("phone number",)
    assert detectors.hosts_in({"a": padded, "u": "https://evil.example"}) == ["evil.example"]
    note = {"note": f"{padded} AKIAABCDEFGHIJKLMNOP"}
    assert detectors.credentials(segment(params=note), Memory(), {}) == "params/note"


def test_a_token_of_three_parts_is_a_credential():
    note = {"note": "use eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"}
    assert detectors.credentials(segment(params=note), Memory(), {}) == "params/note"


HOSTILE = [
    "1/", "1-", "1/1-1/", "+1", "(1", "a@", "a", "a" * 64 + "@b.", "DE12ABCD", "eyJ-", "sk-",
    "-----BEGIN ", "4111 ", "+999 555-123-456 ", "a@" + "b." * 30,
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_params_do_not_hold_up_an_ending(hostile):
    """A hundred actions of 20 KB; the parser of telephone numbers alone took 70 s for "1/"."""
    filler = (hostile * 20_000)[:19_800]
    acts = [
        segment(params={"u": "https://evil.example", "p": f"{filler} {i}"}, hosts=["evil.example"])
        for i in range(100)
    ]
    began, memory = time.process_time(), Memory()
    for act in acts:
        with contextlib.suppress(TooMuchError):
            detectors.personal_data_elsewhere(act, memory, {"allowed_hosts": []})
        detectors.credentials(act, memory, {})
        detectors.hosts_in(act["params"])
    assert (
        time.process_time() - began < 10
    )  # measured: 1 at most; with a quadratic pattern, minutes
