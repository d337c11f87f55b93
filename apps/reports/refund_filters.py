"""What the refund report can be narrowed by: any of its columns."""

from decimal import Decimal
from math import ceil, floor
from typing import Any

from babel.numbers import get_currency_precision
from django import forms
from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.refunds.models import (
    Destination,
    Payout,
    RefundItem,
    RefundKind,
    RefundStatus,
    Source,
)
from apps.refunds.rules import LIVE_STATUSES
from apps.reports.filters import CurrencyField, ReportFilters, choice_field, text_field
from apps.reports.types import Question
from apps.rmas.rules import RETURN_METHODS
from apps.stores.models import RefundTrigger

ANY_STATUS = "any"
BOOKED = "booked"
DATES = [
    ("paid", "Paid"),
    (BOOKED, "Day in the books"),
    ("decided", "Decided"),
    ("reported", "Reported to Optoro"),
    ("confirmed", "Confirmed by Optoro"),
]
# The field of each date.
MOMENTS = {
    "paid": "refund__paid_at",
    BOOKED: "refund__booked_on",
    "decided": "refund__created_at",
    "reported": "refund__reported_at",
    "confirmed": "refund__confirmed_at",
}
AMOUNTS = {
    "amount_cents": "Refunded",
    "product_amount_cents": "Refunded product",
    "tax_amount_cents": "Refunded tax",
    "shopper_amount_cents": "To the shopper",
    "optoro_amount_cents": "To Optoro",
    "retained_amount_cents": "Kept back",
    "bonus_credit_amount_cents": "Bonus credit told by Optoro",
    "original_product_amount_cents": "Original product",
    "original_discount_amount_cents": "Original discount",
    "original_tax_amount_cents": "Original tax",
    "original_shipping_amount_cents": "Original shipping",
}
# What a text filter is compared with, whole and as it is written.
COMPARED_WITH = {
    "brand": "concept",
    "order": "refund__order__identifier",
    "paid_order": "refund__paid_order__identifier",
    "exchange_order": "unit__rma_unit__exchange_order_identifier",
    "rma": "refund__rma_identifier",
    "refund": "refund__identifier",
    "sku": "sku",
    "return_reason": "return_reason",
    "reason": "refund__reason",
    "author": "refund__author__username",
    "approver": "refund__approver__username",
    "return_method": "return_method",
    "trigger": "trigger",
    "condition": "warehouse_receipt_condition",
    "destination": "refund__destination",
    "source": "refund__source",
    "kind": "refund__kind",
    "currency": "refund__currency",
    "quantity": "quantity",
}
# Who is meant by that in a filter of people: no user name has brackets.
NOBODY = "(nobody)"
# What a text filter is looked for in, whatever the capitals.
LOOKED_FOR_IN = {"title": "title", "note": "refund__note"}


def _amount_field(label: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=False,
        max_digits=12,
        decimal_places=3,
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"}),
    )


class RefundReportFilters(ReportFilters):
    """Narrows the refund report. Text counts as a whole, but for title and note."""

    dates = DATES
    first = ("by", "since", "until", "status", "currency", "brand")

    status = choice_field(
        "Status",
        [*RefundStatus.choices, (ANY_STATUS, "Any, canceled and declined too")],
        "Not canceled or declined",
    )
    currency = CurrencyField()
    brand = text_field("Brand")
    order = text_field("Order")
    paid_order = text_field("Order that paid")
    exchange_order = text_field("Exchange order")
    rma = text_field("Return")
    refund = text_field("Refund")
    payout = forms.UUIDField(label="Payment identifier", required=False)
    reference = text_field("Gateway reference")
    gateway = choice_field("Gateway", [(name, name) for name in settings.PAYMENT_GATEWAYS])
    sku = text_field("SKU")
    title = text_field("Title has")
    return_reason = text_field("Return reason")
    reason = text_field("Refund reason")
    return_method = choice_field("Return method", [(name, name) for name in RETURN_METHODS])
    trigger = choice_field("Trigger", RefundTrigger.choices)
    condition = text_field("Condition")
    quantity = forms.IntegerField(label="Quantity", required=False, min_value=0, max_value=10**6)
    kind = choice_field("For", RefundKind.choices)
    destination = choice_field("Destination", Destination.choices)
    source = choice_field("Source", Source.choices)
    author = text_field("Made by (user name)")
    approver = text_field("Approved by (user name)")
    note = text_field("Note has")
    amount_of = choice_field("Amount", AMOUNTS.items(), "Which amount")
    amount_from = _amount_field("From amount")
    amount_to = _amount_field("To amount")

    def clean(self) -> dict[str, Any]:
        """Refuses bounds without the amount and the currency that they are of."""
        values = super().clean()
        for name in ("amount_from", "amount_to"):
            if values.get(name) is None:
                continue
            if not values.get("amount_of"):
                self.add_error(name, "Choose which amount it is.")
            if not values.get("currency"):
                self.add_error(name, "Name the currency too, such as USD.")
        return values


