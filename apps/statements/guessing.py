"""What the columns of a file probably are, by the names that Stripe, Adyen, PayPal and others give
them and by what stands below. Pure; a person looks at every guess before it counts."""

import re
from collections.abc import Iterable, Mapping, Sequence

from apps.statements.amounts import read_amount, read_currency
from apps.statements.column_names import columns_named
from apps.statements.files import PlacedRow
from apps.statements.types import AmountFormat, ColumnMapping, DateOrder, Sign

_NO_REFUND = re.compile("fail|revers|cancel|chargeback", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r".*,[0-9]{1,2}\)?-?")
_DECIMAL_POINT = re.compile(r".*\.[0-9]{1,2}\)?-?")
_NUMERIC_DAY = re.compile(r"([0-9]{1,4})([-/. ])([0-9]{1,2})[-/. ]")


def guess(columns: Sequence[str], rows: Sequence[PlacedRow], currency: str = "") -> ColumnMapping:
    """Returns a mapping to begin with; `currency` is what counts where no column tells it."""
    found = columns_named(columns)
    if (told := _column_of_currencies(columns, rows, found)) is not None:
        found["currency_column"] = told
    amount = found["amount"] if "amount" in found else _column_of_amounts(columns, rows, found)
    taken = {amount, *found.values()}
    kind = found.get("kind")
    kinds = kinds_of_refunds(_values(rows, kind))
    is_minor = any(word in columns[amount].lower() for word in ("cent", "minor"))
    amount_format = AmountFormat.MINOR if is_minor else _format_of(_values(rows, amount))
    paid = [row for row in rows if not kinds or _value(row, kind).lower() in kinds]
    return ColumnMapping(
        reference=found.get("reference", _first_free(columns, taken)),
        amount=amount,
        amount_format=amount_format,
        sign=_sign_of(_values(paid, amount), amount_format, has_kinds=bool(kinds)),
        currency_column=found.get("currency_column"),
        currency="" if "currency_column" in found else _usual(currency),
        date=found.get("date"),
        date_order=_order_of(_values(rows, found.get("date"))),
        key=found.get("key"),
        fee=found.get("fee"),
        kind=kind,
        kinds=kinds,
    )


def kinds_of_refunds(values: Iterable[str]) -> tuple[str, ...]:
    """Returns which of these kinds mean a refund, in lower case."""
    told = {value.lower() for value in values}
    return tuple(
        sorted(value for value in told if "refund" in value and not _NO_REFUND.search(value))
    )


def _value(row: PlacedRow, column: int | None) -> str:
    if column is None or column >= len(row.cells):
        return ""
    return row.cells[column].strip()


def _values(rows: Iterable[PlacedRow], column: int | None) -> list[str]:
    return [value for row in rows if (value := _value(row, column))]


def _first_free(columns: Sequence[str], taken: Iterable[int]) -> int:
    """The first column that means nothing else; the very first where there is none."""
    taken = set(taken)
    return next((column for column in range(len(columns)) if column not in taken), 0)


def _column_of_amounts(
    columns: Sequence[str], rows: Sequence[PlacedRow], found: Mapping[str, int]
) -> int:
    """Where no name says amount: the first column with nothing but amounts."""
    free = [column for column in range(len(columns)) if column not in found.values()]
    told = {column: _values(rows, column) for column in free}
    with_amounts = (
        column for column, values in told.items() if values and all(map(_is_amount, values))
    )
    return next(with_amounts, _first_free(columns, found.values()))


def _column_of_currencies(
    columns: Sequence[str], rows: Sequence[PlacedRow], found: Mapping[str, int]
) -> int | None:
    """Where no name says currency: the first column with nothing but codes of currencies. Taking
    the store's own beside such a column would make dollars of euros."""
    if "currency_column" in found:
        return None
    for column in range(len(columns)):
        values = _values(rows, column) if column not in found.values() else []
        if values and all(_usual(value) for value in values):
            return column
    return None


def _is_amount(value: str) -> bool:
    return bool(_DECIMAL_COMMA.fullmatch(value) or _DECIMAL_POINT.fullmatch(value)) and any(
        _can_be_read(value, amount_format) for amount_format in AmountFormat
    )


def _can_be_read(value: str, amount_format: AmountFormat) -> bool:
    try:
        read_amount(value, amount_format, "BHD")
    except ValueError:
        return False
    return True


def _format_of(values: Sequence[str]) -> AmountFormat:
    commas = sum(bool(_DECIMAL_COMMA.fullmatch(value)) for value in values)
    points = sum(bool(_DECIMAL_POINT.fullmatch(value)) for value in values)
    return AmountFormat.COMMA if commas > points else AmountFormat.POINT


def _sign_of(values: Sequence[str], amount_format: AmountFormat, *, has_kinds: bool) -> Sign:
    amounts = []
    for value in values:
        try:
            # How many decimals a currency has changes nothing of the sign.
            amounts.append(read_amount(value, amount_format, "BHD"))
        except ValueError:
            continue
    if amounts and all(amount <= 0 for amount in amounts):
        return Sign.NEGATIVE
    if all(amount >= 0 for amount in amounts):
        return Sign.POSITIVE
    return Sign.BY_KIND if has_kinds else Sign.NEGATIVE


def _order_of(values: Sequence[str]) -> DateOrder:
    separators = set()
    for value in values:
        found = _NUMERIC_DAY.match(value)
        if not found:
            continue
        if len(found[1]) == 4:
            return DateOrder.YEAR_FIRST
        if int(found[1]) > 12:
            return DateOrder.DAY_FIRST
        if int(found[3]) > 12:
            return DateOrder.MONTH_FIRST
        separators.add(found[2])
    if not separators:
        return DateOrder.YEAR_FIRST
    return DateOrder.MONTH_FIRST if separators == {"/"} else DateOrder.DAY_FIRST


def _usual(currency: str) -> str:
    try:
        return read_currency(currency)
    except ValueError:
        return ""
