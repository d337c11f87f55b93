"""A report as an Excel workbook: true dates and numbers, text that stays text, and its totals.

Rows are packed first (plain JSON, with dates as Excel counts them), because a workbook can only be
written in one go, while rows are read in many.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime, tzinfo
from typing import Any

import xlsxwriter
from babel.numbers import get_currency_precision
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from apps.reports.types import Column, Kind, Report, Row, Totals

# What Excel holds: rows of a sheet below the header, and characters of a cell.
MOST_ROWS = 1_048_575
MOST_CHARACTERS = 32_767
_CUT = "… (cut: the cell is full)"
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel's own, on whatever clock
_FIRST_YEAR = 1900
_SECONDS = 86_400
_MOMENT, _DAY, _SHARE, _COUNT = "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd", "0.0%", "#,##0"
_HOURS = "#,##0.0"
_WIDTHS = {Kind.MOMENT: 19, Kind.DAY: 11, Kind.AMOUNT: 14} | dict.fromkeys(
    (Kind.COUNT, Kind.SHARE, Kind.HOURS), 9
)
_TEXT_WIDTH = 20

# What the totals sheet says of where the figures come from: names and texts.
Facts = Sequence[tuple[str, str]]
# What is called between rows, with how many are written; it may raise to stop.
Progress = Callable[[int], None]


def pack(report: Report, zone: tzinfo, rows: Iterable[Row]) -> bytes:
    """Returns rows as `write_workbook` takes them."""
    dates = [n for n, c in enumerate(report.columns) if c.kind in (Kind.MOMENT, Kind.DAY)]
    shares = [n for n, c in enumerate(report.columns) if c.kind == Kind.SHARE]
    packed = []
    for row in rows:
        cells: list[Any] = list(row)
        for n in dates:
            if cells[n] is not None:
                cells[n] = serial(cells[n], zone)
        for n in shares:
            if cells[n] is not None:
                cells[n] = float(cells[n])
        packed.append(cells)
    return json.dumps(packed, ensure_ascii=False, separators=(",", ":")).encode()


def serial(value: date | datetime, zone: tzinfo) -> float | str:
    """Returns a moment (on the clock of `zone`, to the second) or a day as Excel counts them; as
    text what is before its calendar."""
    if isinstance(value, datetime):
        local = value.astimezone(zone).replace(tzinfo=None, microsecond=0)
        if local.year < _FIRST_YEAR:
            return local.isoformat(sep=" ")
    else:
        local = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a day has no zone
        if local.year < _FIRST_YEAR:
            return value.isoformat()
    passed = local - _EPOCH
    return passed.days + passed.seconds / _SECONDS


def write_workbook(
    path: str,
    report: Report,
    chunks: Iterable[bytes],
    totals: Callable[[], Sequence[Totals]],
    facts: Facts,
    *,
    progress: Progress = lambda rows: None,
    closing: Callable[[], AbstractContextManager[None]] = nullcontext,
    most_rows: int = MOST_ROWS,
) -> None:
    """Writes packed chunks to a workbook at `path`, holding one row in memory; `totals` is asked
    when all are written. Above `most_rows` a further sheet takes what follows. All is packed into
    one file within `closing`: that takes long, and nothing can be asked between."""
    with tempfile.TemporaryDirectory() as folder:
        options = {
            "constant_memory": True,
            # Its half-written sheets go with the folder, whatever happens.
            "tmpdir": folder,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        book = xlsxwriter.Workbook(path, options)
        _Rows(book, report, most_rows).write(chunks, progress)
        _write_totals(book, report, totals(), facts)
        with closing():
            book.close()


class _Rows:
    """The sheets of rows, one after the other."""

    def __init__(self, book: Workbook, report: Report, most_rows: int) -> None:
        self.book, self.report, self.most_rows = book, report, most_rows
        self.formats = Formats(book)
        self.place = report.currency_place
        self.sheet: Worksheet | None = None
        self.sheets = 0
        self.row = 0

    def write(self, chunks: Iterable[bytes], progress: Progress) -> None:
        """Writes all rows."""
        done = 0
        sheet = self._next_sheet()
        for chunk in chunks:
            for cells in json.loads(chunk):
                if self.row == self.most_rows:
                    self._end(sheet)
                    sheet = self._next_sheet()
                self.row += 1
                self._write_row(sheet, cells)
                done += 1
            progress(done)
        self._end(sheet)

    def _next_sheet(self) -> Worksheet:
        self.sheets += 1
        self.row = 0
        title = _sheet_name(self.report.title, self.sheets)
        sheet = self.book.add_worksheet(title)
        sheet.freeze_panes(1, 1)
        head = self.formats.head
        for n, column in enumerate(self.report.columns):
            width = _WIDTHS.get(column.kind, _TEXT_WIDTH)
            sheet.set_column(n, n, max(width, len(column.label) + 3))
        for n, column in enumerate(self.report.columns):
            sheet.write_string(0, n, column.label, head)
        return sheet

    def _end(self, sheet: Worksheet) -> None:
        sheet.autofilter(0, 0, self.row, len(self.report.columns) - 1)

    def _write_row(self, sheet: Worksheet, cells: list[Any]) -> None:
        currency = "" if self.place is None else cells[self.place]
        row, formats = self.row, self.formats
        for n, (column, value) in enumerate(zip(self.report.columns, cells, strict=True)):
            if value is None or value == "":
                continue
            if value.__class__ is str:
                sheet.write_string(row, n, _fitting(value))
            elif column.kind == Kind.AMOUNT:
                precision, amount_format = formats.of_currency(currency)
                sheet.write_number(row, n, value / precision, amount_format)
            else:
                sheet.write_number(row, n, value, formats.of_kind[column.kind])


class Formats:
    """The cell formats of a workbook."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self.head = book.add_format({"bold": True, "bottom": 1, "text_wrap": False})
        self.bold = book.add_format({"bold": True})
        self.of_kind = {
            Kind.COUNT: book.add_format({"num_format": _COUNT}),
            Kind.MOMENT: book.add_format({"num_format": _MOMENT}),
            Kind.DAY: book.add_format({"num_format": _DAY}),
            Kind.SHARE: book.add_format({"num_format": _SHARE}),
            Kind.HOURS: book.add_format({"num_format": _HOURS}),
        }
        self._amounts: dict[int, Any] = {}
        self._of_currency: dict[str, tuple[int, Any]] = {}

    def of_currency(self, currency: str) -> tuple[int, Any]:
        """Returns how many cents one of a currency has, and the format of its amounts."""
        known = self._of_currency.get(currency)
        if known is None:
            digits = get_currency_precision(currency) if currency else 2
            if digits not in self._amounts:
                text = "#,##0" + ("." + "0" * digits if digits else "")
                self._amounts[digits] = self._book.add_format({"num_format": text})
            known = self._of_currency[currency] = (10**digits, self._amounts[digits])
        return known


