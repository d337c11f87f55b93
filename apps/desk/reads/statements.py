"""What the pages of statements show: the result, and each row and payment of it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Prefetch, QuerySet, Sum
from django.http import QueryDict

from apps.common.csv_reading import Place
from apps.desk.keyset import KeysetPage, keyset_page
from apps.desk.reads.statement_columns import file_of
from apps.outbox import topics
from apps.outbox.models import Job, JobState
from apps.refunds.models import Payout
from apps.statements.models import (
    Explanation,
    Statement,
    StatementError,
    StatementRow,
    StatementState,
)
from apps.statements.queries import (
    candidates,
    explained_payouts,
    only_at_desk,
    rows_of,
)
from apps.statements.types import Standing

ERRORS_SHOWN = 50

UNDER_WAY = (StatementState.WAITING, StatementState.READING, StatementState.MATCHING)
AT_DESK, EXPLAINED, UNREADABLE = "at-desk", "explained", "unreadable"
REPEATED = "repeated"
# What is loudest stands in front. (name, label, standing of its rows)
_TABS = (
    ("twice", "Paid twice", Standing.TWICE),
    ("not-paid", "Paid there, not here", Standing.NOT_PAID),
    ("differs", "Amount differs", Standing.DIFFERS),
    ("in-file", "Only in the file", Standing.UNMATCHED),
    (AT_DESK, "Only at the desk", None),
    (UNREADABLE, "Not readable", None),
    ("matched", "Matched", Standing.MATCHED),
    (EXPLAINED, "Explained", None),
    (REPEATED, "In an earlier file", Standing.REPEATED),
)
TAB_NAMES = frozenset(name for name, _, _ in _TABS)
_MEANINGS = {
    "twice": "another row, of this file or of one before, tells of the same payment",
    "not-paid": "the file says it was paid, and the desk does not know it as paid",
    "differs": "the same payment with another amount or currency",
    "in-file": "no payment of the desk has its reference, key or refund",
    AT_DESK: "paid in these days, and in no statement",
    UNREADABLE: "left out until the file is mended",
    "matched": "the same payment, amount and currency on both sides",
    EXPLAINED: "differences that somebody has looked into",
    REPEATED: "the same record as in a file before this one",
}
_CALM = frozenset({"matched", EXPLAINED, REPEATED})
STANDING_OF = {name: standing for name, _, standing in _TABS if standing}


# --- The result --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tab:
    """A tab of the result; `is_open` where what it holds waits for somebody."""

    name: str
    label: str
    count: int
    is_current: bool

    @property
    def is_open(self) -> bool:
        """Whether there is something to look into."""
        return self.count > 0 and self.name not in _CALM


@dataclass
class Line:
    """What one standing adds to both sides, in cents of one currency."""

    name: str
    label: str
    count: int = 0
    file_cents: int = 0
    desk_cents: int = 0

    @property
    def difference_cents(self) -> int:
        """By how much the file says more than the desk."""
        return self.file_cents - self.desk_cents


@dataclass
class Totals:
    """Both sides in one currency, and how their difference comes about. What an earlier file told
    already is on neither side: it stands there."""

    currency: str
    lines: list[Line]
    fee_cents: int = 0

    @property
    def counting(self) -> list[Line]:
        """The lines that the sides are made of."""
        return [line for line in self.lines if line.name != REPEATED]

    @property
    def repeated_count(self) -> int:
        """How many rows an earlier file has told of."""
        return sum(line.count for line in self.lines if line.name == REPEATED)

    @property
    def count(self) -> int:
        """How many payments there are on either side."""
        return sum(line.count for line in self.counting)

    @property
    def is_plain(self) -> bool:
        """Whether everything matches."""
        return all(line.count == 0 for line in self.counting if line.name != "matched")

    @property
    def file_cents(self) -> int:
        """What the file says was paid."""
        return sum(line.file_cents for line in self.counting)

    @property
    def desk_cents(self) -> int:
        """What the desk says was paid."""
        return sum(line.desk_cents for line in self.counting)

    @property
    def difference_cents(self) -> int:
        """By how much the file says more than the desk."""
        return self.file_cents - self.desk_cents


@dataclass(frozen=True)
class ShownRow:
    """A row of the file beside what it may be."""

    row: StatementRow
    candidates: list[Payout]
    explanation: Explanation | None


@dataclass(frozen=True)
class StatementPage:
    """The result of a statement, as one of its tabs."""

    found: Statement
    tab: str
    tabs: list[Tab]
    totals: list[Totals]
    page: KeysetPage
    rows: list[ShownRow]
    explained: list[Explanation]
    errors: list[StatementError]
    trouble: Job | None

    @property
    def label(self) -> str:
        """What the tab is called."""
        return next(label for name, label, _ in _TABS if name == self.tab)

    @property
    def meaning(self) -> str:
        """What is in the tab, in words."""
        return _MEANINGS[self.tab]

    @property
    def is_under_way(self) -> bool:
        """Whether there is anything still to come."""
        return self.found.state in UNDER_WAY

    @property
    def left_out(self) -> list[tuple[str, int]]:
        """Which rows are no payouts, by kind, the most frequent first."""
        return sorted(self.found.left_out.items(), key=lambda pair: (-pair[1], pair[0]))

    @property
    def left_out_count(self) -> int:
        """How many rows are no payouts."""
        return sum(self.found.left_out.values())

    @property
    def has_more_errors(self) -> bool:
        """Whether the file of errors has more than the page shows."""
        return self.found.error_count > len(self.errors)


def statement_page(found: Statement, query: QueryDict) -> StatementPage:
    """Reads the page of a statement: the tab that `?tab=` asks for, or the first one with anything
    in it."""
    at_desk = only_at_desk(found)
    totals = _totals(found, at_desk)
    counts = _counts(found, totals)
    asked = query.get("tab", "")
    tab = asked if asked in TAB_NAMES else _first_tab(counts)
    page = _page(found, tab, at_desk, query)
    return StatementPage(
        found=found,
        tab=tab,
        tabs=[Tab(name, label, counts[name], name == tab) for name, label, _ in _TABS],
        totals=totals,
        page=page,
        rows=_shown(found, page.rows) if tab in STANDING_OF or tab == EXPLAINED else [],
        explained=list(explained_payouts(found).order_by("pk")[:ERRORS_SHOWN])
        if tab == EXPLAINED
        else [],
        errors=list(found.errors.order_by("line", "pk")[:ERRORS_SHOWN])
        if tab == UNREADABLE
        else [],
        trouble=_trouble(found),
    )


def _first_tab(counts: dict[str, int]) -> str:
    return next((name for name, _, _ in _TABS if counts[name]), "matched")


def rows_in(found: Statement, tab: str) -> QuerySet[StatementRow]:
    """Returns the rows of a tab that has some."""
    if tab == EXPLAINED:
        return rows_of(found).filter(is_explained=True)
    return rows_of(found).filter(standing=STANDING_OF[tab], is_explained=False)


def _page(found: Statement, tab: str, at_desk: QuerySet[Payout], query: QueryDict) -> KeysetPage:
    if tab == AT_DESK:
        return keyset_page(at_desk, query, are_found_first=True)
    if tab == UNREADABLE:
        return KeysetPage([])
    return keyset_page(rows_in(found, tab), query)


def _shown(found: Statement, rows: list[StatementRow]) -> list[ShownRow]:
    said = Explanation.objects.filter(row__in=rows, undone_at__isnull=True)
    by_row = {one.row_id: one for one in said.select_related("author")}
    possible = candidates(found.source, rows) if found.source else {}
    return [ShownRow(row, possible.get(row.pk, []), by_row.get(row.pk)) for row in rows]


def _totals(found: Statement, at_desk: QuerySet[Payout]) -> list[Totals]:
    by_currency: dict[str, dict[str, Line]] = {}
    fees: Counter[str] = Counter()

    def line(currency: str, name: str) -> Line:
        lines = by_currency.setdefault(
            currency, {name: Line(name, label) for name, label, _ in _TABS if name != UNREADABLE}
        )
        return lines[name]

    names = {standing: name for name, standing in STANDING_OF.items()}
    for sums in found.sums:
        name = EXPLAINED if sums["is_explained"] else names.get(sums["standing"])
        if name is None:
            continue
        one = line(sums["currency"], name)
        one.count += sums["count"]
        one.file_cents += sums["amount_cents"]
        one.desk_cents += sums["desk_amount_cents"]
        fees[sums["currency"]] += sums["fee_cents"]
    for name, payouts in (
        (AT_DESK, at_desk),
        (EXPLAINED, Payout.objects.filter(pk__in=explained_payouts(found).values("payout"))),
    ):
        for row in (
            payouts.order_by()
            .values("currency")
            .annotate(count=Count("pk"), amount=Sum("amount_cents"))
        ):
            one = line(row["currency"], name)
            one.count += row["count"]
            one.desk_cents += int(row["amount"])
    return [
        Totals(currency, list(lines.values()), fees[currency])
        for currency, lines in sorted(by_currency.items())
    ]


def _counts(found: Statement, totals: list[Totals]) -> dict[str, int]:
    counts = {name: 0 for name, _, _ in _TABS}
    for total in totals:
        for line in total.lines:
            counts[line.name] += line.count
    counts[UNREADABLE] = found.failed_count
    return counts


def _trouble(found: Statement) -> Job | None:
    """Returns the statement's job where it is in trouble."""
    jobs = Job.objects.filter(topic=topics.IMPORT_STATEMENT, key=str(found.pk))
    job = jobs.order_by("-pk").first()
    if job is None:
        return None
    in_trouble = job.state == JobState.HELD or (job.state == JobState.WAITING and job.failures > 0)
    return job if in_trouble else None


