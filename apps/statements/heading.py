"""Where a file names its columns: in its first line, or below what a bank writes there. Pure."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, pairwise

from apps.common.csv_reading import DELIMITERS, UNSTORABLE, Lines, Place
from apps.statements.column_names import columns_named

# A bank's name, the account, its owner, the days, blank lines: more than these are no preamble.
MOST_LINES_ABOVE = 30
MAX_NAME = 255
_LINES_OF_A_CELL = 10
# A number, an amount with its currency, or a day: what stands in a row, and not above it.
_FIGURE = re.compile(
    r"([A-Z]{3}|[$€£¥])?\s?[-+(]?[0-9][0-9., ']*[)-]?\s?([A-Z]{3}|[$€£¥%])?"
    r"|[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([T ].*)?"
)


@dataclass(frozen=True)
class Heading:
    """A line that may name the columns: where it begins, its separator and its cells."""

    place: Place
    delimiter: str
    cells: tuple[str, ...]

    @property
    def is_usable(self) -> bool:
        """Whether it names two columns at least."""
        return self.filled > 1

    @property
    def filled(self) -> int:
        """How many of its cells hold something."""
        return sum(bool(cell) for cell in self.cells)

    @property
    def known(self) -> int:
        """How many names of columns it has that are known: 0 where it names no amount, or nothing
        else, or holds figures."""
        if any(_FIGURE.fullmatch(cell) for cell in self.cells):
            return 0
        found = columns_named(self.cells)
        return len(found) if "amount" in found and len(found) > 1 else 0


def find_heading(
    content: bytes, encoding: str, remembered: Sequence[Sequence[str]] = ()
) -> Heading:
    """Returns the line that names the columns: one whose names were mapped before (`remembered`, as
    `named` has them) and above which no line has as many cells, else the one with most names that
    are known, an amount among them, else the first line; where that names no columns, the first one
    that does and is followed by a row of as many cells. It looks no further than MOST_LINES_ABOVE
    lines down."""
    lines = list(_headings(content, encoding))
    if not lines:
        return Heading(Place(), ",", ())
    asked = {tuple(columns) for columns in remembered}
    widest = 0
    for line in lines:
        # What was mapped before may be a row: of a file that names no columns.
        if line.is_usable and line.filled > widest and named(line.cells) in asked:
            return line
        widest = max(widest, line.filled)
    best = max(lines, key=lambda line: line.known)
    if best.known:
        return best
    if lines[0].is_usable:
        return lines[0]
    return next(_followed(lines), lines[0])


def heading_in(content: bytes, encoding: str, line: int) -> Heading | None:
    """Returns the line of that number, from 1, as one that names the columns; None where it is
    further down than MOST_LINES_ABOVE lines, or inside a quoted cell."""
    return next((one for one in _headings(content, encoding) if one.place.line == line), None)


def _followed(lines: Sequence[Heading]) -> Iterator[Heading]:
    filled = [line for line in lines if any(line.cells)]
    for line, behind in pairwise(filled):
        if line.is_usable and len(line.cells) == len(behind.cells):
            yield line


def _headings(content: bytes, encoding: str) -> Iterator[Heading]:
    for place, text in _records(content, encoding):
        delimiter = max(DELIMITERS, key=lambda sign: len(_cells(text, sign)))
        yield Heading(place, delimiter, tuple(cell.strip() for cell in _cells(text, delimiter)))


def _records(content: bytes, encoding: str) -> Iterator[tuple[Place, str]]:
    """Yields the first lines with where each begins; a quoted cell may go over some of them. A
    quote that is not closed soon is none, as in the name of a 6" screen."""
    read: list[tuple[Place, str]] = []
    lines, place = Lines(content, Place(), encoding), Place()
    for text in islice(lines, MOST_LINES_ABOVE + _LINES_OF_A_CELL):
        read.append((place, text))
        place = lines.place
    number = 0
    while number < len(read) and number <= MOST_LINES_ABOVE:
        texts = [text for _, text in read[number : number + _LINES_OF_A_CELL]]
        joined = accumulate(texts)
        whole = next((n for n, text in enumerate(joined) if text.count('"') % 2 == 0), 0)
        yield read[number][0], "".join(texts[: whole + 1])
        number += whole + 1


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
