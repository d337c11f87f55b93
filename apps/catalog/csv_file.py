"""An uploaded CSV file of variants: its columns, its rows, and what is wrong with them."""

import re

from apps.catalog.types import Attribute, ImportedVariant, VariantData
from apps.common.csv_reading import (
    DELIMITERS,
    SHOWN_VALUE,
    UNSTORABLE,
    CsvFile,
    FileRow,
    RowError,
    first_line,
    header_of,
    refuse_empty,
    refuse_many_columns,
)
from apps.common.errors import Refused

ATTRIBUTE = "attribute:"
REQUIRED = ("variant_identifier", "sku", "title", "quantity_in_stock")
PRICES = ("unit_price_amount_cents", "unit_price")
OPTIONAL = ("image_url", "product_url")

MAX_TEXT = 255
MAX_TITLE = 500
MAX_ADDRESS = 2000
MAX_CENTS = 10**13
MAX_STOCK = 2**31 - 1

_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
_DECIMAL = re.compile(r"([0-9]{1,11})(?:([.,])([0-9]{1,2}))?")
_ADDRESS = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)


def open_csv(content: bytes) -> CsvFile:
    """Returns the file; raises Refused where its first line is of no use, with the remedy."""
    refuse_empty(content)
    header = first_line(content)
    delimiter = max(DELIMITERS, key=lambda sign: (_known_columns(header, sign), header.count(sign)))
    columns, start = header_of(content, delimiter)
    _check_columns(columns)
    return CsvFile(content, delimiter, tuple(_canonical(name) for name in columns), start)


def _canonical(name: str) -> str:
    """Column names count in any case; what follows `attribute:` is the attribute's own name."""
    prefix, colon, attribute = name.partition(":")
    if colon and prefix.strip().lower() == ATTRIBUTE[:-1]:
        return f"{ATTRIBUTE}{attribute.strip()}"
    return name.lower()


def _known_columns(header: str, delimiter: str) -> int:
    names = [_canonical(name.strip().strip('"')) for name in header.split(delimiter)]
    return sum(name in (*REQUIRED, *PRICES, *OPTIONAL) for name in names)


def _check_columns(columns: tuple[str, ...]) -> None:
    names = [_canonical(name) for name in columns]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise Refused(
            f"the first line must name the columns; missing: {', '.join(missing)}. "
            f"It says: {', '.join(columns)[:SHOWN_VALUE]}"
        )
    prices = [name for name in PRICES if name in names]
    if len(prices) != 1:
        raise Refused("the file needs one of the columns unit_price_amount_cents and unit_price")
    refuse_many_columns(names)
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Refused(f"the column {name!r} is there twice")
        seen.add(name)
        _check_column(name)


def _check_column(name: str) -> None:
    if name.startswith(ATTRIBUTE):
        attribute = name.removeprefix(ATTRIBUTE)
        if not attribute or len(attribute) > MAX_TEXT or UNSTORABLE.search(attribute):
            raise Refused(
                f"the column {name[:SHOWN_VALUE]!r} names no attribute: write attribute:Size"
            )
    elif name not in (*REQUIRED, *PRICES, *OPTIONAL):
        raise Refused(
            f"the column {name[:SHOWN_VALUE]!r} is not known: call it attribute:{name[:40]} if it "
            "is an attribute of the variants, or take it out"
        )


class _Cells:
    """Reads the cells of one row, and collects what is wrong with them."""

    def __init__(self, row: FileRow, delimiter: str) -> None:
        self.row = row
        self.delimiter = delimiter
        self.errors: list[RowError] = []

    def add(self, column: str, message: str) -> None:
        value = self.row.cells.get(column, "")
        self.errors.append(RowError(self.row.line, column, value[:SHOWN_VALUE], message))

    def text(self, column: str, limit: int = MAX_TEXT, *, required: bool = True) -> str:
        value = self.row.cells.get(column, "")
        if not value and required:
            self.add(column, "is empty: every row needs it")
        elif len(value) > limit:
            self.add(column, f"is {len(value)} characters long; at most {limit} fit")
        elif UNSTORABLE.search(value):
            self.add(column, "holds a NUL character: take it out")
        return value

    def whole(self, column: str, most: int) -> int:
        value = self.row.cells.get(column, "")
        if not _WHOLE.fullmatch(value):
            self.add(column, "must be a whole number, such as 12")
            return 0
        number = int(value)
        if not 0 <= number <= most:
            self.add(column, f"must be from 0 to {most}")
        return number

    def price(self) -> int:
        """Reads the price in cents, from either column."""
        if "unit_price_amount_cents" in self.row.cells:
            return self.whole("unit_price_amount_cents", MAX_CENTS)
        value = self.row.cells.get("unit_price", "")
        found = _DECIMAL.fullmatch(value)
        if not found or (found[2] == "," and self.delimiter == ","):
            self.add(
                "unit_price",
                "must be an amount such as 12.80, without currency or thousands separator",
            )
            return 0
        return int(found[1]) * 100 + int((found[3] or "").ljust(2, "0"))

    def address(self, column: str) -> str:
        value = self.text(column, MAX_ADDRESS, required=False)
        if value and not _ADDRESS.fullmatch(value):
            self.add(column, "must be an address that begins with https://")
        return value

    def attributes(self) -> tuple[Attribute, ...]:
        """Returns the attributes that this row has a value for, in the order of the columns."""
        columns = [name for name in self.row.cells if name.startswith(ATTRIBUTE)]
        told = [(name, self.text(name, required=False)) for name in columns]
        return tuple(
            Attribute(name.removeprefix(ATTRIBUTE), value) for name, value in told if value
        )


def read_row(row: FileRow, delimiter: str) -> ImportedVariant | list[RowError]:
    """Returns the variant that a row tells of, or everything that is wrong with it."""
    if row.problem:
        return [RowError(row.line, "", "", row.problem)]
    cells = _Cells(row, delimiter)
    identifier = cells.text("variant_identifier")
    data = VariantData(
        sku=cells.text("sku"),
        title=cells.text("title", MAX_TITLE),
        attributes=cells.attributes(),
        unit_price_amount_cents=cells.price(),
        quantity_in_stock=cells.whole("quantity_in_stock", MAX_STOCK),
        image_url=cells.address("image_url"),
        product_url=cells.address("product_url"),
    )
    return cells.errors or ImportedVariant(row.line, identifier, data)
