"""Filters of the API's lists."""

from datetime import UTC, datetime
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet
from django_filters.fields import IsoDateTimeField

from apps.inbox.models import Delivery
from apps.refunds.models import Payout, Refund
from apps.rmas.models import Rma


class MomentField(IsoDateTimeField):
    """A moment in UTC, whatever offset it came with: databases refuse some offsets that Python
    reads, and moments that are in no year there."""

    def to_python(self, value: Any) -> datetime | None:
        try:
            moment: datetime | None = super().to_python(value)
            return moment.astimezone(UTC) if moment else None
        except OverflowError:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None


class MomentFilter(django_filters.IsoDateTimeFilter):
    """By a moment in ISO 8601."""

    field_class = MomentField


class RmaFilter(django_filters.FilterSet):
    """Ranges include their start and exclude their end."""

    order = django_filters.CharFilter(field_name="units__order_identifier", distinct=True)
    created_after = MomentFilter("remote_created_at", lookup_expr="gte")
    created_before = MomentFilter("remote_created_at", lookup_expr="lt")
    updated_after = MomentFilter("remote_updated_at", lookup_expr="gte")
    updated_before = MomentFilter("remote_updated_at", lookup_expr="lt")

    class Meta:
        model = Rma
        fields = ["status", "return_method"]


class RefundFilter(django_filters.FilterSet):
    """By status, kind, order or RMA."""

    order_identifier = django_filters.CharFilter(method="by_order")

    class Meta:
        model = Refund
        fields = ["status", "kind", "rma_identifier"]

    def by_order(self, rows: QuerySet[Refund], name: str, value: str) -> QuerySet[Refund]:
        """An order's identifier is its store's: with the store it is found by its index."""
        return rows.filter(order__identifier=value, order__store=F("store"))


class TransactionFilter(django_filters.FilterSet):
    """Ranges include their start and exclude their end."""

    refund = django_filters.CharFilter(method="by_refund")
    created_after = MomentFilter("created_at", lookup_expr="gte")
    created_before = MomentFilter("created_at", lookup_expr="lt")

    class Meta:
        model = Payout
        fields = ["status", "gateway"]

    def by_refund(self, rows: QuerySet[Payout], name: str, value: str) -> QuerySet[Payout]:
        """A refund's identifier is its store's, as an order's is."""
        return rows.filter(refund__identifier=value, refund__store=F("store"))


class DeliveryFilter(django_filters.FilterSet):
    """By topic, state or the identifier in the message."""

    class Meta:
        model = Delivery
        fields = ["topic", "state", "subject"]
