"""How proposals were filed, by the ledger: under whose title, and out of which workflows."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import Q
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.admin import frame, steps
from governance.admin.facts import anchor, page_of
from governance.admin.rendering.visible import visible
from governance.models import ActionType, LedgerEntry, Proposal, Workflow
from governance.policy import plans
from governance.policy.redaction import clean_text


@dataclass(frozen=True, slots=True)
class Filed:
    """`titled`: the agent gave a title of its own. `workflows`: what it triggered, as kept."""

    titled: bool = True
    workflows: tuple[dict[str, Any], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Line:
    """A proposal in a list: its title, of the agent where `titled`, and the plan in few words."""

    title: SafeString
    titled: bool
    words: tuple[SafeString, ...]


def filed(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Filed]:
    """How each of these proposals was filed, in one query."""
    entries = LedgerEntry.objects.filter(subject_id__in=list(ids), kind="proposal.proposed")
    found = {}
    for entry in entries:
        said = entry.data["data"]
        found[entry.subject_id] = Filed(said.get("titled", True), tuple(said.get("workflows", ())))
    return found


def lines(
    rows: Iterable[Proposal], types: Mapping[tuple[uuid.UUID, str], ActionType]
) -> dict[uuid.UUID, Line]:
    """What a list shows of each proposal, in one query. `types`: by workspace and key."""
    found = {row.pk: row for row in rows}
    how = filed(found)
    return {pk: _line(row, how.get(pk, Filed()), types) for pk, row in found.items()}


def _line(row: Proposal, how: Filed, types: Mapping[tuple[uuid.UUID, str], ActionType]) -> Line:
    plan = plans.parse_text(row.plan_in_force)
    keys = {step.action_type for step in plan.steps}
    own = {key: types[row.workspace_id, key] for key in keys if (row.workspace_id, key) in types}
    return Line(visible(clean_text(row.title)), how.titled, tuple(steps.brief(plan, own)))


def linked(row: Proposal, line: Line) -> SafeString:
    """A line as one cell of a table: only an agent's own title stands in quotes."""
    title = format_html("“{}”", line.title) if line.titled else line.title
    words = format_html_join("", '<p class="ag-quiet">{}</p>', ((one,) for one in line.words))
    return format_html('<a class="ag-link" href="{}">{}</a>{}', page_of(row), title, words)


def origins(admin: ModelAdmin[Any], row: Proposal, how: Filed) -> list[dict[str, Any]]:
    """Each workflow that the agent triggered: its version, with a link, and its steps."""
    if not how.workflows:
        return []
    wanted = Q()
    for one in how.workflows:
        wanted |= Q(name=one["workflow"], number=one["number"])
    versions = Workflow.objects.of(row.workspace_id).filter(wanted)
    found = {(version.name, version.number): version for version in versions}
    return [
        {
            "step": one["step"],
            "version": _version(admin, found.get((one["workflow"], one["number"])), one),
            "steps": one["steps"],
        }
        for one in how.workflows
    ]


def _version(admin: ModelAdmin[Any], version: Workflow | None, one: dict[str, Any]) -> SafeString:
    text = f"{one['workflow']} version {one['number']}"
    url = frame.link_to(admin, version)
    return anchor(url, text) if url else visible(text)
