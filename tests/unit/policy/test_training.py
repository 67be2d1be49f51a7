"""How long a training takes, and on which days: tables worked by hand from the design."""

from __future__ import annotations

import datetime
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.domain.errors import InvalidInput
from governance.policy import training

# --- The estimate ---------------------------------------------------------------------------------

# 0.2 * 40 = 8 always; (0.5 - confidence) * 50 * 0.2; 4 * gaps * 0.25; mean * 0.25, of 40 without
# similar agents; 40 / rate * 0.1, of rate 1 where it was never trained.
#   confidence, gaps, similar, rate,  8 + confidence + gaps + history + learning
ESTIMATES = [
    (0.0, 0, [], None, 27.0),  #       8 + 5 + 0 + 10 + 4
    (0.3, 3, [], None, 27.0),  #       8 + 2 + 3 + 10 + 4
    (0.5, 0, [], None, 22.0),  #       8 + 0 + 0 + 10 + 4
    (0.8, 12, [], None, 31.0),  #      8 - 3 + 12 + 10 + 4
    (0.0, 5, [20.0], 2.0, 25.0),  #    8 + 5 + 5 + 5 + 2
    (0.3, 1, [10.0, 30.0, 50.0], 0.5, 26.5),  # 8 + 2 + 1 + 7.5 + 8
    (0.5, 2, [16.4, 18.2], 1.0, 18.325),  #     8 + 0 + 2 + 4.325 + 4
    (0.8, 4, [12.0], 1.6, 14.5),  #    8 - 3 + 4 + 3 + 2.5
    (1.0, 1, [0.0], 4.0, 5.0),  #      8 - 5 + 1 + 0 + 1
    (0.299, 0, [], None, 24.01),  #    8 + 2.01 + 0 + 10 + 4
    (0.45, 7, [40.0] * 10, None, 29.5),  #      8 + 0.5 + 7 + 10 + 4
    (0.25, 6, [], 0.01, 42.5),  #      8 + 2.5 + 6 + 10 + 16: a rate below 0.25 counts as 0.25
    (0.5, 0, [], 100.0, 19.0),  #      8 + 0 + 0 + 10 + 1: a rate above 4 counts as 4
]


@pytest.mark.parametrize(("confidence", "gaps", "similar", "rate", "hours"), ESTIMATES)
def test_the_estimate(confidence, gaps, similar, rate, hours):
    found = training.estimate(confidence=confidence, gaps=gaps, similar=similar, learning_rate=rate)
    assert found.hours == pytest.approx(hours, abs=1e-9)


@pytest.mark.parametrize("gaps", range(13))
def test_each_gap_is_one_hour_more(gaps):
    found = training.estimate(confidence=0.5, gaps=gaps, similar=[], learning_rate=None)
    assert found.hours == pytest.approx(22.0 + gaps, abs=1e-9)


# confidence, hours, 0.7 of them, 1.5 of them
RANGES = [(0.0, 27.0, 18.9, 40.5), (0.5, 22.0, 15.4, 33.0), (0.8, 19.0, 13.3, 28.5)]


@pytest.mark.parametrize(("confidence", "hours", "low", "high"), RANGES)
def test_the_range_of_an_estimate(confidence, hours, low, high):
    found = training.estimate(confidence=confidence, gaps=0, similar=[], learning_rate=None)
    assert (found.hours, found.low, found.high) == pytest.approx((hours, low, high), abs=1e-9)


SURE = [(0, 0.5), (1, 0.55), (2, 0.6), (4, 0.7), (7, 0.85), (8, 0.9), (9, 0.9), (50, 0.9)]


@pytest.mark.parametrize(("similar", "confidence"), SURE)
def test_the_more_similar_agents_the_surer(similar, confidence):
    found = training.estimate(confidence=0.0, gaps=1, similar=[8.0] * similar, learning_rate=None)
    assert found.confidence == pytest.approx(confidence, abs=1e-9)


