"""Reports with a row for each exchange order: read by the day it was placed, a batch at a time,
with the units that pay for it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from apps.exchanges.models import ExchangeOrder
from apps.reconciliation.settlement import settlements_of_placed
from apps.reconciliation.settlement_rules import Settlement
from apps.reports.sources import BATCH_ROWS, behind, kept, position_of
from apps.reports.sums import Sums
from apps.reports.types import Batch, Position, Question, Report, Row, Totals

_ORDER = ("placed_at", "pk")
# So many exchange orders are found at once, and so many are in memory with their units.
_NAMED_AT_ONCE, _AT_ONCE = 5_000, 500
_Read = tuple[ExchangeOrder, Settlement]


@dataclass(frozen=True)
class PerExchangeOrder:
    """Rows of exchange orders. `orders` are narrowed and unsorted; `row` makes a row of one with
    its units, or None where it is none of the report."""

    orders: Callable[[Question], QuerySet[ExchangeOrder]]
    row: Callable[[Question, Settlement], Row | None]
    file_rows: int = BATCH_ROWS

    def batch(self, question: Question, after: Position | None, limit: int) -> Batch:
        """Returns the next rows by when they were placed; those that are none of the report are
        passed over."""
        rows: list[Row] = []
        last: ExchangeOrder | None = None
        for placed, settlement in self._read(question, after):
            row = self.row(question, settlement)
            if row is None:
                continue
            if len(rows) == limit and last:
                return Batch(rows, kept([last.placed_at, last.pk]))
            rows.append(row)
            last = placed
        return Batch(rows, None)

    def totals(self, report: Report, question: Question) -> list[Totals]:
        """Adds the rows up as they pass by."""
        sums = Sums(report)
        for row in self.rows(question):
            sums.add([row])
        return sums.totals

    def rows(self, question: Question) -> Iterator[Row]:
        """Yields all rows."""
        for _, settlement in self._read(question, None):
            row = self.row(question, settlement)
            if row is not None:
                yield row

    def _read(self, question: Question, after: Position | None) -> Iterator[_Read]:
        key = None if after is None else position_of(after, len(_ORDER))
        while True:
            rows = self.orders(question).order_by(*_ORDER)
            if key is not None:
                rows = rows.filter(behind(_ORDER, key))
            found: Sequence[ExchangeOrder] = list(rows.only(*_FIELDS)[:_NAMED_AT_ONCE])
            for start in range(0, len(found), _AT_ONCE):
                part = found[start : start + _AT_ONCE]
                yield from zip(part, settlements_of_placed(part), strict=True)
            if len(found) < _NAMED_AT_ONCE:
                return
            key = [found[-1].placed_at, found[-1].pk]


_FIELDS = ("pk", "store_id", "placed_at", "rma_identifier")