def items_of(question: Question) -> QuerySet[RefundItem]:
    """Returns the store's refund items that the question is about, unsorted. An item without the
    date that was chosen is not among them."""
    values = question.values
    moment = MOMENTS[values["by"]]
    rows = RefundItem.objects.filter(refund__store_id=question.store.pk)
    rows = rows.filter(_within(question, moment))
    status = values.get("status")
    if not status:
        rows = rows.filter(refund__status__in=sorted(LIVE_STATUSES))
    elif status != ANY_STATUS:
        rows = rows.filter(refund__status=status)
    for name, field in COMPARED_WITH.items():
        value = values.get(name)
        if value == NOBODY and name in ("author", "approver"):
            rows = rows.filter(**{f"refund__{name}__isnull": True})
        elif value not in ("", None):
            rows = rows.filter(**{field: value, **_in_store(name, question)})
    for name, field in LOOKED_FOR_IN.items():
        if values.get(name):
            rows = rows.filter(**{f"{field}__icontains": values[name]})
    return _by_amount(_by_payout(rows, values), values)


def _in_store(name: str, question: Question) -> dict[str, int]:
    """Orders are found by their store and identifier: the index begins with the store."""
    if name not in ("order", "paid_order"):
        return {}
    return {f"refund__{name}__store_id": question.store.pk}


def is_by_day(question: Question) -> bool:
    """Tells whether the date that was chosen is a day, and no moment."""
    return bool(question.values["by"] == BOOKED)


def _within(question: Question, moment: str) -> Q:
    bounds: dict[str, Any] = {f"{moment}__isnull": False}
    period = question.period
    if is_by_day(question):
        days = {f"{moment}__gte": period.since, f"{moment}__lte": period.until}
        return Q(**bounds, **{name: day for name, day in days.items() if day})
    if question.start:
        bounds[f"{moment}__gte"] = question.start
    if question.end:
        bounds[f"{moment}__lt"] = question.end
    return Q(**bounds)


def _by_payout(rows: QuerySet[RefundItem], values: Any) -> QuerySet[RefundItem]:
    """Keeps the items of refunds that one payment fits in all of gateway, reference and key."""
    named = {
        "gateway": values.get("gateway"),
        "gateway_reference": values.get("reference"),
        "idempotency_key": values.get("payout"),
    }
    wanted = {field: value for field, value in named.items() if value}
    if not wanted:
        return rows
    return rows.filter(Exists(Payout.objects.filter(refund=OuterRef("refund"), **wanted)))


def _by_amount(rows: QuerySet[RefundItem], values: Any) -> QuerySet[RefundItem]:
    for name, bound, to_cents in (("amount_from", "gte", ceil), ("amount_to", "lte", floor)):
        value: Decimal | None = values.get(name)
        if value is not None:
            cents = to_cents(value.scaleb(get_currency_precision(values["currency"])))
            rows = rows.filter(**{f"{values['amount_of']}__{bound}": cents})
    return rows
