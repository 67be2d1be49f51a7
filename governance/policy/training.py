"""Training: how long it will take, why, and on which days."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass

from governance.domain.errors import InvalidInput
from governance.domain.values import Json

BASE_HOURS = 40.0
HOURS_A_GAP = 4.0
CONFIDENCE_NEEDED, HOURS_A_POINT = 0.5, 50.0

WEIGHTS = {"base": 0.2, "confidence": 0.2, "gaps": 0.25, "history": 0.25, "learning": 0.1}
LOWEST, HIGHEST = 0.7, 1.5
"""The range of an estimate, as factors of it."""

RATES = (0.25, 4.0)
"""Learning rates are kept within this range: one odd training says little."""

MIN_HOURS, MAX_HOURS = 1.0, 1_000.0
MIN_HOURS_A_DAY, MAX_HOURS_A_DAY = 0.5, 12.0
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Part:
    """One term of an estimate: `hours` by itself, its weight, and why, in plain words."""

    name: str
    hours: float
    why: str

    @property
    def weight(self) -> float:
        """From 0 to 1; all weights add up to 1."""
        return WEIGHTS[self.name]

    @property
    def share(self) -> float:
        """What it contributes, in hours."""
        return self.hours * self.weight

    def as_json(self) -> dict[str, Json]:
        """For storing with the plan."""
        return {
            "name": self.name,
            "hours": round(self.hours, 4),
            "weight": self.weight,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Estimate:
    """Hours of training, with the range and the reasoning. `confidence` 0.5 to 0.9."""

    parts: tuple[Part, ...]
    confidence: float

    @property
    def hours(self) -> float:
        """The estimate itself."""
        return sum(part.share for part in self.parts)

    @property
    def low(self) -> float:
        """0.7 of the estimate."""
        return self.hours * LOWEST

    @property
    def high(self) -> float:
        """1.5 of the estimate."""
        return self.hours * HIGHEST


def estimate(
    *, confidence: float, gaps: int, similar: Sequence[float], learning_rate: float | None
) -> Estimate:
    """How many hours a student needs.

    `confidence` 0 to 1; `gaps`: how many capabilities are missing; `similar`: the hours that each
    similar agent needed; `learning_rate`: hours estimated over hours needed in this agent's earlier
    trainings, None where there are none. Raises InvalidInput.

    `0.2 * 40 + 0.2 * (0.5 - confidence) * 50 + 0.25 * 4 * gaps + 0.25 * mean(similar)
    + 0.1 * 40 / learning rate`; without similar agents 40 h stands in for their mean.
    """
    if not 0.0 <= confidence <= 1.0 or gaps < 0 or any(hours < 0 for hours in similar):
        raise InvalidInput("An estimate needs a confidence of 0 to 1 and no negative numbers.")
    parts = (
        Part("base", BASE_HOURS, "Every training starts from 40 h."),
        _confidence(confidence),
        _gaps(gaps),
        _history(similar),
        _learning(learning_rate),
    )
    return Estimate(parts, min(0.9, 0.5 + 0.05 * len(similar)))


def schedule(
    *, hours: float, hours_a_day: float, starts_on: datetime.date
) -> list[dict[str, Json]]:
    """The days of a training: `{"date", "hours"}`, Monday to Friday, from `starts_on` on.

    `hours` 1 to 1,000; `hours_a_day` 0.5 to 12. Raises InvalidInput.
    """
    check_hours(hours=hours, hours_a_day=hours_a_day)
    days: list[dict[str, Json]] = []
    left, day = hours, starts_on
    while left > 1e-9:  # noqa: PLR2004  what is left of binary fractions is no work
        if day.weekday() < SATURDAY:
            today = min(left, hours_a_day)
            days.append({"date": day.isoformat(), "hours": round(today, 2)})
            left -= today
        day += datetime.timedelta(days=1)
    return days


def check_spent(hours: float) -> None:
    """Raise InvalidInput for hours that nobody can have spent on a training."""
    if not 0.0 < hours <= MAX_HOURS:  # false for NaN as well
        raise InvalidInput(
            f"The hours spent are a number above 0 and up to {MAX_HOURS:,g}, not {hours!r}."
        )


def check_hours(*, hours: float, hours_a_day: float) -> None:
    """Raise InvalidInput for hours that no training has."""
    for what, value, low, high in (
        ("hours", hours, MIN_HOURS, MAX_HOURS),
        ("hours a day", hours_a_day, MIN_HOURS_A_DAY, MAX_HOURS_A_DAY),
    ):
        if not math.isfinite(value) or not low <= value <= high:
            raise InvalidInput(f"The {what} must be {low:g} to {high:g}, not {value!r}.")


def _confidence(confidence: float) -> Part:
    hours = (CONFIDENCE_NEEDED - confidence) * HOURS_A_POINT
    if hours > 0:
        why = f"Its confidence of {confidence:.2f} is {0.5 - confidence:.2f} below 0.50."
    else:
        why = f"Its confidence of {confidence:.2f} is not below 0.50, which saves time."
    return Part("confidence", hours, why)


def _gaps(gaps: int) -> Part:
    if not gaps:
        return Part("gaps", 0.0, "No capability is missing.")
    many = "1 capability is" if gaps == 1 else f"{gaps} capabilities are"
    return Part("gaps", HOURS_A_GAP * gaps, f"{many} missing, at 4 h each.")


def _history(similar: Sequence[float]) -> Part:
    if not similar:
        return Part("history", BASE_HOURS, "No similar agent was trained here; 40 h stands in.")
    mean = math.fsum(similar) / len(similar)
    needed = (
        "1 similar agent needed" if len(similar) == 1 else f"{len(similar)} similar ones needed"
    )
    return Part("history", mean, f"{needed} {mean:.1f} h on average.")


def _learning(rate: float | None) -> Part:
    if rate is None:
        return Part("learning", BASE_HOURS, "It was never trained before; a usual pace is assumed.")
    within = min(max(rate, RATES[0]), RATES[1])
    why = f"Its earlier trainings went at {within:.2f} times the planned pace."
    return Part("learning", BASE_HOURS / within, why)
