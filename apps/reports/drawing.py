"""Charts over time: by day, over long periods by month."""

from collections.abc import Mapping
from datetime import date, timedelta

from django.db.models.functions import TruncDate, TruncMonth

from apps.reports.types import ChartData, Point, Question

_MOST_DAYS_DRAWN = 92


def is_daily(question: Question) -> bool:
    """Tells whether the period is short enough to be drawn by day."""
    days = question.period.days
    return days is not None and days <= _MOST_DAYS_DRAWN


def cut_of(question: Question) -> type[TruncDate] | type[TruncMonth]:
    """Returns what cuts moments into the days, or months, that are drawn."""
    return TruncDate if is_daily(question) else TruncMonth


def over_time(
    title: str, question: Question, found: Mapping[date, int], currency: str = ""
) -> ChartData:
    """Returns bars over the period of what was found on days (or in months, by any day of them);
    what has nothing stands there, too. Below 0 nothing is drawn."""
    length = 10 if is_daily(question) else 7
    sums: dict[str, int] = {}
    for when, value in found.items():
        label = f"{when:%Y-%m-%d}"[:length]
        sums[label] = sums.get(label, 0) + value
    points = [Point(label, sums.get(label, 0)) for label in _labels(question, sums)]
    unit = "day" if is_daily(question) else "month"
    return ChartData(f"{title}, by {unit}", points, currency)


def _labels(question: Question, sums: Mapping[str, int]) -> list[str]:
    period = question.period
    if is_daily(question) and period.since and period.days:
        return [f"{period.since + timedelta(days=n)}" for n in range(period.days)]
    if not sums:
        return []
    first, last = (int(month[:4]) * 12 + int(month[5:7]) - 1 for month in (min(sums), max(sums)))
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(first, last + 1)]
