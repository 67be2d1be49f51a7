"""Readiness, worked out by hand from the design (section 6)."""

from __future__ import annotations

import pytest

from governance.domain.words import Maturity
from governance.policy.readiness import (
    DEFAULT_CRITERIA,
    Criteria,
    Shown,
    Supervision,
    combined,
    readiness,
    supervision_score,
)

INTERN, SUPERVISED, AUTONOMOUS = DEFAULT_CRITERIA


def test_the_default_criteria_are_the_designs():
    assert (
        Criteria(Maturity.INTERN, 10, 0.5, 0.70, 0.70),
        Criteria(Maturity.SUPERVISED, 25, 0.2, 0.85, 0.85),
        Criteria(Maturity.AUTONOMOUS, 50, 0.0, 0.95, 0.95),
    ) == DEFAULT_CRITERIA


def shown(episodes, successful, interventions=0, thousandths=1_000, scored=None):
    scored = episodes if scored is None else scored
    return Shown(
        episodes=episodes,
        successful=successful,
        interventions=interventions,
        intervened=min(interventions, episodes),
        scored=scored,
        score_thousandths=scored * thousandths,
    )


# criteria, what was shown, ready, score
TABLE = [
    # episodes: one too few, just enough, more than enough
    (INTERN, shown(9, 9), False, 40 * 0.9 + 60),
    (INTERN, shown(10, 10), True, 100),
    (INTERN, shown(11, 11), True, 100),
    (SUPERVISED, shown(24, 24), False, 40 * 0.96 + 60),
    (SUPERVISED, shown(25, 25), True, 100),
    (AUTONOMOUS, shown(49, 49), False, 40 * 0.98 + 60),
    (AUTONOMOUS, shown(50, 50), True, 100),
    # only successes count for the 40 points
    (INTERN, shown(10, 9), False, 40 * 0.9 + 60),
    (INTERN, shown(11, 10), True, 100),
    # interventions: at the limit there are no points left, and it is ready
    (INTERN, shown(10, 10, interventions=5), True, 70),
    (INTERN, shown(10, 10, interventions=6), False, 70),
    (SUPERVISED, shown(25, 25, interventions=5), True, 70),
    (SUPERVISED, shown(25, 25, interventions=6), False, 70),
    (SUPERVISED, shown(50, 50, interventions=5), True, 85),
    (AUTONOMOUS, shown(50, 50, interventions=1), False, 70),
    # constitution
    (INTERN, shown(10, 10, thousandths=700), True, 100),
    (INTERN, shown(10, 10, thousandths=699), False, 70 + 30 * 0.699 / 0.7),
    (SUPERVISED, shown(25, 25, thousandths=850), True, 100),
    (SUPERVISED, shown(25, 25, thousandths=849), False, 70 + 30 * 0.849 / 0.85),
    (AUTONOMOUS, shown(50, 50, thousandths=950), True, 100),
    (AUTONOMOUS, shown(50, 50, thousandths=949), False, 70 + 30 * 0.949 / 0.95),
    # no data is no pass
    (INTERN, Shown(), False, 0),
    (INTERN, shown(10, 10, scored=0), False, 70),
    (INTERN, shown(10, 0), False, 60),
    # many successes among many failures: 14 of 20 show 0.5083 at least, 13 of 20 show 0.4672
    (INTERN, shown(20, 14), True, 100),
    (INTERN, shown(20, 13), False, 100),
    (SUPERVISED, shown(100, 43), False, 100),
]


@pytest.mark.parametrize(("criteria", "what", "ready", "score"), TABLE)
def test_readiness_at_every_boundary(criteria, what, ready, score):
    found = readiness(criteria, what)
    assert found.ready is ready
    assert found.score == pytest.approx(score, abs=1e-9)
    assert found.ready is (found.gaps == ())


def test_gaps_in_words():
    found = readiness(SUPERVISED, shown(13, 13, interventions=4, thousandths=840), a_week=4.4)
    assert found.gaps == (
        "12 more successful episodes; at the present rate about 3 weeks",
        "an intervention rate of 0.308, and at most 0.200 is allowed",
        "a mean constitutional score of 0.840, and 0.850 is required",
    )
    assert readiness(INTERN, shown(9, 9), a_week=1).gaps == (
        "1 more successful episode; at the present rate about 1 week",
    )
    assert readiness(INTERN, Shown()).gaps == (
        "10 more successful episodes",
        "no episode has been finished at this maturity, so nothing is known yet",
        "no episode has a constitutional score",
    )


SESSIONS = [
    # ratings, hours, interventions, score
    ((4,), 1, 0, 40 + 30 + 20 + 5),
    ((2,), 1, 0, 20 + 30 + 0 + 5),
    ((5, 5), 2, 0, 100 - 5),
    ((3, 5), 2, 1, 40 + 15 + 20 * (0.5 / 0.6) + 10),
    ((5, 3), 2, 1, 40 + 15 + 20 * (0.5 / 0.6) + 0),
    ((4, 4, 4), 1, 1, 40 + 0 + 20 + 5),
    ((4,), 1, 3, 40 + 0 + 20 + 5),
    ((4,), 0, 0, 40 + 30 + 20 + 5),
    ((4,), 0, 1, 40 + 0 + 20 + 5),
]


@pytest.mark.parametrize(("ratings", "hours", "interventions", "score"), SESSIONS)
def test_supervision_by_hand(ratings, hours, interventions, score):
    found = supervision_score(Supervision(ratings, hours, interventions))
    assert found == pytest.approx(score)


def test_the_trend_needs_a_quarter_of_a_star():
    steady = supervision_score(Supervision((4, 4, 4, 4, 4, 4, 4, 4), 1, 0))
    barely = supervision_score(Supervision((4, 4, 4, 4, 4, 4, 4, 5), 1, 0))  # +0.25
    assert (barely - steady) == pytest.approx(5)


def test_combined():
    assert combined(100, None) is None
    assert combined(100, 50) == pytest.approx(85)
    assert combined(0, 100) == pytest.approx(30)
    assert supervision_score(Supervision()) is None
