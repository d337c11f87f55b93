"""What the lists can be narrowed by. Every filter stands in the address; several of them narrow
together, and those marked * can be given more than once (any of the values counts).

    orders       status*, returns (yes, no), header (differs), sku, assignee, flagged, due, older,
                 since, until
    rmas         status*, return_method*, tracking*, receiving*, kind*, refund_type, brand, order,
                 sku, in_transit_days, delivered_days, asked (cancel, convert), assignee, flagged,
                 due, older, since, until
    exchanges    search, status, requests (differ), older, since, until
    refunds      status*, kind, source*, destination*, author, missing (reported, confirmed),
                 amount_from, amount_to, currency, decided, paid, confirmed (today), older,
                 since, until
    attention    kind*, owner, late (yes), state (closed), older
    deliveries   state*, topic*, subject, copies (more), older, since, until
    jobs         state (trouble, or a state), topic*, label, older, since, until

    assignee     me, nobody, or the key of a person          owner   mine, nobody, or such a key
    author       me, or the key of a person                  flagged yes
    due          overdue                                     older   1h 4h 1d 2d 3d 7d 14d 30d 90d
    in_transit_days=10   open, on its way (ACCEPTED or TRANSIT), nothing new for that many days
    delivered_days=3     open, delivered, not received, nothing new for that many days

Beside them stand `sort` (`-name` for descending), `columns` (a,b,c) and `page`. A payment that is
unknown or was declined is `refunds?status=unknown&status=declined`.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import django_filters as df
from babel.numbers import get_currency_precision
from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.cases.models import SubjectKind
from apps.desk.lists.filtering import (
    CaseFilters,
    Choices,
    ListFilters,
    by_age,
    days,
    from_day_on,
    one_of,
    people_choices,
    several,
    start_of_today,
    text,
    until_day,
)
from apps.desk.reads.search import in_capitals
from apps.desk.words import REFUND_TYPES, RETURN_METHODS, in_words
from apps.exchanges.models import ExchangeCollision, ExchangeOrder
from apps.exchanges.queries import in_status
from apps.orders.models import Order, OrderLine
from apps.refunds.models import Destination, Refund, RefundKind, RefundStatus, Source
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit
from apps.rmas.queries import delivered_not_received, in_transit_too_long

_TODAY: Choices = [("today", "Today")]
# An order has few returns; this bounds what a name that thousands share could cost.
_MOST_NAMED = 1000


def _words(kind: str, values: Iterable[str]) -> Choices:
    return [(value, in_words(kind, value)) for value in values if value]


def _of_sku(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    """In capitals, because the index is over these."""
    return rows.annotate(called=in_capitals("sku")).filter(called=value.upper())


class OrderFilter(CaseFilters):
    """Narrows the orders."""

    subject_kind, subject_column = SubjectKind.ORDER.value, "identifier"
    first = ("status", "returns", "assignee", "since", "until")
    below, above = ("sku",), "order"

    status = several("Status", "status", _words("order", ("Created", "Shipped", "Canceled")))
    returns = one_of("Returns", "with_returns", [("yes", "With returns"), ("no", "Without")])
    header = one_of("Header", "by_header", [("differs", "Contradicts lines")])
    sku = text("SKU", "by_sku")
    older = by_age("remote_created_at", "Ordered more than")
    since = from_day_on("remote_created_at", "Ordered since")
    until = until_day("remote_created_at", "Ordered until")

    class Meta:
        model = Order
        fields: list[str] = []

    def with_returns(self, rows: QuerySet[Order], name: str, value: str) -> QuerySet[Order]:
        """Keeps the orders that (do not) have a returned unit."""
        has_units = Exists(RmaUnit.objects.filter(order=OuterRef("pk")))
        return rows.filter(has_units if value == "yes" else ~has_units)

    def by_header(self, rows: QuerySet[Order], name: str, value: str) -> QuerySet[Order]:
        """Keeps the orders whose header contradicts their lines."""
        return rows.exclude(header_difference_cents=0)

    def by_sku(self, rows: QuerySet[Order], name: str, value: str) -> QuerySet[Order]:
        """Keeps the orders with a line of that SKU."""
        return rows.filter(pk__in=self.rows_below(name, value).values("order"))

    def rows_below(self, name: str, value: str) -> QuerySet[OrderLine]:
        """Returns the lines of a SKU."""
        return _of_sku(OrderLine.objects.all(), value)


def _units_with(column: str, values: list[str]) -> QuerySet[RmaUnit]:
    return RmaUnit.objects.filter(is_withdrawn=False, **{f"{column}__in": values})


class RmaFilter(CaseFilters):
    """Narrows the returns."""

    subject_kind, subject_column = SubjectKind.RMA.value, "rma_identifier"
    first = ("status", "tracking", "kind", "assignee", "since", "until")
    below, above = ("sku", "receiving", "tracking", "kind"), "rma"

    status = several("Status", "status", _words("rma", rma_rules.STATUS_PROGRESS))
    return_method = several("Method", "return_method", list(RETURN_METHODS.items()))
    tracking = several(
        "Parcel", "package_tracking_status", _words("tracking", rma_rules.TRACKING_PROGRESS)
    )
    receiving = several(
        "Receiving", "receiving_status", _words("receiving", rma_rules.RECEIVING_PROGRESS)
    )
    kind = several("Kind", "refund_type", list(REFUND_TYPES.items()))
    refund_type = df.ChoiceFilter(
        choices=list(REFUND_TYPES.items()), method="by_refund_type", widget=forms.HiddenInput
    )
    brand = text("Brand", "by_brand")
    order = text("Order", "by_order")
    sku = text("SKU", "by_sku")
    in_transit_days = days("In transit for", "by_transit")
    delivered_days = days("Delivered, not received for", "by_delivery")
    asked = one_of("Asked for", "by_asked", [("cancel", "To cancel"), ("convert", "To convert")])
    older = by_age("remote_created_at", "Started more than")
    since = from_day_on("remote_created_at", "Started since")
    until = until_day("remote_created_at", "Started until")

    class Meta:
        model = Rma
        fields: list[str] = []

    def any_of(self, rows: QuerySet[Rma], name: str, values: list[str]) -> QuerySet[Rma]:
        """Keeps the returns, or those with a unit, that have one of the values."""
        if name in ("status", "return_method"):
            return super().any_of(rows, name, values)
        return rows.filter(Exists(_units_with(name, values).filter(rma=OuterRef("pk"))))

    def rows_below(self, name: str, value: Any) -> QuerySet[RmaUnit]:
        """Returns the units of a SKU, or those that show one of the words."""
        if name == "sku":
            return _of_sku(RmaUnit.objects.all(), value)
        return _units_with(str(self.filters[name].field_name), value)

    def by_refund_type(self, rows: QuerySet[Rma], name: str, value: str) -> QuerySet[Rma]:
        """The former name of `kind`: addresses that people kept still work."""
        return self.any_of(rows, "refund_type", [value])

    def by_brand(self, rows: QuerySet[Rma], name: str, value: str) -> QuerySet[Rma]:
        """Keeps the returns of a brand; where Optoro names none, the orders' brand counts."""
        is_named = Q(concept__iexact=value)
        # Asked first, because the orders of all returns are many to look through.
        if Rma.objects.filter(store_id=self.store_id, concept="").exists():
            units = RmaUnit.objects.filter(rma=OuterRef("pk"), order__concept__iexact=value)
            is_named |= Q(Exists(units), concept="")
        return rows.filter(is_named)

    def by_order(self, rows: QuerySet[Rma], name: str, value: str) -> QuerySet[Rma]:
        """Keeps the returns of an order, by either of its identifiers; also of one that has not
        come yet."""
        orders = Order.objects.filter(store_id=self.store_id)
        named = [
            *orders.filter(identifier=value).values_list("pk", flat=True)[:1],
            *orders.filter(secondary_identifier=value).values_list("pk", flat=True)[:_MOST_NAMED],
        ]
        units = RmaUnit.objects.filter(rma__store_id=self.store_id)
        unlinked = units.filter(order_line__isnull=True, order_identifier=value)
        found = [
            *units.filter(order__in=named).values_list("rma", flat=True)[:_MOST_NAMED],
            *unlinked.values_list("rma", flat=True)[:_MOST_NAMED],
        ]
        return rows.filter(pk__in=set(found))

    def by_sku(self, rows: QuerySet[Rma], name: str, value: str) -> QuerySet[Rma]:
        """Keeps the returns with a unit of that SKU."""
        return rows.filter(pk__in=self.rows_below(name, value).values("rma"))

    def by_transit(self, rows: QuerySet[Rma], name: str, value: int) -> QuerySet[Rma]:
        """Keeps what is on its way for too long."""
        return in_transit_too_long(rows, int(value))

    def by_delivery(self, rows: QuerySet[Rma], name: str, value: int) -> QuerySet[Rma]:
        """Keeps what was delivered and not received."""
        return delivered_not_received(rows, int(value))

    def by_asked(self, rows: QuerySet[Rma], name: str, value: str) -> QuerySet[Rma]:
        """Keeps what somebody here asked Optoro to cancel, or to turn into a refund."""
        if value == "cancel":
            return rows.filter(cancellation_requested_at__isnull=False)
        return rows.filter(conversion_requested_at__isnull=False)


