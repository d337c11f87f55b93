"""Where a file names its columns: in its first line, or below what a bank writes there. Pure."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from apps.common.csv_reading import DELIMITERS, UNSTORABLE, Lines, Place
from apps.statements.column_names import columns_named

# A bank's name, the account, its owner, the days, blank lines: more than these are no preamble.
MOST_LINES_ABOVE = 30
MAX_NAME = 255
_NUMBER = re.compile(r"[-+(]?[0-9][0-9., ]*[)-]?")


@dataclass(frozen=True)
class Heading:
    """A line that may name the columns: where it begins, its separator and its cells."""

    place: Place
    delimiter: str
    cells: tuple[str, ...]

    @property
    def is_usable(self) -> bool:
        """Whether it names two columns at least."""
        return sum(bool(cell) for cell in self.cells) > 1

    @property
    def is_telling(self) -> bool:
        """Whether it names an amount, and something else that is known, and holds no figures."""
        if any(_NUMBER.fullmatch(cell) for cell in self.cells):
            return False
        known = columns_named(self.cells)
        return "amount" in known and len(known) > 1


def find_heading(
    content: bytes, encoding: str, remembered: Sequence[Sequence[str]] = ()
) -> Heading:
    """Returns the line that names the columns: one whose names were mapped before (`remembered`, as
    `named` has them), else the first that names an amount and something else that is known, else
    the first line; where that names no columns, the first one that does and is followed by a row of
    as many cells. It looks no further than MOST_LINES_ABOVE lines down."""
    lines = list(_headings(content, encoding))
    if not lines:
        return Heading(Place(), ",", ())
    asked = {tuple(columns) for columns in remembered}
    for line in lines:
        if line.is_usable and named(line.cells) in asked:
            return line
    for line in lines:
        if line.is_telling:
            return line
    if lines[0].is_usable:
        return lines[0]
    return next(_followed(lines), lines[0])


def _followed(lines: Sequence[Heading]) -> Iterator[Heading]:
    filled = [line for line in lines if any(line.cells)]
    for line, behind in pairwise(filled):
        if line.is_usable and len(line.cells) == len(behind.cells):
            yield line


def _headings(content: bytes, encoding: str) -> Iterator[Heading]:
    lines = Lines(content, Place(), encoding)
    place = Place()
    for text in islice(lines, MOST_LINES_ABOVE + 1):
        delimiter = max(DELIMITERS, key=lambda sign: len(_cells(text, sign)))
        yield Heading(place, delimiter, tuple(cell.strip() for cell in _cells(text, delimiter)))
        place = lines.place


def _cells(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []


def named(names: Sequence[str]) -> tuple[str, ...]:
    """Gives every column a name that can be stored and shown."""
    return tuple(
        UNSTORABLE.sub("�", name)[:MAX_NAME] or f"Column {number}"
        for number, name in enumerate(names, 1)
    )


def lines_above(content: bytes, encoding: str, place: Place) -> list[str]:
    """Returns the lines above the one that names the columns."""
    return [text.strip() for text in islice(Lines(content, Place(), encoding), place.line - 1)]
