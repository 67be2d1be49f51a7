"""Confidence: what supervision and training add to it, and what it makes an agent eligible for.

Confidence never changes maturity by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from governance.domain.errors import InvalidInput
from governance.domain.words import Maturity

THRESHOLDS: Mapping[Maturity, float] = {
    Maturity.INTERN: 0.5,
    Maturity.SUPERVISED: 0.7,
    Maturity.AUTONOMOUS: 0.9,
}
"""From this confidence on, an agent is eligible for a maturity; it still has to earn it."""

RATINGS = range(1, 6)

TRAINING_GAINS = ((0.3, 0.05), (0.5, 0.10), (0.7, 0.15))
"""Below each performance, what a completed training adds; BEST_TRAINING_GAIN from there on."""

BEST_TRAINING_GAIN = 0.20


def supervision_boost(*, rating: int, interventions: int) -> float:
    """What a completed supervision session adds: 0.0 to 0.1.

    `max(0, (rating - 1) / 40 - min(0.05, 0.01 * interventions))`, for a rating of 1 to 5 and any
    number of interventions. Raises InvalidInput.
    """
    if rating not in RATINGS or isinstance(rating, bool):
        raise InvalidInput(f"A rating is a whole number from 1 to 5, not {rating!r}.")
    if interventions < 0:
        raise InvalidInput("There cannot be fewer than no interventions.")
    # In thousandths, so that boundaries are exact.
    thousandths = (rating - 1) * 25 - min(50, 10 * interventions)
    return max(0, thousandths) / 1_000


def training_gain(performance: float) -> float:
    """What a completed training adds, by its performance from 0 to 1: 0.05 to 0.20.

    Raises InvalidInput.
    """
    if not 0.0 <= performance <= 1.0:  # false for NaN as well
        raise InvalidInput(f"A performance lies between 0 and 1, not {performance!r}.")
    return next((gain for below, gain in TRAINING_GAINS if performance < below), BEST_TRAINING_GAIN)


def raised(confidence: float, gain: float) -> float:
    """A confidence after a gain: at most 1, and without the dust of binary fractions."""
    return min(1.0, round(confidence + gain, 6))


def eligible_for(confidence: float) -> Maturity:
    """The highest maturity this confidence makes an agent eligible for; student below 0.5."""
    reached = [maturity for maturity, needed in THRESHOLDS.items() if confidence >= needed]
    return reached[-1] if reached else Maturity.STUDENT


def missing(*, maturity: Maturity, confidence: float) -> tuple[Maturity, float] | None:
    """The next maturity and the confidence missing for it (0: eligible); None at the top."""
    if maturity is Maturity.AUTONOMOUS:
        return None
    following = list(Maturity)[maturity.rank + 1]
    return following, max(0.0, round(THRESHOLDS[following] - confidence, 6))
