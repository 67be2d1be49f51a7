"""Text from an agent, drawn so that nothing in it can hide or pass for something else.

Put the result in an element with `white-space: pre-wrap; overflow-wrap: anywhere`: line breaks stay
line breaks, and no run of spaces can push the rest of the text out of sight.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from itertools import groupby

from django.utils.safestring import SafeString

# (kind, what is shown, title). The kind is plain, invisible, lookalike, or open and close, around a
# right-to-left run.
_Piece = tuple[str, str, str]

# Longer runs of blanks than these are used to push text off the screen: shown as a count.
_MOST_SPACES, _MOST_BLANK_LINES = 40, 20
# More marks than this on one letter cover the lines above and below it.
_MOST_STACKED = 4

_RTL = (
    "\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
)
_PIECES = re.compile(
    r"(?P<edge>\A[ \n]++|[ \n]++\Z)"
    rf"|(?P<blank> {{{_MOST_SPACES + 1},}}+|\n(?: *+\n){{{_MOST_BLANK_LINES},}}+)"
    # Kept together, so that a sentence reads in its own order, and apart from its surroundings.
    rf"|(?P<rtl>[{_RTL}]+(?:[ ,]+[{_RTL}]+)*)"
    # A JSON escape is no part of the word after it, or "\\n" would make a foreign word look mixed.
    r'|(?P<escape>\\(?:u[0-9a-f]{4}|[\\bfnrt"/]))'
    # . - @ _ join, so that a host or a key with one foreign part is seen as one word.
    rf"|(?P<word>[^\s!-,/:-?\[-^`{{-~{_RTL}]+)"
    r"|(?P<other>.)",
    re.DOTALL,
)

# Unicode gives control characters no name of their own; these are the ones met in practice.
_CONTROLS = {
    "\x00": "NULL",
    "\x07": "BELL",
    "\b": "BACKSPACE",
    "\t": "CHARACTER TABULATION",
    "\n": "LINE FEED",
    "\v": "LINE TABULATION",
    "\f": "FORM FEED",
    "\r": "CARRIAGE RETURN",
    "\x1b": "ESCAPE",
    "\x7f": "DELETE",
    "\x85": "NEXT LINE",
}
_NAMELESS = {
    "Cc": "CONTROL CHARACTER",
    "Cn": "UNASSIGNED CHARACTER",
    "Co": "PRIVATE USE CHARACTER",
    "Cs": "LONE SURROGATE",
}

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Me", "Zl", "Zp", "Zs"})
# Letters, marks and symbols that draw nothing, though their category does not say so.
_BLANKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufffc"
    "\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)
_OVERLAY = 1  # the combining class of strokes drawn through a letter, which make text look deleted

_LATIN_LOOKALIKES = (
    "CYRILLIC ",
    "GREEK ",
    "COPTIC ",
    "ARMENIAN ",
    "CHEROKEE ",
    "LISU ",
    "FULLWIDTH LATIN ",
    "MATHEMATICAL ",
)
# They pass for / . : @ and ", and so forge addresses and JSON.
_PUNCTUATION_LOOKALIKES = frozenset(
    "\u2044\u2215\u29f8\u2571\u2024\ufe52\ua789\u02d0\u2236\uff20\ufe6b\u02ba\u02dd\u02ee\u2033\uff02"
)


def visible(text: str, *, edges: bool = True) -> SafeString:
    """`text` escaped for HTML, each invisible or misleading character marked with a span.

    `edges=False` leaves spaces and line breaks at both ends as they are: for a part of a text.
    """
    return SafeString("".join(_html(*piece) for piece in _pieces(text, edges=edges)))


def visible_json(value: object) -> SafeString:
    """A JSON value in full, indented, in its own key order, drawn by `visible`; for a <pre>."""
    return visible(json.dumps(value, indent=2, ensure_ascii=False))


def json_escaped(text: str) -> str:
    """JSON text with each hidden character as its escape: the same value, for a hidden input.

    It is at most three times as long, in bytes.
    """
    return "".join(json.dumps(char)[1:-1] if is_hidden(char) else char for char in text)


def revealed(text: str) -> str:
    """`text` for places that take no markup, hidden characters as [U+202E]. Not escaped.

    A letter that passes for a Latin one is followed by its code.
    """
    return "".join(_plain(kind, shown) for kind, shown, _ in _pieces(text, edges=False))


@lru_cache(maxsize=4096)
def is_hidden(char: str) -> bool:
    """Whether one character cannot be seen, or changes how its neighbours are seen.

    A space and a line break are not hidden.
    """
    if char in " \n":
        return False
    if unicodedata.category(char) in _HIDDEN_CATEGORIES or _BLANKS.match(char):
        return True
    return unicodedata.combining(char) == _OVERLAY


def _html(kind: str, shown: str, title: str) -> str:
    if kind == "plain":
        return escape(shown)
    if kind == "open":
        return "<bdi>"
    if kind == "close":
        return "</bdi>"
    return f'<span class="{kind}" title="{escape(title)}">{escape(shown)}</span>'


def _plain(kind: str, shown: str) -> str:
    if kind == "invisible":
        return f"[{shown}]"
    if kind == "lookalike":
        return f"{shown}[{_code(shown)}]"
    # The isolates do for plain text what <bdi> does in HTML; the text's own are revealed above.
    return {"open": "\u2068", "close": "\u2069"}.get(kind, shown)


def _pieces(text: str, *, edges: bool) -> Iterator[_Piece]:
    for match in _PIECES.finditer(text):
        kind, part = match.lastgroup, match[0]
        if kind == "blank" or (kind == "edge" and (edges or len(part) > _MOST_SPACES)):
            yield from _blanks(part)
        elif kind == "rtl":
            yield "open", "", ""
            yield from _characters(part, mixed=False)
            yield "close", "", ""
        elif part.isascii() and part.isprintable():
            yield "plain", part, ""
        else:
            yield from _characters(part, mixed=kind == "word" and any(map(_is_latin, part)))


def _blanks(run: str) -> Iterator[_Piece]:
    for char, group in groupby(run):
        count = len(list(group))
        times = (f" \u00d7 {count}", f", {count} times") if count > 1 else ("", "")
        yield "invisible", _code(char) + times[0], _name(char) + times[1]
        if char == "\n":
            yield "plain", "\n" * (count if count <= _MOST_BLANK_LINES else 1), ""


def _characters(text: str, *, mixed: bool) -> Iterator[_Piece]:
    stacked = 0
    for char in text:
        stacked = stacked + 1 if unicodedata.combining(char) else 0
        if is_hidden(char) or stacked > _MOST_STACKED:
            yield "invisible", _code(char), _name(char)
        elif char in _PUNCTUATION_LOOKALIKES or (mixed and _is_lookalike(char)):
            yield "lookalike", char, _name(char)
        else:
            yield "plain", char, ""


def _is_latin(char: str) -> bool:
    return _name(char).startswith("LATIN ")


def _is_lookalike(char: str) -> bool:
    return _name(char).startswith(_LATIN_LOOKALIKES)


def _code(char: str) -> str:
    return f"U+{ord(char):04X}"


@lru_cache(maxsize=4096)
def _name(char: str) -> str:
    if char in _CONTROLS:
        return _CONTROLS[char]
    return unicodedata.name(char, _NAMELESS.get(unicodedata.category(char), "NAMELESS CHARACTER"))
