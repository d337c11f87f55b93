"""The months of the books: which are closed, by whom, and with which files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from django.db.models import F, Sum
from django.urls import reverse

from apps.attention.models import Kind
from apps.attention.queries import open_items
from apps.common import clock
from apps.common.days import start_of_day
from apps.inbox.models import DeliveryState
from apps.inbox.queries import deliveries_of
from apps.ledger.models import PeriodEvent
from apps.ledger.periods import open_request
from apps.ledger.queries import (
    Balance,
    balances,
    first_booked_on,
    period_events,
    postings_of,
)
from apps.ledger.rules import first_of_month, label_of, last_of_month, why_not_close
from apps.ledger.services import closed_through_of, day_of
from apps.refunds.models import Refund, RefundStatus
from apps.reports.closing import closes_all_before, files_of, kind_of, kinds_made
from apps.reports.models import Export
from apps.statements.queries import statements_of
from apps.stores.models import Store
from apps.stores.queries import zone_of

_MOST_MONTHS = 120
_PAYING = (RefundStatus.PAYING, RefundStatus.UNKNOWN)
_ABOUT_MONEY = (
    Kind.BOOKS_BROKEN,
    Kind.PAYMENT_CONTRADICTED,
    Kind.REFUND_DECLINED,
    Kind.STATEMENT_NOT_PAID,
    Kind.STATEMENT_TWICE,
)


@dataclass(frozen=True)
class Month:
    """A month of the books. `files` are those of its last closing, `earlier_files` those of the
    ones before. `problem` is why it cannot be closed, "" where it can."""

    first_day: date
    is_closed: bool
    is_last_closed: bool
    problem: str
    events: Sequence[PeriodEvent]
    closing: PeriodEvent | None
    files: Sequence[Export]
    earlier_files: Sequence[Export]

    @property
    def lacks_files(self) -> bool:
        """Whether a file of the closed month was made in vain, and not again since."""
        made = kinds_made(self.files)
        return self.is_closed and any(kind_of(file) not in made for file in self.files)


@dataclass(frozen=True)
class BooksPage:
    """All months, newest first, and what waits for a second person."""

    months: Sequence[Month]
    request: PeriodEvent | None
    closed_through: date | None


@dataclass(frozen=True)
class Figure:
    """An account of a month, in words."""

    label: str
    balance: Balance


@dataclass(frozen=True)
class Totals:
    """The accounts of one currency, and what they add up to: as much debited as credited."""

    currency: str
    figures: Sequence[Figure]

    @property
    def debit_cents(self) -> int:
        """All debits."""
        return sum(figure.balance.debit_cents for figure in self.figures)

    @property
    def credit_cents(self) -> int:
        """All credits."""
        return sum(figure.balance.credit_cents for figure in self.figures)

    @property
    def balance_cents(self) -> int:
        """By how much more is debited than credited: never anything but nothing."""
        return self.debit_cents - self.credit_cents


@dataclass(frozen=True)
class Unfinished:
    """Something up to a month's end that is not done yet: how often, and where it is seen."""

    label: str
    count: int
    url: str


def books_page(store: Store) -> BooksPage:
    """Returns a store's months since its first entry or closing, in a fixed number of queries."""
    today = day_of(store, clock.now())
    closed_through = closed_through_of(store.pk)
    events = list(period_events(store.pk))
    closings = [event for event in events if event.kind == PeriodEvent.Kind.CLOSED]
    files = files_of(closings)
    booked = first_booked_on(store.pk)
    known = [event.month for event in events] + ([first_of_month(booked)] if booked else [])
    first = min([*known, first_of_month(today)])
    months = []
    for month in _months(first, today):
        own = [event for event in events if event.month == month]
        newest = next((event for event in own if event.kind == PeriodEvent.Kind.CLOSED), None)
        is_closed = closed_through is not None and last_of_month(month) <= closed_through
        is_last = is_closed and closed_through == last_of_month(month)
        months.append(
            Month(
                first_day=month,
                is_closed=is_closed,
                is_last_closed=is_last,
                problem=why_not_close(month=month, today=today, closed_through=closed_through),
                events=own,
                closing=newest,
                files=files[newest.pk] if newest else [],
                earlier_files=[
                    file for event in own if event != newest for file in files.get(event.pk, [])
                ],
            )
        )
    return BooksPage(months, open_request(store.pk), closed_through)


def _months(first: date, today: date) -> list[date]:
    """The months from the newest back to the first."""
    found: list[date] = []
    month = first_of_month(today)
    while month >= first and len(found) < _MOST_MONTHS:
        found.append(month)
        month = first_of_month(month - timedelta(days=1))
    return found


def figures_of(store: Store, month: date) -> list[Totals]:
    """Returns what the entries add up to that a month's closing stands for, by currency: the
    month's own, and those of months before it that it closes, too."""
    first = None if closes_all_before(store.pk, month) else month
    rows = balances(postings_of(store.pk, first_day=first, last_day=last_of_month(month)))
    found: dict[str, list[Figure]] = {}
    for row in rows:
        found.setdefault(row.currency, []).append(Figure(label_of(row.account), row))
    return [Totals(currency, figures) for currency, figures in found.items()]


def unfinished(store: Store, month: date) -> list[Unfinished]:
    """Returns what is open of a month and those before it, and the exceptions about money that are
    open now. None of it keeps the month from being closed: what comes of it is booked in the month
    that is open then."""
    last = last_of_month(month)
    end = start_of_day(last + timedelta(days=1), zone_of(store))
    refunds = Refund.objects.filter(store=store, status__in=_PAYING, created_at__lt=end)
    waiting = Refund.objects.filter(store=store, status=RefundStatus.PROPOSED, created_at__lt=end)
    differences = (
        statements_of(store.pk)
        .filter(first_day__lte=last)
        .order_by()
        .aggregate(rows=Sum(F("open_count") + F("missed_count")))["rows"]
        or 0
    )
    messages = deliveries_of(store.pk).filter(state=DeliveryState.QUARANTINED, received_at__lt=end)
    alarms = open_items(store.pk).filter(kind__in=_ABOUT_MONEY)
    until = [("until", last.isoformat())]
    found = [
        Unfinished(
            "Refunds whose payment has no outcome yet",
            refunds.count(),
            _url("desk:refunds", [*(("status", status) for status in _PAYING), *until]),
        ),
        Unfinished(
            "Refunds that wait for approval",
            waiting.count(),
            _url("desk:refunds", [("status", RefundStatus.PROPOSED), *until]),
        ),
        Unfinished(
            "Differences in payout files that nobody has explained",
            differences,
            reverse("desk:statements"),
        ),
        Unfinished(
            "Messages set aside",
            messages.count(),
            _url("desk:deliveries", [("state", DeliveryState.QUARANTINED), *until]),
        ),
        Unfinished(
            "Open exceptions about declined payments, payout files and the books",
            alarms.count(),
            _url("desk:attention", [("kind", kind) for kind in _ABOUT_MONEY]),
        ),
    ]
    return [one for one in found if one.count]


def _url(name: str, parameters: Sequence[tuple[str, str]]) -> str:
    return f"{reverse(name)}?{urlencode(parameters)}"
