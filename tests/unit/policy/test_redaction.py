"""What is masked, and what is not: tables written by hand."""

from __future__ import annotations

import base64

import pytest

from governance.policy import references
from governance.policy.redaction import (
    MASK,
    MAX_NAMED,
    clean,
    clean_headers,
    clean_text,
    conceal,
    named_secrets,
    redact,
    restore,
)
from governance.policy.schemas import problems

SECRET = 'p&ss "wörd"/1'

FORMS = [
    SECRET,
    f"before {SECRET} after",
    "p%26ss%20%22w%C3%B6rd%22%2F1",
    "p%26ss+%22w%C3%B6rd%22%2F1",
    "p%26ss%20%22w%c3%b6rd%22%2f1",
    "p&amp;ss &quot;wörd&quot;/1",
    'p&ss \\"wörd\\"/1',
    'p&ss \\"w\\u00f6rd\\"/1',
    base64.b64encode(SECRET.encode()).decode(),
    base64.urlsafe_b64encode(SECRET.encode()).decode(),
    base64.b64encode(f"user:{SECRET}".encode()).decode(),
    base64.b64encode(f"us:{SECRET}:more".encode()).decode(),
    base64.b64encode(f"u:{SECRET}".encode()).decode(),
]


@pytest.mark.parametrize("text", FORMS)
def test_a_revealed_secret_is_masked_however_it_is_escaped(text):
    shown = redact({"deep": [{"text": text}]}, [SECRET])["deep"][0]["text"]
    assert MASK in shown
    assert "rd" not in shown.replace(MASK, "")


def test_a_secret_is_masked_in_keys_and_numbers_too():
    assert redact({"k-12345": 12345, "n": 1234}, ["12345"]) == {f"k-{MASK}": MASK, "n": 1234}


def test_of_two_secrets_the_longer_is_masked_whole():
    assert redact("abcdefgh", ["abcd", "abcdefgh"]) == MASK


def test_texts_are_masked_each_for_itself():
    odd = "x\udfffy"  # half a surrogate pair, which a far side may send
    value = {"abc": ["def", odd, "", "abcdef", f"{odd}abcdef"], "def": odd}
    assert redact(value, ["abcdef", "def\\"]) == {
        "abc": ["def", odd, "", MASK, f"{odd}{MASK}"],
        "def": odd,
    }


def test_of_very_many_named_secrets_the_longest_count():
    texts = [f"secret-{n}" for n in range(599)] + ["the longest of all"]
    found = named_secrets({"token": texts})
    assert len(found) == MAX_NAMED == 500
    assert "the longest of all" in found
    assert "secret-598" in found
    assert "secret-99" not in found


def test_without_secrets_nothing_is_masked():
    value = {"a": [1, True, None, "text"], "b": 1.5}
    assert redact(value, []) == value
    assert redact(value, [""]) == value
    assert redact({"yes": True, "no": None}, ["True", "None"]) == {"yes": True, "no": None}


