"""How values are drawn: safe by default."""

import datetime

import pytest
from django.utils.safestring import SafeString

from governance.admin import facts
from governance.admin.facts import Table

DASH = '<span class="ag-nothing">–</span>'


@pytest.mark.parametrize(
    ("value", "drawn"),
    [
        (None, DASH),
        ("", DASH),
        (SafeString(""), DASH),
        (True, "Yes"),
        (False, "No"),
        (0, '<span class="ag-text">0</span>'),
        ("<b>", '<span class="ag-text">&lt;b&gt;</span>'),
        (SafeString("<b>"), "<b>"),
    ],
)
def test_draw(value, drawn):
    assert facts.draw(value) == drawn


def test_hidden_characters_are_shown_wherever_text_is_drawn():
    text = "a\u202eb"
    for drawn in (
        facts.draw(text),
        facts.code(text),
        facts.badge(text),
        facts.anchor("/x/", text),
        facts.bullets([text]),
        facts.json_block({"k": text}),
    ):
        assert isinstance(drawn, SafeString)
        assert "\u202e" not in drawn
        assert ">U+202E</span>" in drawn


def test_an_address_is_escaped():
    assert 'href="/x/&quot;&gt;"' in facts.anchor('/x/">', "text")


def test_moments_are_in_utc():
    plus_two = datetime.timezone(datetime.timedelta(hours=2))
    moment = datetime.datetime(2030, 1, 31, 1, 2, 3, tzinfo=plus_two)
    assert ">2030-01-30 23:02:03 UTC</time>" in facts.when(moment)
    assert facts.when(None) == DASH


#    seconds  said
AGES = (
    (-5, "just now"),
    (59, "just now"),
    (60, "1 min ago"),
    (3_599, "59 min ago"),
    (3_600, "1 h ago"),
    (86_399, "23 h ago"),
    (86_400, "1 d ago"),
)


@pytest.mark.parametrize(("seconds", "said"), AGES)
def test_ago(time_machine, seconds, said):
    now = datetime.datetime(2030, 1, 31, 12, 0, tzinfo=datetime.UTC)
    time_machine.move_to(now, tick=False)
    assert f">{said}</time>" in facts.ago(now - datetime.timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("word", "tone"),
    [("denied", "bad"), ("execution", "good"), ("in_doubt", "bad"), ("unheard of", "plain")],
)
def test_badges(word, tone):
    assert facts.badge(word).startswith(f'<span class="ag-badge ag-{tone}">')
    assert facts.badge("in_doubt").endswith(">in doubt</span>")
    assert facts.badge("") == DASH


def test_no_bullets():
    assert facts.bullets([]) == DASH


def test_a_table_whose_rows_do_not_fit_its_headers_is_a_mistake():
    cell = SafeString("x")
    assert Table("T", ("A", "B"), [(cell, cell)]).labelled == [[("A", "x"), ("B", "x")]]
    with pytest.raises(ValueError, match="shorter"):
        _ = Table("T", ("A", "B"), [(cell,)]).labelled
