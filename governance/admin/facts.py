"""What a page says about a row: facts and tables, and how each kind of value is drawn.

Plain text is always drawn by `visible`: whatever an agent wrote is shown, never obeyed.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.admin.rendering.visible import visible, visible_json

NOTHING = SafeString('<span class="ag-nothing">–</span>')

TONES = {
    # routes
    "execution": "good",
    "supervision": "info",
    "proposal": "warn",
    "training": "warn",
    "denied": "bad",
    # states
    "active": "good",
    "running": "good",
    "done": "good",
    "executed": "good",
    "succeeded": "good",
    "published": "good",
    "in force": "good",
    "completed": "good",
    "scheduled": "info",
    "in_progress": "info",
    "may be retried": "info",
    "blocked": "warn",
    "passed": "good",
    "complete": "good",
    "approved": "info",
    "claimed": "info",
    "sent": "info",
    "ready": "info",
    "queued": "info",
    "proposed": "warn",
    "paused": "warn",
    "aborted": "warn",
    "limited": "warn",
    "halted": "bad",
    "in_doubt": "bad",
    "failed": "bad",
    "rejected": "bad",
    "abandoned": "warn",
    # severities
    "critical": "bad",
    "high": "bad",
    "medium": "warn",
    "low": "info",
}
"""How a word is coloured; any other word is grey. The word itself is always written."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what it is, and its value, drawn."""

    label: str
    value: SafeString


@dataclass(frozen=True, slots=True)
class Facts:
    """A titled list of facts."""

    title: str
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table of drawn cells. `more`: where the rest is listed."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[SafeString]]
    empty: str = "Nothing yet."
    more: str = ""
    more_label: str = "All of them"

    @property
    def labelled(self) -> list[list[tuple[str, SafeString]]]:
        """Each cell with the header it stands under."""
        return [list(zip(self.headers, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Button:
    """A link to a page where something can be done. `danger`: it stops or ends something.

    `post`: it is no link, but does it.
    """

    label: str
    url: str
    danger: bool = False
    post: bool = False


def fact(label: str, value: Any) -> Fact:
    """A line with `value` drawn."""
    return Fact(label, draw(value))


def draw(value: Any) -> SafeString:
    """Any value as HTML: what is already drawn stays as it is, text is made visible."""
    if isinstance(value, SafeString):
        return value or NOTHING
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return SafeString("Yes" if value else "No")
    if isinstance(value, datetime.datetime):
        return when(value)
    if isinstance(value, models.Model):
        return link(value)
    return format_html('<span class="ag-text">{}</span>', visible(str(value)))


def when(moment: datetime.datetime | None) -> SafeString:
    """A moment, in UTC to the second."""
    if moment is None:
        return NOTHING
    moment = moment.astimezone(datetime.UTC)
    return format_html(
        '<time class="ag-time" datetime="{}">{}</time>',
        moment.isoformat(),
        f"{moment:%Y-%m-%d %H:%M:%S} UTC",
    )


def page_of(row: models.Model) -> str:
    """The address of a row's page."""
    return reverse(f"admin:governance_{row._meta.model_name}_change", args=[row.pk])


def link(row: models.Model | None, text: str = "") -> SafeString:
    """A link to a row's page."""
    if row is None:
        return NOTHING
    return anchor(page_of(row), text or str(row))


def anchor(url: str, text: str) -> SafeString:
    """A link; the text is made visible."""
    return format_html('<a class="ag-link" href="{}">{}</a>', url, visible(text))


def badge(word: str, label: str = "") -> SafeString:
    """A state or a route as a coloured word."""
    if not word:
        return NOTHING
    return format_html(
        '<span class="ag-badge ag-{}">{}</span>',
        TONES.get(word, "plain"),
        visible(label or word.replace("_", " ")),
    )


def code(text: str) -> SafeString:
    """Text to be read letter by letter: a digest, a key, a condition."""
    return format_html('<code class="ag-code">{}</code>', visible(text)) if text else NOTHING


def json_block(value: Any) -> SafeString:
    """A JSON value in full."""
    return format_html('<pre class="ag-json" tabindex="0">{}</pre>', visible_json(value))


def bullets(items: Iterable[Any]) -> SafeString:
    """Several values, one below the other."""
    lines = format_html_join("", "<li>{}</li>", ((draw(item),) for item in items))
    return format_html('<ul class="ag-bullets">{}</ul>', lines) if lines else NOTHING


def ago(moment: datetime.datetime) -> SafeString:
    """How long ago a moment is, roughly, with the moment itself as its title."""
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            text = f"{seconds // size} {unit} ago"
            break
    else:
        text = "just now"
    return format_html('<time title="{}">{}</time>', f"{moment:%Y-%m-%d %H:%M:%S} UTC", text)
