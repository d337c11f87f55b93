"""When a schedule is due: weeks and months on a store's clock. Pure."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Cadence(StrEnum):
    """How often."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True)
class Rhythm:
    """Once a week (`weekday`, Monday is 0) or once a month (`day_of_month`; shorter months on
    their last day), at `hour` on the clock of `zone`."""

    cadence: Cadence
    weekday: int
    day_of_month: int
    hour: int
    zone: ZoneInfo

    def in_words(self) -> str:
        """Says it, such as `every Monday at 08:00`."""
        if self.cadence == Cadence.WEEKLY:
            return f"every {WEEKDAYS[self.weekday]} at {self.hour:02}:00"
        last = " (in shorter months on the last)" if self.day_of_month > 28 else ""
        return f"on day {self.day_of_month} of every month{last} at {self.hour:02}:00"


def next_run(rhythm: Rhythm, after: datetime) -> datetime:
    """Returns the first slot after a moment, in UTC.

    An hour that the clock leaves out is made up for at the moment it is set forward; of an hour
    that comes twice, the first one counts.
    """
    return next(slot for slot in _slots(rhythm, after) if slot > after)


def last_run(rhythm: Rhythm, until: datetime) -> datetime:
    """Returns the last slot up to a moment, that moment included, in UTC."""
    return [slot for slot in _slots(rhythm, until) if slot <= until][-1]


def _slots(rhythm: Rhythm, around: datetime) -> Iterator[datetime]:
    """Yields slots from before a moment to behind it, in order."""
    today = around.astimezone(rhythm.zone).date()
    for day in _days(rhythm, today):
        yield datetime(day.year, day.month, day.day, rhythm.hour, tzinfo=rhythm.zone).astimezone(
            UTC
        )


def _days(rhythm: Rhythm, today: date) -> list[date]:
    if rhythm.cadence == Cadence.WEEKLY:
        this = today + timedelta(days=rhythm.weekday - today.weekday())
        return [this + timedelta(weeks=n) for n in (-2, -1, 0, 1, 2)]
    month = today.year * 12 + today.month - 1
    return [_day_in(*divmod(month + n, 12), rhythm.day_of_month) for n in (-2, -1, 0, 1, 2)]


def _day_in(year: int, month: int, day: int) -> date:
    return date(year, month + 1, min(day, monthrange(year, month + 1)[1]))
