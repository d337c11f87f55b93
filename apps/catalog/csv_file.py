"""Reading an uploaded CSV file of variants: its columns, its rows, and what is wrong with them."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from apps.catalog.types import Attribute, FileRow, ImportedVariant, RowError, VariantData
from apps.common.errors import Refused

ATTRIBUTE = "attribute:"
REQUIRED = ("variant_identifier", "sku", "title", "quantity_in_stock")
PRICES = ("unit_price_amount_cents", "unit_price")
OPTIONAL = ("image_url", "product_url")
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}

MAX_COLUMNS = 100
MAX_TEXT = 255
MAX_TITLE = 500
MAX_ADDRESS = 2000
MAX_CENTS = 10**13
MAX_STOCK = 2**31 - 1
SHOWN_VALUE = 200

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
_DECIMAL = re.compile(r"([0-9]{1,11})(?:([.,])([0-9]{1,2}))?")
_ADDRESS = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)


@dataclass(frozen=True)
class CsvFile:
    """A file whose columns are known to be usable."""

    text: str
    delimiter: str
    columns: tuple[str, ...]

    def rows(self) -> Iterator[FileRow]:
        """Yields the rows below the header, empty ones left out."""
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.delimiter)
        line = 1
        for number, cells in enumerate(reader):
            first_line, line = line, reader.line_num + 1
            if number == 0 or not any(cell.strip() for cell in cells):
                continue
            yield self._row(first_line, cells)

    def _row(self, line: int, cells: list[str]) -> FileRow:
        problem = ""
        if any(cell.strip() for cell in cells[len(self.columns) :]):
            problem = (
                f"has {len(cells)} cells, the header has {len(self.columns)}: put cells that hold "
                "the separator in double quotes"
            )
        values = [cell.strip() for cell in cells]
        return FileRow(line, dict(zip(self.columns, values, strict=False)), problem)


def open_csv(content: bytes) -> CsvFile:
    """Returns the file; raises Refused where it cannot be used at all, with the remedy."""
    text = _decoded(content)
    header = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=lambda sign: (_known_columns(header, sign), header.count(sign)))
    columns = tuple(name.strip() for name in _header(text, delimiter))
    _check_columns(columns)
    return CsvFile(text, delimiter, tuple(_canonical(name) for name in columns))


def count_rows(file: CsvFile) -> int:
    """Returns the number of rows; raises Refused where the file breaks off in the middle."""
    count, line = 0, 1
    try:
        for row in file.rows():
            count, line = count + 1, row.line
    except csv.Error as error:
        raise Refused(
            f"after line {line} the file cannot be read ({error}): a double quote is probably "
            "opened there and not closed"
        ) from error
    if count == 0:
        raise Refused("the file has a header and no rows below it")
    return count


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Refused(
            f"line {line} is not UTF-8: save the file as CSV with the encoding UTF-8"
        ) from error
    if not text.strip():
        raise Refused("the file is empty")
    return text


def _header(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error as error:
        raise Refused(f"the header cannot be read ({error})") from error


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
    if len(names) > MAX_COLUMNS:
        raise Refused(f"the file has {len(names)} columns; at most {MAX_COLUMNS} are read")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Refused(f"the column {name!r} is there twice")
        seen.add(name)
        _check_column(name)


def _check_column(name: str) -> None:
    if name.startswith(ATTRIBUTE):
        attribute = name.removeprefix(ATTRIBUTE)
        if not attribute or len(attribute) > MAX_TEXT or _UNSTORABLE.search(attribute):
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
        elif _UNSTORABLE.search(value):
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
