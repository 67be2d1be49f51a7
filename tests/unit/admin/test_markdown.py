from html.parser import HTMLParser

import pytest
from django.utils.safestring import SafeString
from hypothesis import given
from hypothesis import strategies as st

from governance.admin.rendering.markdown import MAX_LENGTH, render

REL = 'rel="noopener noreferrer nofollow"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("# Title", "<h1>Title</h1>\n"),
        ("a **b** *c* `d`", "<p>a <strong>b</strong> <em>c</em> <code>d</code></p>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>\n'),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>\n"),
        ("---", "<hr>\n"),
        ("    a < b", "<pre><code>a &lt; b\n</code></pre>\n"),
        (
            "```sh -x\nrm\n```",
            '<pre><span class="target">(sh -x)</span>\n<code>rm\n</code></pre>\n',
        ),
        (
            "|a|b|\n|-|-|\n|1|<i>|",
            (
                "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n"
                "<tbody>\n<tr>\n<td>1</td>\n<td>&lt;i&gt;</td>\n</tr>\n</tbody>\n</table>\n"
            ),
        ),
    ],
)
def test_commonmark_and_tables(text, expected):
    assert render(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
        ("a <b onclick='x'>b</b>", "<p>a &lt;b onclick='x'&gt;b&lt;/b&gt;</p>\n"),
        ("<!-- hidden -->", "<p>&lt;!-- hidden --&gt;</p>\n"),
        ("&lt;script&gt;", "<p>&lt;script&gt;</p>\n"),
    ],
)
def test_html_is_text(text, expected):
    assert render(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<https://a.example>", f'<a href="https://a.example" {REL}>https://a.example</a>'),
        (
            "[a](https://b.example)",
            (
                f'<a href="https://b.example" {REL}>a</a>'
                ' <span class="target">(https://b.example)</span>'
            ),
        ),
        (
            "[https://bank.example](http://evil.example 'safe')",
            (
                f'<a href="http://evil.example" {REL}>https://bank.example</a>'
                ' <span class="target">(http://evil.example safe)</span>'
            ),
        ),
        (
            "[m](mailto:a@b.example)",
            (
                f'<a href="mailto:a@b.example" {REL}>m</a>'
                ' <span class="target">(mailto:a@b.example)</span>'
            ),
        ),
        # The address a browser would go to is the one that is shown.
        (
            "[b](http://p\u0430ypal.example)",
            (
                f'<a href="http://xn--pypal-4ve.example" {REL}>b</a>'
                ' <span class="target">(http://xn--pypal-4ve.example)</span>'
            ),
        ),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("[x](JaVaScRiPt:alert(1))", "[x](JaVaScRiPt:alert(1))"),
        ("[x](data:text/html,hi)", "[x](data:text/html,hi)"),
        ("[x](vbscript:x)", "[x](vbscript:x)"),
        ("[x](ftp://h/f)", f'<a {REL}>x</a> <span class="target">(ftp://h/f)</span>'),
        ("[x](/approve/1)", f'<a {REL}>x</a> <span class="target">(/approve/1)</span>'),
        ("[x](//h/p)", f'<a {REL}>x</a> <span class="target">(//h/p)</span>'),
        ("[x](#top)", f'<a {REL}>x</a> <span class="target">(#top)</span>'),
    ],
)
def test_links_go_where_they_say_or_nowhere(text, expected):
    assert render(text) == f"<p>{expected}</p>\n"


def test_an_image_is_a_link_and_is_not_fetched():
    assert render("![alt](https://t.example/p.png)") == (
        f'<p>!<a href="https://t.example/p.png" {REL}>alt</a>'
        ' <span class="target">(https://t.example/p.png)</span></p>\n'
    )


def test_invisible_characters_are_marked_in_text_code_and_titles():
    mark = '<span class="invisible" title="RIGHT-TO-LEFT OVERRIDE">U+202E</span>'
    assert render("a\u202eb") == f"<p>a{mark}b</p>\n"
    assert render("`\u202e`") == f"<p><code>{mark}</code></p>\n"
    assert render("    \u202e") == f"<pre><code>{mark}\n</code></pre>\n"
    assert f"(https://a {mark})" in render("[x](https://a '\u202e')")


def test_spaces_beside_emphasis_are_not_marked():
    assert render("a **b** c") == "<p>a <strong>b</strong> c</p>\n"


@pytest.mark.parametrize("levels", [18, 19, 20, 21, 2000])
def test_what_is_nested_too_deeply_is_shown_as_source(levels):
    assert "the end" in render("> " * levels + "the end")


def test_length_is_limited_with_a_sentence_for_the_reader():
    assert "x" * MAX_LENGTH in render("x" * MAX_LENGTH)
    with pytest.raises(
        ValueError, match=r"^The text has 100,001 characters, and at most 100,000 can"
    ):
        render("x" * 100_001)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


TAGS = {
    *("a", "bdi", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li"),
    *("ol", "p", "pre", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
PIECES = st.sampled_from(
    [
        *("<", ">", "<script>", "<img src=x onerror=y>", "&#x3c;", '"', "'", "\\"),
        *("[", "](", ")", "javascript:", "https://h", "`", "```", "**", "> ", "- ", "|", "|-|-|"),
        *("\n", "\u202e", "\ud800", "\x00"),
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join) | st.text(st.characters(exclude_categories=())))
def test_no_text_becomes_a_tag_an_attribute_or_a_scheme_that_is_not_allowed(text):
    html = render(text)
    assert isinstance(html, SafeString)
    html.encode("utf-8")
    parser = Tags()
    parser.feed(html)
    for tag, attributes in parser.seen:
        assert tag in TAGS
        assert set(attributes) <= {"href", "rel", "class", "title", "start"}
        assert attributes.get("href", "https:").partition(":")[0] in {"http", "https", "mailto"}
        assert tag != "a" or attributes["rel"] == "noopener noreferrer nofollow"
    assert "\u202e" not in html
