"""Evidence: what an outcome is worth, and what a sample of outcomes really shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from governance.domain.errors import InvalidInput
from governance.domain.words import EvidenceKind

Z_95 = 1.6448536269514722
"""The 95% quantile of the standard normal distribution, for one-sided bounds."""

HALVES: Mapping[EvidenceKind, int] = {
    EvidenceKind.CLEAN_APPROVAL: 2,
    EvidenceKind.EDITED_APPROVAL: 1,
    EvidenceKind.REJECTION: 0,
    EvidenceKind.INTERVENTION: 0,
    EvidenceKind.FAILURE: 0,
    EvidenceKind.VIOLATION: 0,
}
"""In halves, so that sums are exact: a clean approval is worth 1, an edited one 0.5."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Outcomes counted: how many, and what they are worth together, in halves."""

    count: int
    halves: int

    @property
    def worth(self) -> float:
        """The sum of the weights."""
        return self.halves / 2

    @property
    def rate(self) -> float | None:
        """Worth over count, 0 to 1; None without any outcome: no data is no rate."""
        return None if self.count == 0 else self.worth / self.count

    @property
    def lower_bound(self) -> float | None:
        """The one-sided 95% Wilson lower bound of the rate; None without any outcome."""
        return None if self.count == 0 else wilson_lower(self.worth, self.count)


def wilson_lower(successes: float, trials: int) -> float:
    """The one-sided 95% lower bound of a proportion, 0 to 1.

    Wilson (1927), Probable inference, the law of succession, and statistical inference:
    `(p + z^2/2n - z * sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)` with z = 1.6449. Half successes are
    allowed. Raises InvalidInput without trials, or for more successes than trials.
    """
    centre, spread, scale = _wilson(successes, trials)
    return max(0.0, (centre - spread) / scale)


def wilson_upper(successes: float, trials: int) -> float:
    """The one-sided 95% upper bound of a proportion, 0 to 1; see `wilson_lower`."""
    centre, spread, scale = _wilson(successes, trials)
    return min(1.0, (centre + spread) / scale)


def _wilson(successes: float, trials: int) -> tuple[float, float, float]:
    if trials < 1 or not 0 <= successes <= trials:
        raise InvalidInput("A bound needs at least one trial, and no more successes than trials.")
    share, square = successes / trials, Z_95 * Z_95
    spread = Z_95 * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return share + square / (2 * trials), spread, 1 + square / trials
