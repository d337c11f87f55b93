"""How long shoppers wait for their money: from the first scan of a return to the payment."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.db.models import (
    Count,
    DateField,
    DurationField,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    Window,
)
from django.db.models.functions import Coalesce, RowNumber, TruncWeek

from apps.refunds.models import Destination, Refund, RefundItem, RefundStatus
from apps.reports.filters import ReportFilters, choice_field, text_field
from apps.reports.parts import with_values, within
from apps.reports.registry import register
from apps.reports.rules import Preset
from apps.reports.sources import Listed
from apps.reports.types import ChartData, Point, Question, Report, Row, count, hours, text
from apps.rmas.rules import RETURN_METHODS
from apps.stores.models import RefundTrigger

WEEK, METHOD, TRIGGER = "", "method", "trigger"
_HOUR = timedelta(hours=1)


class ScanToPaidFilters(ReportFilters):
    """Narrows the refunds that are measured, and says what the rows are of."""

    default_period = Preset.THIS_QUARTER
    first = ("since", "until", "rows", "return_method", "brand")

    rows = choice_field(
        "Rows", [(METHOD, "By return method"), (TRIGGER, "By trigger")], "By week of payment"
    )
    return_method = choice_field("Return method", [(n, n) for n in RETURN_METHODS])
    trigger = choice_field("Trigger", RefundTrigger.choices)
    brand = text_field("Brand")


def measured(question: Question) -> QuerySet[Refund]:
    """Returns the refunds that were paid to shoppers after the first scan of their return,
    unsorted, with `wait`."""
    values = question.values
    rows = Refund.objects.filter(
        within(question, "paid_at"),
        store_id=question.store.pk,
        status=RefundStatus.PAID,
        destination__in=(Destination.ORIGINAL_PAYMENT, Destination.GIFT_CARD),
        rma__scanned_at__lte=F("paid_at"),
    )
    if values.get("return_method"):
        rows = rows.filter(rma__return_method=values["return_method"])
    if values.get("brand"):
        rows = rows.filter(rma__concept=values["brand"])
    if values.get("trigger"):
        rows = rows.annotate(trigger=_TRIGGER).filter(trigger=values["trigger"])
    wait = ExpressionWrapper(F("paid_at") - F("rma__scanned_at"), output_field=DurationField())
    return rows.annotate(wait=wait).order_by()


# All units of a refund are of one return, and so of one trigger.
_TRIGGER = Coalesce(
    Subquery(RefundItem.objects.filter(refund=OuterRef("pk")).order_by("position")
             .values("trigger")[:1]), Value("")
)  # fmt: skip


def _group_of(question: Question) -> Any:
    kind = question.values.get("rows")
    if kind == METHOD:
        return F("rma__return_method")
    if kind == TRIGGER:
        return _TRIGGER
    return TruncWeek("paid_at", tzinfo=question.zone, output_field=DateField())


def _waits(question: Question) -> dict[Any, tuple[int, timedelta, timedelta]]:
    """Returns count, median and 90th percentile of each group: exact, because the database numbers
    the waits of a group by their length, and only those that count are read."""
    rows = measured(question).annotate(group=_group_of(question))
    numbered = rows.annotate(
        number=Window(RowNumber(), [F("group")], [F("wait").asc(), F("pk").asc()]),
        size=Window(Count("pk"), [F("group")]),
    )
    counts = numbered.filter(
        Q(number=(F("size") + 1) / 2)
        | Q(number=F("size") / 2 + 1)
        | Q(number=(F("size") * 9 + 9) / 10)
    )
    found: dict[Any, tuple[int, dict[int, timedelta]]] = {}
    for group, size, number, wait in counts.values_list("group", "size", "number", "wait"):
        found.setdefault(group, (size, {}))[1][number] = wait
    return {group: _summary(size, waits) for group, (size, waits) in found.items()}


def _summary(size: int, waits: dict[int, timedelta]) -> tuple[int, timedelta, timedelta]:
    median = (waits[(size + 1) // 2] + waits[size // 2 + 1]) / 2
    return size, median, waits[(size * 9 + 9) // 10]


def _hours(wait: timedelta | None) -> float | None:
    return None if wait is None else round(wait / _HOUR, 1)


def _rows(question: Question) -> list[Row]:
    found = _waits(question)
    # Weeks stand beside the week before; methods and triggers beside the period before.
    if question.values.get("rows"):
        before = question.before()
        earlier = _waits(before) if before else {}
        return [_row(f"{group}", found[group], earlier.get(group)) for group in sorted(found)]
    weeks: Iterable[date] = sorted(found)
    week = timedelta(days=7)
    return [_row(day.isoformat(), found[day], found.get(day - week)) for day in weeks]


def _row(
    name: str,
    now: tuple[int, timedelta, timedelta],
    before: tuple[int, timedelta, timedelta] | None,
) -> Row:
    refunds, median, late = now
    earlier = before or (None, None, None)
    return (name, refunds, _hours(median), _hours(late), earlier[0], _hours(earlier[1]),
            _hours(earlier[2]))  # fmt: skip


_SOURCE = Listed(_rows)


def _chart(question: Question) -> ChartData | None:
    rows: list[Any] = _SOURCE.rows(question)
    if not rows:
        return None
    kind = {METHOD: "return method", TRIGGER: "trigger"}.get(question.values["rows"], "week")
    points = [Point(row[0] or "none", round(row[2])) for row in rows]
    return ChartData(f"Median hours from scan to payment, by {kind}", points)


def _refunds(question: Question, row: Row) -> tuple[str, str]:
    """The refunds paid in a week (in the days that are asked for), or of a method or trigger."""
    kind = question.values.get("rows")
    name = str(row[0])
    values = {"by": "paid", "rows": "", "status": "paid"}
    if kind in (METHOD, TRIGGER):
        field = "return_method" if kind == METHOD else "trigger"
        return "refunds", with_values(question, **values, **{field: name})
    first = date.fromisoformat(name)
    last = first + timedelta(days=6)
    since, until = question.period.since, question.period.until
    return "refunds", with_values(
        question,
        **values,
        since=f"{max(first, since) if since else first}",
        until=f"{min(last, until) if until else last}",
        period="",
    )


SCAN_TO_PAID = register(
    Report(
        name="scan-to-paid",
        title="From scan to paid",
        group="Returns",
        intro="How long shoppers waited for their money: hours from the first scan of the return "
        "to the payment of the refund.",
        definition=(
            "Counts every refund that was paid to a shopper, to the payment or onto a gift card, "
            "by the day on which it was paid, on the store's clock. Weeks begin on Monday; the "
            "first and the last one hold only the days that are asked for.",
            "The wait begins when Optoro first told that a unit of the return was handed over, "
            "scanned or received, and ends when the whole refund was paid.",
            "The median is the wait in the middle: half of the refunds waited no longer. Of an "
            "even number it is halfway between the two in the middle. Nine in ten waited no longer "
            "than the 90th percentile. Both are exact, to the tenth of an hour.",
            "Weeks stand beside the week before, methods and triggers beside the period before.",
            "Left out: refunds without a return, those paid before any scan (the shopper keeps the "
            "goods, or a person decided), store credit and settlements, which pay nobody.",
        ),
        columns=(
            text("group", "Week from, method or trigger", words=dict(RefundTrigger.choices)),
            count("refunds", "Refunds"),
            hours("median_hours", "Median hours"),
            hours("p90_hours", "90% within, hours"),
            count("refunds_before", "Refunds before", is_summed=False),
            hours("median_hours_before", "Median before"),
            hours("p90_hours_before", "90% before"),
        ),
        nothing="No refund was paid on these days after a scan of its return.",
        filters=ScanToPaidFilters,
        source=_SOURCE,
        cards=("refunds",),
        chart=_chart,
        leads={"refunds": _refunds},
    )
)
