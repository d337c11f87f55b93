"""What comes before and after a row in the list that its page was opened from: by where its values
stand in the sorting, whatever the filters say of it by now, and never by counting rows."""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, F, Func, Lookup, QuerySet, Value
from django.db.models.lookups import GreaterThan, LessThan
from django.http import QueryDict

from apps.desk.lists.looks import PARAMETER, Look
from apps.desk.seats import DeskRequest


@dataclass(frozen=True)
class Neighbors:
    """The pages before and after, "" at an end, and the list itself."""

    previous_url: str
    next_url: str
    list_url: str
    noun: str


def neighbors_of(request: DeskRequest, name: str, row: Any) -> Neighbors | None:
    """Returns the neighbors of a row whose page was opened from the list `name`, None where it was
    opened otherwise. At most four queries, each for one row."""
    if PARAMETER not in request.GET:
        return None
    look = Look(request, name, QueryDict(request.GET[PARAMETER]))
    return Neighbors(
        previous_url=_url(look, _beside(look, row, is_next=False)),
        next_url=_url(look, _beside(look, row, is_next=True)),
        list_url=look.url,
        noun=look.listing.noun,
    )


def _url(look: Look, found: Any) -> str:
    return f"{look.listing.url_of(found)}{look.tail}" if found is not None else ""


def _beside(look: Look, row: Any, *, is_next: bool) -> Any:
    field = look.listing.sorting.fields[look.sort.removeprefix("-")][0]
    is_descending = look.sort.startswith("-")
    side = "lt" if is_descending == is_next else "gt"
    rows = look.narrowed.qs.exclude(pk=row.pk)
    for part in _parts(rows, field, side, row):
        found = part.first()
        if found is not None:
            return found
    return None


def _parts(rows: QuerySet[Any], field: str, side: str, row: Any) -> list[QuerySet[Any]]:
    """The rows on one side of `row`, nearest first, in parts that an index serves: those with a
    value, and those without, which the databases put at different ends."""
    sign = "-" if side == "lt" else ""
    if field == "pk":
        return [rows.filter(**{f"pk__{side}": row.pk}).order_by(f"{sign}pk")]
    by_value = (f"{sign}{field}", f"{sign}pk")
    value = getattr(row, field)
    # PostgreSQL takes nothing for the largest value, SQLite for the smallest.
    nothing_is = "gt" if connection.vendor == "postgresql" else "lt"
    has_nothing = rows.filter(**{f"{field}__isnull": True}).order_by(f"{sign}pk")
    is_nullable = rows.model._meta.get_field(field).null
    if value is None:
        beside = has_nothing.filter(**{f"pk__{side}": row.pk})
        if side == nothing_is:
            return [beside]
        return [beside, rows.filter(**{f"{field}__isnull": False}).order_by(*by_value)]
    beside = rows.filter(_is_beyond(rows, field, side, row)).order_by(*by_value)
    return [beside, has_nothing] if is_nullable and side == nothing_is else [beside]


class _Pair(Func):
    """Two values that are compared as one, (a, b) < (c, d): an index over both goes straight to
    where it ends, however many rows have the first value in common."""

    template = "(%(expressions)s)"
    output_field = BigIntegerField()


def _is_beyond(rows: QuerySet[Any], field: str, side: str, row: Any) -> "Lookup[bool]":
    comparison = LessThan if side == "lt" else GreaterThan
    value = Value(getattr(row, field), output_field=rows.model._meta.get_field(field))
    return comparison(_Pair(F(field), F("pk")), _Pair(value, Value(row.pk)))
