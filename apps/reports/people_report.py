"""Refunds by who made and who approved them: the refund report, added up."""

from typing import Any

from django.db.models import Count, Max, Q, Sum

from apps.refunds.models import RefundKind, Source
from apps.reports.parts import main_currency, with_values
from apps.reports.refund_filters import NOBODY, RefundReportFilters, items_of
from apps.reports.registry import register
from apps.reports.sources import Listed
from apps.reports.types import (
    ChartData,
    Point,
    Question,
    Report,
    Row,
    amount,
    count,
    text,
)

_KEYS = ("refund__author__username", "refund__approver__username", "refund__source",
         "refund__currency")  # fmt: skip
_MOST_DRAWN = 12


def _rows(question: Question) -> list[Row]:
    is_goodwill = Q(refund__kind=RefundKind.GOODWILL)
    found: Any = (
        items_of(question)
        .order_by()
        .values_list(*_KEYS)
        .annotate(
            refunds=Count("refund", distinct=True),
            units=Sum("quantity"),
            total=Sum("amount_cents"),
            shopper=Sum("shopper_amount_cents"),
            optoro=Sum("optoro_amount_cents"),
            goodwill=Sum("amount_cents", filter=is_goodwill, default=0),
            largest=Max("refund__total_refund_amount_cents"),
        )
    )
    rows: list[Any] = [
        (author or "", approver or "", source, *figures, currency)
        for author, approver, source, currency, *figures in found
    ]
    return sorted(rows, key=lambda row: (row[-1], -row[5], row[:3]))


_SOURCE = Listed(_rows)


def _chart(question: Question) -> ChartData | None:
    sums: dict[tuple[str, str], int] = {}
    rows: Any = _SOURCE.rows(question)
    for row in rows:
        name = row[0] or Source(row[2]).label
        sums[row[-1], name] = sums.get((row[-1], name), 0) + row[5]
    currency = main_currency((key[0], cents) for key, cents in sums.items())
    drawn = sorted(
        ((name, cents) for (code, name), cents in sums.items() if code == currency),
        key=lambda pair: (-pair[1], pair[0]),
    )
    if not drawn:
        return None
    points = [Point(name, cents) for name, cents in drawn[:_MOST_DRAWN]]
    return ChartData(f"Refunded in {currency}, by who made it", points, currency)


def _refunds(question: Question, row: Row) -> tuple[str, str]:
    return "refunds", with_values(
        question,
        author=str(row[0] or NOBODY),
        approver=str(row[1] or NOBODY),
        source=str(row[2]),
        currency=str(row[-1]),
    )


PEOPLE = register(
    Report(
        name="people",
        title="Refunds by author and approver",
        group="People",
        intro="Who made refunds and who approved them: how many, and what was refunded.",
        definition=(
            "Counts the same refunds as the refund report, by the same date and filters: without "
            "another choice those that are neither declined nor canceled.",
            "The author made the refund; the approver is the second person who let it go. Both are "
            "blank for what automation, an API key or the order system did.",
            "A refund counts once, however many units it has. “Largest” is the whole of the "
            "largest refund.",
        ),
        columns=(
            text("author", "Made by"),
            text("approver", "Approved by"),
            text("source", "Source", words=dict(Source.choices)),
            count("refunds", "Refunds"),
            count("quantity", "Units"),
            amount("refunded_total", "Refunded total"),
            amount("shopper", "To the shopper"),
            amount("optoro", "To Optoro"),
            amount("goodwill", "Of it goodwill"),
            amount("largest", "Largest", is_summed=False),
            text("currency", "Currency"),
        ),
        nothing="No refund has the chosen date on these days. One that is not paid has no day of "
        "payment: choose “Decided” for those.",
        filters=RefundReportFilters,
        source=_SOURCE,
        cards=("refunded_total", "refunds", "shopper", "goodwill"),
        chart=_chart,
        leads={"refunds": _refunds},
    )
)