def test_the_parts_of_an_estimate_are_what_its_page_shows():
    found = training.estimate(confidence=0.3, gaps=1, similar=[10.0, 30.0], learning_rate=0.5)
    assert [part.as_json() for part in found.parts] == [
        {"name": "base", "hours": 40.0, "weight": 0.2, "why": "Every training starts from 40 h."},
        {
            "name": "confidence",
            "hours": 10.0,
            "weight": 0.2,
            "why": "Its confidence of 0.30 is 0.20 below 0.50.",
        },
        {
            "name": "gaps",
            "hours": 4.0,
            "weight": 0.25,
            "why": "1 capability is missing, at 4 h each.",
        },
        {
            "name": "history",
            "hours": 20.0,
            "weight": 0.25,
            "why": "2 similar ones needed 20.0 h on average.",
        },
        {
            "name": "learning",
            "hours": 80.0,
            "weight": 0.1,
            "why": "Its earlier trainings went at 0.50 times the planned pace.",
        },
    ]
    assert [part.share for part in found.parts] == pytest.approx([8, 2, 1, 5, 8])


#  which part, of what, its hours by itself, why
WORDS = [
    (1, {"confidence": 0.8}, -15.0, "Its confidence of 0.80 is not below 0.50, which saves time."),
    (1, {"confidence": 0.5}, 0.0, "Its confidence of 0.50 is not below 0.50, which saves time."),
    (2, {"gaps": 0}, 0.0, "No capability is missing."),
    (2, {"gaps": 3}, 12.0, "3 capabilities are missing, at 4 h each."),
    (3, {"similar": []}, 40.0, "No similar agent was trained here; 40 h stands in."),
    (3, {"similar": [7.5]}, 7.5, "1 similar agent needed 7.5 h on average."),
    (
        4,
        {"learning_rate": None},
        40.0,
        "It was never trained before; a usual pace is assumed.",
    ),
    (
        4,
        {"learning_rate": 9.0},
        10.0,
        "Its earlier trainings went at 4.00 times the planned pace.",
    ),
]


@pytest.mark.parametrize(("part", "values", "hours", "why"), WORDS)
def test_each_part_says_why(part, values, hours, why):
    asked = {"confidence": 0.0, "gaps": 1, "similar": [], "learning_rate": None, **values}
    found = training.estimate(**asked).parts[part]
    assert (found.hours, found.why) == (pytest.approx(hours), why)


@pytest.mark.parametrize(
    "wrong",
    [
        {"confidence": -0.01},
        {"confidence": 1.01},
        {"confidence": math.nan},
        {"gaps": -1},
        {"similar": [8.0, -0.1]},
    ],
)
def test_there_is_no_estimate_of_the_impossible(wrong):
    asked = {"confidence": 0.5, "gaps": 1, "similar": [], "learning_rate": None, **wrong}
    with pytest.raises(InvalidInput, match="confidence of 0 to 1"):
        training.estimate(**asked)


@given(
    confidence=st.floats(0, 1),
    gaps=st.integers(0, 12),
    similar=st.lists(st.floats(0, 1_000), max_size=20),
    rate=st.none() | st.floats(1e-6, 1e6),
)
def test_every_estimate_can_be_scheduled(confidence, gaps, similar, rate):
    found = training.estimate(confidence=confidence, gaps=gaps, similar=similar, learning_rate=rate)
    assert sum(training.WEIGHTS.values()) == pytest.approx(1)
    assert 0 < found.low < found.hours < found.high
    assert 0.5 <= found.confidence <= 0.9
    training.check_hours(hours=round(found.hours, 1), hours_a_day=8)


@given(
    confidence=st.floats(0, 0.99),
    more=st.floats(0.005, 0.01),
    gaps=st.integers(0, 11),
    rate=st.floats(0.25, 3.9),
)
def test_who_knows_more_or_learns_faster_needs_less(confidence, more, gaps, rate):
    def hours(**values):
        asked = {"confidence": confidence, "gaps": gaps, "similar": [8.0], "learning_rate": rate}
        return training.estimate(**{**asked, **values}).hours

    assert hours(confidence=confidence + more) < hours()
    assert hours(gaps=gaps + 1) > hours()
    assert hours(learning_rate=rate + 0.1) < hours()


# --- The schedule ---------------------------------------------------------------------------------

