"""A report as CSV: text guarded against formulas, numbers and moments as machines read them."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from io import StringIO
from typing import Any

from babel.numbers import get_currency_precision

from apps.common.csv_cells import harmless
from apps.reports.reading import batches
from apps.reports.sums import Sums
from apps.reports.types import Kind, Question, Report, Row, Totals

_BYTE_ORDER_MARK = "\ufeff"
TOTAL = "Total"


@lru_cache(maxsize=100)
def _precision(currency: str) -> int:
    return get_currency_precision(currency) if currency else 2


@lru_cache(maxsize=50_000)
def _decimal(cents: int, precision: int) -> str:
    """Returns an amount as a plain decimal: 12800 with 2 digits is 128.00."""
    return f"{Decimal(cents).scaleb(-precision):f}"


class CsvWriting:
    """Writes a report's rows. Moments have the offset of the store's clock: an hour that comes
    twice is told apart."""

    def __init__(self, report: Report, zone: tzinfo, *, has_byte_order_mark: bool = True) -> None:
        self._report = report
        self._mark = _BYTE_ORDER_MARK if has_byte_order_mark else ""
        self._currency = report.currency_place
        self._amounts = [n for n, c in enumerate(report.columns) if c.kind == Kind.AMOUNT]
        self._others = [
            (n, writer) for n, c in enumerate(report.columns) if (writer := _writer(c.kind, zone))
        ]

    def head(self) -> bytes:
        """Returns the first line."""
        return (self._mark + _lines([[column.key for column in self._report.columns]])).encode()

    def rows(self, rows: Iterable[Row]) -> bytes:
        """Returns the lines of these rows."""
        return _lines(self._cells(row) for row in rows).encode()

    def tail(self, totals: Sequence[Totals]) -> bytes:
        """Returns the last lines: the totals, one for each currency."""
        return _lines(self._total(found) for found in totals).encode()

    def _cells(self, row: Row) -> list[Any]:
        cells: list[Any] = list(row)
        precision = _precision("" if self._currency is None else str(row[self._currency]))
        for n in self._amounts:
            cents: Any = cells[n]
            cells[n] = "" if cents is None else _decimal(cents, precision)
        for n, writer in self._others:
            if cells[n] is not None:
                cells[n] = writer(cells[n])
        return cells

    def _total(self, found: Totals) -> list[Any]:
        columns = self._report.columns
        cells: list[Any] = [""] * len(columns)
        cells[0] = TOTAL
        for key, place in self._report.summed.items():
            value = found.sums[key]
            is_amount = columns[place].kind == Kind.AMOUNT
            cells[place] = _decimal(value, _precision(found.currency)) if is_amount else value
        if self._currency is not None:
            cells[self._currency] = found.currency
        return cells


def _writer(kind: Kind, zone: tzinfo) -> Callable[[Any], Any] | None:
    """Returns what writes a value of that kind; None where it is written as it is."""

    def local(value: datetime) -> str:
        return value.astimezone(zone).isoformat(timespec="seconds")

    writers: dict[Kind, Callable[[Any], Any]] = {
        Kind.TEXT: harmless,
        Kind.MOMENT: local,
        Kind.SHARE: lambda value: f"{value:.6f}",
        Kind.HOURS: lambda value: f"{value:.1f}",
    }
    return writers.get(kind)


def _lines(rows: Iterable[Sequence[Any]]) -> str:
    out = StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def csv_stream(
    report: Report, question: Question, *, has_byte_order_mark: bool = True
) -> Iterator[bytes]:
    """Yields a report as CSV, a batch of rows at a time; the totals are those of the very rows
    that were yielded."""
    writing = CsvWriting(report, question.zone, has_byte_order_mark=has_byte_order_mark)
    sums = Sums(report)
    yield writing.head()
    for batch in batches(report, question):
        sums.add(batch.rows)
        yield writing.rows(batch.rows)
    yield writing.tail(sums.totals)
