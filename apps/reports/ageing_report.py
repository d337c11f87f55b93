"""Open returns by age: what they wait for, and what is still to refund."""

from collections.abc import Sequence
from typing import Any

from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    Count,
    DateTimeField,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from apps.reconciliation.settlement import UNKNOWN_CURRENCY
from apps.refunds.models import RefundUnit
from apps.reports.ages import BUCKETS, LABELS, bucket_of
from apps.reports.book_filters import today_of
from apps.reports.filters import ReportFilters, choice_field, text_field
from apps.reports.parts import aged, within
from apps.reports.registry import register
from apps.reports.rules import Preset
from apps.reports.sources import Keyset
from apps.reports.types import (
    ChartData,
    Point,
    Question,
    Report,
    Row,
    Totals,
    amount,
    count,
    moment,
    text,
)
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit

OPENED = Coalesce("remote_created_at", "first_seen_at", output_field=DateTimeField())
EXCHANGE, UNSENT, ON_WAY, DELIVERED, RECEIVED = (
    "exchange", "not_sent", "on_its_way", "delivered", "received",
)  # fmt: skip
WAITS = {
    EXCHANGE: "The exchange order",
    UNSENT: "Being handed over",
    ON_WAY: "Arriving",
    DELIVERED: "Being received",
    RECEIVED: "Being refunded",
}
_WAITS_FOR = Case(
    When(status=rma_rules.PENDING_EXCHANGE, then=Value(EXCHANGE)),
    When(delivered_since__isnull=False, then=Value(DELIVERED)),
    When(in_transit_since__isnull=False, then=Value(ON_WAY)),
    When(scanned_at__isnull=True, then=Value(UNSENT)),
    default=Value(RECEIVED),
    output_field=CharField(),
)


class AgeingFilters(ReportFilters):
    """Narrows open returns; without days all of them."""

    default_period = Preset.ALL
    first = ("since", "until", "age", "waits", "brand", "return_method")

    age = choice_field("Age", LABELS.items())
    waits = choice_field("Waits for", WAITS.items())
    brand = text_field("Brand")
    return_method = choice_field("Return method", [(n, n) for n in rma_rules.RETURN_METHODS])


def open_returns(question: Question) -> QuerySet[Rma]:
    """Returns the store's open returns with something in them, unsorted, with `opened_at` and
    `waits_for`."""
    values = question.values
    rows = Rma.objects.filter(
        ~Q(status__in=(rma_rules.REFUNDED, rma_rules.CANCELED)), store_id=question.store.pk
    )
    rows = rows.annotate(opened_at=OPENED, waits_for=_WAITS_FOR)
    rows = rows.filter(within(question, "opened_at"))
    if values.get("age"):
        rows = rows.filter(aged(question, values["age"], "opened_at"))
    if values.get("waits"):
        rows = rows.filter(waits_for=values["waits"])
    if values.get("brand"):
        rows = rows.filter(concept=values["brand"])
    if values.get("return_method"):
        rows = rows.filter(return_method=values["return_method"])
    has_units = Exists(RmaUnit.objects.filter(rma=OuterRef("pk"), is_withdrawn=False))
    return rows.filter(has_units).order_by()


def _units() -> QuerySet[Any]:
    """Units with their currency, and whether a refund holds them."""
    held = Exists(RefundUnit.objects.filter(rma_unit=OuterRef("pk"), is_live=True))
    is_done = held | Q(excluded_at__isnull=False)
    nothing = Value(0, output_field=BigIntegerField())
    return (
        RmaUnit.objects.filter(is_withdrawn=False)
        .annotate(
            currency=Coalesce("order__currency", Value(UNKNOWN_CURRENCY)),
            is_open=Case(When(is_done, then=Value(0)), default=Value(1)),
            open_cents=Case(
                When(is_done, then=nothing), default=F("estimated_refund_amount_cents")
            ),
        )
        .order_by()
    )


