"""Today's figures of a store, and the thirteen days before, by the days of its own clock.

The days before today are read once a minute for each store; today is read every time.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.db.models import (
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce, TruncDate

from apps.common import clock
from apps.refunds.models import Destination, Refund, Source
from apps.rmas.models import Rma, RmaUnit
from apps.rmas.rules import EXCHANGES

DAYS = 14
WEEK = timedelta(days=7)
_KEPT_SECONDS = 60
_VERY_MANY = 500


@dataclass
class Sums:
    """What came together in a while: how many, of how many of them `part` is true, amounts in cents
    by currency, and durations in seconds."""

    count: int = 0
    part: int = 0
    amounts: dict[str, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def add(self, group: "Group") -> None:
        """Adds what a query returned for a day."""
        self.count += group.count
        self.part += group.part
        if group.currency:
            self.amounts[group.currency] = self.amounts.get(group.currency, 0) + group.cents
        if group.seconds is not None:
            self.seconds.append(group.seconds)

    def settle(self) -> None:
        """Keeps of the durations only what they are asked for: nothing is added any more."""
        self.seconds = [median(self.seconds)] if self.seconds else []

    @property
    def share(self) -> float | None:
        """Which share `part` has, from 0 to 1; None of nothing."""
        return self.part / self.count if self.count else None

    @property
    def median_seconds(self) -> float | None:
        """The median duration; None of nothing."""
        return median(self.seconds) if self.seconds else None


@dataclass(frozen=True)
class Group:
    """A part of a day as a query returns it."""

    day: date
    count: int = 0
    part: int = 0
    currency: str = ""
    cents: int = 0
    seconds: float | None = None


@dataclass(frozen=True)
class Window:
    """The days that are looked at, on the store's clock; the last one is today."""

    today: date
    zone: ZoneInfo

    @classmethod
    def ending_now(cls, zone: ZoneInfo) -> "Window":
        """Returns the days up to today."""
        return cls(clock.now().astimezone(zone).date(), zone)

    @property
    def days(self) -> list[date]:
        """The days, oldest first."""
        return [self.today - timedelta(days=n) for n in range(DAYS - 1, -1, -1)]

    def start_of(self, day: date) -> datetime:
        """Returns the store's midnight at the begin of a day."""
        return datetime.combine(day, time.min, tzinfo=self.zone)

    @property
    def this_time_last_week(self) -> datetime:
        """The moment a week ago at which the store's clock showed what it shows now."""
        now = clock.now().astimezone(self.zone)
        return datetime.combine(self.today - WEEK, now.time(), tzinfo=self.zone)


@dataclass
class Series:
    """A figure day by day. `by_then` is what there was a week ago up to the same time of day, and
    `week` the seven days before today together."""

    by_day: dict[date, Sums]
    by_then: Sums
    week: Sums

    @property
    def today(self) -> Sums:
        """What there is today so far."""
        return self.by_day[max(self.by_day)]


_Read = Callable[[int, datetime, datetime, ZoneInfo], list[Group]]


def opened_by_day(store_id: int, window: Window) -> Series:
    """Returns the returns that shoppers opened; `part` are those with a unit that is exchanged."""
    return _series("opened", _opened, store_id, window)


def decided_by_day(store_id: int, window: Window) -> Series:
    """Returns the refunds decided, with their totals."""
    return _series("decided", _decided, store_id, window)


def paid_by_day(store_id: int, window: Window) -> Series:
    """Returns the refunds that moved money to shoppers, with what they got."""
    return _series("paid", _paid, store_id, window)


def waits_by_day(store_id: int, window: Window) -> Series:
    """Returns, for what was paid, the seconds since the first scan of its return."""
    return _series("waits", _waits, store_id, window)


def _series(name: str, read: _Read, store_id: int, window: Window) -> Series:
    key = f"desk:figures:{name}:{store_id}:{window.zone.key}:{window.today}"
    past = cache.get(key)
    if past is None:
        past = _past(read, store_id, window)
        cache.set(key, past, _KEPT_SECONDS)
    today = cache.get(f"{key}:today") or _today(read, store_id, window, f"{key}:today")
    return Series({**past.by_day, window.today: today}, past.by_then, past.week)


