"""A list as CSV: what is looked at, row by row, safe to open in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from apps.common import clock
from apps.desk.lists.looks import Look
from apps.desk.lists.types import Value
from apps.desk.seats import Seat

MOST_ROWS = 100_000
_CHUNK = 500
_BYTE_ORDER_MARK = "\ufeff"
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """Hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        """Returns the line."""
        return line


def safe(value: Value) -> Value:
    """Returns a cell that no spreadsheet takes for a formula: text that begins like one gets an
    apostrophe in front; numbers stay as they are."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def file_name(look: Look) -> str:
    """Returns what the file is called: list, store, and today on the store's clock."""
    day = timezone.localtime(clock.now()).date()
    return f"{look.listing.name}-{look.seat.store.identifier}-{day.isoformat()}.csv"


def on_the_clock_of(seat: Seat, lines: Iterator[str]) -> Iterator[str]:
    """Returns the lines, each worked out on the store's clock: they are read when the view, which
    had set it, is over."""
    while True:
        with timezone.override(seat.zone):
            line = next(lines, None)
        if line is None:
            return
        yield line


def csv_lines(look: Look) -> Iterator[str]:
    """Returns the lines of the CSV: the shown columns of all rows that match, at most MOST_ROWS;
    the last line says so where there are more. Holds no more than a chunk of rows at once. What is
    looked for is settled at once; the rows are read one by one."""
    return _lines(look, look.rows[: MOST_ROWS + 1])


def _lines(look: Look, rows: QuerySet[Any]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    heads = [head for column in look.columns for head in column.heads]
    yield _BYTE_ORDER_MARK + writer.writerow(heads)
    found = rows.iterator(chunk_size=_CHUNK)
    for row in _read_in_chunks(look, islice(found, MOST_ROWS)):
        cells = chain.from_iterable(column.values(row) for column in look.columns)
        yield writer.writerow([safe(cell) for cell in cells])
    if next(found, None) is not None:
        yield writer.writerow([f"Only the first {MOST_ROWS:,} rows: narrow the list for the rest."])


def _read_in_chunks(look: Look, rows: Iterable[Any]) -> Iterator[Any]:
    rest = iter(rows)
    while chunk := list(islice(rest, _CHUNK)):
        yield from look.read(chunk)
