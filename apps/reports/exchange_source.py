"""Reports with a row for each exchange order: read by the day it was placed, a batch at a time,
with the units that pay for it; added up from figures alone."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet

from apps.exchanges.models import ExchangeOrder
from apps.reconciliation.settlement import settlements_of_placed
from apps.reconciliation.settlement_figures import settlement_figures
from apps.reconciliation.settlement_rules import Settlement, SettlementFigures
from apps.reports.sources import BATCH_ROWS, behind, kept, position_of
from apps.reports.types import Batch, Position, Question, Report, Row, Totals

_ORDER = ("placed_at", "pk")
# So many exchange orders are in memory with their units: fewer for a page.
_MOST_AT_ONCE, _LEAST_AT_ONCE = 500, 100
_Read = tuple[ExchangeOrder, Settlement]
# What one row adds to the totals, by the keys of the summed columns.
Cells = dict[str, int]


@dataclass
class Added:
    """What exchange orders add up to, by currency."""

    rows: Counter[str] = field(default_factory=Counter)
    sums: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, found: SettlementFigures, cells: Cells) -> None:
        """Adds what one is in the totals."""
        self.rows[found.currency] += 1
        self.sums.setdefault(found.currency, Counter()).update(cells)

    def totals(self, report: Report) -> list[Totals]:
        """Returns the sums of a report, the currency with most rows first."""
        totals = [
            Totals(currency, self.rows[currency], {key: sums[key] for key in report.summed})
            for currency, sums in self.sums.items()
        ]
        return sorted(totals, key=lambda one: (-one.rows, one.currency))


@dataclass(frozen=True)
class PerExchangeOrder:
    """Rows of exchange orders. `orders` are narrowed and unsorted; `cells` is what is summed of
    one, or None where it is none of the report; `row` makes a row of these and its units.
    `is_most` says whether most of a store's exchange orders are asked about, `added` what all rows
    add up to."""

    orders: Callable[[Question], QuerySet[ExchangeOrder]]
    cells: Callable[[Question, SettlementFigures], Cells | None]
    row: Callable[[Question, Settlement, Cells], Row]
    is_most: Callable[[Question], bool]
    added: Callable[[Question], Added]
    file_rows: int = BATCH_ROWS

    def batch(self, question: Question, after: Position | None, limit: int) -> Batch:
        """Returns the next rows by when they were placed; those that are none of the report are
        passed over."""
        rows: list[Row] = []
        last: ExchangeOrder | None = None
        at_once = min(max(limit, _LEAST_AT_ONCE), _MOST_AT_ONCE)
        for placed, settlement in self._read(question, after, at_once):
            cells = self.cells(question, settlement)
            if cells is None:
                continue
            if len(rows) == limit and last:
                return Batch(rows, kept([last.placed_at, last.pk]))
            rows.append(self.row(question, settlement, cells))
            last = placed
        return Batch(rows, None)

    def totals(self, report: Report, question: Question) -> list[Totals]:
        """Adds up what the database has added up by exchange order."""
        return self.added(question).totals(report)

    def figures(self, question: Question) -> Iterator[tuple[SettlementFigures, Cells]]:
        """Yields the figures of all rows, in the order in which their exchange orders were placed,
        and what each adds to the totals."""
        store_id, is_most = question.store.pk, self.is_most(question)
        for found in settlement_figures(store_id, self.orders(question), is_most=is_most):
            cells = self.cells(question, found)
            if cells is not None:
                yield found, cells

    def _read(self, question: Question, after: Position | None, at_once: int) -> Iterator[_Read]:
        key = None if after is None else position_of(after, len(_ORDER))
        while True:
            rows = self.orders(question).order_by(*_ORDER)
            if key is not None:
                rows = rows.filter(behind(_ORDER, key))
            found: Sequence[ExchangeOrder] = list(rows.only(*_FIELDS)[:at_once])
            yield from zip(found, settlements_of_placed(found), strict=True)
            if len(found) < at_once:
                return
            key = [found[-1].placed_at, found[-1].pk]


_FIELDS = ("pk", "store_id", "placed_at", "rma_identifier")
