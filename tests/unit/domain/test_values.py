from __future__ import annotations

import datetime
import decimal

import pytest

from governance.domain.errors import InvalidInput
from governance.domain.values import (
    MAX_DEPTH,
    canonical,
    canonical_text,
    digest,
    parse_json,
    require_storable,
    require_text,
)

CANONICAL = [
    # members sorted, no white space (RFC 8785, 3.2.1 and 3.2.3)
    ({"b": 1, "a": 2}, b'{"a":2,"b":1}'),
    ({}, b"{}"),
    ([1, [2, {"x": []}]], b'[1,[2,{"x":[]}]]'),
    ([None, True, False], b"[null,true,false]"),
    # sorted by UTF-16 code units: U+1F600 (D83D DE00) comes before U+FFFF
    ({"\uffff": 2, "\U0001f600": 1}, b'{"\xf0\x9f\x98\x80":1,"\xef\xbf\xbf":2}'),
    # RFC 8785, 3.2.3: the example of the standard
    (
        {
            "\u20ac": "Euro Sign",
            "\r": "Carriage Return",
            "\ufb33": "Hebrew Letter Dalet With Dagesh",
            "1": "One",
            "\U0001f600": "Emoji: Grinning Face",
            "\u0080": "Control",
            "\u00f6": "Latin Small Letter O With Diaeresis",
        },
        '{"\\r":"Carriage Return","1":"One","\u0080":"Control",'
        '"\u00f6":"Latin Small Letter O With Diaeresis","\u20ac":"Euro Sign",'
        '"\U0001f600":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'.encode(),
    ),
    # strings: only what must be escaped is (3.2.2.2)
    ('\u20ac$\u000f\nA\'B"\\\\"/', b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
    ("\x00\x08\x1f\x7f", b'"\\u0000\\b\\u001f\x7f"'),
    # numbers as ECMAScript writes them (3.2.2.3)
    (333333333.33333329, b"333333333.3333333"),
    (1e30, b"1e+30"),
    (4.50, b"4.5"),
    (2e-3, b"0.002"),
    (0.000000000000000000000000001, b"1e-27"),
    (-0.0, b"0"),
    (0, b"0"),
    (1.0, b"1"),
    (5e-324, b"5e-324"),
    (1.7976931348623157e308, b"1.7976931348623157e+308"),
    (1e21, b"1e+21"),
    (1e20, b"100000000000000000000"),
    (1e-7, b"1e-7"),
    (1e-6, b"0.000001"),
    (2**53 - 1, b"9007199254740991"),
    (-(2**53) + 1, b"-9007199254740991"),
]


@pytest.mark.parametrize(("value", "expected"), CANONICAL)
def test_canonical(value, expected):
    assert canonical(value) == expected
    assert canonical_text(value) == expected.decode()


NO_CANONICAL_FORM = [
    float("nan"),
    float("inf"),
    float("-inf"),
    2**53,
    -(2**53),
    10**400,
    "\ud800",
    ["\udfff"],
    {"\ud800": 1},
    {1: "a key that is no string"},
    {None: 1},
    {True: 1},
    {1, 2},
    b"bytes",
    ...,
    decimal.Decimal(1),
    datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
]


@pytest.mark.parametrize("value", NO_CANONICAL_FORM, ids=lambda value: ascii(value)[:30])
@pytest.mark.parametrize("inside", [lambda value: value, lambda value: {"a": [value]}])
def test_what_has_no_canonical_form_is_refused(value, inside):
    with pytest.raises(InvalidInput, match="The plan has no canonical JSON form"):
        canonical(inside(value), what="plan")


def nested(levels: int, wrap):
    value = wrap(None)
    for _ in range(levels - 1):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"a": v}, lambda v: (v,)])
def test_nesting_is_bounded(wrap):
    assert MAX_DEPTH == 64
    canonical(nested(63, wrap))
    with pytest.raises(InvalidInput, match="deeper than 64"):
        canonical(nested(64, wrap))
    with pytest.raises(InvalidInput, match="deeper than 64"):
        canonical(nested(100_000, wrap))


def test_a_list_that_holds_itself_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(InvalidInput, match="deeper than 64"):
        canonical(loop)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # printf '{}' | sha256sum
        ({}, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
        # printf '{"a":1,"b":[true,null,"\xc3\xa9"]}' | sha256sum
        (
            {"b": [True, None, "é"], "a": 1.0},
            "9488dd13ca33d3291f5a91a1833dfa164811755ffba538c2b340780f8c31a0cb",
        ),
    ],
)
def test_a_digest_is_sha_256_over_the_canonical_bytes(value, expected):
    assert digest(value) == expected


