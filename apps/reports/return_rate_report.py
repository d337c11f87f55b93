"""How much of what was sold has come back, and why: by SKU, brand or week."""

from datetime import date
from typing import Any

from django.db.models import Count, DateField, F, Max, QuerySet, Sum
from django.db.models.functions import TruncWeek

from apps.orders.models import OrderLine
from apps.reports.filters import ReportFilters, choice_field, text_field
from apps.reports.parts import with_values, within
from apps.reports.registry import register
from apps.reports.sources import Listed
from apps.reports.types import ChartData, Point, Question, Ratio, Report, Row, count, share, text
from apps.rmas.models import RmaUnit
from apps.rmas.rules import CANCELED

SKU, BRAND, WEEK = "", "brand", "week"
_MOST_DRAWN = 20


class ReturnRateFilters(ReportFilters):
    """Narrows what was sold, and says what the rows are of."""

    first = ("since", "until", "rows", "brand", "sku")

    rows = choice_field("Rows", [(BRAND, "By brand"), (WEEK, "By week of order")], "By SKU")
    brand = text_field("Brand")
    sku = text_field("SKU")


def sold(question: Question) -> QuerySet[OrderLine]:
    """Returns the lines of orders of these days that were shipped, at least in part, unsorted."""
    rows = OrderLine.objects.filter(
        within(question, "order__remote_created_at"),
        order__store_id=question.store.pk,
        is_removed=False,
        quantity_shipped__gt=0,
    )
    return _narrowed(rows, question, "").order_by()


def returned(question: Question) -> QuerySet[RmaUnit]:
    """Returns the units of these lines that are in a return, whenever that was, unsorted."""
    rows = RmaUnit.objects.filter(
        within(question, "order_line__order__remote_created_at"),
        order_line__order__store_id=question.store.pk,
        order_line__is_removed=False,
        order_line__quantity_shipped__gt=0,
        is_withdrawn=False,
    ).exclude(rma__status=CANCELED)
    return _narrowed(rows, question, "order_line__").order_by()


def _narrowed(rows: QuerySet[Any], question: Question, path: str) -> QuerySet[Any]:
    if question.values.get("brand"):
        rows = rows.filter(**{f"{path}order__concept": question.values["brand"]})
    if question.values.get("sku"):
        rows = rows.filter(**{f"{path}sku": question.values["sku"]})
    return rows


def _group(question: Question, path: str) -> Any:
    kind = question.values.get("rows")
    if kind == WEEK:
        moment = f"{path}order__remote_created_at"
        return TruncWeek(moment, tzinfo=question.zone, output_field=DateField())
    return F(f"{path}order__concept" if kind == BRAND else f"{path}sku")


def _reasons(question: Question) -> dict[Any, dict[str, int]]:
    """Returns how many units came back, by group and reason."""
    rows = returned(question).annotate(group=_group(question, "order_line__"))
    found: dict[Any, dict[str, int]] = {}
    for group, reason, units in rows.values_list("group", "return_reason").annotate(Count("pk")):
        found.setdefault(group, {})[reason] = units
    return found


def _rows(question: Question) -> list[Row]:
    reasons = _reasons(question)
    rows: Any = (
        sold(question)
        .annotate(group=_group(question, ""))
        .values_list("group")
        .annotate(Sum("quantity_shipped"), Max("title"))
    )
    made = [
        _row(question, group, units, title, reasons.get(group, {})) for group, units, title in rows
    ]
    return sorted(made, key=_place_by_week if _is_by_week(question) else _place_by_returned)


def _is_by_week(question: Question) -> bool:
    return bool(question.values.get("rows") == WEEK)


def _place_by_week(row: Row) -> Any:
    return row[0]


def _place_by_returned(row: Any) -> Any:
    return (-row[3], -row[2], row[0])


def _row(question: Question, group: Any, units: int, title: str, reasons: dict[str, int]) -> Row:
    back = sum(reasons.values())
    top, most = max(reasons.items(), key=lambda pair: (pair[1], pair[0]), default=("", 0))
    name = group.isoformat() if isinstance(group, date) else group
    is_sku = not question.values.get("rows")
    return (name, title if is_sku else "", units, back, back / units, top, most,
            most / back if back else None)  # fmt: skip


_SOURCE = Listed(_rows)


def _chart(question: Question) -> ChartData | None:
    rows: list[Any] = _SOURCE.rows(question)
    if not rows:
        return None
    kind = {BRAND: "brand", WEEK: "week of order"}.get(question.values["rows"], "SKU")
    points = [Point(row[0] or "none", row[3]) for row in rows]
    if question.values["rows"] != WEEK:
        points = [point for point in points if point.value][:_MOST_DRAWN]
    return ChartData(f"Units returned, by {kind}", points)


def _leads(question: Question, row: Row) -> tuple[str, str] | None:
    """The reasons of a SKU or a brand. Returns are dated otherwise than orders: without days."""
    if question.values.get("rows") == WEEK or not row[0]:
        return None
    field = "brand" if question.values.get("rows") == BRAND else "sku"
    values = {"since": "", "until": "", "period": "all", "rows": "", field: str(row[0])}
    return "return-reasons", with_values(question, **values)


RETURN_RATE = register(
    Report(
        name="return-rate",
        title="Return rate",
        group="Returns",
        intro="Of the units that orders of these days shipped, how many have come back by now, and "
        "for which reason most of them.",
        definition=(
            "Counts units that were shipped, of orders placed on the days that are asked for, on "
            "the store's clock; exchange orders that the order system has sent are orders, too. "
            "Weeks begin on Monday; the first and the last one hold only the days that are asked "
            "for.",
            "A unit counts as returned once it is in a return, whatever has become of it since, "
            "and whenever that was: the rate of recent days still grows. In two returns it counts "
            "twice.",
            "The rate is units returned of units shipped.",
            "Left out: canceled returns, units withdrawn from one, units of orders the desk does "
            "not know.",
        ),
        columns=(
            text("group", "SKU, brand or week from"),
            text("title", "Title"),
            count("sold", "Units shipped"),
            count("returned", "Units returned"),
            share("rate", "Return rate"),
            text("top_reason", "Reason of most"),
            count("top_units", "Units for it", is_summed=False),
            share("top_share", "Of the returned"),
        ),
        nothing="No order of these days has shipped: orders count by the day they were placed.",
        filters=ReturnRateFilters,
        source=_SOURCE,
        cards=("returned", "sold"),
        ratios=(Ratio("Return rate", "returned", "sold"),),
        chart=_chart,
        leads={"returned": _leads},
    )
)
