"""What the lists can be narrowed by. Every filter stands in the address."""

from datetime import datetime, timedelta
from typing import Any

import django_filters as df
from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.attention.models import Item
from apps.attention.models import Kind as AttentionKind
from apps.catalog.models import MissedLookup, Product, Variant
from apps.common import clock
from apps.desk.words import REFUND_TYPES
from apps.exchanges.models import ExchangeCollision, ExchangeOrder
from apps.exchanges.queries import in_status
from apps.inbox.models import Delivery, DeliveryState
from apps.orders.models import Order
from apps.outbox import topics
from apps.outbox.models import Job, JobState
from apps.outbox.queries import held_or_failing
from apps.refunds.models import Destination, Refund, RefundStatus, Source
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit

_TODAY = ("today", "Today")


def start_of_today() -> datetime:
    """Returns midnight of today on the store's clock."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def _since(name: str, label: str = "Since") -> df.DateFilter:
    return df.DateFilter(
        field_name=name,
        method="from_day",
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}),
    )


def _until(name: str, label: str = "Until") -> df.DateFilter:
    return df.DateFilter(
        field_name=name,
        method="to_day",
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}),
    )


class _DayFilters(df.FilterSet):
    """Days are the store's: from midnight to midnight on its clock."""

    def from_day(self, rows: QuerySet[Any], name: str, day: datetime) -> QuerySet[Any]:
        """Keeps rows on or after `day`."""
        return rows.filter(**{f"{name}__gte": _midnight(day)})

    def to_day(self, rows: QuerySet[Any], name: str, day: datetime) -> QuerySet[Any]:
        """Keeps rows on or before `day`."""
        return rows.filter(**{f"{name}__lt": _midnight(day + timedelta(days=1))})


def _midnight(day: Any) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=timezone.get_current_timezone())


class OrderFilter(_DayFilters):
    """Narrows the orders."""

    status = df.ChoiceFilter(
        choices=[(s, s) for s in ("Created", "Shipped", "Canceled")], empty_label="Any"
    )
    returns = df.ChoiceFilter(
        label="Returns",
        method="with_returns",
        choices=[("yes", "With returns"), ("no", "Without")],
        empty_label="Any",
    )
    header = df.ChoiceFilter(
        label="Header",
        method="by_header",
        choices=[("differs", "Contradicts lines")],
        empty_label="Any",
    )
    since = _since("remote_created_at", "Ordered since")
    until = _until("remote_created_at", "Ordered until")

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


class RmaFilter(_DayFilters):
    """Narrows the returns."""

    status = df.ChoiceFilter(choices=[(s, s) for s in rma_rules.STATUS_PROGRESS], empty_label="Any")
    return_method = df.ChoiceFilter(
        label="Method", choices=[(m, m) for m in rma_rules.RETURN_METHODS], empty_label="Any"
    )
    tracking = df.ChoiceFilter(
        label="Parcel",
        method="by_tracking",
        choices=[(t, t) for t in rma_rules.TRACKING_PROGRESS if t],
        empty_label="Any",
    )
    refund_type = df.ChoiceFilter(
        label="Kind",
        method="by_refund_type",
        choices=list(REFUND_TYPES.items()),
        empty_label="Any",
    )
    brand = df.CharFilter(label="Brand", method="by_brand", strip=True)
    since = _since("remote_created_at", "Started since")
    until = _until("remote_created_at", "Started until")

    class Meta:
        model = Rma
        fields: list[str] = []

    def by_tracking(self, rows: QuerySet[Rma], name: str, value: str) -> QuerySet[Rma]:
        """Keeps the returns with a unit in that state."""
        units = RmaUnit.objects.filter(rma=OuterRef("pk"), package_tracking_status=value)
        return rows.filter(Exists(units))

    def by_refund_type(self, rows: QuerySet[Rma], name: str, value: str) -> QuerySet[Rma]:
        """Keeps the returns with a unit of that type."""
        units = RmaUnit.objects.filter(rma=OuterRef("pk"), refund_type=value, is_withdrawn=False)
        return rows.filter(Exists(units))

    def by_brand(self, rows: QuerySet[Rma], name: str, value: str) -> QuerySet[Rma]:
        """Keeps the returns of a brand; where Optoro names none, the orders' brand counts."""
        units = RmaUnit.objects.filter(rma=OuterRef("pk"), order__concept__iexact=value)
        return rows.filter(Q(concept__iexact=value) | Q(Exists(units), concept=""))


class ExchangeFilter(_DayFilters):
    """Narrows the exchange orders."""

    search = df.CharFilter(
        label="Order, return, e-mail or transaction", method="by_name", strip=True
    )
    status = df.ChoiceFilter(
        label="Status",
        method="by_status",
        choices=[("placed", "To be shipped"), ("shipped", "Shipped"), ("canceled", "Canceled")],
        empty_label="Any",
    )
    requests = df.ChoiceFilter(
        label="Requests",
        method="by_requests",
        choices=[("differ", "Asked for differently, too")],
        empty_label="Any",
    )
    since = _since("placed_at", "Placed since")
    until = _until("placed_at", "Placed until")

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
        """By what the order system last said of the order of that identifier."""
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


