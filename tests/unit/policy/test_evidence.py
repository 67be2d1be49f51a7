"""What outcomes are worth, and bounds worked out by hand (Wilson 1927, z = 1.644854)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.domain.errors import InvalidInput
from governance.domain.words import EvidenceKind
from governance.policy.evidence import HALVES, Tally, wilson_lower, wilson_upper

WORTH = {
    "clean_approval": 1.0,
    "edited_approval": 0.5,
    "rejection": 0.0,
    "intervention": 0.0,
    "failure": 0.0,
    "violation": 0.0,
}


def test_what_each_outcome_is_worth():
    assert {kind.value: halves / 2 for kind, halves in HALVES.items()} == WORTH
    assert set(WORTH) == set(EvidenceKind.values)


# successes, trials, lower, upper
BOUNDS = [
    (43, 100, 0.3515, 0.5122),
    (0, 1, 0.0, 0.7301),
    (1, 1, 0.2699, 1.0),
    (10, 10, 0.7871, 1.0),
    (25, 25, 0.9023, 1.0),
    (50, 50, 0.9487, 1.0),
    (0, 10, 0.0, 0.2129),
    (5, 10, 0.2693, 0.7307),
    (0.5, 1, 0.0728, 0.9272),
    (1_000, 1_000, 0.9973, 1.0),
]


@pytest.mark.parametrize(("successes", "trials", "lower", "upper"), BOUNDS)
def test_bounds_by_hand(successes, trials, lower, upper):
    assert round(wilson_lower(successes, trials), 4) == lower
    assert round(wilson_upper(successes, trials), 4) == upper


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (1, 0), (2, 1), (-1, 5), (0, -1)])
def test_no_bound_without_a_sample(successes, trials):
    for bound in (wilson_lower, wilson_upper):
        with pytest.raises(InvalidInput, match="at least one trial"):
            bound(successes, trials)


def test_no_outcome_is_no_rate():
    assert Tally(0, 0).rate is None
    assert Tally(0, 0).lower_bound is None


def test_a_tally():
    tally = Tally(4, 5)  # two clean approvals, an edited one and a rejection
    assert (tally.worth, tally.rate) == (2.5, 0.625)
    assert round(tally.lower_bound, 4) == round(wilson_lower(2.5, 4), 4)


@given(trials=st.integers(1, 10_000), share=st.floats(0, 1))
def test_a_bound_lies_on_its_side_of_the_rate(trials, share):
    successes = int(trials * share)
    assert 0 <= wilson_lower(successes, trials) <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= wilson_upper(successes, trials) <= 1