def _sheet_name(title: str, number: int) -> str:
    """Excel takes 31 characters, and none of these."""
    plain = "".join(" " if sign in "[]:*?/\\'" else sign for sign in title).strip()
    suffix = f" {number}" if number > 1 else ""
    return plain[: 31 - len(suffix)] + suffix


def _fitting(text: str) -> str:
    """Returns text that a cell can hold, cut with a word about it where it cannot."""
    if len(text) <= MOST_CHARACTERS // 2:
        return text
    # Excel counts in UTF-16, where some signs are two.
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) // 2 <= MOST_CHARACTERS:
        return text
    kept = units[: (MOST_CHARACTERS - len(_CUT)) * 2].decode("utf-16-le", "ignore")
    return kept + _CUT


def _write_totals(book: Workbook, report: Report, totals: Sequence[Totals], facts: Facts) -> None:
    """One line for each currency, and below it what the file is of."""
    formats = Formats(book)
    sheet = book.add_worksheet("Totals")
    sheet.freeze_panes(1, 1)
    columns = [column for column in report.columns if column.is_summed]
    sheet.set_column(0, len(columns) + 1, 18)
    for n, label in enumerate(["Currency", "Rows", *(column.label for column in columns)]):
        sheet.write_string(0, n, label, formats.head)
    for row, found in enumerate(totals, start=1):
        sheet.write_string(row, 0, found.currency or "Total", formats.bold)
        sheet.write_number(row, 1, found.rows, formats.of_kind[Kind.COUNT])
        for n, column in enumerate(columns, start=2):
            _write_sum(sheet, row, n, column, found, formats)
    for row, (name, value) in enumerate(facts, start=len(totals) + 2):
        sheet.write_string(row, 0, name, formats.bold)
        sheet.write_string(row, 1, _fitting(value))


def _write_sum(
    sheet: Worksheet, row: int, place: int, column: Column, found: Totals, formats: Formats
) -> None:
    value = found.sums[column.key]
    if column.kind == Kind.AMOUNT:
        precision, amount_format = formats.of_currency(found.currency)
        sheet.write_number(row, place, value / precision, amount_format)
    else:
        sheet.write_number(row, place, value, formats.of_kind[Kind.COUNT])
