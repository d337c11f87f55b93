"""What the home page shows beside the queues: today's figures in words, and the newest things."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from apps.common.money import show
from apps.desk.charts import Bar, bars
from apps.desk.reads.figures import (
    Series,
    Sums,
    Window,
    currencies,
    decided_by_day,
    opened_by_day,
    paid_by_day,
    waits_by_day,
)
from apps.rmas.models import Rma
from apps.rmas.rules import EXCHANGES
from apps.timeline.models import Event

FEED_LENGTH = 16
LATEST_RETURNS = 10
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True)
class DayShown:
    """One day of a figure, in words."""

    day: date
    is_today: bool
    text: str


@dataclass(frozen=True)
class Figure:
    """One of today's figures: what it is now, how that compares, and the days before."""

    name: str
    label: str
    value: str
    hint: str
    comparison: str
    summary: str
    url_name: str
    query: str
    days: list[DayShown]
    bars: list[Bar]


def figures_of(store_id: int, zone: ZoneInfo) -> list[Figure]:
    """Returns today's figures of a store, on its clock."""
    window = Window.ending_now(zone)
    opened = opened_by_day(store_id, window)
    today = window.today.isoformat()
    on_day = f"since={today}&until={today}"
    exchanges = "&".join(f"kind={value}" for value in EXCHANGES)
    paid_out = "paid=today&destination=original_payment&destination=gift_card"
    return [
        _counted(window, opened, ("opened", "Returns opened", "desk:rmas", on_day)),
        _counted(
            window,
            decided_by_day(store_id, window),
            ("decided", "Refunds decided", "desk:refunds", "decided=today"),
        ),
        _paid_out(window, paid_by_day(store_id, window), paid_out),
        _exchange_share(window, opened, f"{on_day}&{exchanges}"),
        _scan_to_paid(window, waits_by_day(store_id, window), paid_out),
    ]


_Names = tuple[str, str, str, str]


def _counted(window: Window, series: Series, names: _Names) -> Figure:
    hint = ", ".join(_amounts(series.today))
    now, then = series.today.count, series.by_then.count
    return _figure(
        window,
        series,
        names,
        value=f"{series.today.count:,}",
        hint=hint,
        comparison=_against(window, now, then, "{:,}".format),
        measure=lambda sums: float(sums.count),
        words=lambda sums: " · ".join([f"{sums.count:,}", *_amounts(sums)]),
    )


def _paid_out(window: Window, series: Series, query: str) -> Figure:
    """With several currencies, the drawing and the comparison are of the one with most in it."""
    known = currencies(series)
    first = known[0] if known else ""
    amounts = {currency: series.today.amounts.get(currency, 0) for currency in known}
    others = [show(cents, currency) for currency, cents in amounts.items() if currency != first]
    return _figure(
        window,
        series,
        ("paid", "Paid out", "desk:refunds", query),
        value=show(amounts[first], first) if first else "0",
        hint="; ".join(
            [_plural(series.today.count, "refund")]
            + ([f"and {', '.join(others)}", f"the bars are {first}"] if others else [])
        ),
        comparison=_against(
            window,
            amounts.get(first, 0),
            series.by_then.amounts.get(first, 0),
            lambda cents: show(cents, first) if first else "nothing",
        ),
        measure=lambda sums: float(sums.amounts.get(first, 0)),
        words=lambda sums: " · ".join(_amounts(sums)) or "0",
    )


def _exchange_share(window: Window, series: Series, query: str) -> Figure:
    week = series.week.share
    return _figure(
        window,
        series,
        ("exchanges", "Share of exchanges", "desk:rmas", query),
        value=_percent(series.today),
        hint=f"{series.today.part:,} of {_plural(series.today.count, 'return')} opened",
        comparison="no returns in the 7 days before"
        if week is None
        else f"{_percent(series.week)} in the 7 days before",
        measure=lambda sums: sums.share,
        words=lambda sums: f"{_percent(sums)} ({sums.part:,} of {sums.count:,})",
    )


def _scan_to_paid(window: Window, series: Series, query: str) -> Figure:
    week = series.week.median_seconds
    paid = series.today.count
    return _figure(
        window,
        series,
        ("waits", "Scan to paid", "desk:refunds", query),
        value=_duration(series.today.median_seconds),
        hint=f"median of {_plural(paid, 'refund')}" if paid else "no scanned return paid yet",
        comparison="nothing paid in the 7 days before"
        if week is None
        else f"{_duration(week)} in the 7 days before",
        measure=lambda sums: sums.median_seconds,
        words=lambda sums: _duration(sums.median_seconds),
    )


def _figure(
    window: Window,
    series: Series,
    names: _Names,
    *,
    measure: Callable[[Sums], float | None],
    words: Callable[[Sums], str],
    **shown: Any,
) -> Figure:
    name, label, url_name, query = names
    days = [DayShown(day, day == window.today, words(series.by_day[day])) for day in window.days]
    labels = [f"{_day(day.day)}: {day.text}" for day in days]
    past = [words(series.by_day[day]) for day in window.days[:-1]]
    return Figure(
        name=name,
        label=label,
        url_name=url_name,
        query=query,
        days=days[::-1],
        bars=bars([measure(series.by_day[day]) for day in window.days], labels),
        summary=f"{label}, the last {len(days)} days: today {days[-1].text}, "
        f"yesterday {past[-1]}, {_day(window.days[0])} {past[0]}",
        **shown,
    )


def _against(window: Window, now: int, then: int, words: Callable[[int], str]) -> str:
    """Compares with the same weekday a week ago, up to the same time of day."""
    then_said = f"by this time last {window.today:%A}"
    if now == then:
        return f"the same as {then_said}" if now else f"none {then_said} either"
    more = f"{words(abs(now - then))} {'more' if now > then else 'less'} than {then_said}"
    return f"{more} ({words(then)})" if then else f"{words(now)} more than {then_said}: none then"


def _amounts(sums: Sums) -> list[str]:
    return [show(cents, currency) for currency, cents in sorted(sums.amounts.items())]


def _percent(sums: Sums) -> str:
    return "—" if sums.share is None else f"{round(sums.share * 100)}%"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _day(day: date) -> str:
    return f"{day:%a %b} {day.day}"


def _duration(seconds: float | None) -> str:
    """Returns a duration as people say it: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`."""
    if seconds is None:
        return "—"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < 2 * _DAY:
        minutes = whole % _HOUR // _MINUTE
        return f"{whole // _HOUR} h" + (f" {minutes} min" if minutes else "")
    hours = whole % _DAY // _HOUR
    return f"{whole // _DAY} d" + (f" {hours} h" if hours else "")


def latest_events(store_id: int) -> list[Event]:
    """Returns the newest events of the store."""
    rows = Event.objects.filter(store_id=store_id).select_related("actor")
    return list(rows.order_by("-pk")[:FEED_LENGTH])


def latest_returns(store_id: int) -> QuerySet[Rma]:
    """Returns the newest returns of the store."""
    rows = Rma.objects.filter(store_id=store_id)
    return rows.order_by("-remote_created_at", "-pk")[:LATEST_RETURNS]
