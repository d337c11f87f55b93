"""When schedules are due, on any clock, over both changes of it, in months of any length."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.reports.rhythm import Cadence, Rhythm, last_run, next_run

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata",
         "America/St_Johns", "Pacific/Auckland", "Africa/Casablanca")  # fmt: skip
RHYTHMS = st.builds(
    Rhythm,
    cadence=st.sampled_from(Cadence),
    weekday=st.integers(0, 6),
    day_of_month=st.integers(1, 31),
    hour=st.integers(0, 23),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))


def rhythm(cadence=Cadence.MONTHLY, zone="America/New_York", **more):
    given = {"weekday": 0, "day_of_month": 1, "hour": 8, **more}
    return Rhythm(Cadence(cadence), zone=ZoneInfo(zone), **given)


def local(moment, zone="America/New_York"):
    return moment.astimezone(ZoneInfo(zone)).isoformat()


def is_an_hour_left_out(found, asked):
    """Whether that hour is missing on that day's clock: what is told for it is another one."""
    naive = datetime(found.year, found.month, found.day, asked.hour)
    there = naive.replace(tzinfo=asked.zone)
    return there.astimezone(UTC).astimezone(asked.zone).replace(tzinfo=None) != naive


@given(RHYTHMS, MOMENTS)
def test_slots_follow_each_other_on_the_right_day_and_hour(asked, after):
    seen = after
    for _ in range(6):
        slot = next_run(asked, seen)
        assert slot > seen
        assert slot.tzinfo is UTC
        # Nothing lies between: it is the last one until itself, and what was seen is before it.
        assert last_run(asked, slot) == slot
        assert last_run(asked, slot - timedelta(seconds=1)) <= seen
        found = slot.astimezone(asked.zone)
        if not is_an_hour_left_out(found, asked):
            assert (found.hour, found.minute, found.fold) == (asked.hour, 0, 0)
        if asked.cadence == Cadence.WEEKLY:
            assert found.weekday() == asked.weekday
        else:
            assert found.day == min(asked.day_of_month, monthrange(found.year, found.month)[1])
        seen = slot


@given(RHYTHMS, MOMENTS)
def test_a_year_has_each_week_or_month_once(asked, after):
    slots = [after]
    while len(slots) < 14:
        slots.append(next_run(asked, slots[-1]))
    days = [slot.astimezone(asked.zone).date() for slot in slots[1:]]
    if asked.cadence == Cadence.WEEKLY:
        assert {(b - a).days for a, b in pairwise(days)} == {7}
    else:
        months = [day.year * 12 + day.month for day in days]
        assert months == list(range(months[0], months[0] + len(months)))


@pytest.mark.parametrize(
    ("day", "found"),
    [
        (29, ["2027-01-29", "2027-02-28", "2027-03-29", "2027-04-29"]),
        (30, ["2027-01-30", "2027-02-28", "2027-03-30", "2027-04-30"]),
        (31, ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]),
    ],
)
def test_short_months_fall_on_their_last_day(day, found):
    slots, after = [], datetime(2027, 1, 1, tzinfo=UTC)
    for _ in found:
        after = next_run(rhythm(day_of_month=day), after)
        slots.append(local(after)[:10])
    assert slots == found


def test_a_leap_day_counts():
    assert local(next_run(rhythm(day_of_month=30), datetime(2028, 2, 1, tzinfo=UTC))).startswith(
        "2028-02-29T08:00"
    )


def test_the_hour_stays_when_the_clock_changes():
    asked = rhythm(Cadence.WEEKLY, weekday=0)
    first = next_run(asked, datetime(2027, 3, 8, 14, tzinfo=UTC))
    assert local(first) == "2027-03-15T08:00:00-04:00"
    assert local(last_run(asked, first - timedelta(days=1))) == "2027-03-08T08:00:00-05:00"
    assert local(next_run(asked, datetime(2027, 11, 1, 13, tzinfo=UTC))) == (
        "2027-11-08T08:00:00-05:00"
    )


def test_an_hour_that_is_left_out_is_made_up_for_when_the_clock_is_set_forward():
    asked = rhythm(Cadence.WEEKLY, weekday=6, hour=2)
    slot = next_run(asked, datetime(2027, 3, 8, tzinfo=UTC))
    assert slot == datetime(2027, 3, 14, 7, tzinfo=UTC)
    assert local(slot) == "2027-03-14T03:00:00-04:00"
    assert local(next_run(asked, slot)) == "2027-03-21T02:00:00-04:00"


def test_an_hour_that_comes_twice_counts_once():
    asked = rhythm(Cadence.WEEKLY, weekday=6, hour=1)
    slot = next_run(asked, datetime(2027, 11, 1, 13, tzinfo=UTC))
    assert local(slot) == "2027-11-07T01:00:00-04:00"
    assert local(next_run(asked, slot)) == "2027-11-14T01:00:00-05:00"


def test_a_slot_is_not_its_own_next_one():
    asked = rhythm()
    slot = next_run(asked, datetime(2027, 1, 15, tzinfo=UTC))
    assert local(slot) == "2027-02-01T08:00:00-05:00"
    assert local(next_run(asked, slot)) == "2027-03-01T08:00:00-05:00"
    assert last_run(asked, slot) == slot


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (rhythm(Cadence.WEEKLY, weekday=4, hour=17), "every Friday at 17:00"),
        (rhythm(day_of_month=3), "on day 3 of every month at 08:00"),
        (
            rhythm(day_of_month=31),
            "on day 31 of every month (in shorter months on the last) at 08:00",
        ),
    ],
)
def test_a_rhythm_in_words(asked, words):
    assert asked.in_words() == words