class ExchangeFilter(ListFilters):
    """Narrows the exchange orders."""

    first = ("search", "status", "requests", "since", "until")

    search = text("Order, return, e-mail or transaction", "by_name")
    status = one_of(
        "Status",
        "by_status",
        [("placed", "To be shipped"), ("shipped", "Shipped"), ("canceled", "Canceled")],
    )
    requests = one_of("Requests", "by_requests", [("differ", "Asked for differently, too")])
    older = by_age("placed_at", "Placed more than")
    since = from_day_on("placed_at", "Placed since")
    until = until_day("placed_at", "Placed until")

    class Meta:
        model = ExchangeOrder
        fields: list[str] = []

    def by_name(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keeps what is called so: each name is an indexed column."""
        is_named = Q(customer_email__in={value, value.lower()})
        for column in (
            "order_identifier",
            "original_order_identifier",
            "original_secondary_order_identifier",
            "named_order_identifier",
            "rma_identifier",
            "transaction_id",
        ):
            is_named |= Q(**{column: value})
        return rows.filter(is_named)

    def by_status(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """By what the order system last said of the order that it carries each one as."""
        return in_status(rows, value)

    def by_requests(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keeps those that a second, different request was made for."""
        return rows.filter(Exists(ExchangeCollision.objects.filter(exchange_order=OuterRef("pk"))))


def missing_tick(rows: QuerySet[Refund], tick: str) -> QuerySet[Refund]:
    """Keeps the refunds that are paid and lack `tick` (`reported` or `confirmed`). Optoro confirms
    by closing an RMA: a refund without one never gets that tick, and is not waited for."""
    paid = rows.filter(status=RefundStatus.PAID)
    if tick == "confirmed":
        return paid.filter(confirmed_at=None, rma__isnull=False)
    return paid.filter(reported_at=None)


def decided_since(rows: QuerySet[Refund], moment: datetime) -> QuerySet[Refund]:
    """Keeps the refunds that were decided since then: one that waits for approval, or was canceled
    while it did, is only made."""
    ours = Q(approved_at__gte=moment)
    outside = Q(approved_at=None, source=Source.EXTERNAL, created_at__gte=moment)
    return rows.filter(ours | outside)


class _AmountForm(forms.Form):
    """An amount means something else in each currency, so both are needed."""

    def clean(self) -> dict[str, Any]:
        """Refuses an amount without its currency."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("amount_from", "amount_to"):
            if values.get(name) is not None and not values.get("currency"):
                self.add_error(name, "Name the currency too, such as USD.")
        return values


def _amount(label: str) -> df.NumberFilter:
    return df.NumberFilter(
        label=label,
        method="by_amount",
        min_value=0,
        max_digits=12,
        decimal_places=2,
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "0.01"}),
    )


class RefundFilter(ListFilters):
    """Narrows the refunds."""

    first = ("status", "source", "missing", "since", "until")

    status = several("Status", "status", list(RefundStatus.choices))
    kind = df.ChoiceFilter(label="For", choices=RefundKind.choices, empty_label="Any")
    source = several("Source", "source", list(Source.choices))
    destination = several("Destination", "destination", list(Destination.choices))
    author = one_of("Made by", "by_author", [], "Anybody")
    missing = one_of(
        "Step missing",
        "by_missing_tick",
        [("reported", "Paid, not reported"), ("confirmed", "Paid, not confirmed")],
    )
    amount_from = _amount("Total from")
    amount_to = _amount("Total to")
    currency = df.CharFilter(label="Currency", method="by_currency", strip=True, max_length=3)
    decided = one_of("Decided", "by_decided", _TODAY, "Any day")
    paid = one_of("Paid", "on_day", _TODAY, "Any day")
    confirmed = one_of("Confirmed", "on_day", _TODAY, "Any day")
    older = by_age("created_at", "Decided more than")
    since = from_day_on("created_at", "Decided since")
    until = until_day("created_at", "Decided until")

    class Meta:
        model = Refund
        fields: list[str] = []
        form = _AmountForm

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own: Choices = [("me", "Me")]
        self.filters["author"].extra["choices"] = own + people_choices(self.store_id)

    def by_author(self, rows: QuerySet[Refund], name: str, value: str) -> QuerySet[Refund]:
        """Keeps what a person made."""
        return rows.filter(author_id=self.user_id if value == "me" else int(value))

    def by_currency(self, rows: QuerySet[Refund], name: str, value: str) -> QuerySet[Refund]:
        """Keeps the refunds in a currency."""
        return rows.filter(currency=value.upper())

    def by_amount(self, rows: QuerySet[Refund], name: str, value: Decimal) -> QuerySet[Refund]:
        """Keeps totals from, or to, an amount of the currency that stands beside it."""
        currency = self.form.cleaned_data["currency"].upper()
        cents = int(value.scaleb(get_currency_precision(currency)))
        bound = "gte" if name == "amount_from" else "lte"
        return rows.filter(**{f"total_refund_amount_cents__{bound}": cents})

    def by_missing_tick(self, rows: QuerySet[Refund], name: str, value: str) -> QuerySet[Refund]:
        """Keeps what is paid and has not come further."""
        return missing_tick(rows, value)

    def by_decided(self, rows: QuerySet[Refund], name: str, value: str) -> QuerySet[Refund]:
        """Keeps what was decided today."""
        return decided_since(rows, start_of_today())

    def on_day(self, rows: QuerySet[Refund], name: str, value: str) -> QuerySet[Refund]:
        """Keeps what got that tick today."""
        return rows.filter(**{f"{name}_at__gte": start_of_today()})
