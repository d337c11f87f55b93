"""How a report is described: once, for its page, its files, what is sent by mail and commands.

A report's rows are plain tuples, one value for each of its columns. Where they come from is a
`Source` (`sources.py` has two); what is asked of it is a `Question` (`asking.py` makes one of an
address).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from apps.accounts.rules import Action
from apps.common.days import start_of_day
from apps.ledger.days import settled_through
from apps.ledger.services import closed_through_of
from apps.reports.filters import ReportFilters
from apps.reports.rules import Period
from apps.stores.models import Store


class Kind(StrEnum):
    """What a column holds, and so how it is written."""

    TEXT = "text"
    COUNT = "count"
    AMOUNT = "amount"  # cents of the currency in the report's currency column
    MOMENT = "moment"  # an aware datetime; shown on the store's clock
    DAY = "day"
    SHARE = "share"  # a number that is 1 for 100 %
    HOURS = "hours"  # to the tenth


# What stands in a row: text is never None, everything else is None where there is nothing.
Value = str | int | float | Decimal | date | datetime | None
Row = tuple[Value, ...]
# Where a batch ended, as JSON content; what it means is its source's own.
Position = list[Any]


@dataclass(frozen=True)
class Column:
    """A column. `key` names it in files and in the address. Summed ones stand in the totals.
    `words` are what people read for codes; files have the codes. `links_to` is the page of what
    is named in it: `order`, `rma`, `refund` or `exchange`. With `only_with`, it says something only
    where that filter is set."""

    key: str
    label: str
    kind: Kind = Kind.TEXT
    is_summed: bool = False
    hint: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    links_to: str = ""
    only_with: str = ""


def text(key: str, label: str, **more: Any) -> Column:
    """Returns a column of text."""
    return Column(key, label, Kind.TEXT, **more)


def count(key: str, label: str, **more: Any) -> Column:
    """Returns a column of whole numbers, summed unless `is_summed=False`."""
    return Column(key, label, Kind.COUNT, **{"is_summed": True, **more})


def amount(key: str, label: str, **more: Any) -> Column:
    """Returns a column of cents, summed unless `is_summed=False`."""
    return Column(key, label, Kind.AMOUNT, **{"is_summed": True, **more})


def moment(key: str, label: str, **more: Any) -> Column:
    """Returns a column of moments."""
    return Column(key, label, Kind.MOMENT, **more)


def day(key: str, label: str, **more: Any) -> Column:
    """Returns a column of days."""
    return Column(key, label, Kind.DAY, **more)


def share(key: str, label: str, **more: Any) -> Column:
    """Returns a column of shares of one."""
    return Column(key, label, Kind.SHARE, **more)


def hours(key: str, label: str, **more: Any) -> Column:
    """Returns a column of hours, to the tenth."""
    return Column(key, label, Kind.HOURS, **more)


@dataclass(frozen=True)
class Question:
    """What is asked of a report. `values` are the cleaned filters; `query` is the address they
    stand in, in one fixed form; `pinned` the same with the days named in place of "last month"."""

    store: Store
    zone: ZoneInfo
    values: Mapping[str, Any]
    period: Period
    query: str = ""
    pinned: str = ""

    @property
    def start(self) -> datetime | None:
        """The first moment of the period; None where it has no beginning."""
        return start_of_day(self.period.since, self.zone) if self.period.since else None

    @property
    def end(self) -> datetime | None:
        """The first moment after the period; None where it has no end."""
        behind = self.period.day_behind
        return start_of_day(behind, self.zone) if behind else None

    @cached_property
    def closed_through(self) -> date | None:
        """The last day that is closed. Kept: asked before rows are read, nothing comes between."""
        return closed_through_of(self.store.pk)

    @cached_property
    def settled_through(self) -> date | None:
        """The last day whose figures as of its end are the same for ever. Kept like the above."""
        return settled_through(self.store)

    @cached_property
    def looks(self) -> dict[Callable[["Question"], Any], Any]:
        """What was read for it once (`sources.Once`), for rows, totals and chart alike."""
        return {}

    def before(self) -> "Question | None":
        """The same question for the period that this one is compared with (`Period.before`); None
        where the period is open."""
        period = self.period.before()
        return replace(self, period=period, query="", pinned="") if period else None


@dataclass(frozen=True)
class Totals:
    """The sums of all rows in one currency, by the keys of the summed columns. `currency` is blank
    in a report without amounts."""

    currency: str
    rows: int
    sums: Mapping[str, int]


@dataclass(frozen=True)
class Batch:
    """Some rows in a row. `end` is where to go on; None where there is nothing behind them."""

    rows: Sequence[Row]
    end: Position | None


class Source(Protocol):
    """Where rows come from, always in the same order. `file_rows` are in memory at once while a
    file is written."""

    @property
    def file_rows(self) -> int: ...

    def batch(self, question: Question, after: Position | None, limit: int) -> Batch:
        """Returns up to `limit` rows behind `after`, from the beginning where that is None.
        Raises ValueError for a position that is none of its own."""
        ...

    def totals(self, report: "Report", question: Question) -> list[Totals]:
        """Returns the totals of all rows of `report`, whose source it is; most rows first."""
        ...


@dataclass(frozen=True)
class Point:
    """One bar of a chart: what it is of, and how much."""

    label: str
    value: int


@dataclass(frozen=True)
class ChartData:
    """Bars over the period; amounts in cents where `currency` is given, else counts. Negative
    values cannot be drawn."""

    title: str
    points: Sequence[Point]
    currency: str = ""


def _is_of_days(question: Question) -> bool:
    return False


def _no_chart(question: Question) -> ChartData | None:
    return None


@dataclass(frozen=True)
class Ratio:
    """A share of two sums that is shown with them, by the keys of their columns."""

    label: str
    part: str
    whole: str

    def of(self, totals: Totals) -> float | None:
        """Returns it, 1 for 100 %; None of nothing."""
        whole = totals.sums[self.whole]
        return totals.sums[self.part] / whole if whole else None


# What leads from a cell to another report: its name and its query, None where nothing does.
Lead = Callable[[Question, Row], tuple[str, str] | None]


@dataclass(frozen=True)
class Report:
    """A report. `cards` are the keys of the sums shown in large, `ratios` the shares beside them;
    `group` is the heading it is listed under; `currency` the key of the column that says what its
    amounts are in; `definition` says, in sentences, what counts, by which date, and what is left
    out; `leads` are by column;
    `nothing` is what it means that there are no rows; `is_as_of` tells whether a question is about
    all that was until the last of its days; `is_compared` whether its figures are compared with
    those of the period before, which what is open now cannot be."""

    name: str
    title: str
    group: str
    intro: str
    columns: tuple[Column, ...]
    filters: type[ReportFilters]
    source: Source
    cards: tuple[str, ...] = ()
    ratios: tuple[Ratio, ...] = ()
    chart: Callable[[Question], ChartData | None] = _no_chart
    currency: str = "currency"
    definition: tuple[str, ...] = ()
    nothing: str = ""
    leads: Mapping[str, Lead] = field(default_factory=dict)
    action: Action = Action.VIEW_FINANCE
    is_as_of: Callable[[Question], bool] = _is_of_days
    is_compared: bool = True

    @property
    def currency_place(self) -> int | None:
        """Which column says the currency; None where none does."""
        keys = [column.key for column in self.columns]
        return keys.index(self.currency) if self.currency in keys else None

    @property
    def summed(self) -> dict[str, int]:
        """The places of the summed columns, by key."""
        return {column.key: n for n, column in enumerate(self.columns) if column.is_summed}

    def column(self, key: str) -> Column:
        """Returns the column of that key."""
        return next(column for column in self.columns if column.key == key)