TEXTS = [
    ("https://x.test/?token=abc", f"https://x.test/?token={MASK}"),
    ("https://x.test/?a=1&api_key=abc&b=2", f"https://x.test/?a=1&api_key={MASK}&b=2"),
    ("https://x.test/?Access_Token=abc#d", f"https://x.test/?Access_Token={MASK}#d"),
    ("https://x.test/#access_token=abc", f"https://x.test/#access_token={MASK}"),
    ("https://user:pass@x.test/", f"https://{MASK}@x.test/"),
    ("postgres://u:p@db/x", f"postgres://{MASK}@db/x"),
    ("Authorization: Bearer abcdefgh12", f"Authorization: Bearer {MASK}"),
    ("basic dXNlcjpwYXNz", f"basic {MASK}"),
    ("Authorization: Bearer correct-horse-battery", f"Authorization: Bearer {MASK}"),
    ("authorization: abc123", f"authorization: {MASK}"),
    ("X-Api-Key: abc\r\nVary: *", f"X-Api-Key: {MASK}\r\nVary: *"),
    ("Cookie: a=1; b=2\nVary: *", f"Cookie: {MASK}\nVary: *"),
    ("set-cookie: a=1; Path=/", f"set-cookie: {MASK}"),
    ("cookie: a:b=1", f"cookie: {MASK}"),
    ("cookie:cookie: a=1", f"cookie:cookie: {MASK}"),
    (f"cookie: {'n' * 5_000}=1", f"cookie: {MASK}"),
    ("the password=hunter2 was refused", f"the password={MASK} was refused"),
    ("{'password': 'p w', 'n': 1}", f"{{'password': '{MASK}', 'n': 1}}"),
    ('{"a": "{\\"token\\": \\"abc\\"}"}', f'{{"a": "{{\\"token\\": \\"{MASK}\\"}}"}}'),
    # tokens known by their form alone
    ("use sk-live-abcdefghijklmnopqrstuvwxyz123456 now", f"use {MASK} now"),
    ("sk_live_abcdefghijklmnopqrstuvwx", MASK),
    ("sk-proj-abcdefghijklmnopqrstuvwxyz", MASK),
    ("sk-ant-api03-abc_DEF-ghijklmnop", MASK),
    ("rk_test_abcdefghijklmnop1234", MASK),
    (f"(ghp_{'a' * 36})", f"({MASK})"),
    (f"github_pat_{'a' * 40}", MASK),
    ("AKIAABCDEFGHIJKLMNOP.", f"{MASK}."),
    ("xoxb-123456789012-abc", MASK),
    ("a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def-ghij b", f"a {MASK} b"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.", MASK),
    (
        "k:\n-----BEGIN RSA PRIVATE KEY-----\nMIIE+/=\n-----END RSA PRIVATE KEY-----\nb",
        f"k:\n{MASK}\nb",
    ),
    ("-----BEGIN PRIVATE KEY-----\\nMIIE", MASK),  # cut off, and its line break escaped
    # what is none
    ("sk-learn is a library", "sk-learn is a library"),
    ("-----BEGIN CERTIFICATE-----\nMIIE", "-----BEGIN CERTIFICATE-----\nMIIE"),
    ("eyJ is how one begins", "eyJ is how one begins"),
    ("https://x.test/?tokens=3&page=2", "https://x.test/?tokens=3&page=2"),
    ("the bearer of news", "the bearer of news"),
    ("mail me: somebody@example.com", "mail me: somebody@example.com"),
    ("a basic idea", "a basic idea"),
    ("Basic information. More of it", "Basic information. More of it"),
    ("basic self-service", "basic self-service"),
    ("Authorization: granted by Ada", "Authorization: granted by Ada"),
    ("Cookie: chocolate", "Cookie: chocolate"),
    ("steps.a.output.token=='x' || token == 'y'", "steps.a.output.token=='x' || token == 'y'"),
    ("the token is hunter2", "the token is hunter2"),
]


@pytest.mark.parametrize(("text", "shown"), TEXTS)
def test_what_looks_like_a_secret_is_masked_in_text(text, shown):
    assert clean_text(text) == shown


MEMBERS = [
    ({"password": "x"}, {"password": MASK}),
    ({"Authorization": "x"}, {"Authorization": MASK}),
    ({"headers": {"Set-Cookie": ["a=1", "b=2"]}}, {"headers": {"Set-Cookie": [MASK, MASK]}}),
    ({"api_key": "x", "apikey": "y"}, {"api_key": MASK, "apikey": MASK}),
    ({"password": {"$secret": "mail"}}, {"password": {"$secret": "mail"}}),
    ({"token": {"$cel": "steps.a.output.b"}}, {"token": {"$cel": "steps.a.output.b"}}),
    ({"token": ""}, {"token": ""}),
    (
        {"token": 12, "secret": None, "signature": True},
        {"token": 12, "secret": None, "signature": True},
    ),
    ({"secret": {"password": "x", "name": "y"}}, {"secret": {"password": MASK, "name": "y"}}),
    ({"tokens": "3", "password_hint": "dog"}, {"tokens": "3", "password_hint": "dog"}),
    ({"note": "sk-live-abcdefghijklmnop1234"}, {"note": MASK}),
    ([{"url": "https://x.test/?sig=abc"}], [{"url": f"https://x.test/?sig={MASK}"}]),
]


@pytest.mark.parametrize(("value", "shown"), MEMBERS)
def test_members_named_for_secrets_lose_their_text(value, shown):
    assert clean(value) == shown


def test_headers_are_joined_and_secret_ones_masked():
    headers = [
        ("Set-Cookie", "a=1"),
        ("SET-COOKIE", "b=2"),
        ("Vary", "Accept"),
        ("vary", "Cookie"),
        ("Location", "https://x.test/?token=abc"),
        ("X-Api-Key", "abc"),
    ]
    assert clean_headers(headers) == {
        "set-cookie": MASK,
        "vary": "Accept, Cookie",
        "location": f"https://x.test/?token={MASK}",
        "x-api-key": MASK,
    }


@pytest.mark.parametrize(("value", "shown"), MEMBERS)
def test_what_was_masked_can_be_put_back(value, shown):
    assert conceal(value, value) == shown
    assert restore(shown, value) == value


PLAN = {"url": "https://x.test/?token=abc", "headers": {"Cookie": ["a=1", "b=2"]}, "n": 1}
SHOWN = {"url": f"https://x.test/?token={MASK}", "headers": {"Cookie": [MASK, MASK]}, "n": 1}

EDITS = [
    # as it was typed, and what it stands for
    ({**SHOWN, "n": 2}, {**PLAN, "n": 2}),
    ({**SHOWN, "url": "https://y.test/"}, {**PLAN, "url": "https://y.test/"}),
    ({"headers": {"Cookie": [MASK, "c=3"]}}, {"headers": {"Cookie": ["a=1", "c=3"]}}),
    # a mask where none was stands for nothing
    ({"n": MASK}, {"n": MASK}),
    ({"headers": {"Cookie": [MASK] * 3}}, {"headers": {"Cookie": ["a=1", "b=2", MASK]}}),
    ({"other": {"Cookie": [MASK]}}, {"other": {"Cookie": [MASK]}}),
    ([SHOWN], [SHOWN]),
]


@pytest.mark.parametrize(("typed", "meant"), EDITS, ids=range(len(EDITS)))
def test_an_edit_of_what_was_masked(typed, meant):
    assert restore(typed, PLAN) == meant
    assert restore(conceal(meant, PLAN), PLAN) == meant


def test_what_an_editor_typed_themselves_is_not_concealed():
    edited = {**PLAN, "url": "https://x.test/?token=new"}
    assert conceal(edited, PLAN) == {**SHOWN, "url": "https://x.test/?token=new"}


NAMED = [
    ({"password": "hunter22"}, {"hunter22"}),
    ([{"params": {"headers": {"Cookie": ["one=11", "two=22", "x"]}}}], {"one=11", "two=22"}),
    ({"token": "next", "secret": "longer"}, {"longer"}),
    ({"password": {"$secret": "mail-password"}}, set()),
    ({"secret": {"name": "somebody", "password": "hunter22"}}, {"hunter22"}),
    ({"note": "a longer text", "token": 123456}, set()),
]


@pytest.mark.parametrize(("value", "found"), NAMED, ids=range(len(NAMED)))
def test_secrets_by_name(value, found):
    assert named_secrets(value) == found


def test_a_schemas_problem_does_not_quote_the_secret_it_found():
    schema = {
        "type": "object",
        "properties": {"password": {"type": "object"}, "url": {"type": "integer"}},
    }
    found = problems(schema, {"password": "hunter2", "url": "https://x.test/?token=hunter2"})
    assert len(found) == 2
    assert "hunter2" not in " ".join(found)


@pytest.mark.parametrize(
    "source",
    ["steps.a.output.sent", "{'$secret': 'mail'}", "[{'x': {'$secret': 'mail'}}]"],
)
def test_an_answer_cannot_name_a_credential(source):
    outputs = {"a": {"state": "done", "output": {"sent": {"deep": [{"$secret": "mail"}]}}}}
    with pytest.raises(references.InvalidInput, match="named in the plan itself"):
        references.resolve({"json": {"$cel": source}}, outputs)
