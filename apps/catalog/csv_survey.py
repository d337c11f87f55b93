"""What must be known of an uploaded file before any of its rows is written: that it can be read to
its end, how many rows it has, and which of them repeat an earlier one."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from apps.common.csv_reading import CsvFile

MAX_ROWS = 500_000
_MARK_BITS = 2**64 - 1


@dataclass(frozen=True)
class Repeats:
    """The rows that have the identifier and SKU of an earlier row, as two columns of line numbers
    sorted by line: a file can consist of them, and objects would take a hundred bytes each."""

    lines: "array[int]"
    firsts: "array[int]"

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Reads back what `to_bytes` wrote."""
        both = array("I", content)
        return cls(both[: len(both) // 2], both[len(both) // 2 :])

    def to_bytes(self) -> bytes:
        """Returns the two columns, one after the other."""
        return (self.lines + self.firsts).tobytes()

    def first_line(self, line: int) -> int:
        """Returns the line that was the first with this line's identifier and SKU."""
        index = bisect_left(self.lines, line)
        is_there = index < len(self.lines) and self.lines[index] == line
        return self.firsts[index] if is_there else line


class _FirstLines:
    """The first line of each key: a table of hashes in 24 bytes or so a row. That two of half a
    million keys share all 64 bits happens once in a hundred million files."""

    def __init__(self, most: int) -> None:
        slots = 1 << (2 * most).bit_length()
        self.last = slots - 1
        self.marks = array("Q", bytes(8 * slots))
        self.lines = array("I", bytes(4 * slots))

    def first_line(self, key: tuple[str, str], line: int) -> int:
        """Returns the line that came first with this key, and remembers this one if none did."""
        mark = hash(key) & _MARK_BITS or 1
        slot = mark & self.last
        while self.marks[slot]:
            if self.marks[slot] == mark:
                return self.lines[slot]
            slot = (slot + 1) & self.last
        self.marks[slot], self.lines[slot] = mark, line
        return line


def survey(file: CsvFile) -> tuple[int, Repeats]:
    """Returns the number of rows and those that repeat others; raises Refused where the file cannot
    be read to its end, has no rows, or more than MAX_ROWS."""
    rows = 0
    lines, firsts = array("I"), array("I")
    keys = _FirstLines(min(MAX_ROWS, file.content.count(b"\n") + file.content.count(b"\r") + 1))
    for line, key in _keys(file):
        rows += 1
        first = keys.first_line(key, line)
        if first != line:
            lines.append(line)
            firsts.append(first)
    return rows, Repeats(lines, firsts)


def _keys(file: CsvFile) -> Iterator[tuple[int, tuple[str, str]]]:
    """Yields the line, identifier and SKU of each row; "" for a cell that is not there."""
    identifier, sku = (file.columns.index(name) for name in ("variant_identifier", "sku"))
    last = max(identifier, sku)
    for line, cells, _ in file.all_records(MAX_ROWS):
        if len(cells) <= last:
            cells = [*cells, *[""] * (last + 1 - len(cells))]
        yield line, (cells[identifier].strip(), cells[sku].strip())
