"""What several reports are made of: bounds, groups, and links from one report to another."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.http import QueryDict

from apps.common.days import start_of_day
from apps.reports.ages import BUCKETS
from apps.reports.book_filters import today_of
from apps.reports.rules import ONE_DAY
from apps.reports.types import Question


def within(question: Question, field: str) -> Q:
    """Returns that a moment lies within the days that are asked for."""
    bounds: dict[str, Any] = {}
    if question.start:
        bounds[f"{field}__gte"] = question.start
    if question.end:
        bounds[f"{field}__lt"] = question.end
    return Q(**bounds)


def aged(question: Question, bucket: str, field: str) -> Q:
    """Returns that something that began at a moment is of a bucket of `ages` today, in days on the
    store's clock."""
    first, last = next((first, last) for key, first, last in BUCKETS if key == bucket)
    today, bounds = today_of(question), Q()
    if first:
        before = start_of_day(today - ONE_DAY * (first - 1), question.zone)
        bounds &= Q(**{f"{field}__lt": before})
    if last is not None:
        bounds &= Q(**{f"{field}__gte": start_of_day(today - ONE_DAY * last, question.zone)})
    return bounds


def main_currency(sums: Iterable[tuple[str, int]]) -> str:
    """Returns the currency with most in it, of (currency, how much); blank where there is none."""
    found = sorted(sums, key=lambda pair: (-pair[1], pair[0]))
    return found[0][0] if found else ""


def summed_by(rows: QuerySet[Any], keys: Iterable[Any], **sums: str) -> list[dict[str, Any]]:
    """Returns the sums of rows by `keys`, where nothing is 0."""
    found = rows.order_by().values(*keys)
    return list(found.annotate(**{name: Sum(field, default=0) for name, field in sums.items()}))


def with_values(question: Question, **values: str) -> str:
    """Returns the question's address with its days named and these filters in place of its own; a
    blank one is taken out."""
    query = QueryDict(question.pinned, mutable=True)
    for name, value in values.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return query.urlencode()
