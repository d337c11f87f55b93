"""Opening an uploaded file, whatever gateway or bank it is from."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from apps.common.csv_reading import (
    SHOWN_VALUE,
    UTF_8,
    WINDOWS_1252,
    CsvFile,
    Place,
    first_line,
    header_of,
    refuse_empty,
    refuse_large,
    refuse_many_columns,
)
from apps.common.errors import Refused
from apps.statements.heading import (
    MAX_NAME,
    MOST_LINES_ABOVE,
    Heading,
    find_heading,
    heading_in,
    named,
)

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 500_000
MAX_TEXT = MAX_NAME
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Opened:
    """A file that can be read, and where it names its columns."""

    file: CsvFile
    head: Place


def open_statement(content: bytes, remembered: Sequence[Sequence[str]] = ()) -> Opened:
    """Returns the file with the names of its columns, and where they stand (`heading`, which knows
    those `remembered`); raises Refused, with the remedy, where it is too large, empty, in no known
    encoding or has no line of names."""
    refuse_large(content, MAX_BYTES)
    refuse_empty(content)
    encoding = _encoding_of(content)
    opened = _opened(content, encoding, find_heading(content, encoding, remembered))
    if opened is None:
        raise Refused(
            "the first line must name the columns, between commas, semicolons or tabs, or one of "
            f"the {MOST_LINES_ABOVE} below it. The first says: "
            f"{first_line(content, encoding).strip()[:SHOWN_VALUE] or 'nothing'}"
        )
    return opened


def open_below(content: bytes, encoding: str, line: int) -> Opened:
    """Returns a file that was opened before, with the names of its columns in another line; raises
    Refused where that one cannot name them."""
    head = heading_in(content, encoding, line)
    if head is None:
        raise Refused(
            f"line {line} is not one of the first {MOST_LINES_ABOVE + 1}, or stands inside a "
            "quoted cell: name one of those, or take away what stands above it"
        )
    opened = _opened(content, encoding, head)
    if opened is None:
        raise Refused(f"line {line} names fewer than two columns: name another one")
    return opened


def _opened(content: bytes, encoding: str, head: Heading) -> Opened | None:
    """The file with that heading; None where it names fewer than two columns."""
    names, start = header_of(content, head.delimiter, encoding, head.place)
    refuse_many_columns(names)
    if sum(bool(name) for name in names) < 2:
        return None
    return Opened(CsvFile(content, head.delimiter, named(names), start, encoding), head.place)


def read_back(
    content: bytes, delimiter: str, encoding: str, columns: Sequence[str], head: Place
) -> CsvFile:
    """Returns a file that was opened before, with the names it had then."""
    _, start = header_of(content, delimiter, encoding, head)
    return CsvFile(content, delimiter, tuple(columns), start, encoding)


def _encoding_of(content: bytes) -> str:
    if content.startswith(_UTF_16_MARKS):
        raise Refused("the file is in UTF-16: save it as CSV with the encoding UTF-8")
    for encoding in (UTF_8, WINDOWS_1252):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    raise Refused(
        "the file is neither UTF-8 nor Windows-1252: save it as CSV with the encoding UTF-8"
    )


@dataclass(frozen=True)
class PlacedRow:
    """One row as it stands in the file: its line, where its bytes begin, and where the next ones
    do."""

    line: int
    offset: int
    cells: list[str]
    end: Place


def placed_rows(file: CsvFile, place: Place | None = None) -> Iterator[PlacedRow]:
    """Yields the rows below the header, or from the `end` of one on."""
    offset = (place or file.start).offset
    for line, cells, end in file.records(place):
        yield PlacedRow(line, offset, cells, end)
        offset = end.offset


def first_rows(file: CsvFile, count: int) -> list[PlacedRow]:
    """Returns the first rows, as many of them as can be read."""
    rows: list[PlacedRow] = []
    try:
        rows.extend(islice(placed_rows(file), count))
    except csv.Error:
        return rows
    return rows
