"""Markdown from an agent as HTML that loads nothing, runs nothing and names every link's target.

Markdown itself leaves out parts of its source (an unused link definition, a table cell too many): a
page on which people decide shows the source too, through `visible`.
"""

from collections.abc import Sequence
from html import escape

import nh3
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from governance.admin.rendering.visible import visible

MAX_LENGTH = 100_000
# What is nested deeper than this the parser drops without a word.
_MAX_NESTING = 20

_TAGS = (
    {"a", "bdi", "blockquote", "br", "code", "em", "hr", "li", "ol", "p", "pre", "span", "strong"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "ul"}
    | {"table", "tbody", "td", "th", "thead", "tr"}
)


def render(text: str) -> SafeString:
    """Markdown (CommonMark and tables) as clean HTML; raw HTML in it is shown as text.

    Raises ValueError, in words for the reader, over 100,000 characters. Text nested too deeply
    to be drawn whole is shown as its source.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(
            f"The text has {len(text):,} characters, and at most {MAX_LENGTH:,} can be drawn: "
            "shorten or split it."
        )
    env: EnvType = {}
    tokens = _PARSER.parse(text, env)
    if any(token.level >= _MAX_NESTING - 1 for token in tokens):
        return SafeString(f"<pre>{visible(text)}</pre>")
    return _clean(_PARSER.renderer.render(tokens, _PARSER.options, env))


def _clean(html: str) -> SafeString:
    """A second pair of eyes: what the renderer should never have written is removed here."""
    return SafeString(
        nh3.clean(
            html,
            tags=_TAGS,
            attributes={"a": {"href"}, "ol": {"start"}, "span": {"title"}},
            allowed_classes={"span": {"invisible", "lookalike", "target"}},
            url_schemes={"http", "https", "mailto"},
            # A relative address would point at our own pages, at an action of ours perhaps.
            url_relative="deny",
            link_rel="noopener noreferrer nofollow",
        )
    )


class _Renderer(RendererHTML):
    """Draws text and code through `visible`, and each link with its real address."""

    def text(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return visible(tokens[idx].content, edges=False)

    def code_inline(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return f"<code>{visible(tokens[idx].content)}</code>"

    def code_block(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        info = tokens[idx].info.strip()
        note = f"{_note(info)}\n" if info else ""
        return f"<pre>{note}<code>{visible(tokens[idx].content, edges=False)}</code></pre>\n"

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return self.code_block(tokens, idx, options, env)

    def link_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        env["link"] = idx  # links do not nest, so the next link_close is this one's
        return f'<a href="{escape(str(tokens[idx].attrs["href"]))}">'

    def link_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        """The end of a link, then its address and title unless its text is just the address."""
        start = env["link"]
        target = " ".join(str(value) for value in tokens[start].attrs.values())
        if target == "".join(token.content for token in tokens[start + 1 : idx]):
            return "</a>"
        return f"</a> {_note(target)}"


def _note(text: str) -> str:
    return f'<span class="target">({visible(text, edges=False)})</span>'


# Images are turned off rather than dropped: what was one reads as a link, and nothing is fetched.
_PARSER = MarkdownIt(
    "commonmark", {"html": False, "maxNesting": _MAX_NESTING}, renderer_cls=_Renderer
)
_PARSER.enable("table").disable("image")