def parsed(text, *, max_bytes=10_000):
    return parse_json(text, what="body", max_bytes=max_bytes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": [1, 2.5, null, true, "x"]}', {"a": [1, 2.5, None, True, "x"]}),
        (' "\\u00e9" ', "é"),
        (b'{"\xc3\xa9": 1}', {"é": 1}),
        ('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),  # the same key in two objects is fine
    ],
)
def test_json_is_read(text, expected):
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not valid JSON"),
        ("[1,]", "line 1, column 4"),
        ('{"a":1', "not valid JSON"),
        ("{'a': 1}", "not valid JSON"),
        ("01", "not valid JSON"),
        ("1 2", "not valid JSON"),
        ("// no comments\n1", "not valid JSON"),
        ("\ufeff{}", "not valid JSON"),
        ('"a\x01b"', "not valid JSON"),
        ('"a\nb"', "not valid JSON"),
        ("NaN", "NaN is not a JSON number"),
        ("[Infinity]", "Infinity is not a JSON number"),
        ("[-Infinity]", "-Infinity is not a JSON number"),
        ('{"a": 1, "a": 1}', "'a' appears twice"),
        ('[{"b": {"a": 1, "c": 2, "a": 3}}]', "'a' appears twice"),
        (b"\xff\xfe\x00", "not acceptable JSON"),
        (b'"\xff"', "not acceptable JSON"),
        ("9" * 5_000, "not acceptable JSON"),
        ("[" * 9_999, "not acceptable JSON"),
    ],
)
def test_json_that_is_not_strict_is_refused(text, says):
    with pytest.raises(InvalidInput) as refusal:
        parsed(text)
    assert says in str(refusal.value)
    assert "the body" in str(refusal.value)


@pytest.mark.parametrize("text", ['"éé"', b'"\xc3\xa9\xc3\xa9"'])
def test_json_is_bounded_in_bytes_not_characters(text):
    assert parsed(text, max_bytes=6) == "éé"
    with pytest.raises(InvalidInput, match="as the body has 6 bytes; at most 5"):
        parsed(text, max_bytes=5)


def stored(value, *, max_bytes=100):
    require_storable(value, what="context", max_bytes=max_bytes)


@pytest.mark.parametrize("value", ["\x00", "a\x00b", {"\x00": 1}, ["\\\x00"], {"a": ["\\\\\x00"]}])
def test_the_character_u0000_cannot_be_stored(value):
    with pytest.raises(InvalidInput, match=r"The context holds the character U\+0000"):
        stored(value)


@pytest.mark.parametrize("value", ["\\u0000", "\\\\u0000", {"\\u0000": "u0000"}, "\x01\x1f"])
def test_text_that_only_looks_like_u0000_can_be_stored(value):
    stored(value)


def test_what_is_stored_is_bounded_in_canonical_bytes():
    stored("x" * 98)
    stored({"a": 1.0}, max_bytes=7)  # canonical: {"a":1}
    with pytest.raises(InvalidInput, match="as the context has 101 bytes; at most 100"):
        stored("x" * 99)


def test_what_is_stored_must_have_a_canonical_form():
    with pytest.raises(InvalidInput, match="no canonical JSON form"):
        stored({"a": float("nan")})


def text(value, *, required=False):
    return require_text(value, what="reason", max_length=5, required=required)


@pytest.mark.parametrize("value", ["", "   ", "12345", "é\U0001f600", "a\nb\t"])
def test_text_is_returned_as_it_is(value):
    assert text(value) == value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("123456", "6 characters long; at most 5"),
        ("a\x00", "cannot be stored"),
        ("\ud800", "cannot be stored"),
        ("a\udfffb", "cannot be stored"),
    ],
)
def test_text_that_cannot_be_stored_is_refused(value, says):
    with pytest.raises(InvalidInput) as refusal:
        text(value)
    assert str(refusal.value).startswith("The reason ")
    assert says in str(refusal.value)


@pytest.mark.parametrize("value", ["", "  ", "\n\t", "\u00a0"])
def test_required_text_is_not_blank(value):
    with pytest.raises(InvalidInput, match="The reason is empty"):
        text(value, required=True)
