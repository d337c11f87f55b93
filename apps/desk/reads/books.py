"""The months of the books: which are closed, by whom, and with which files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from apps.common import clock
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
from apps.reports.closing import IN_VAIN, closes_all_before, files_of
from apps.reports.models import Export
from apps.stores.models import Store

_MOST_MONTHS = 120


@dataclass(frozen=True)
class Month:
    """A month of the books. `problem` is why it cannot be closed, "" where it can."""

    first_day: date
    is_closed: bool
    is_last_closed: bool
    problem: str
    events: Sequence[PeriodEvent]
    closing: PeriodEvent | None
    files: Sequence[Export]

    @property
    def lacks_files(self) -> bool:
        """Whether the making of a file of the closed month ended in vain."""
        return self.is_closed and any(file.state in IN_VAIN for file in self.files)


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


def figures_of(store: Store, month: date) -> list[Figure]:
    """Returns what the entries add up to that a month's closing stands for, by account: the month's
    own, and those of months before it that it closes, too."""
    first = None if closes_all_before(store.pk, month) else month
    rows = postings_of(store.pk, first_day=first, last_day=last_of_month(month))
    return [Figure(label_of(row.account), row) for row in balances(rows)]
