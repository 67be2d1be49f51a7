import json
from html.parser import HTMLParser

import pytest
from django.utils.safestring import SafeString
from hypothesis import given
from hypothesis import strategies as st

from governance.admin.rendering.visible import is_hidden, revealed, visible, visible_json

ANY_TEXT = st.text(st.characters(exclude_categories=()))


def invisible(code, title):
    return f'<span class="invisible" title="{title}">{code}</span>'


def lookalike(char, title):
    return f'<span class="lookalike" title="{title}">{char}</span>'


class Reader(HTMLParser):
    """Reads what `visible` wrote back into the text it came from."""

    def __init__(self):
        super().__init__()
        self.text, self.tags, self.stack = "", set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.stack.append(dict(attrs).get("class"))

    def handle_endtag(self, tag):
        self.stack.pop()

    def handle_data(self, data):
        if "invisible" in self.stack:
            code, _, count = data.partition(" \u00d7 ")
            char = chr(int(code.removeprefix("U+"), 16))
            # A line break is marked and then also drawn.
            data = "" if char == "\n" else char * int(count or 1)
        self.text += data


def read(html):
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain text, 12.50", "plain text, 12.50"),
        ("two\nlines", "two\nlines"),
        ("two\n\nlines", "two\n\nlines"),
        ("<script>alert('x')</script>", "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;"),
        ('a & "b"', "a &amp; &quot;b&quot;"),
        ("&lt;", "&amp;lt;"),
        ("Zürich, 東京, 안녕, ภาษา", "Zürich, 東京, 안녕, ภาษา"),
        ("e\u0301", "e\u0301"),
    ],
)
def test_ordinary_text_is_only_escaped(text, expected):
    assert visible(text) == expected


@pytest.mark.parametrize(
    ("char", "code", "title"),
    [
        ("\x00", "U+0000", "NULL"),
        ("\x08", "U+0008", "BACKSPACE"),
        ("\t", "U+0009", "CHARACTER TABULATION"),
        ("\r", "U+000D", "CARRIAGE RETURN"),
        ("\x1b", "U+001B", "ESCAPE"),
        ("\x1c", "U+001C", "CONTROL CHARACTER"),
        ("\x7f", "U+007F", "DELETE"),
        ("\x9b", "U+009B", "CONTROL CHARACTER"),
        ("\u00a0", "U+00A0", "NO-BREAK SPACE"),
        ("\u00ad", "U+00AD", "SOFT HYPHEN"),
        ("\u034f", "U+034F", "COMBINING GRAPHEME JOINER"),
        ("\u061c", "U+061C", "ARABIC LETTER MARK"),
        ("\u115f", "U+115F", "HANGUL CHOSEONG FILLER"),
        ("\u180e", "U+180E", "MONGOLIAN VOWEL SEPARATOR"),
        ("\u2000", "U+2000", "EN QUAD"),
        ("\u200b", "U+200B", "ZERO WIDTH SPACE"),
        ("\u200d", "U+200D", "ZERO WIDTH JOINER"),
        ("\u200f", "U+200F", "RIGHT-TO-LEFT MARK"),
        ("\u2028", "U+2028", "LINE SEPARATOR"),
        ("\u202e", "U+202E", "RIGHT-TO-LEFT OVERRIDE"),
        ("\u2060", "U+2060", "WORD JOINER"),
        ("\u2067", "U+2067", "RIGHT-TO-LEFT ISOLATE"),
        ("\u2800", "U+2800", "BRAILLE PATTERN BLANK"),
        ("\u3000", "U+3000", "IDEOGRAPHIC SPACE"),
        ("\u3164", "U+3164", "HANGUL FILLER"),
        ("\ufe0f", "U+FE0F", "VARIATION SELECTOR-16"),
        ("\ufeff", "U+FEFF", "ZERO WIDTH NO-BREAK SPACE"),
        ("\uffa0", "U+FFA0", "HALFWIDTH HANGUL FILLER"),
        ("\ue000", "U+E000", "PRIVATE USE CHARACTER"),
        ("\u0378", "U+0378", "UNASSIGNED CHARACTER"),
        ("\uffff", "U+FFFF", "UNASSIGNED CHARACTER"),
        ("\ud800", "U+D800", "LONE SURROGATE"),
        ("\udfff", "U+DFFF", "LONE SURROGATE"),
        ("\U000e0041", "U+E0041", "TAG LATIN CAPITAL LETTER A"),
        ("\U000e0100", "U+E0100", "VARIATION SELECTOR-17"),
        ("\U0010fffd", "U+10FFFD", "PRIVATE USE CHARACTER"),
        ("\u0336", "U+0336", "COMBINING LONG STROKE OVERLAY"),
        ("\u20dd", "U+20DD", "COMBINING ENCLOSING CIRCLE"),
    ],
)
def test_what_cannot_be_seen_is_named(char, code, title):
    assert visible(f"a{char}b") == f"a{invisible(code, title)}b"
    assert revealed(f"a{char}b") == f"a[{code}]b"
    assert is_hidden(char)


