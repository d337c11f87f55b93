"""What the page shows on which people say what the columns of a statement mean."""

from collections import Counter
from dataclasses import dataclass, field

from apps.common.csv_reading import DELIMITERS, CsvFile, RowError
from apps.refunds.models import Payout
from apps.statements.files import PlacedRow, first_rows, read_back
from apps.statements.guessing import guess
from apps.statements.heading import lines_above
from apps.statements.models import Statement
from apps.statements.queries import remembered
from apps.statements.reading import read_row
from apps.statements.types import ColumnMapping, LeftOut, ToldPayout
from apps.stores.models import Store
from apps.stores.queries import connection_of

PREVIEWED = 8
LOOKED_THROUGH = 1_000
KINDS_SHOWN = 12


@dataclass(frozen=True)
class Preview:
    """A row as the mapping reads it."""

    line: int
    told: ToldPayout | None = None
    left_out: str = ""
    errors: list[RowError] = field(default_factory=list)


@dataclass(frozen=True)
class ColumnsPage:
    """The head of a file, its first rows, and what a mapping makes of them. `above` are the lines
    above the names of its columns, which are left out."""

    file: CsvFile
    above: list[str]
    rows: list[PlacedRow]
    looked_through: list[PlacedRow]

    @property
    def delimiter(self) -> str:
        """The separator in words."""
        return DELIMITERS[self.file.delimiter]

    @property
    def encoding(self) -> str:
        """The encoding as people call it."""
        return {"cp1252": "Windows-1252"}.get(self.file.encoding, self.file.encoding.upper())

    @property
    def padded(self) -> list[tuple[int, list[str]]]:
        """The first rows with a cell for every column."""
        count = len(self.file.columns)
        return [(row.line, [*row.cells, *[""] * count][:count]) for row in self.rows]

    def previews(self, mapping: ColumnMapping) -> list[Preview]:
        """Returns the first rows as a mapping reads them."""
        return [_preview(row, mapping, self.file.columns) for row in self.rows]

    def kinds(self, column: int | None) -> list[tuple[str, int]]:
        """Returns what stands in the column of kinds, the most frequent first."""
        if column is None:
            return []
        counts = Counter(
            row.cells[column].strip()[:100]
            for row in self.looked_through
            if column < len(row.cells)
        )
        return counts.most_common(KINDS_SHOWN)


def _preview(row: PlacedRow, mapping: ColumnMapping, columns: tuple[str, ...]) -> Preview:
    reading = read_row(row, mapping, columns)
    if isinstance(reading, LeftOut):
        return Preview(row.line, left_out=reading.kind or "no kind")
    if isinstance(reading, ToldPayout):
        return Preview(row.line, told=reading)
    return Preview(row.line, errors=reading)


def file_of(found: Statement) -> CsvFile:
    """Reads a statement's file back."""
    content = bytes(Statement.objects.values_list("content", flat=True).get(pk=found.pk))
    return read_back(content, found.delimiter, found.encoding, found.columns, found.head)


def columns_page(found: Statement) -> ColumnsPage:
    """Reads the first rows of a statement's file."""
    file = file_of(found)
    rows = first_rows(file, LOOKED_THROUGH)
    above = lines_above(file.content, file.encoding, found.head)
    return ColumnsPage(file, above, rows[:PREVIEWED], rows)


def first_mapping(store: Store, page: ColumnsPage) -> tuple[str, ColumnMapping, bool]:
    """Returns the gateway and the mapping to begin with: those of the last file with the same
    header, else a guess; and whether it is remembered."""
    columns = list(page.file.columns)
    for source in remembered(store.pk):
        if source.columns == columns and source.mapping:
            return source.gateway, ColumnMapping.from_json(source.mapping), True
    currency = Payout.objects.filter(store=store).order_by("-pk").values_list("currency")
    usual = currency.first()
    mapping = guess(columns, page.looked_through, usual[0] if usual else "")
    return connection_of(store).payment_gateway, mapping, False
