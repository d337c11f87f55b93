"""What the settlement page shows: `reconciliation.settlement` narrowed, sorted, cut into pages."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Page, Paginator

from apps.desk.paging import PAGE_SIZE
from apps.reconciliation.settlement import settlements
from apps.reconciliation.settlement_rules import Settlement, State, Totals, totals


def _placed_at(row: Settlement) -> datetime:
    return row.placed.placed_at if row.placed else row.since_at


_SORTING: dict[str, Callable[[Settlement], Any]] = {
    "state": lambda row: (row.is_different, _placed_at(row)),
    "placed": _placed_at,
    "identifier": lambda row: row.order_identifier,
    "goods": lambda row: row.goods_amount_cents,
    "open": lambda row: row.open_cents,
    "difference": lambda row: row.difference_cents,
}
# What somebody should look at comes first, and of that the newest.
DEFAULT_SORTING = "-state"
# Asked for by the filter beside the states themselves.
DIFFERENT = "different"
OPEN = "open"


@dataclass(frozen=True)
class SettlementPage:
    """The rows of one page and the sums of all that the filter keeps."""

    page: Page[Settlement]
    totals: list[Totals]
    sort: str


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
    when the exchange order was placed."""
    wanted = search.strip().casefold()
    rows = [
        row
        for row in settlements(store_id)
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
    return SettlementPage(Paginator(rows, PAGE_SIZE).get_page(number), totals(rows), current)


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