@pytest.mark.parametrize(
    "char", ["a", " ", "\n", "é", "\u0301", "я", "ש", "字", "🙂", "€", "\ufffd"]
)
def test_what_can_be_seen_is_not_hidden(char):
    assert not is_hidden(char)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" a", invisible("U+0020", "SPACE") + "a"),
        ("a  ", "a" + invisible("U+0020 \u00d7 2", "SPACE, 2 times")),
        ("   ", invisible("U+0020 \u00d7 3", "SPACE, 3 times")),
        ("\na", invisible("U+000A", "LINE FEED") + "\na"),
        ("a\n\n", "a" + invisible("U+000A \u00d7 2", "LINE FEED, 2 times") + "\n\n"),
        (
            "a \n",
            "a" + invisible("U+0020", "SPACE") + invisible("U+000A", "LINE FEED") + "\n",
        ),
    ],
)
def test_blanks_at_the_ends_are_marked(text, expected):
    assert visible(text) == expected


def test_ends_of_a_part_are_not_ends_of_the_text():
    assert visible(" a\n", edges=False) == " a\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" + " " * 40 + "b", "a" + " " * 40 + "b"),
        ("a" + " " * 41 + "b", "a" + invisible("U+0020 \u00d7 41", "SPACE, 41 times") + "b"),
        ("a" + "\n" * 20 + "b", "a" + "\n" * 20 + "b"),
        (
            "a" + "\n" * 500 + "b",
            "a" + invisible("U+000A \u00d7 500", "LINE FEED, 500 times") + "\nb",
        ),
    ],
)
def test_padding_that_pushes_text_out_of_sight_is_counted(text, expected):
    assert visible(text) == expected


def test_padding_at_the_end_of_a_part_is_counted_too():
    expected = "a" + invisible("U+0020 \u00d7 50", "SPACE, 50 times")
    assert visible("a" + " " * 50, edges=False) == expected


def test_marks_stacked_on_one_letter_are_marked_from_the_fifth():
    mark = invisible("U+0301", "COMBINING ACUTE ACCENT")
    assert visible("e" + "\u0301" * 6) == "e" + "\u0301" * 4 + mark * 2


