"""Periods in days, and what "last month" means today. Pure."""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

ONE_DAY = timedelta(days=1)


class Preset(StrEnum):
    """A period named from today: it moves on with the days."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    THIS_WEEK = "this_week"
    LAST_WEEK = "last_week"
    THIS_MONTH = "this_month"
    LAST_MONTH = "last_month"
    THIS_QUARTER = "this_quarter"
    LAST_QUARTER = "last_quarter"
    THIS_YEAR = "this_year"
    LAST_YEAR = "last_year"
    ALL = "all"


PRESET_LABELS = {preset: preset.value.replace("_", " ").capitalize() for preset in Preset} | {
    Preset.ALL: "All time"
}


@dataclass(frozen=True)
class Period:
    """Days from `since` to `until`, both included; None where it is open. `months`, or `weeks`, is
    how many of them what it is (the beginning) of has; both are 0 where it is just days."""

    since: date | None = None
    until: date | None = None
    months: int = field(default=0, compare=False)
    weeks: int = field(default=0, compare=False)

    @property
    def day_behind(self) -> date | None:
        """The first day after it."""
        return self.until + ONE_DAY if self.until else None

    @property
    def days(self) -> int | None:
        """How many days it has; None where it is open."""
        if self.since is None or self.until is None:
            return None
        return (self.until - self.since).days + 1

    def before(self) -> "Period | None":
        """The period that it is compared with; None where it is open.

        A week, month, quarter or year is compared with the one before, its beginning with as much
        of that one; whole months with as many whole months before; other days with as many right
        before.
        """
        days = self.days
        if days is None or self.since is None or self.until is None:
            return None
        months = 0 if self.weeks else self.months or _whole_months(self.since, self.until)
        if not months:
            back = timedelta(weeks=self.weeks) or timedelta(days=days)
            if self.since.toordinal() <= back.days:
                return None
            return Period(self.since - back, self.until - back, weeks=self.weeks)
        if _month_number(self.since) - months < _FIRST_MONTH:
            return None
        return Period(_moved(self.since, -months), _moved(self.until, -months), months)


_FIRST_MONTH = 12 + 1  # January of the year 1 by `_month_number`


def _month_number(day: date) -> int:
    return day.year * 12 + day.month


def _last_of_month(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _whole_months(since: date, until: date) -> int:
    """How many months these days are; 0 where they are not whole ones."""
    if since.day != 1 or until != _last_of_month(until):
        return 0
    return _month_number(until) - _month_number(since) + 1


def _moved(day: date, months: int) -> date:
    """Returns the same day so many months on; the last of a month stays the last, and what that
    month has not is its last."""
    number = _month_number(day) + months
    first = date((number - 1) // 12, (number - 1) % 12 + 1, 1)
    last = _last_of_month(first)
    is_last = day == _last_of_month(day)
    return last if is_last else first.replace(day=min(day.day, last.day))


def period_of(preset: Preset, today: date) -> Period:
    """Returns the days that `preset` names when it is `today`. Weeks begin on Monday. What is not
    over yet ends today, so that it is compared with as much of the one before."""
    month = today.replace(day=1)
    quarter = date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
    monday = today - timedelta(days=today.weekday())
    last_month = (month - ONE_DAY).replace(day=1)
    last_quarter = date((quarter - ONE_DAY).year, (quarter - ONE_DAY).month - 2, 1)
    return {
        Preset.TODAY: Period(today, today),
        Preset.YESTERDAY: Period(today - ONE_DAY, today - ONE_DAY),
        Preset.THIS_WEEK: Period(monday, today, weeks=1),
        Preset.LAST_WEEK: Period(monday - timedelta(days=7), monday - ONE_DAY, weeks=1),
        Preset.THIS_MONTH: Period(month, today, 1),
        Preset.LAST_MONTH: Period(last_month, month - ONE_DAY, 1),
        Preset.THIS_QUARTER: Period(quarter, today, 3),
        Preset.LAST_QUARTER: Period(last_quarter, quarter - ONE_DAY, 3),
        Preset.THIS_YEAR: Period(today.replace(month=1, day=1), today, 12),
        Preset.LAST_YEAR: Period(date(today.year - 1, 1, 1), date(today.year - 1, 12, 31), 12),
        Preset.ALL: Period(),
    }[preset]
