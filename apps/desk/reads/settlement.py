"""What the settlement page shows: `reconciliation.settlement` narrowed, sorted, cut into pages."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.utils import timezone

from apps.desk.paging import PAGE_SIZE
from apps.exchanges.models import ExchangeOrder
from apps.reconciliation.settlement import settlements_between, settlements_called
from apps.reconciliation.settlement_rules import Settlement, State, Totals, totals


def _placed_at(row: Settlement) -> datetime:
    return row.placed.placed_at if row.placed else row.since_at


_SORTING: dict[str, Callable[[Settlement], Any]] = {
    "state": lambda row: (row.is_different, _placed_at(row)),
    "placed": _placed_at,
    "identifier": lambda row: row.order_identifier,
    "goods": lambda row: row.owed_goods_amount_cents,
    "open": lambda row: row.open_cents,
    "difference": lambda row: row.difference_cents,
}
# What somebody should look at comes first, and of that the newest.
DEFAULT_SORTING = "-state"
# Asked for by the filter beside the states themselves.
DIFFERENT = "different"
OPEN = "open"
# How many exchange orders are looked at, and the rest of their first day, where nobody says since
# when: every sum stands for rows that were read.
MOST_ORDERS = 100


@dataclass(frozen=True)
class SettlementPage:
    """The rows of one page and the sums of all that the filter keeps. `begins` is the first day of
    what is looked at where nobody named one and there is more before it."""

    page: Page[Settlement]
    totals: list[Totals]
    sort: str
    begins: date | None = None

    @property
    def day_before(self) -> date | None:
        """The last day of what is not looked at."""
        return self.begins - timedelta(days=1) if self.begins else None


def settlement_page(
    *,
    store_id: int,
    state: str,
    search: str,
    since: datetime | None,
    until: datetime | None,
    sort: str,
    number: str | None,
) -> SettlementPage:
    """Reads a page of a store's settlements. `since` (inclusive) and `until` (exclusive) are about
    when the exchange order was placed. Without `since` it is the days that hold the newest
    MOST_ORDERS, and with them what is called as `search` says, however old it is."""
    wanted = search.strip().casefold()
    begins = None if since else _begins(store_id, until)
    found = settlements_between(store_id, since or begins, until)
    if begins:
        found = [row for row in found if _placed_at(row) >= begins]
        if wanted:
            called = settlements_called(store_id, {search.strip(), wanted, wanted.upper()})
            found += [row for row in called if _placed_at(row) < begins]
    rows = [
        row
        for row in found
        if _is_in(row, state)
        and (not wanted or any(wanted in name.casefold() for name in _names(row)))
        and (since is None or _placed_at(row) >= since)
        and (until is None or _placed_at(row) < until)
    ]
    current = sort if sort.removeprefix("-") in _SORTING else DEFAULT_SORTING
    key = _SORTING[current.removeprefix("-")]
    rows.sort(
        key=lambda row: (key(row), row.order_identifier, row.rma_identifiers),
        reverse=current.startswith("-"),
    )
    page = Paginator(rows, PAGE_SIZE).get_page(number)
    day = timezone.localtime(begins).date() if begins else None
    return SettlementPage(page, totals(rows), current, day)


def _begins(store_id: int, until: datetime | None) -> datetime | None:
    """The midnight, on the store's clock, from which on there are MOST_ORDERS exchange orders; None
    where there are no more."""
    rows = ExchangeOrder.objects.filter(store_id=store_id)
    if until:
        rows = rows.filter(placed_at__lt=until)
    placed = rows.order_by("-placed_at", "-pk").values_list("placed_at", flat=True)
    first = placed[MOST_ORDERS : MOST_ORDERS + 1].first()
    if first is None:
        return None
    return timezone.localtime(first).replace(hour=0, minute=0, second=0, microsecond=0)


def _is_in(row: Settlement, state: str) -> bool:
    if state == DIFFERENT:
        return row.is_different
    if state == OPEN:
        return row.open_cents > 0 or row.decided_cents > 0
    return not state or row.state == State(state)


def _names(row: Settlement) -> tuple[str, ...]:
    return (
        row.transaction_id,
        row.order_identifier,
        row.original_order_identifier,
        *row.rma_identifiers,
        *row.refund_identifiers,
    )