# --- One row, one payment ----------------------------------------------------------------------


@dataclass(frozen=True)
class RowPage:
    """One row of a file: as it stands there, what it may be, and what people said of it."""

    found: Statement
    row: StatementRow
    cells: list[tuple[str, str]]
    candidates: list[Payout]
    others: list[StatementRow]
    pairings: list[Any]
    explanations: list[Explanation]


def row_page(found: Statement, row: StatementRow) -> RowPage:
    """Reads the page of a row."""
    others: QuerySet[StatementRow] = StatementRow.objects.none()
    if row.payout_id is not None:
        others = StatementRow.objects.filter(payout=row.payout_id, is_live=True).exclude(pk=row.pk)
    pairings = row.pairings.select_related("payout__refund", "author", "undone_by")
    said = row.explanations.select_related("author", "undone_by")
    return RowPage(
        found=found,
        row=row,
        cells=_cells(found, row),
        candidates=candidates(found.source, [row]).get(row.pk, []) if found.source else [],
        others=list(others.select_related("statement").order_by("pk")[:20]),
        pairings=list(pairings.order_by("pk")),
        explanations=list(said.order_by("pk")),
    )


def _cells(found: Statement, row: StatementRow) -> list[tuple[str, str]]:
    """Returns the row as it stands in the file, by column."""
    place = Place(row.offset, row.line)
    cells = next((cells for _, cells, _ in file_of(found).records(place)), [])
    return [(name, cell) for name, cell in zip(found.columns, cells, strict=False) if cell.strip()]


def live_explanations() -> "Prefetch[Any]":
    """Returns what reads the explanation that counts with each row."""
    live = Explanation.objects.filter(undone_at__isnull=True).select_related("author")
    return Prefetch("explanations", queryset=live, to_attr="said")
