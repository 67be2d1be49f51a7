"""What supervision and training add to confidence, and what it makes an agent eligible for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.domain.errors import InvalidInput
from governance.domain.words import Maturity
from governance.policy import confidence

# --- Supervision ----------------------------------------------------------------------------------

# max(0, (rating - 1) / 40 - min(0.05, 0.01 * interventions)). Columns: 0 to 6 interventions.
BOOSTS = """
    1   0      0      0      0      0      0      0
    2   0.025  0.015  0.005  0      0      0      0
    3   0.05   0.04   0.03   0.02   0.01   0      0
    4   0.075  0.065  0.055  0.045  0.035  0.025  0.025
    5   0.1    0.09   0.08   0.07   0.06   0.05   0.05
"""


def boosts():
    for line in BOOSTS.strip().splitlines():
        rating, *cells = line.split()
        for interventions, cell in enumerate(cells):
            yield int(rating), interventions, float(cell)


def test_the_table_is_whole():
    assert len(list(boosts())) == 35


@pytest.mark.parametrize(("rating", "interventions", "boost"), list(boosts()))
def test_what_supervision_adds(rating, interventions, boost):
    found = confidence.supervision_boost(rating=rating, interventions=interventions)
    assert found == boost  # to the last digit


@pytest.mark.parametrize("interventions", [7, 50, 1_000])
def test_more_than_five_interventions_cost_what_five_do(interventions):
    assert confidence.supervision_boost(rating=5, interventions=interventions) == 0.05


@pytest.mark.parametrize("rating", [0, 6, -1, True, 2.5, "3", None])
def test_a_rating_is_1_to_5(rating):
    with pytest.raises(InvalidInput, match="whole number from 1 to 5"):
        confidence.supervision_boost(rating=rating, interventions=0)


def test_there_are_no_fewer_interventions_than_none():
    with pytest.raises(InvalidInput, match="fewer than no interventions"):
        confidence.supervision_boost(rating=3, interventions=-1)


# --- Training -------------------------------------------------------------------------------------

GAINS = [
    (0.0, 0.05),
    (0.1, 0.05),
    (0.299999, 0.05),
    (0.3, 0.10),
    (0.4, 0.10),
    (0.499999, 0.10),
    (0.5, 0.15),
    (0.6, 0.15),
    (0.699999, 0.15),
    (0.7, 0.20),
    (0.85, 0.20),
    (1.0, 0.20),
]


@pytest.mark.parametrize(("performance", "gain"), GAINS)
def test_what_training_adds(performance, gain):
    assert confidence.training_gain(performance) == gain


@pytest.mark.parametrize("performance", [-0.01, 1.01, math.nan, math.inf])
def test_a_performance_is_0_to_1(performance):
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        confidence.training_gain(performance)


# --- Confidence -----------------------------------------------------------------------------------

RAISED = [
    (0.0, 0.05, 0.05),
    (0.1, 0.2, 0.3),  # 0.30000000000000004 in binary fractions
    (0.3, 0.2, 0.5),
    (0.5, 0.0, 0.5),
    (0.8, 0.2, 1.0),
    (0.95, 0.2, 1.0),
    (1.0, 0.2, 1.0),
]


@pytest.mark.parametrize(("before", "gain", "after"), RAISED)
def test_confidence_rises_to_1_and_no_further(before, gain, after):
    assert confidence.raised(before, gain) == after


ELIGIBLE = [
    (0.0, "student"),
    (0.499999, "student"),
    (0.5, "intern"),
    (0.699999, "intern"),
    (0.7, "supervised"),
    (0.899999, "supervised"),
    (0.9, "autonomous"),
    (1.0, "autonomous"),
]


@pytest.mark.parametrize(("score", "maturity"), ELIGIBLE)
def test_what_confidence_makes_eligible_for(score, maturity):
    assert confidence.eligible_for(score) is Maturity(maturity)


MISSING = [
    ("student", 0.0, ("intern", 0.5)),
    ("student", 0.3, ("intern", 0.2)),
    ("student", 0.5, ("intern", 0.0)),
    ("student", 0.95, ("intern", 0.0)),
    ("intern", 0.5, ("supervised", 0.2)),
    ("intern", 0.7, ("supervised", 0.0)),
    ("supervised", 0.1, ("autonomous", 0.8)),
    ("supervised", 0.9, ("autonomous", 0.0)),
    ("autonomous", 0.0, None),
    ("autonomous", 1.0, None),
]


@pytest.mark.parametrize(("maturity", "score", "expected"), MISSING)
def test_what_is_missing_for_the_next_maturity(maturity, score, expected):
    found = confidence.missing(maturity=Maturity(maturity), confidence=score)
    assert found == (expected and (Maturity(expected[0]), expected[1]))


@given(before=st.floats(0, 1), rating=st.integers(1, 5), interventions=st.integers(0, 9))
def test_confidence_never_falls_and_stays_below_1(before, rating, interventions):
    gain = confidence.supervision_boost(rating=rating, interventions=interventions)
    after = confidence.raised(before, gain)
    assert before - 1e-6 <= after <= 1
    assert confidence.eligible_for(after).rank >= confidence.eligible_for(before - 1e-6).rank


def test_what_a_perfect_student_needs_for_eligibility():
    """Three trainings at best, from nothing: 0.2, 0.4, 0.6."""
    score, steps = 0.0, []
    while confidence.eligible_for(score) is Maturity.STUDENT:
        score = confidence.raised(score, confidence.training_gain(1.0))
        steps.append(score)
    assert steps == [0.2, 0.4, 0.6]
