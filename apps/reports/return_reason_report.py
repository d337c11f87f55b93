"""Why units come back: by reason, alone or within SKU, brand or week."""

from datetime import date
from typing import Any

from django.db.models import Count, DateField, DateTimeField, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, TruncWeek

from apps.reports.filters import ReportFilters, choice_field, text_field
from apps.reports.parts import within
from apps.reports.registry import register
from apps.reports.sources import Listed
from apps.reports.types import ChartData, Point, Question, Report, Row, count, share, text
from apps.rmas.models import RmaUnit
from apps.rmas.rules import CANCELED, RECEIVED, RETURN_METHODS

SKU, BRAND, WEEK = "sku", "brand", "week"
_MOST_DRAWN = 20
_OPENED = Coalesce("rma__remote_created_at", "rma__first_seen_at", output_field=DateTimeField())
_BRAND = Coalesce("order__concept", "rma__concept")


class ReturnReasonFilters(ReportFilters):
    """Narrows what came back, and says what the rows are of."""

    first = ("since", "until", "rows", "brand", "sku", "reason")

    rows = choice_field(
        "Rows",
        [(SKU, "By SKU and reason"), (BRAND, "By brand and reason"), (WEEK, "By week and reason")],
        "By reason",
    )
    brand = text_field("Brand")
    sku = text_field("SKU")
    reason = text_field("Reason")
    return_method = choice_field("Return method", [(n, n) for n in RETURN_METHODS])


def came_back(question: Question) -> QuerySet[RmaUnit]:
    """Returns the units of returns created on the days that are asked for, unsorted, with
    `opened_at` and `brand`."""
    rows = RmaUnit.objects.filter(rma__store_id=question.store.pk, is_withdrawn=False)
    rows = rows.exclude(rma__status=CANCELED).annotate(opened_at=_OPENED, brand=_BRAND)
    rows = rows.filter(within(question, "opened_at"))
    for name, field in _TEXTS.items():
        if question.values.get(name):
            rows = rows.filter(**{field: question.values[name]})
    return rows.order_by()


_TEXTS = {
    "brand": "brand",
    "sku": "sku",
    "reason": "return_reason",
    "return_method": "rma__return_method",
}


def _group(question: Question) -> Any:
    kind = question.values.get("rows")
    if kind == WEEK:
        return TruncWeek("opened_at", tzinfo=question.zone, output_field=DateField())
    return F(kind) if kind in (SKU, BRAND) else Value("All")


def _rows(question: Question) -> list[Row]:
    found: Any = (
        came_back(question)
        .annotate(group=_group(question))
        .values_list("group", "return_reason")
        .annotate(
            units=Count("pk"),
            returns=Count("rma", distinct=True),
            received=Count("pk", filter=Q(receiving_status=RECEIVED)),
        )
    )
    found = list(found)
    sizes: dict[Any, int] = {}
    for group, _, units, *_ in found:
        sizes[group] = sizes.get(group, 0) + units
    is_by_week = question.values.get("rows") == WEEK

    def place(row: Any) -> Any:
        group, reason, units, *_ = row
        return (group if is_by_week else -sizes[group], group, -units, reason)

    return [
        (
            group.isoformat() if isinstance(group, date) else group,
            reason,
            units,
            units / sizes[group],
            returns,
            received,
        )
        for group, reason, units, returns, received in sorted(found, key=place)
    ]


def _chart(question: Question) -> ChartData | None:
    found = came_back(question).values_list("return_reason").annotate(Count("pk"))
    sums = sorted(found, key=lambda pair: (-pair[1], pair[0]))[:_MOST_DRAWN]
    points = [Point(reason or "none told", units) for reason, units in sums]
    return ChartData("Units returned, by reason", points) if points else None


RETURN_REASONS = register(
    Report(
        name="return-reasons",
        title="Return reasons",
        group="Returns",
        intro="Why units come back: how many for each reason, alone or within a SKU, a brand or a "
        "week.",
        definition=(
            "Counts units of returns that were created on the days that are asked for, on the "
            "store's clock, by Optoro's own date; where it tells none, the day the return came in. "
            "Weeks begin on Monday; the first and the last one hold only the days that are asked "
            "for.",
            "The share is that of the units of the same SKU, brand or week; of all, by reason "
            "alone.",
            "The brand is that of the order or, while the order is not known, of the return. The "
            "reason is the one Optoro told; blank where it told none.",
            "Left out: canceled returns, and units withdrawn from one.",
        ),
        columns=(
            text("group", "SKU, brand or week from"),
            text("reason", "Reason"),
            count("units", "Units"),
            share("share", "Share"),
            count("returns", "Returns", is_summed=False, hint="One can have several reasons"),
            count("received", "Received", hint="Units that the warehouse has received"),
        ),
        nothing="No return was created on these days.",
        filters=ReturnReasonFilters,
        source=Listed(_rows),
        cards=("units", "received"),
        chart=_chart,
    )
)
