"""Reading uploaded CSV files of any kind: their lines, their cells, and where each row stands.

A file is read line by line from its bytes, from any row on: neither its text nor its rows are ever
in memory as a whole.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from apps.common.errors import Refused

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
UTF_8 = "utf-8"
WINDOWS_1252 = "cp1252"
MAX_COLUMNS = 100
SHOWN_VALUE = 200

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Line ends, and nothing else, have these bytes: in UTF-8 as in the encodings of one byte.
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Place:
    """A place in an uploaded file: bytes before it, and the line that begins there."""

    offset: int = 0
    line: int = 1


@dataclass(frozen=True)
class RowError:
    """What is wrong with one cell of an uploaded file, and the remedy."""

    line: int
    column: str
    value: str
    message: str


@dataclass(frozen=True)
class FileRow:
    """One row of an uploaded file: `cells` by column, or why it cannot be split into them; `end` is
    where the next one begins."""

    line: int
    cells: Mapping[str, str]
    end: Place
    problem: str = ""


class Lines:
    """The lines of a file from a place on, for a CSV reader; `place` is what follows the last one
    given out."""

    def __init__(self, content: bytes, place: Place, encoding: str = UTF_8) -> None:
        self.content = content
        self.place = place
        self.encoding = encoding

    def __iter__(self) -> Iterator[str]:
        line = self.place.line
        offset = self.place.offset
        if offset == 0 and self.content.startswith(BYTE_ORDER_MARK):
            offset = len(BYTE_ORDER_MARK)
        for found in _LINE.finditer(self.content, offset):
            try:
                text = found[0].decode(self.encoding)
            except UnicodeDecodeError as error:
                raise Refused(
                    f"line {line} is not UTF-8: save the file as CSV with the encoding UTF-8"
                ) from error
            line += 1
            self.place = Place(found.end(), line)
            yield text


@dataclass(frozen=True)
class CsvFile:
    """A file whose columns are known to be usable; `start` is where its first row begins."""

    content: bytes
    delimiter: str
    columns: tuple[str, ...]
    start: Place
    encoding: str = UTF_8

    def rows(self, place: Place | None = None) -> Iterator[FileRow]:
        """Yields the rows below the header, or from the `end` of a row on, empty ones left out.
        Raises Refused at what is not in its encoding, csv.Error at what is no CSV."""
        for line, cells, end in self.records(place):
            yield self._row(line, cells, end)

    def records(self, place: Place | None = None) -> Iterator[tuple[int, list[str], Place]]:
        """Yields the same as line, cells and end: for who reads them all and needs little."""
        lines = Lines(self.content, place or self.start, self.encoding)
        line = lines.place.line
        for cells in csv.reader(lines, delimiter=self.delimiter):
            if any(cell.strip() for cell in cells):
                yield line, cells, lines.place
            line = lines.place.line

    def all_records(self, most: int) -> Iterator[tuple[int, list[str], Place]]:
        """Yields what `records` does, to the end; raises Refused where the file cannot be read so
        far, has no rows, or more than `most`."""
        rows = line = 0
        try:
            for line, cells, end in self.records():
                rows += 1
                if rows > most:
                    raise Refused(
                        f"the file has more than {most:,} rows, which is the most that are read at "
                        "a time: import it in parts"
                    )
                yield line, cells, end
        except csv.Error as error:
            raise Refused(
                f"after line {max(line, 1)} the file cannot be read ({error}): a double quote is "
                "probably opened there and not closed"
            ) from error
        if rows == 0:
            raise Refused("the file has a header and no rows below it")

    def _row(self, line: int, cells: list[str], end: Place) -> FileRow:
        values = [cell.strip() for cell in cells]
        return FileRow(
            line,
            dict(zip(self.columns, values, strict=False)),
            end,
            surplus(cells, len(self.columns)),
        )


def surplus(cells: Sequence[str], columns: int) -> str:
    """Returns what is wrong with a row that has more cells than there are columns, or ""."""
    if not any(cell.strip() for cell in cells[columns:]):
        return ""
    return (
        f"has {len(cells)} cells, the header has {columns}: put cells that hold the separator in "
        "double quotes"
    )


def refuse_large(content: bytes, most: int) -> None:
    """Raises Refused where a file has more than `most` bytes."""
    if len(content) > most:
        raise Refused(
            f"the file has {len(content):,} bytes; at most {most:,} fit: import it in parts"
        )


def refuse_empty(content: bytes) -> None:
    """Raises Refused where there is nothing in a file."""
    if not content.removeprefix(BYTE_ORDER_MARK).strip():
        raise Refused("the file is empty")


def first_line(content: bytes, encoding: str = UTF_8) -> str:
    """Returns the first line of a file, or ""."""
    return next(iter(Lines(content, Place(), encoding)), "")


def header_of(
    content: bytes, delimiter: str, encoding: str = UTF_8, head: Place | None = None
) -> tuple[tuple[str, ...], Place]:
    """Returns the names in the first row (or in the one at `head`), and where the row below begins;
    raises Refused where that cannot be read."""
    lines = Lines(content, head or Place(), encoding)
    try:
        cells = next(csv.reader(lines, delimiter=delimiter), [])
    except csv.Error as error:
        raise Refused(f"the header cannot be read ({error})") from error
    return tuple(name.strip() for name in cells), lines.place


def refuse_many_columns(columns: Sequence[str]) -> None:
    """Raises Refused where there are more than MAX_COLUMNS."""
    if len(columns) > MAX_COLUMNS:
        raise Refused(f"the file has {len(columns)} columns; at most {MAX_COLUMNS} are read")
