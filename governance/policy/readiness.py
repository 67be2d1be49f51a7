"""Readiness: what an agent has shown at its maturity, against what the next one asks for.

No data is no pass: without episodes, or without scored ones, nothing is ready.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from governance.domain.words import Maturity
from governance.policy.evidence import wilson_lower, wilson_upper

EPISODE_POINTS, INTERVENTION_POINTS, CONSTITUTION_POINTS = 40.0, 30.0, 30.0
EPISODE_SHARE, SUPERVISION_SHARE = 0.7, 0.3
RATING_POINTS, CALM_POINTS, STAR_POINTS, TREND_POINTS = 40.0, 30.0, 20.0, 10.0
GOOD_RATING, STARS, STAR_SHARE = 4.0, 4, 0.6
TREND_STEP = 0.25
"""A change of the mean rating by at least this much is a trend."""

THOUSANDTHS = 1_000


@dataclass(frozen=True, slots=True)
class Criteria:
    """What promotion to a maturity asks for. Rates, means and scores from 0 to 1.

    `min_success`: what the sample must show of the share that succeeds, as its lower bound. Many
    episodes alone show nothing: an agent that fails half of the time has many successes as well.
    """

    to: Maturity
    episodes: int
    max_intervention_rate: float
    min_constitution: float
    min_exam: float
    min_success: float = 0.5


DEFAULT_CRITERIA = (
    Criteria(Maturity.INTERN, 10, 0.5, 0.70, 0.70),
    Criteria(Maturity.SUPERVISED, 25, 0.2, 0.85, 0.85),
    Criteria(Maturity.AUTONOMOUS, 50, 0.0, 0.95, 0.95),
)
"""The rows of a new workspace; governors may change theirs."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the episodes finished at the current maturity add up to.

    `interventions`: in all of them together; `intervened`: episodes with at least one. `scored`:
    episodes with a constitutional score, and `score_thousandths` the sum of those scores, in
    thousandths, so that sums are exact.
    """

    episodes: int = 0
    successful: int = 0
    interventions: int = 0
    intervened: int = 0
    scored: int = 0
    score_thousandths: int = 0

    @property
    def intervention_rate(self) -> float | None:
        """Interventions over episodes, 0 or more; None without episodes."""
        return self.interventions / self.episodes if self.episodes else None

    @property
    def constitution(self) -> float | None:
        """The mean score; None where nothing was scored."""
        return self.score_thousandths / (THOUSANDTHS * self.scored) if self.scored else None

    @property
    def success_lower_bound(self) -> float | None:
        """One-sided 95% Wilson bound of the share that succeeded; None without episodes."""
        return wilson_lower(self.successful, self.episodes) if self.episodes else None

    @property
    def intervened_upper_bound(self) -> float | None:
        """One-sided 95% Wilson bound of the share with an intervention; None without episodes."""
        return wilson_upper(self.intervened, self.episodes) if self.episodes else None


@dataclass(frozen=True, slots=True)
class Readiness:
    """The verdict with its breakdown. Points add up to `score`, 0 to 100. `gaps` in plain words."""

    criteria: Criteria
    shown: Shown
    episode_points: float
    intervention_points: float
    constitution_points: float
    gaps: tuple[str, ...]

    @property
    def score(self) -> float:
        """0 to 100."""
        return self.episode_points + self.intervention_points + self.constitution_points

    @property
    def ready(self) -> bool:
        """Whether every criterion is met."""
        return not self.gaps


@dataclass(frozen=True, slots=True)
class Supervision:
    """The completed supervision sessions at the current maturity, oldest first.

    `ratings` 1 to 5; `hours`: of all sessions together; `interventions`: in all of them.
    """

    ratings: Sequence[int] = ()
    hours: float = 0.0
    interventions: int = 0


def readiness(criteria: Criteria, shown: Shown, *, a_week: float = 0.0) -> Readiness:
    """Judge what was shown. `a_week`: successful episodes a week at the present rate, for words.

    40 points for successful episodes over required ones, 30 for interventions (1 - rate / maximum;
    a maximum of 0 allows none), 30 for the mean constitutional score over the required one.
    """
    return Readiness(
        criteria,
        shown,
        EPISODE_POINTS * min(1.0, shown.successful / criteria.episodes),
        INTERVENTION_POINTS * _calm(shown.intervention_rate, criteria.max_intervention_rate),
        CONSTITUTION_POINTS * _kept(shown.constitution, criteria.min_constitution),
        tuple(_gaps(criteria, shown, a_week)),
    )


def supervision_score(sessions: Supervision) -> float | None:
    """0 to 100; None without a rated session.

    Mean rating over 4 (40), interventions per hour (30 at none, 0 at one an hour or more), the
    share of 4 and 5 star sessions over 0.6 (20), the trend of ratings (10 rising, 5 steady).
    """
    if not sessions.ratings:
        return None
    mean = math.fsum(sessions.ratings) / len(sessions.ratings)
    if sessions.hours > 0:
        an_hour = sessions.interventions / sessions.hours
    else:
        an_hour = float(sessions.interventions)
    stars = sum(rating >= STARS for rating in sessions.ratings) / len(sessions.ratings)
    return (
        RATING_POINTS * min(1.0, mean / GOOD_RATING)
        + CALM_POINTS * max(0.0, 1.0 - an_hour)
        + STAR_POINTS * min(1.0, stars / STAR_SHARE)
        + TREND_POINTS * _trend(sessions.ratings)
    )


def combined(episodes: float, supervision: float | None) -> float | None:
    """0.7 of the readiness score and 0.3 of the supervision score; None without the latter."""
    if supervision is None:
        return None
    return EPISODE_SHARE * episodes + SUPERVISION_SHARE * supervision


def _calm(rate: float | None, allowed: float) -> float:
    if rate is None:
        return 0.0
    if allowed == 0:
        return 1.0 if rate == 0 else 0.0
    return max(0.0, 1.0 - rate / allowed)


def _kept(mean: float | None, required: float) -> float:
    if mean is None:
        return 0.0
    return 1.0 if required == 0 else min(1.0, mean / required)


def _trend(ratings: Sequence[int]) -> float:
    """1 where the later half was rated better than the earlier, 0.5 where alike, 0 where worse."""
    half = len(ratings) // 2
    if half == 0:
        return 0.5
    change = math.fsum(ratings[-half:]) / half - math.fsum(ratings[:half]) / half
    if change >= TREND_STEP:
        return 1.0
    return 0.0 if change <= -TREND_STEP else 0.5


def _gaps(criteria: Criteria, shown: Shown, a_week: float) -> list[str]:
    gaps = []
    lacking = criteria.episodes - shown.successful
    if lacking > 0:
        plural = "" if lacking == 1 else "s"
        gaps.append(f"{lacking} more successful episode{plural}{_at_this_rate(lacking, a_week)}")
    rate, mean, bound = shown.intervention_rate, shown.constitution, shown.success_lower_bound
    if bound is not None and bound < criteria.min_success:
        gaps.append(
            f"{shown.successful} of {shown.episodes} episodes succeeded, which shows a share of "
            f"{bound:.4f} at least (95%), and {criteria.min_success:.4f} is required"
        )
    if rate is None:
        gaps.append("no episode has been finished at this maturity, so nothing is known yet")
    elif rate > criteria.max_intervention_rate:
        gaps.append(
            f"an intervention rate of {rate:.3f}, and at most {criteria.max_intervention_rate:.3f} "
            "is allowed"
        )
    if mean is None:
        gaps.append("no episode has a constitutional score")
    elif mean < criteria.min_constitution:
        gaps.append(
            f"a mean constitutional score of {mean:.3f}, and {criteria.min_constitution:.3f} is "
            "required"
        )
    return gaps


def _at_this_rate(lacking: int, a_week: float) -> str:
    if a_week <= 0:
        return ""
    weeks = math.ceil(lacking / a_week)
    return f"; at the present rate about {weeks} week{'' if weeks == 1 else 's'}"