# 2026-11-23 is a Monday. hours, hours a day, from, the days
SCHEDULES = [
    (8, 8, "2026-11-23", [("2026-11-23", 8)]),
    (1, 12, "2026-11-23", [("2026-11-23", 1)]),
    (20, 8, "2026-11-26", [("2026-11-26", 8), ("2026-11-27", 8), ("2026-11-30", 4)]),
    (12.5, 8, "2026-11-28", [("2026-11-30", 8), ("2026-12-01", 4.5)]),
    (1, 8, "2026-11-29", [("2026-11-30", 1)]),
    (
        26.7,
        6.5,
        "2026-11-25",
        [
            ("2026-11-25", 6.5),
            ("2026-11-26", 6.5),
            ("2026-11-27", 6.5),
            ("2026-11-30", 6.5),
            ("2026-12-01", 0.7),
        ],
    ),
    (8.1, 2.7, "2026-11-27", [("2026-11-27", 2.7), ("2026-11-30", 2.7), ("2026-12-01", 2.7)]),
    (1.5, 0.5, "2026-11-27", [("2026-11-27", 0.5), ("2026-11-30", 0.5), ("2026-12-01", 0.5)]),
    (16, 8, "2026-12-31", [("2026-12-31", 8), ("2027-01-01", 8)]),
]


@pytest.mark.parametrize(("hours", "a_day", "starts_on", "days"), SCHEDULES)
def test_the_schedule(hours, a_day, starts_on, days):
    found = training.schedule(
        hours=hours, hours_a_day=a_day, starts_on=datetime.date.fromisoformat(starts_on)
    )
    assert found == [{"date": date, "hours": pytest.approx(part)} for date, part in days]


@given(
    hours=st.floats(1, 200),
    a_day=st.floats(0.5, 12),
    starts_on=st.dates(datetime.date(2026, 1, 1), datetime.date(2030, 1, 1)),
)
def test_every_schedule_is_whole_and_leaves_the_weekends_free(hours, a_day, starts_on):
    found = training.schedule(hours=hours, hours_a_day=a_day, starts_on=starts_on)
    dates = [datetime.date.fromisoformat(day["date"]) for day in found]
    assert dates == sorted(set(dates))
    assert dates[0] - starts_on <= datetime.timedelta(days=2)
    assert all(date.weekday() < 5 for date in dates)
    weekdays = sum(
        (dates[0] + datetime.timedelta(days=n)).weekday() < 5
        for n in range((dates[-1] - dates[0]).days + 1)
    )
    assert weekdays == len(dates)  # no working day is left out
    # Each day is rounded to a hundredth of an hour.
    assert sum(day["hours"] for day in found) == pytest.approx(hours, abs=0.005 * len(found) + 1e-6)
    assert len(found) == math.ceil(hours / a_day - 1e-9)


HOURS = [0.0, 0.99, -8.0, 1_000.01, math.inf, -math.inf, math.nan]
HOURS_A_DAY = [0.0, 0.49, -1.0, 12.01, 24.0, math.inf, math.nan]


@pytest.mark.parametrize("hours", HOURS)
def test_hours_that_no_training_has(hours):
    with pytest.raises(InvalidInput, match="The hours must be 1 to 1000, not"):
        training.schedule(hours=hours, hours_a_day=8, starts_on=datetime.date(2026, 11, 23))


@pytest.mark.parametrize("hours_a_day", HOURS_A_DAY)
def test_hours_that_no_day_has(hours_a_day):
    with pytest.raises(InvalidInput, match=r"The hours a day must be 0\.5 to 12, not"):
        training.schedule(hours=8, hours_a_day=hours_a_day, starts_on=datetime.date(2026, 11, 23))


@pytest.mark.parametrize(("hours", "hours_a_day"), [(1, 0.5), (1_000, 12), (40, 8)])
def test_hours_at_the_edges_are_hours(hours, hours_a_day):
    training.check_hours(hours=hours, hours_a_day=hours_a_day)


@pytest.mark.parametrize("spent", [0.25, 1, 40.5, 1_000])
def test_hours_that_can_be_spent(spent):
    training.check_spent(spent)


@pytest.mark.parametrize("spent", [0.0, -1.0, 1_000.5, math.nan, math.inf])
def test_hours_that_nobody_spent(spent):
    with pytest.raises(InvalidInput, match="above 0 and up to 1,000, not"):
        training.check_spent(spent)