_SUMS = {
    "units": Count("pk"),
    "open_units": Sum("is_open"),
    "estimated": Sum("estimated_refund_amount_cents"),
    "open": Sum("open_cents"),
}


class _OpenReturns(Keyset):
    """Returns, with a row for each currency of their units: there is hardly ever more than one."""

    def totals(self, report: Report, question: Question) -> list[Totals]:
        """Adds up in the database."""
        units = _units().filter(rma__in=self.rows(question).values("pk"))
        found = units.values("currency").annotate(returns=Count("rma", distinct=True), **_SUMS)
        totals = [
            Totals(row["currency"], row["returns"], {key: row[key] for key in _SUMS})
            for row in found
        ]
        return sorted(totals, key=lambda one: (-one.rows, one.currency))


def _finish(question: Question, read: Sequence[tuple[Any, ...]]) -> list[Row]:
    units = _units().filter(rma__in=[row[0] for row in read])
    sums: dict[int, list[dict[str, Any]]] = {}
    for found in units.values("rma_id", "currency").annotate(**_SUMS).order_by("currency"):
        sums.setdefault(found["rma_id"], []).append(found)
    today, rows = today_of(question), []
    for key, identifier, opened_at, status, waits_for, *facts in read:
        days = (today - opened_at.astimezone(question.zone).date()).days
        for found in sums.get(key, []):
            figures = [found[name] for name in _SUMS]
            rows.append(
                (identifier, opened_at, days, bucket_of(days), waits_for, *figures,
                 found["currency"], status, *facts)
            )  # fmt: skip
    return rows


def _order(question: Question) -> tuple[str, ...]:
    return ("opened_at", "pk")


def _chart(question: Question) -> ChartData | None:
    """Counts by age, in one query."""
    found = open_returns(question).aggregate(
        **{f"of_{n}": Count("pk", filter=aged(question, key, "opened_at")) for n, (key, *_) in
           enumerate(BUCKETS)}
    )  # fmt: skip
    values = list(found.values())
    if not sum(values):
        return None
    points = [Point(label, value) for label, value in zip(LABELS.values(), values, strict=True)]
    return ChartData("Open returns, by age", points)


AGEING = register(
    Report(
        name="open-returns",
        title="Open returns by age",
        group="Returns",
        intro="Every return that is not closed, oldest first: how old it is, what it waits for, "
        "and what is still to refund.",
        definition=(
            "Open is what Optoro has neither closed as refunded nor canceled, with a unit that is "
            "not withdrawn.",
            "The age is in days on the store's clock, from the day Optoro created the return (or, "
            "where it does not say, the day it came in) up to today. The days to choose are those "
            "of creation; without days all count.",
            "“Estimated” is Optoro's estimate for all its units. “Still to refund” is that of the "
            "units that no refund holds and nobody has excluded.",
            "Units of orders that are not known have no currency: they stand under XXX.",
            "It is what stands now: a day later it is another.",
        ),
        columns=(
            text("rma", "Return", links_to="rma"),
            moment("opened_at", "Created"),
            count("days", "Days", is_summed=False),
            text("age", "Age", words=LABELS),
            text("waits", "Waits for", words=WAITS),
            count("units", "Units"),
            count("open_units", "Not refunded"),
            amount("estimated", "Estimated"),
            amount("open", "Still to refund"),
            text("currency", "Currency"),
            text("status", "Status"),
            text("return_method", "Return method"),
            text("brand", "Brand"),
        ),
        nothing="None of the returns that were created on these days is open.",
        is_compared=False,
        filters=AgeingFilters,
        source=_OpenReturns(
            rows=open_returns,
            order=_order,
            fields=(
                "pk",
                "rma_identifier",
                "opened_at",
                "status",
                "waits_for",
                "return_method",
                "concept",
            ),
            finish=_finish,
            currency="",
            sums={},
        ),
        cards=("open", "open_units", "units", "estimated"),
        chart=_chart,
    )
)
