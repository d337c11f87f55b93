"""Periods in days: what they are called, what came before, where they begin on a clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.common.days import start_of_day
from apps.reports.rules import Period, Preset, period_of


@pytest.mark.parametrize(
    ("preset", "today", "since", "until"),
    [
        ("today", "2024-02-29", "2024-02-29", "2024-02-29"),
        ("yesterday", "2024-03-01", "2024-02-29", "2024-02-29"),
        ("this_week", "2026-01-04", "2025-12-29", "2026-01-04"),
        ("last_week", "2026-01-05", "2025-12-29", "2026-01-04"),
        ("this_month", "2026-03-31", "2026-03-01", "2026-03-31"),
        ("last_month", "2026-03-31", "2026-02-01", "2026-02-28"),
        ("last_month", "2024-03-31", "2024-02-01", "2024-02-29"),
        ("last_month", "2026-01-01", "2025-12-01", "2025-12-31"),
        ("this_quarter", "2026-06-30", "2026-04-01", "2026-06-30"),
        ("last_quarter", "2026-03-31", "2025-10-01", "2025-12-31"),
        ("last_quarter", "2026-12-31", "2026-07-01", "2026-09-30"),
        ("this_year", "2026-12-31", "2026-01-01", "2026-12-31"),
        ("last_year", "2025-01-01", "2024-01-01", "2024-12-31"),
    ],
)
def test_periods_named_from_today(preset: str, today: str, since: str, until: str) -> None:
    found = period_of(Preset(preset), date.fromisoformat(today))
    assert (str(found.since), str(found.until)) == (since, until)


def test_every_preset_is_a_period() -> None:
    assert period_of(Preset.ALL, date(2026, 1, 1)) == Period()
    for preset in Preset:
        found = period_of(preset, date(2026, 1, 1))
        assert preset == Preset.ALL or (found.days or 0) >= 1


@pytest.mark.parametrize(
    ("now", "before"),
    [
        # Days.
        ("2026-03-05 2026-03-09", "2026-02-28 2026-03-04"),
        ("2026-03-02 2026-03-31", "2026-01-31 2026-03-01"),
        ("2026-03-01 2026-03-30", "2026-01-30 2026-02-28"),
        ("2026-02-10 2026-04-09", "2025-12-13 2026-02-09"),
        # Whole months.
        ("2026-03-01 2026-03-31", "2026-02-01 2026-02-28"),
        ("2024-03-01 2024-03-31", "2024-02-01 2024-02-29"),
        ("2026-02-01 2026-02-28", "2026-01-01 2026-01-31"),
        ("2026-01-01 2026-01-31", "2025-12-01 2025-12-31"),
        ("2026-01-01 2026-02-28", "2025-11-01 2025-12-31"),
        ("2026-01-01 2026-03-31", "2025-10-01 2025-12-31"),
        ("2026-05-01 2026-08-31", "2026-01-01 2026-04-30"),
        ("2026-01-01 2026-12-31", "2025-01-01 2025-12-31"),
        ("2025-01-01 2026-12-31", "2023-01-01 2024-12-31"),
    ],
)
def test_the_period_before(now: str, before: str) -> None:
    period = Period(*map(date.fromisoformat, now.split()))
    assert period.before() == Period(*map(date.fromisoformat, before.split()))


@pytest.mark.parametrize(
    ("preset", "today", "before"),
    [
        ("today", "2026-06-01", "2026-05-31 2026-05-31"),
        ("yesterday", "2026-06-02", "2026-05-31 2026-05-31"),
        ("this_week", "2026-06-02", "2026-05-25 2026-05-26"),
        ("this_week", "2026-06-07", "2026-05-25 2026-05-31"),
        ("last_week", "2026-06-08", "2026-05-25 2026-05-31"),
        ("this_month", "2026-03-15", "2026-02-01 2026-02-15"),
        ("this_month", "2026-03-30", "2026-02-01 2026-02-28"),
        ("this_month", "2026-02-28", "2026-01-01 2026-01-31"),
        ("last_month", "2026-03-15", "2026-01-01 2026-01-31"),
        ("this_quarter", "2026-04-20", "2026-01-01 2026-01-20"),
        ("this_quarter", "2026-05-31", "2026-01-01 2026-02-28"),
        ("last_quarter", "2026-05-31", "2025-10-01 2025-12-31"),
        ("this_year", "2026-01-20", "2025-01-01 2025-01-20"),
        ("this_year", "2026-11-30", "2025-01-01 2025-11-30"),
        ("this_year", "2024-02-29", "2023-01-01 2023-02-28"),
        ("last_year", "2026-11-30", "2024-01-01 2024-12-31"),
    ],
)
def test_what_a_period_named_from_today_is_compared_with(
    preset: str, today: str, before: str
) -> None:
    period = period_of(Preset(preset), date.fromisoformat(today))
    assert period.before() == Period(*map(date.fromisoformat, before.split()))


def test_a_period_is_compared_with_the_beginning_of_the_one_before_whatever_the_day() -> None:
    for number in range(3 * 366):
        today = date(2024, 1, 1) + timedelta(days=number)
        for preset in set(Preset) - {Preset.ALL}:
            period = period_of(preset, today)
            before = period.before()
            assert before
            assert before.since <= before.until < period.since
        whole = period_of(Preset.LAST_MONTH, today)
        begun = period_of(Preset.THIS_MONTH, today).before()
        assert begun.since == whole.since
        assert begun.until <= whole.until


def test_an_open_period_and_the_beginning_of_time_have_none_before() -> None:
    assert Period(date(2026, 3, 1)).before() is None
    assert Period(None, date(2026, 3, 1)).before() is None
    assert Period(date(1, 1, 5), date(1, 1, 9)).before() is None
    assert Period(date(1, 1, 1), date(1, 1, 31)).before() is None
    assert Period(date(1, 2, 1), date(1, 2, 28)).before() == Period(date(1, 1, 1), date(1, 1, 31))
    assert Period(date(1, 12, 1), date(1, 12, 31)).before() is not None


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("America/Los_Angeles", "2026-01-15", "2026-01-15T08:00:00+00:00"),
        ("America/Los_Angeles", "2026-03-08", "2026-03-08T08:00:00+00:00"),
        ("America/Los_Angeles", "2026-03-09", "2026-03-09T07:00:00+00:00"),
        ("America/Los_Angeles", "2026-11-02", "2026-11-02T08:00:00+00:00"),
        ("Asia/Tokyo", "2026-01-15", "2026-01-14T15:00:00+00:00"),
        ("Pacific/Auckland", "2026-04-05", "2026-04-04T11:00:00+00:00"),
        ("Pacific/Auckland", "2026-04-06", "2026-04-05T12:00:00+00:00"),
        # Midnight is left out: the day begins at one.
        ("America/Santiago", "2026-09-06", "2026-09-06T04:00:00+00:00"),
        # Midnight comes twice: the day begins with the first one.
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00+00:00"),
    ],
)
def test_a_day_begins_on_its_clock(zone: str, day: str, begins: str) -> None:
    found = start_of_day(date.fromisoformat(day), ZoneInfo(zone))
    assert found.astimezone(UTC) == datetime.fromisoformat(begins)
