"""The two kinds of source: a table read by its key, and a grouped query that is read whole."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from django.db.models import Count, Q, QuerySet, Sum
from django.utils.dateparse import parse_date, parse_datetime

from apps.common.days import FIRST_DAY, LAST_DAY
from apps.reports.sums import Sums
from apps.reports.types import Batch, Position, Question, Report, Row, Totals

BATCH_ROWS = 5_000
_LARGEST = 2**62
T = TypeVar("T")


def always(question: Question) -> bool:
    """Whatever is asked."""
    return True


def never(question: Question) -> bool:
    """Whatever is asked, not."""
    return False


@dataclass(frozen=True)
class Keyset:
    """Rows of a table, however many. `rows` are narrowed and unsorted; `order` names what they are
    sorted by: the first a moment or (where `is_by_day`) a day, never null, the last ones numbers,
    unique together. `fields` are read for each row, and `finish` makes rows of a batch of them (in
    as many more queries as it likes, but a fixed number)."""

    rows: Callable[[Question], QuerySet[Any]]
    order: Callable[[Question], tuple[str, ...]]
    fields: tuple[str, ...]
    finish: Callable[[Question, Sequence[tuple[Any, ...]]], Sequence[Row]]
    currency: str
    sums: dict[str, str]
    is_by_day: Callable[[Question], bool] = never
    file_rows: int = BATCH_ROWS

    def batch(self, question: Question, after: Position | None, limit: int) -> Batch:
        """Returns the next rows by key: the database begins where the last batch ended."""
        order = self.order(question)
        rows = self.rows(question).order_by(*order)
        next_ones = rows
        if after is not None:
            key = position_of(after, len(order), is_by_day=self.is_by_day(question))
            next_ones = rows.filter(behind(order, key))
        # Which rows, before what they show: the second takes a dozen tables, and joining so many
        # the database no longer sees that a filter leaves only one row.
        places = list(next_ones.values_list(*order, "pk")[: limit + 1])
        shown = places[:limit]
        end = None if len(places) <= limit else kept(shown[-1][: len(order)])
        read = rows.filter(pk__in=[place[-1] for place in shown]).values_list(*self.fields)
        return Batch(self.finish(question, list(read)), end)

    def totals(self, report: Report, question: Question) -> list[Totals]:
        """Adds all rows up in the database."""
        found = (
            self.rows(question)
            .order_by()
            .values_list(self.currency)
            .annotate(Count("pk"), *(Sum(field) for field in self.sums.values()))
        )
        totals = [
            Totals(currency, rows, dict(zip(self.sums, (s or 0 for s in sums), strict=True)))
            for currency, rows, *sums in found
        ]
        return sorted(totals, key=lambda one: (-one.rows, one.currency))


def kept(key: Sequence[Any]) -> Position:
    """Returns a key as it is kept, or stands in an address."""
    return [value.isoformat() if isinstance(value, date) else value for value in key]


def position_of(after: Position, length: int, *, is_by_day: bool = False) -> list[Any]:
    """Reads a position that was kept, or stood in an address; raises ValueError for nonsense."""
    if not isinstance(after, list) or len(after) != length:
        raise ValueError(f"a position has {length} parts")
    read = [_part(value) for value in after]
    first, *others = read
    if not isinstance(first, date) or is_by_day == isinstance(first, datetime):
        raise ValueError(f"{after[0]!r} is not what the rows of a position are sorted by")
    if not all(isinstance(part, int) for part in others):
        raise ValueError(f"{others!r} are no numbers of a position")
    return read


def _part(value: Any) -> date | int:
    """Returns a moment, a day or a number."""
    found = (parse_date(value) or parse_datetime(value)) if isinstance(value, str) else value
    if isinstance(found, bool) or not isinstance(found, date | int):
        raise ValueError(f"{value!r} is no part of a position")
    if isinstance(found, int):
        if abs(found) > _LARGEST:
            raise ValueError(f"{value!r} is too large for a position")
        return found
    day = found.date() if isinstance(found, datetime) else found
    # One that no zone can be taken off would be an error of the database, not of the address.
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"{value!r} is too far off for a position")
    if isinstance(found, datetime) and found.tzinfo is None:
        raise ValueError(f"{value!r} names no zone: it is no part of a position")
    return found


def behind(order: tuple[str, ...], key: Sequence[Any]) -> Q:
    """Whatever comes after `key`. The first bound stands alone, too: it is what an index uses."""
    behind = Q()
    for n in range(len(order)):
        equal = {order[i]: key[i] for i in range(n)}
        behind |= Q(**equal, **{f"{order[n]}__gt": key[n]})
    return Q(**{f"{order[0]}__gte": key[0]}) & behind


@dataclass(frozen=True)
class Once(Generic[T]):
    """What is read once for each question, so that rows, totals and chart of a page are of one
    look at the database; it goes with the question."""

    read: Callable[[Question], T]

    def of(self, question: Question) -> T:
        """Returns what is read for a question."""
        looks = question.looks
        if self.read not in looks:
            looks[self.read] = self.read(question)
        found: T = looks[self.read]
        return found


@dataclass(frozen=True)
class Listed:
    """Rows of one grouped query, or few enough to be read whole (thousands at most): per SKU, per
    week, per person. `read` returns them in their order."""

    read: Callable[[Question], Iterable[Row]]
    # All at once: read again for a second batch, they may be others.
    file_rows: int = sys.maxsize
    _once: Once[list[Row]] = field(init=False)

    def __post_init__(self) -> None:
        """What is read is kept for the other looks of a page."""
        object.__setattr__(self, "_once", Once(lambda question: list(self.read(question))))

    def batch(self, question: Question, after: Position | None, limit: int) -> Batch:
        """Returns the next rows by their number."""
        start = 0 if after is None else after[0] if isinstance(after, list) and after else None
        if not isinstance(start, int) or start < 0:
            raise ValueError(f"{after!r} is no position")
        rows = self.rows(question)
        end = start + limit
        return Batch(rows[start:end], [end] if end < len(rows) else None)

    def totals(self, report: Report, question: Question) -> list[Totals]:
        """Adds all rows up."""
        sums = Sums(report)
        sums.add(self.rows(question))
        return sums.totals

    def rows(self, question: Question) -> list[Row]:
        """Returns all rows."""
        return self._once.of(question)
