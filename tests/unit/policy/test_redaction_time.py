"""What a far side answers decides no more than in proportion how long its masking takes."""

from __future__ import annotations

import gc
import re
import time

import pytest

from governance.policy import redaction
from governance.policy.redaction import clean_text, named_secrets, redact
from governance.policy.schemas import problems

LONG = 40_000
"""Length of the longer text, in characters; the shorter one is a quarter of it."""

STEEPEST = 8.0
"""Four times the text takes some four times as long when time is linear, sixteen when not."""

NAMES = ["token", "password", "x-amz-security-token"]

PREFIXES = [
    *(f"{name}=" for name in NAMES),
    *(f'{name}"' for name in NAMES),
    *(f"{name}:" for name in ("cookie", "authorization", "x-api-key", "x-amz-security-token")),
    "aa://",
    "bearer ",
    "basic ",
    "authorization: bearer ",
    "sk-",
    "ghp_",
    "eyJ",
    "-----BEGIN ",
]

REPEATED = [
    *PREFIXES,
    "cookie: ",
    "cookie:a",
    "cookie:a:",
    "set-cookie:",
    'cookie:\t"',
    "token\\",
    "token' : ",
    "token ",
    "a.",
    "a+b://",
    "a@",
    "aa://a",
    "basic a-a-",
    "bearer-",
    "authorization: a-",
    "authorization:[",
    "x-api-key:[",
    "sk-live-",
    "-sk-live",
    "-eyJaaaaaaaaaa",
    ".eyJaaaaaaaaaa",
    "-eyJaaaaaaaaaa.eyJ",
    "xoxb-",
    "AKIA",
    "-----BEGIN PRIVATE KEY",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n-----END ",
]

STARTED = [
    # once, and then the second again and again
    ("cookie:", "a"),
    ("cookie:", " "),
    ("cookie:", "\u00e9"),
    ("authorization:", " "),
    ("authorization: bearer", " "),
    ("authorization: ", "a-"),
    ("authorization: ", "."),
    ("bearer", " "),
    ("bearer ", "a-"),
    ("bearer ", "a"),
    ("basic a", "."),
    ("token", "\\"),
    ('token"', " "),
    ('token":', "\\"),
    ("x-api-key:", " "),
    ("aa://", "a"),
    ("a", "."),
    ("", "x"),
    ("-----BEGIN PRIVATE KEY-----", "a-"),
    ("-----BEGIN ", "A"),
    ("eyJaaaaaaaaaa.eyJ", "a"),
]


def patterns() -> dict[str, re.Pattern[str]]:
    return {n: found for n, found in vars(redaction).items() if isinstance(found, re.Pattern)}


def seconds(work, argument) -> float:
    """The least time of two, in seconds of this process."""
    took = []
    for _ in range(2):
        gc.disable()  # a full collection in between would count for the work
        started = time.process_time()
        work(argument)
        took.append(time.process_time() - started)
        gc.enable()
    return min(took)


def steepness(work, make) -> float:
    """How much longer four times as much takes; what takes next to no time counts as flat."""
    less, more = seconds(work, make(LONG // 4)), seconds(work, make(LONG))
    return more / max(less, 0.005)


def hostile(start: str, again: str, length: int) -> str:
    return start + again * (length // len(again))


@pytest.mark.parametrize("name", patterns())
def test_no_pattern_is_quadratic(name):
    search = patterns()[name]
    texts = [("", again) for again in REPEATED] + STARTED
    steep = {
        pair: found
        for pair in texts
        if (found := steepness(lambda text: search.sub("", text), lambda n: hostile(*pair, n)))  # noqa: B023  called at once
        >= STEEPEST
    }
    assert steep == {}


def test_all_patterns_are_looked_at():
    assert set(patterns()) == {
        "_ASSIGNED",
        "_AUTHORIZATION",
        "_COOKIES",
        "FORMS",
        "_HEADERS",
        "_SCHEMES",
        "_USERINFO",
    }


def test_cleaning_is_linear():
    assert steepness(clean_text, lambda n: hostile("", "cookie:", n)) < STEEPEST


MANY = named_secrets({"token": [f"s{n:09d}" for n in range(5_000)]})

OUTPUTS = [
    lambda n: "s00000" * (n // 6),
    lambda n: [f"s0000{i}" for i in range(n // 8)],
    lambda n: {f"s0000{i}": i for i in range(n // 8)},
]


@pytest.mark.parametrize("make", OUTPUTS, ids=["a text", "many texts", "many keys"])
def test_masking_many_secrets_is_linear_in_the_output(make):
    assert steepness(lambda value: redact(value, MANY), make) < STEEPEST


def test_looking_past_references_is_linear():
    schema = {
        "type": "object",
        "properties": {"to": {"type": "array", "items": {"type": "string"}}},
    }

    def look(params):
        assert problems(schema, params, unresolved=True) == ()

    make = lambda n: {"to": [{"$cel": "1"}] * (n // 20)}  # noqa: E731  as the tables above have it
    assert steepness(look, make) < STEEPEST
