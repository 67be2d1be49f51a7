"""Orchestration boards: steps with their state, each with a way to the agent or workflow it names.

The names are an agent's. They are looked up in the board's own workspace and nowhere else, so that
a board says nothing of what another workspace has.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.admin.facts import anchor, page_of
from governance.admin.frame import tag
from governance.admin.rendering.visible import visible
from governance.domain.values import Json
from governance.domain.words import BoardState
from governance.models import Agent, Canvas, Workflow

_TONES = {
    BoardState.TODO: "plain",
    BoardState.DOING: "info",
    BoardState.DONE: "good",
    BoardState.FAILED: "bad",
}
_CALLED = {"agent": "Agent", "workflow": "Workflow"}


def drawn(row: Canvas, board: Json) -> dict[str, Any]:
    """The steps of a board, and how many are in which state."""
    steps = board["steps"]
    pages = _pages(row.workspace_id, [step["link"] for step in steps if "link" in step])
    counts = Counter(BoardState(step["state"]) for step in steps)
    return {
        "steps": [_step(step, pages) for step in steps],
        "counts": [
            tag(f"{counts[state]} {state.label.lower()}", _TONES[state])
            for state in BoardState
            if counts[state]
        ],
    }


def _step(step: Mapping[str, Json], pages: Mapping[str, str]) -> dict[str, Any]:
    state = BoardState(step["state"])
    return {
        "title": visible(step["title"]),
        "state": state.value,
        "badge": tag(str(state.label), _TONES[state]),
        "note": visible(step.get("note", "")),
        "link": _link(step["link"], pages) if "link" in step else "",
    }


def _link(link: str, pages: Mapping[str, str]) -> SafeString:
    """The way there; in plain words where there is none."""
    kind, _, name = link.partition("/")
    if link in pages:
        return anchor(pages[link], f"{_CALLED[kind]} {name}")
    return format_html(
        '<span class="ag-quiet">There is no {} “{}” here.</span>', kind, visible(name)
    )


def _pages(workspace_id: uuid.UUID, links: Iterable[str]) -> dict[str, str]:
    """The address of each that exists here, by link. Of a workflow, the newest version's."""
    named: dict[str, set[str]] = {"agent": set(), "workflow": set()}
    for link in links:
        kind, _, name = link.partition("/")
        named[kind].add(name)
    agents = Agent.objects.of(workspace_id).filter(name__in=named["agent"])
    workflows = Workflow.objects.of(workspace_id).filter(name__in=named["workflow"])
    return {
        **{f"agent/{row.name}": page_of(row) for row in agents},
        **{f"workflow/{row.name}": page_of(row) for row in workflows.order_by("number")},
    }