class RefundFilter(_DayFilters):
    """Narrows the refunds."""

    status = df.ChoiceFilter(choices=RefundStatus.choices, empty_label="Any")
    destination = df.ChoiceFilter(choices=Destination.choices, empty_label="Any")
    source = df.ChoiceFilter(choices=Source.choices, empty_label="Any")
    missing = df.ChoiceFilter(
        label="Missing tick",
        method="by_missing_tick",
        choices=[("reported", "Paid, not reported"), ("confirmed", "Paid, not confirmed")],
        empty_label="Any",
    )
    decided = df.ChoiceFilter(
        label="Decided", method="by_decided", choices=[_TODAY], empty_label="Any day"
    )
    paid = df.ChoiceFilter(label="Paid", method="on_day", choices=[_TODAY], empty_label="Any day")
    confirmed = df.ChoiceFilter(
        label="Confirmed", method="on_day", choices=[_TODAY], empty_label="Any day"
    )
    since = _since("created_at", "Decided since")
    until = _until("created_at", "Decided until")

    class Meta:
        model = Refund
        fields: list[str] = []

    def by_missing_tick(self, rows: QuerySet[Refund], name: str, value: str) -> QuerySet[Refund]:
        """Keeps what is paid and has not come further."""
        return missing_tick(rows, value)

    def by_decided(self, rows: QuerySet[Refund], name: str, value: str) -> QuerySet[Refund]:
        """Keeps what was decided today."""
        return decided_since(rows, start_of_today())

    def on_day(self, rows: QuerySet[Refund], name: str, value: str) -> QuerySet[Refund]:
        """Keeps what got that tick today."""
        return rows.filter(**{f"{name}_at__gte": start_of_today()})


class AttentionFilter(df.FilterSet):
    """Narrows what needs attention; open items unless asked otherwise."""

    kind = df.ChoiceFilter(choices=AttentionKind.choices, empty_label="Any")
    owner = df.ChoiceFilter(
        label="Owner",
        method="by_owner",
        choices=[("mine", "Mine"), ("nobody", "Nobody")],
        empty_label="Any",
    )
    late = df.ChoiceFilter(
        label="Late", method="by_late", choices=[("yes", "Late")], empty_label="Any"
    )
    state = df.ChoiceFilter(
        label="State",
        method="by_state",
        choices=[("closed", "Closed")],
        empty_label="Open",
    )

    class Meta:
        model = Item
        fields: list[str] = []

    def by_owner(self, rows: QuerySet[Item], name: str, value: str) -> QuerySet[Item]:
        """Keeps what the person has, or nobody."""
        return rows.filter(owner_id=self.request.user.pk if value == "mine" else None)

    def by_late(self, rows: QuerySet[Item], name: str, value: str) -> QuerySet[Item]:
        """Keeps what should have been dealt with by now."""
        return rows.filter(due_at__lte=clock.now(), resolved_at=None)

    def by_state(self, rows: QuerySet[Item], name: str, value: str) -> QuerySet[Item]:
        """The view narrows by state: it also decides the order."""
        return rows


class DeliveryFilter(_DayFilters):
    """Narrows the messages received."""

    state = df.ChoiceFilter(choices=DeliveryState.choices, empty_label="Any")
    subject = df.CharFilter(label="RMA or order", strip=True)
    since = _since("received_at", "Received since")
    until = _until("received_at", "Received until")

    class Meta:
        model = Delivery
        fields: list[str] = []


class JobFilter(df.FilterSet):
    """Narrows the outbound jobs."""

    state = df.ChoiceFilter(
        label="State",
        method="by_state",
        choices=[("trouble", "Held or failing"), *JobState.choices],
        empty_label="Any",
    )
    topic = df.ChoiceFilter(choices=list(topics.LABELS.items()), empty_label="Any")
    label = df.CharFilter(label="Subject", strip=True)

    class Meta:
        model = Job
        fields: list[str] = []

    def by_state(self, rows: QuerySet[Job], name: str, value: str) -> QuerySet[Job]:
        """`trouble` is what a person should look at: held, or waiting after failures."""
        if value != "trouble":
            return rows.filter(state=value)
        return rows & held_or_failing(self.store_id)

    @property
    def store_id(self) -> int:
        """The store whose jobs these are."""
        return int(self.request.seat.store.pk)


class ProductFilter(df.FilterSet):
    """Narrows the catalog."""

    search = df.CharFilter(label="Identifier, SKU or title", method="by_text", strip=True)
    stock = df.ChoiceFilter(
        label="Stock",
        method="by_stock",
        choices=[("some", "Something in stock"), ("none", "Nothing in stock")],
        empty_label="Any",
    )
    source = df.ChoiceFilter(choices=Variant.Source.choices, empty_label="Any")

    class Meta:
        model = Product
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Product], name: str, value: str) -> QuerySet[Product]:
        """Keeps products whose identifier, or a variant's SKU or title, holds the text."""
        variants = Variant.objects.filter(
            Q(sku__icontains=value) | Q(title__icontains=value),
            store_id=self.request.seat.store.pk,
        )
        named = variants.order_by().values("variant_identifier")
        return rows.filter(Q(variant_identifier__icontains=value) | Q(variant_identifier__in=named))

    def by_stock(self, rows: QuerySet[Product], name: str, value: str) -> QuerySet[Product]:
        """Keeps products that have, or do not have, a variant in stock."""
        return (
            rows.filter(in_stock_count__gt=0) if value == "some" else rows.filter(in_stock_count=0)
        )


class MissedLookupFilter(df.FilterSet):
    """Narrows the ids asked for in vain."""

    variant_identifier = df.CharFilter(label="Identifier", lookup_expr="icontains", strip=True)

    class Meta:
        model = MissedLookup
        fields: list[str] = []
