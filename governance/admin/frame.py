"""What the full pages share: the frame of the admin, links to other pages, badges, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db import models
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.admin.facts import badge
from governance.admin.rendering.visible import visible, visible_json
from governance.domain.errors import (
    GateRefused,
    GovernanceError,
    NotAllowed,
    NotFound,
    StaleState,
)
from governance.domain.values import Json
from governance.policy.redaction import clean


def tag(text: str, tone: str = "plain", hint: str = "") -> SafeString:
    """A word that is seen at a glance. `tone`: plain, good, info, warn, bad or alarm."""
    return format_html(
        '<span class="ag-badge ag-{}"{}>{}</span>',
        tone,
        format_html(' title="{}"', hint) if hint else "",
        text,
    )


def state_badge(row: Any) -> SafeString:
    """The state of a proposal, an execution or a step."""
    return badge(row.state, row.get_state_display())


def render(
    admin: ModelAdmin[Any],
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    title: str,
    status: int = 200,
) -> TemplateResponse:
    """A full page inside the frame of the admin."""
    request.current_app = admin.admin_site.name
    frame = {**admin.admin_site.each_context(request), "opts": admin.opts, "title": title}
    return TemplateResponse(
        request, f"admin/governance/{template}", {**frame, **context}, status=status
    )


def link_to(admin: ModelAdmin[Any], row: models.Model | None) -> str:
    """The address of a record's page; empty for no record, and for one that has no page."""
    if row is None or not admin.admin_site.is_registered(type(row)):
        return ""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def status_of(error: GovernanceError) -> int:
    """The HTTP status that answers a refusal."""
    if isinstance(error, NotAllowed):
        return 403
    # A catalogue entry that is gone is no missing page: the request met another state of things.
    return 409 if isinstance(error, StaleState | GateRefused | NotFound) else 400


def shown_difference(difference: list[dict[str, Json]]) -> list[dict[str, Any]]:
    """`plans.difference` with every part drawn; None for a side that was not there."""
    return [
        {
            "path": visible(entry["path"] or "/"),
            "before": _side(entry, "before"),
            "after": _side(entry, "after"),
        }
        for entry in difference
    ]


def _side(entry: dict[str, Json], side: str) -> SafeString | None:
    """One side of a change, masked as it would be in its place: an index in a list is no name."""
    if side not in entry:
        return None
    names = [part for part in str(entry["path"]).split("/") if not part.isdigit()]
    name = names[-1].replace("~1", "/").replace("~0", "~") if names else ""
    (value,) = clean({name: entry[side]}).values()
    return visible_json(value)
