from __future__ import annotations

import pytest

from governance.domain.words import (
    Availability,
    BoardState,
    CanvasKind,
    Complexity,
    DecisionKind,
    Effect,
    FieldType,
    InterventionKind,
    Maturity,
    Mode,
    Opinion,
    ProposalKind,
    Reversibility,
    ReviewVerdict,
    Route,
    RunKind,
    TriggerSource,
    strictest,
)

VALUES = [
    (Maturity, ["student", "intern", "supervised", "autonomous"]),
    (Route, ["execution", "supervision", "proposal", "training", "denied"]),
    (Complexity, [1, 2, 3, 4]),
    (Reversibility, ["reversible", "compensable", "irreversible"]),
    (Mode, ["handler", "agent"]),
    (Effect, ["local", "keyed", "unkeyed"]),
    (TriggerSource, ["manual", "data_sync", "workflow_engine", "ai_coordinator"]),
    (ProposalKind, ["action", "training", "analysis"]),
    (RunKind, ["live", "exam"]),
    (ReviewVerdict, ["approve", "reject", "abstain"]),
    (DecisionKind, ["trigger", "action"]),
    (CanvasKind, ["chart", "sheet", "form", "markdown", "orchestration"]),
    (FieldType, ["text", "number", "date", "checkbox", "select"]),
    (BoardState, ["todo", "doing", "done", "failed"]),
    (InterventionKind, ["pause", "resume", "correct", "terminate"]),
    (Availability, ["online", "away", "offline"]),
    (Opinion, ["for", "against", "unsure"]),
]


@pytest.mark.parametrize(("words", "values"), VALUES, ids=[words.__name__ for words, _ in VALUES])
def test_the_words_of_the_design_in_its_order(words, values):
    assert words.values == values


def test_maturity_is_ranked_from_student_to_autonomous():
    ranks = {maturity.value: maturity.rank for maturity in Maturity}
    assert ranks == {"student": 0, "intern": 1, "supervised": 2, "autonomous": 3}


def test_strictness_is_the_order_execution_supervision_proposal_training_denied():
    order = {route.value: route.strictness for route in Route}
    assert order == {"execution": 0, "supervision": 1, "proposal": 2, "training": 3, "denied": 4}


# Rows: the route. Columns: the limit, in the same order. An x: the route is within the limit.
WITHIN = """
    execution    x x x x x
    supervision  . x x x x
    proposal     . . x x x
    training     . . . x x
    denied       . . . . x
"""


def within_cells():
    lines = [line.split() for line in WITHIN.strip().splitlines()]
    for route, *cells in lines:
        for (limit, *_), cell in zip(lines, cells, strict=True):
            yield route, limit, cell == "x"


@pytest.mark.parametrize(("route", "limit", "expected"), list(within_cells()))
def test_within(route, limit, expected):
    assert Route(route).within(Route(limit)) is expected


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        (["execution"], "execution"),
        (["denied", "execution"], "denied"),
        (["supervision", "proposal", "execution"], "proposal"),
        (["training", "proposal"], "training"),
        (["supervision", "supervision"], "supervision"),
        (["execution", "denied", "training"], "denied"),
    ],
)
def test_the_strictest_route(routes, expected):
    assert strictest(Route(route) for route in routes) is Route(expected)


def test_the_strictest_of_none_raises():
    with pytest.raises(ValueError, match="empty"):
        strictest([])