CYRILLIC_A = lookalike("\u0430", "CYRILLIC SMALL LETTER A")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p\u0430ypal", f"p{CYRILLIC_A}ypal"),
        ("g\u03bfogle", "g" + lookalike("\u03bf", "GREEK SMALL LETTER OMICRON") + "ogle"),
        # A host, an address or a key is one word.
        ("\u0430.com", f"{CYRILLIC_A}.com"),
        ("admin@\u0430", f"admin@{CYRILLIC_A}"),
        ("\u0430_key", f"{CYRILLIC_A}_key"),
        # Hiding something between the letters does not make it two words.
        ("\u0430\u200bb", CYRILLIC_A + invisible("U+200B", "ZERO WIDTH SPACE") + "b"),
        ("b\uff41", "b" + lookalike("\uff41", "FULLWIDTH LATIN SMALL LETTER A")),
        # A word in one script is a word, whatever stands around it.
        (
            "\u043f\u0440\u0438\u0432\u0435\u0442 world",
            "\u043f\u0440\u0438\u0432\u0435\u0442 world",
        ),
        ("\u03b1\u03b2\u03b3 and abc", "\u03b1\u03b2\u03b3 and abc"),
        # Nobody takes these for Latin letters, and they are written without spaces.
        ("Python\u3092\u4f7f\u3046", "Python\u3092\u4f7f\u3046"),
        # The n of an escaped line break belongs to no word.
        ("\\n\u043f\u0440\u0438", "\\n\u043f\u0440\u0438"),
        ("a\u2215b", "a" + lookalike("\u2215", "DIVISION SLASH") + "b"),
        ("\uff02", lookalike("\uff02", "FULLWIDTH QUOTATION MARK")),
    ],
)
def test_letters_that_pass_for_others_are_marked(text, expected):
    assert visible(text) == expected


def test_revealed_names_a_letter_that_passes_for_another():
    assert revealed("p\u0430y") == "p\u0430[U+0430]y"


def test_right_to_left_words_cannot_reorder_their_neighbours():
    hebrew = "\u05e9\u05dc\u05d5\u05dd, \u05e2\u05d5\u05dc\u05dd"
    assert visible(f"to {hebrew}: 12") == f"to <bdi>{hebrew}</bdi>: 12"
    assert revealed(f"to {hebrew}: 12") == f"to \u2068{hebrew}\u2069: 12"


def test_the_result_is_safe_and_a_safe_string_is_escaped_all_the_same():
    assert isinstance(visible("a"), SafeString)
    assert visible(SafeString("<b>")) == "&lt;b&gt;"


def test_json_is_shown_in_full_in_its_own_order():
    value = {"b": [1, 1.0, True, None, 10**30], "a": {"<k>": 'say "hi"\n'}, "c": 1e-7}
    assert visible_json(value) == (
        "{\n"
        "  &quot;b&quot;: [\n"
        "    1,\n"
        "    1.0,\n"
        "    true,\n"
        "    null,\n"
        "    1000000000000000000000000000000\n"
        "  ],\n"
        "  &quot;a&quot;: {\n"
        "    &quot;&lt;k&gt;&quot;: &quot;say \\&quot;hi\\&quot;\\n&quot;\n"
        "  },\n"
        "  &quot;c&quot;: 1e-07\n"
        "}"
    )


def test_json_with_what_cannot_be_encoded_is_drawn():
    assert visible_json("\ud800\u202e\x7f") == (
        "&quot;"
        + invisible("U+D800", "LONE SURROGATE")
        + invisible("U+202E", "RIGHT-TO-LEFT OVERRIDE")
        + invisible("U+007F", "DELETE")
        + "&quot;"
    )


@given(ANY_TEXT)
def test_nothing_of_any_text_is_markup_hidden_or_lost(text):
    drawn = visible(text)
    drawn.encode("utf-8")
    result = read(drawn)
    assert result.tags <= {"span", "bdi"}
    assert result.text == text
    assert not any(is_hidden(char) for char in drawn)


@given(st.text("<>&\"'a \n\u202e\u0430\u05d0,\\", max_size=30))
def test_nothing_of_a_hostile_text_is_markup_hidden_or_lost(text):
    result = read(visible(text))
    assert result.tags <= {"span", "bdi"}
    assert result.text == text


@given(ANY_TEXT)
def test_revealed_text_hides_nothing(text):
    shown = revealed(text).replace("\u2068", "").replace("\u2069", "")
    assert not any(is_hidden(char) for char in shown)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)


@given(JSON)
def test_json_can_be_read_back_from_what_is_drawn(value):
    drawn = visible_json(value)
    drawn.encode("utf-8")
    assert json.dumps(json.loads(read(drawn).text)) == json.dumps(value)
