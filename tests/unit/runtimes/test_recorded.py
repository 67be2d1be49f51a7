"""Recorded conversations: what was called, what was answered, and to which call."""

from __future__ import annotations

import json
import time

import pytest

from governance.domain.errors import InvalidInput
from governance.runtimes.recorded import Call, parse_line


def call(call_id, name="find", arguments="{}"):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def asked(*calls):
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def said(call_id, content):
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def parsed(*messages, **members):
    return parse_line(json.dumps({"messages": list(messages), **members}))


def test_the_whole_of_a_conversation():
    found = parsed(
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Find Ada."},
        asked(call("c1", "find", '{"name": "Ada"}')),
        said("c1", "Here."),
        {"role": "user", "content": "Thanks."},
        reward=1.0,
        expected_actions=[{"name": "find", "arguments": {"name": "Ada"}}],
    )
    assert found.calls == (Call("find", {"name": "Ada"}, "Here."),)
    assert (found.reward, found.instruction) == (1.0, "Find Ada.")
    assert found.expected == (("find", {"name": "Ada"}),)


def test_what_is_not_said_is_not_known():
    found = parsed()
    assert (found.calls, found.reward, found.instruction, found.expected) == ((), None, "", None)
    assert parsed(expected_actions=[]).expected == ()


@pytest.mark.parametrize(
    ("messages", "results"),
    [
        ([asked(call("a")), said("a", "1"), asked(call("b")), said("b", "2")], ["1", "2"]),
        # several at once, answered in another order
        ([asked(call("a"), call("b")), said("b", "2"), said("a", "1")], ["1", "2"]),
        # an id that is used again: each answer belongs to the call before it
        ([asked(call("a")), said("a", "1"), asked(call("a")), said("a", "2")], ["1", "2"]),
        ([asked(call("a")), asked(call("a")), said("a", "2")], [None, "2"]),
        ([asked(call("a")), said("a", "1"), asked(call("a"))], ["1", None]),
        ([said("a", "0"), asked(call("a"))], [None]),
        ([asked(call("a"))], [None]),
    ],
)
def test_which_answer_belongs_to_which_call(messages, results):
    assert [each.result for each in parsed(*messages).calls] == results


@pytest.mark.parametrize(
    ("result", "failed"), [("Here.", False), ("", False), ("Error: no", True), (None, True)]
)
def test_a_call_fails_by_its_own_words_or_without_any(result, failed):
    assert Call("find", {}, result).failed is failed


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[]", "not a JSON object"),
        ('{"messages": 1}', "messages: "),
        ('{"messages": [], "expected_actions": [{"name": "x"}]}', "expected_actions/0/arguments"),
        (
            json.dumps({"messages": [asked(call("a", "find", "[1]"))]}),
            "The arguments of find are not an object",
        ),
        (json.dumps({"messages": [asked(call("a", "find", "{"))]}), "arguments of find"),
    ],
)
def test_a_line_is_read_whole_or_not_at_all(line, says):
    with pytest.raises(InvalidInput, match=says):
        parse_line(line)


def test_every_answer_of_the_airline_finds_its_call(airline):
    lines = (airline / "episodes.jsonl").read_text().splitlines()
    found = [parse_line(line) for line in lines]
    assert len(found) == 100
    assert sum(each.reward == 1.0 for each in found) == 43
    assert all(each.result is not None for one in found for each in one.calls)
    first = found[0].calls
    assert [each.name for each in first[:3]] == [
        "get_user_details",
        "search_direct_flight",
        "search_onestop_flight",
    ]
    assert first[2].result.startswith('[[{"flight_number": "HAT057"')


UNSTORABLE = ["\x00", "\ud800"]


@pytest.mark.parametrize("char", UNSTORABLE)
@pytest.mark.parametrize(
    "make",
    [
        lambda char: {"messages": [{"role": "user", "content": char}]},
        lambda char: {"messages": [asked(call("a", char))]},
        lambda char: {"messages": [asked(call("a", "x", json.dumps({"a": [char]})))]},
        lambda char: {"messages": [asked(call("a", "x", json.dumps({char: 1})))]},
        lambda char: {"messages": [asked(call("a")), said("a", char)]},
        lambda char: {"messages": [], "task_id": char},
        lambda char: {
            "messages": [],
            "expected_actions": [{"name": "x", "arguments": {"a": char}}],
        },
        lambda char: {"messages": [], "note": {char: 1}},
    ],
)
def test_what_no_database_can_keep_is_refused(make, char):
    with pytest.raises(InvalidInput, match=r"U\+0000|canonical"):
        parse_line(json.dumps(make(char)))


def test_the_same_conversation_is_known_again_whatever_else_the_line_says():
    """And whatever its calls are numbered; what was said, called and answered counts."""
    turns = [{"role": "user", "content": "Go."}, asked(call("a")), said("a", "1")]
    other = [{"role": "user", "content": "Go."}, asked(call("b")), said("b", "1")]
    first = parsed(*turns, reward=1.0).digest
    assert parsed(*other, reward=0.0, note=1, task_id=3, expected_actions=[]).digest == first
    assert parsed(*turns[:2], reward=1.0).digest != first
    assert parsed(*turns[:2], said("a", "2"), reward=1.0).digest != first


def test_many_calls_that_nobody_answered_take_no_longer_each():
    calls = [asked(call(f"c{number}")) for number in range(8_000)]
    began = time.process_time()
    assert [each.result for each in parsed(*calls).calls] == [None] * 8_000
    assert time.process_time() - began < 2  # measured: 0.3; it was 10
