"""What one row of a file says, by the mapping of its columns. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from apps.common.csv_reading import SHOWN_VALUE, UNSTORABLE, RowError, surplus
from apps.statements.amounts import read_amount, read_currency, read_day
from apps.statements.files import MAX_TEXT, PlacedRow
from apps.statements.types import ColumnMapping, LeftOut, Sign, ToldPayout

MAX_KIND = 100
Reading = ToldPayout | LeftOut | list[RowError]
Value = TypeVar("Value")


@dataclass
class _Cells:
    """Reads the cells of one row, and collects what is wrong with them."""

    row: PlacedRow
    columns: Sequence[str]
    errors: list[RowError] = field(default_factory=list)

    def value(self, column: int | None) -> str:
        """Returns what stands in a column; "" where the row is too short, or none is meant."""
        if column is None or column >= len(self.row.cells):
            return ""
        return self.row.cells[column].strip()

    def add(self, column: int, message: str) -> None:
        """Writes down what is wrong with a cell."""
        shown = self.value(column)[:SHOWN_VALUE]
        self.errors.append(RowError(self.row.line, self.columns[column], shown, message))

    def text(self, column: int | None) -> str:
        """Returns a text that fits a row."""
        value = self.value(column)
        if column is None:
            return ""
        if len(value) > MAX_TEXT:
            self.add(column, f"is {len(value):,} characters long; at most {MAX_TEXT} fit")
        elif UNSTORABLE.search(value):
            self.add(column, "holds a NUL character: take it out")
        return value

    def required(self, column: int, of: Callable[[str], Value]) -> Value | None:
        """Returns what `of` makes of a cell that must not be empty."""
        if not self.value(column):
            self.add(column, "is empty: every payout needs it")
            return None
        return self.optional(column, of)

    def optional(self, column: int | None, of: Callable[[str], Value]) -> Value | None:
        """Returns what `of` makes of a cell, None where it is empty."""
        value = self.value(column)
        if column is None or not value:
            return None
        try:
            return of(value)
        except ValueError as error:
            self.add(column, str(error))
            return None


def read_row(row: PlacedRow, mapping: ColumnMapping, columns: Sequence[str]) -> Reading:
    """Returns the payout that a row tells of, that it is none, or everything that is wrong with
    it."""
    if problem := surplus(row.cells, len(columns)):
        return [RowError(row.line, "", "", problem)]
    cells = _Cells(row, columns)
    kind = UNSTORABLE.sub("�", cells.value(mapping.kind))[:MAX_KIND]
    if mapping.kinds and kind.lower() not in mapping.kinds:
        return LeftOut(kind)
    currency = _currency(cells, mapping)
    if currency is None:
        return cells.errors
    amount = cells.required(
        mapping.amount, lambda text: read_amount(text, mapping.amount_format, currency)
    )
    if amount is not None and not _is_payout(amount, mapping.sign):
        return LeftOut(kind or ("of nothing" if amount == 0 else "of the opposite sign"))
    told = ToldPayout(
        line=row.line,
        offset=row.offset,
        reference=cells.text(mapping.reference),
        amount_cents=abs(amount or 0),
        currency=currency,
        key=cells.text(mapping.key),
        fee_cents=cells.optional(
            mapping.fee, lambda text: read_amount(text, mapping.amount_format, currency)
        ),
        paid_on=cells.optional(mapping.date, lambda text: read_day(text, mapping.date_order)),
        kind=kind,
    )
    return cells.errors or told


def day_of(row: PlacedRow, mapping: ColumnMapping) -> date | None:
    """Returns the day of any row, a payout or not; None where it tells none."""
    value = _Cells(row, ()).value(mapping.date)
    try:
        return read_day(value, mapping.date_order) if value else None
    except ValueError:
        return None


def _currency(cells: _Cells, mapping: ColumnMapping) -> str | None:
    if mapping.currency_column is None:
        return mapping.currency
    return cells.required(mapping.currency_column, read_currency)


def _is_payout(amount_cents: int, sign: Sign) -> bool:
    if sign == Sign.NEGATIVE:
        return amount_cents < 0
    if sign == Sign.POSITIVE:
        return amount_cents > 0
    return amount_cents != 0


def mapping_problems(mapping: ColumnMapping, columns: Sequence[str]) -> dict[str, str]:
    """Returns what is wrong with a mapping, by its field; nothing where rows can be read by it."""
    problems = {}
    for name in ("reference", "amount", "currency_column", "date", "key", "fee", "kind"):
        column = getattr(mapping, name)
        if column is not None and not 0 <= column < len(columns):
            problems[name] = "is no column of this file: choose one"
    if mapping.amount == mapping.reference:
        problems["amount"] = "cannot be the column of the reference: choose another one"
    if mapping.currency_column is None:
        try:
            read_currency(mapping.currency)
        except ValueError as error:
            problems["currency"] = f"{error}, where no column tells it"
    if mapping.kinds and mapping.kind is None:
        problems["kind"] = "must be chosen where values of it mean a refund"
    if mapping.sign == Sign.BY_KIND and not mapping.kinds:
        problems["kinds"] = "must name the values that mean a refund, as the kind decides alone"
    return problems