def _today(read: _Read, store_id: int, window: Window, key: str) -> Sums:
    """Reads today anew; what comes of very many rows is kept for a while, too: one more of them
    hardly moves a median."""
    start, end = window.start_of(window.today), window.start_of(window.today + timedelta(days=1))
    groups, today = read(store_id, start, end, window.zone), Sums()
    for group in groups:
        today.add(group)
    today.settle()
    if len(groups) > _VERY_MANY:
        cache.set(key, today, _KEPT_SECONDS)
    return today


def _past(read: _Read, store_id: int, window: Window) -> Series:
    before = window.days[:-1]
    by_day = {day: Sums() for day in before}
    week, by_then = Sums(), Sums()
    start, end = window.start_of(before[0]), window.start_of(window.today)
    for group in read(store_id, start, end, window.zone):
        by_day[group.day].add(group)
        if group.day >= window.today - WEEK:
            week.add(group)
    last_week = window.start_of(window.today - WEEK)
    for group in read(store_id, last_week, window.this_time_last_week, window.zone):
        by_then.add(group)
    for sums in (*by_day.values(), by_then, week):
        sums.settle()
    return Series(by_day, by_then, week)


def _between(column: str, start: datetime, end: datetime) -> Q:
    return Q(**{f"{column}__gte": start, f"{column}__lt": end})


def _opened(store_id: int, start: datetime, end: datetime, zone: ZoneInfo) -> list[Group]:
    units = RmaUnit.objects.filter(
        rma=OuterRef("pk"), refund_type__in=EXCHANGES, is_withdrawn=False
    )
    rows = Rma.objects.filter(_between("remote_created_at", start, end), store_id=store_id)
    found = (
        rows.annotate(day=TruncDate("remote_created_at", tzinfo=zone), is_exchange=Exists(units))
        .order_by()
        .values_list("day")
        .annotate(count=Count("pk"), part=Count("pk", filter=Q(is_exchange=True)))
    )
    return [Group(day, count=count, part=part) for day, count, part in found]


def _decided(store_id: int, start: datetime, end: datetime, zone: ZoneInfo) -> list[Group]:
    """A refund that waits for approval, or was canceled while it did, is only made, not decided."""
    outside = Q(approved_at=None, source=Source.EXTERNAL)
    rows = Refund.objects.filter(
        _between("approved_at", start, end) | (outside & _between("created_at", start, end)),
        store_id=store_id,
    )
    decided_at = Coalesce("approved_at", "created_at")
    return _amounts(rows, decided_at, "total_refund_amount_cents", zone)


def _paid(store_id: int, start: datetime, end: datetime, zone: ZoneInfo) -> list[Group]:
    return _amounts(_money(store_id, start, end), F("paid_at"), "shopper_amount_cents", zone)


def _money(store_id: int, start: datetime, end: datetime) -> QuerySet[Refund]:
    """Store credit goes out with the exchange order, and a settled exchange pays nobody."""
    return Refund.objects.filter(
        _between("paid_at", start, end),
        store_id=store_id,
        destination__in=(Destination.ORIGINAL_PAYMENT, Destination.GIFT_CARD),
    )


def _amounts(rows: QuerySet[Refund], moment: Any, amount: str, zone: ZoneInfo) -> list[Group]:
    found = (
        rows.annotate(day=TruncDate(moment, tzinfo=zone))
        .order_by()
        .values_list("day", "currency")
        .annotate(count=Count("pk"), cents=Coalesce(Sum(amount), Value(0)))
    )
    return [
        Group(day, count=count, currency=currency, cents=cents)
        for day, currency, count, cents in found
    ]


def _waits(store_id: int, start: datetime, end: datetime, zone: ZoneInfo) -> list[Group]:
    waited = ExpressionWrapper(F("paid_at") - F("rma__scanned_at"), output_field=DurationField())
    found = (
        _money(store_id, start, end)
        .filter(rma__scanned_at__lte=F("paid_at"))
        .annotate(day=TruncDate("paid_at", tzinfo=zone), waited=waited)
        .order_by()
        .values_list("day", "waited")
    )
    return [Group(day, count=1, seconds=waited.total_seconds()) for day, waited in found]


def currencies(series: Series) -> list[str]:
    """Returns the currencies of a figure, the one with most in it first."""
    total: dict[str, int] = defaultdict(int)
    for sums in series.by_day.values():
        for currency, cents in sums.amounts.items():
            total[currency] += cents
    return sorted(total, key=lambda currency: (-total[currency], currency))
