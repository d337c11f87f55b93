"""The refund report: a row for every refunded unit, with everything finance asks of it."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db.models import Count, Sum

from apps.refunds.models import (
    Destination,
    Payout,
    RefundKind,
    RefundStatus,
    Source,
)
from apps.reports.drawing import cut_of, over_time
from apps.reports.parts import main_currency
from apps.reports.refund_filters import MOMENTS, RefundReportFilters, is_by_day, items_of
from apps.reports.registry import register
from apps.reports.sources import Keyset
from apps.reports.types import (
    ChartData,
    Column,
    Question,
    Report,
    Row,
    amount,
    count,
    day,
    moment,
    text,
)
from apps.stores.models import RefundTrigger

# Each column with the field that is read for it; "" is worked out in `_finish`.
_COLUMNS: tuple[tuple[Column, str], ...] = (
    (text("refund", "Refund", links_to="refund"), "refund__identifier"),
    (moment("decided_at", "Decided"), "refund__created_at"),
    (moment("paid_at", "Paid"), "refund__paid_at"),
    (
        day(
            "booked_on",
            "Booked",
            hint="Its day in the books: that of its last payment, or the first "
            "open one where that month was closed",
        ),
        "refund__booked_on",
    ),
    (moment("reported_at", "Reported"), "refund__reported_at"),
    (moment("confirmed_at", "Confirmed"), "refund__confirmed_at"),
    # What people look for first stands in front, where no screen cuts it off.
    (amount("refunded_total", "Refunded total"), "amount_cents"),
    (amount("shopper", "To the shopper"), "shopper_amount_cents"),
    (amount("optoro", "To Optoro", hint="Settles an exchange order"), "optoro_amount_cents"),
    (amount("retained", "Kept back", hint="Return shipping"), "retained_amount_cents"),
    (text("currency", "Currency"), "refund__currency"),
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
    (
        amount(
            "told_bonus_credit",
            "Bonus credit told by Optoro",
            hint="As the return tells it, part of no other sum; what was given out is in the "
            "report “Gift cards and bonus credit”",
        ),
        "bonus_credit_amount_cents",
    ),
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
    currency = main_currency(rows.values_list("refund__currency").annotate(Count("pk")))
    if not currency:
        return None
    date_of = MOMENTS[question.values["by"]]
    cut = date_of if is_by_day(question) else cut_of(question)(date_of, tzinfo=question.zone)
    found: Any = rows.filter(refund__currency=currency).values_list(cut)
    sums: dict[date, int] = dict(found.annotate(Sum("amount_cents")))
    return over_time(f"Refunded in {currency}", question, sums, currency)


REFUNDS = register(
    Report(
        name="refunds",
        title="Refunds",
        group="Money",
        intro="A row for every refunded unit: what was paid for it, what was refunded, to whom, "
        "by whom and why.",
        definition=(
            "Counts a row for every refunded unit, once, by the date that is chosen; goodwill and "
            "refunds made outside that name no unit have one row of quantity 0. Without another "
            "choice those that are neither declined nor canceled.",
            "“Paid” is when it was paid, also where that became known later. “Day in the books” is "
            "where the books have it: the day of its last payment, or the first open one where "
            "that month was closed. The files of closed months go by it, so that every refund is "
            "in exactly one of them.",
            "Original amounts are what the shopper paid for the unit, refunded ones what was given "
            "back for it: to the shopper, to Optoro, and what is kept back add up to the total.",
            "“Bonus credit told by Optoro” is what the return says, noted on its first refund and "
            "part of no other sum. Do not rely on it for what was given out: that is “Bonus "
            "credit” in the report “Gift cards and bonus credit”, which the books have under "
            "marketing from the exchange order.",
        ),
        nothing="A refund that is not paid has no day of payment: choose “Decided” as the date to "
        "find proposed, approved, declined and canceled ones.",
        columns=COLUMNS,
        filters=RefundReportFilters,
        source=Keyset(
            rows=items_of,
            order=_order,
            fields=_FIELDS,
            finish=_finish,
            currency="refund__currency",
            is_by_day=is_by_day,
            sums={column.key: field for column, field in _COLUMNS if column.is_summed},
        ),
        cards=("refunded_total", "shopper", "optoro", "retained", "refunded_tax", "quantity"),
        chart=_chart,
    )
)
