"""The refund report: a row for every refunded unit, with everything finance asks of it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Count, Sum
from django.db.models.functions import TruncDate, TruncMonth

from apps.refunds.models import (
    Destination,
    Payout,
    RefundKind,
    RefundStatus,
    Source,
)
from apps.reports.refund_filters import MOMENTS, RefundReportFilters, items_of
from apps.reports.registry import register
from apps.reports.sources import Keyset
from apps.reports.types import (
    ChartData,
    Column,
    Point,
    Question,
    Report,
    Row,
    amount,
    count,
    moment,
    text,
)
from apps.stores.models import RefundTrigger

_MOST_DAYS_DRAWN = 92

# Each column with the field that is read for it; "" is worked out in `_finish`.
_COLUMNS: tuple[tuple[Column, str], ...] = (
    (text("refund", "Refund", links_to="refund"), "refund__identifier"),
    (moment("decided_at", "Decided"), "refund__created_at"),
    (moment("paid_at", "Paid"), "refund__paid_at"),
    (moment("reported_at", "Reported"), "refund__reported_at"),
    (moment("confirmed_at", "Confirmed"), "refund__confirmed_at"),
    (text("store", "Store"), ""),
    (text("brand", "Brand"), "concept"),
    (text("order", "Order", links_to="order"), "refund__order__identifier"),
    (text("paid_order", "Order that paid", links_to="order"), "refund__paid_order__identifier"),
    (
        text("exchange_order", "Exchange order", links_to="exchange"),
        "unit__rma_unit__exchange_order_identifier",
    ),
    (text("rma", "Return", links_to="rma"), "refund__rma_identifier"),
    (text("status", "Status", words=dict(RefundStatus.choices)), "refund__status"),
    (text("payout", "Payment identifier", hint="One for each payment"), ""),
    (text("sku", "SKU"), "sku"),
    (text("title", "Title"), "title"),
    (text("return_reason", "Return reason"), "return_reason"),
    (text("reason", "Refund reason"), "refund__reason"),
    (text("return_method", "Return method"), "return_method"),
    (text("trigger", "Trigger", words=dict(RefundTrigger.choices)), "trigger"),
    (text("condition", "Condition"), "warehouse_receipt_condition"),
    (
        count("quantity", "Quantity", hint="0 for goodwill, and for what names no unit"),
        "quantity",
    ),
    (amount("original_product", "Original product"), "original_product_amount_cents"),
    (amount("original_discount", "Original discount"), "original_discount_amount_cents"),
    (amount("original_tax", "Original tax"), "original_tax_amount_cents"),
    (
        amount("original_shipping", "Original shipping", hint="With its tax"),
        "original_shipping_amount_cents",
    ),
    (amount("refunded_product", "Refunded product"), "product_amount_cents"),
    (amount("refunded_tax", "Refunded tax"), "tax_amount_cents"),
    (amount("refunded_total", "Refunded total"), "amount_cents"),
    (amount("shopper", "To the shopper"), "shopper_amount_cents"),
    (amount("optoro", "To Optoro", hint="Settles an exchange order"), "optoro_amount_cents"),
    (amount("retained", "Kept back", hint="Return shipping"), "retained_amount_cents"),
    (
        amount("bonus_credit", "Bonus credit", hint="Given on top, part of no other sum"),
        "bonus_credit_amount_cents",
    ),
    (text("currency", "Currency"), "refund__currency"),
    (text("destination", "Destination", words=dict(Destination.choices)), "refund__destination"),
    (text("gateway", "Gateway"), ""),
    (text("reference", "Gateway reference"), ""),
    (text("kind", "For", words=dict(RefundKind.choices)), "refund__kind"),
    (text("source", "Source", words=dict(Source.choices)), "refund__source"),
    (text("author", "Made by"), "refund__author__username"),
    (text("approver", "Approved by"), "refund__approver__username"),
    (text("note", "Note"), "refund__note"),
)
COLUMNS = tuple(column for column, _ in _COLUMNS)
_FIELDS = ("refund_id", *(field for _, field in _COLUMNS if field))
# Where the values of a row that are read go, and where the others do.
_READ = [n for n, (_, field) in enumerate(_COLUMNS) if field]
_KEYS = [column.key for column in COLUMNS]
_STORE, _PAYOUT, _GATEWAY, _REFERENCE = map(
    _KEYS.index, ("store", "payout", "gateway", "reference")
)
_TEXTS = [n for n, (column, field) in enumerate(_COLUMNS) if field and column.kind == "text"]


def _order(question: Question) -> tuple[str, ...]:
    return (MOMENTS[question.values["by"]], "refund_id", "position")


def _finish(question: Question, read: Sequence[tuple[Any, ...]]) -> list[Row]:
    """Makes rows of what was read; the payments of a batch are one more query."""
    payments = _payments({row[0] for row in read})
    nothing = ("", "", "")
    rows: list[Row] = []
    store = question.store.name
    for refund_id, *values in read:
        row: list[Any] = [""] * len(_COLUMNS)
        for place, value in zip(_READ, values, strict=True):
            row[place] = value
        for place in _TEXTS:
            if row[place] is None:
                row[place] = ""
        row[_STORE] = store
        row[_PAYOUT], row[_GATEWAY], row[_REFERENCE] = payments.get(refund_id, nothing)
        rows.append(tuple(row))
    return rows


def _payments(refund_ids: set[int]) -> dict[int, tuple[str, str, str]]:
    """Returns keys, gateways and references of the payments of each refund, in their order; those
    that were declined or canceled moved nothing and are left out, unless there are no others."""
    found: dict[int, list[tuple[str, str, str, bool]]] = {}
    rows = (
        Payout.objects.filter(refund__in=refund_ids)
        .order_by("pk")
        .values_list("refund_id", "idempotency_key", "gateway", "gateway_reference", "status")
    )
    for refund_id, key, gateway, reference, status in rows:
        is_dead = status in ("declined", "canceled")
        found.setdefault(refund_id, []).append((str(key), gateway, reference, is_dead))
    return {refund_id: _in_one(payments) for refund_id, payments in found.items()}


def _in_one(payments: list[tuple[str, str, str, bool]]) -> tuple[str, str, str]:
    kept = [payment for payment in payments if not payment[3]] or payments
    if len(kept) == 1:
        return kept[0][:3]
    return (
        ", ".join(payment[0] for payment in kept),
        ", ".join(dict.fromkeys(payment[1] for payment in kept)),
        ", ".join(payment[2] for payment in kept if payment[2]),
    )


def _chart(question: Question) -> ChartData | None:
    """Draws what was refunded in the currency of most rows: by day, over long periods by month."""
    rows = items_of(question).order_by()
    main = rows.values_list("refund__currency").annotate(rows=Count("pk")).order_by("-rows")[:1]
    if not main:
        return None
    currency = main[0][0]
    days = question.period.days
    is_daily = days is not None and days <= _MOST_DAYS_DRAWN
    cut = TruncDate if is_daily else TruncMonth
    found = (
        rows.filter(refund__currency=currency)
        .values_list(cut(MOMENTS[question.values["by"]], tzinfo=question.zone))
        .annotate(Sum("amount_cents"))
    )
    sums = {f"{when:%Y-%m-%d}"[: 10 if is_daily else 7]: cents for when, cents in found}
    labels = _labels(question, sums, is_daily=is_daily)
    points = [Point(label, sums.get(label, 0)) for label in labels]
    unit = "day" if is_daily else "month"
    return ChartData(f"Refunded in {currency}, by {unit}", points, currency)


def _labels(question: Question, sums: Mapping[str, int], *, is_daily: bool) -> list[str]:
    """Returns the days or months to draw, those with nothing too."""
    period = question.period
    if is_daily and period.since and period.days:
        return [f"{period.since + timedelta(days=n)}" for n in range(period.days)]
    if not sums:
        return []
    first, last = (int(month[:4]) * 12 + int(month[5:7]) - 1 for month in (min(sums), max(sums)))
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(first, last + 1)]


REFUNDS = register(
    Report(
        name="refunds",
        title="Refunds",
        group="Money",
        intro="A row for every refunded unit: what was paid for it, what was refunded, to whom, "
        "by whom and why.",
        columns=COLUMNS,
        filters=RefundReportFilters,
        source=Keyset(
            rows=items_of,
            order=_order,
            fields=_FIELDS,
            finish=_finish,
            currency="refund__currency",
            sums={column.key: field for column, field in _COLUMNS if column.is_summed},
        ),
        cards=("refunded_total", "shopper", "optoro", "retained", "refunded_tax", "quantity"),
        chart=_chart,
    )
)
