"""Filters of the API's lists."""

import django_filters

from apps.inbox.models import Delivery
from apps.refunds.models import Refund
from apps.rmas.models import Rma


class RmaFilter(django_filters.FilterSet):
    """Ranges include their start and exclude their end."""

    order = django_filters.CharFilter(field_name="units__order_identifier", distinct=True)
    created_after = django_filters.IsoDateTimeFilter("remote_created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter("remote_created_at", lookup_expr="lt")
    updated_after = django_filters.IsoDateTimeFilter("remote_updated_at", lookup_expr="gte")
    updated_before = django_filters.IsoDateTimeFilter("remote_updated_at", lookup_expr="lt")

    class Meta:
        model = Rma
        fields = ["status", "return_method"]


class RefundFilter(django_filters.FilterSet):
    """By status, order or RMA."""

    order_identifier = django_filters.CharFilter("order__identifier")

    class Meta:
        model = Refund
        fields = ["status", "rma_identifier"]


class DeliveryFilter(django_filters.FilterSet):
    """By topic, state or the identifier in the message."""

    class Meta:
        model = Delivery
        fields = ["topic", "state", "subject"]
