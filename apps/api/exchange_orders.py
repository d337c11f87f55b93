"""Exchange orders out: what the order system is to ship, as posted and as answered."""

import json
from typing import Any

import django_filters
from django.db.models import QuerySet, prefetch_related_objects
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request

from apps.api.filters import MomentFilter
from apps.api.store import store_of
from apps.exchanges.lineage import own_orders
from apps.exchanges.models import ExchangeLine, ExchangeOrder
from apps.exchanges.queries import in_status
from apps.exchanges.rules import status_of
from apps.orders.models import Order

STATUSES = ("placed", "shipped", "canceled")
# Contract §7. Whatever else is posted could pass for a word of the desk's; it is kept with the raw
# request and not shown here.
REQUEST_FIELDS = (
    "currency",
    "rma_identifier",
    "original_order_id",
    "original_secondary_order_id",
    "note",
    "is_gift",
    "items",
    "customer",
    "shipping_address",
    "billing_address",
    "payment",
)


class ExchangeLineSerializer(serializers.ModelSerializer[ExchangeLine]):
    class Meta:
        model = ExchangeLine
        fields = [
            "sku",
            "title",
            "quantity",
            "unit_price_amount_cents",
            "product_amount_cents",
            "discount_amount_cents",
            "tax_amount_cents",
            "bonus_credit_amount_cents",
            "price_source",
            "is_gift_card",
            "original_item_identifier",
            "variant_identifier",
            "product_identifier",
            "calculation",
        ]


class AnswerSerializer(serializers.Serializer[Any]):
    order_identifier = serializers.CharField()
    total_amount_cents = serializers.IntegerField()
    product_amount_cents = serializers.IntegerField()
    tax_amount_cents = serializers.IntegerField()


class FulfilmentSerializer(serializers.Serializer[Order]):
    order_identifier = serializers.CharField(source="identifier")
    status = serializers.CharField()
    raw_status = serializers.CharField()
    quantity_shipped = serializers.IntegerField()
    tracking_numbers = serializers.ListField(child=serializers.CharField())
    updated_at = serializers.DateTimeField(source="remote_updated_at")


class ExchangeOrderSerializer(serializers.ModelSerializer[ExchangeOrder]):
    """The request's fields of contract §7, as they came, and beside them what the desk made of
    it."""

    original_order_id = serializers.CharField(source="named_order_identifier")
    items = serializers.SerializerMethodField()
    customer = serializers.SerializerMethodField()
    payment = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField()
    is_fulfilled = serializers.SerializerMethodField()
    fulfilment = serializers.SerializerMethodField()
    answer = serializers.SerializerMethodField()
    lines = ExchangeLineSerializer(many=True)

    class Meta:
        model = ExchangeOrder
        fields = [
            "order_identifier",
            "status",
            "is_fulfilled",
            "fulfilment",
            "placed_at",
            "currency",
            "rma_identifier",
            "original_order_id",
            "original_order_identifier",
            "note",
            "is_gift",
            "items",
            "customer",
            "shipping_address",
            "billing_address",
            "payment",
            "total_amount_cents",
            "product_amount_cents",
            "discount_amount_cents",
            "tax_amount_cents",
            "shipping_amount_cents",
            "bonus_credit_amount_cents",
            "answer",
            "lines",
        ]

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_items(self, placed: ExchangeOrder) -> Any:
        """The items as posted."""
        return placed.request.get("items")

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_customer(self, placed: ExchangeOrder) -> Any:
        """The customer as posted."""
        return placed.request.get("customer")

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_payment(self, placed: ExchangeOrder) -> Any:
        """The payment as posted."""
        return placed.request.get("payment")

    @extend_schema_field(serializers.ChoiceField(choices=STATUSES))
    def get_status(self, placed: ExchangeOrder) -> str:
        """From the order of the same identifier, as the order system last sent it."""
        return status_of(placed.own_order_status)

    def get_is_fulfilled(self, placed: ExchangeOrder) -> bool:
        """Whether the order of the same identifier has shipped."""
        return self.get_status(placed) == "shipped"

    @extend_schema_field(FulfilmentSerializer(allow_null=True))
    def get_fulfilment(self, placed: ExchangeOrder) -> Any:
        """The order of the same identifier; null until the order system sends it."""
        own: Order | None = self.context["own_orders"].get(placed.order_identifier)
        return FulfilmentSerializer(own).data if own else None

    @extend_schema_field(AnswerSerializer)
    def get_answer(self, placed: ExchangeOrder) -> Any:
        """What Optoro was answered."""
        return json.loads(placed.answer_body)

    def to_representation(self, instance: ExchangeOrder) -> dict[str, Any]:
        """The request's fields are spelled as they were posted; all others are the desk's."""
        posted = {
            name: instance.request[name] for name in REQUEST_FIELDS if name in instance.request
        }
        return {**super().to_representation(instance), **posted}


class ExchangeOrderFilter(django_filters.FilterSet):
    """Ranges include their start and exclude their end."""

    original_order_id = django_filters.CharFilter(method="by_original")
    rma_identifier = django_filters.CharFilter("rma_identifier")
    status = django_filters.ChoiceFilter(choices=[(s, s) for s in STATUSES], method="by_status")
    created_after = MomentFilter("placed_at", lookup_expr="gte")
    created_before = MomentFilter("placed_at", lookup_expr="lt")
    is_fulfilled = django_filters.BooleanFilter(
        method="by_fulfilled",
        help_text="`true`: shipped; `false`: still to be shipped. Canceled ones are neither.",
    )

    class Meta:
        model = ExchangeOrder
        fields: list[str] = []

    def by_original(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """By the original order's primary identifier, or the one that the request used."""
        return rows.filter(original_order_identifier=value) | rows.filter(
            named_order_identifier=value
        )

    def by_status(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """By what the order system last said."""
        return in_status(rows, value)

    def by_fulfilled(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        """What has shipped, or what is still to be shipped."""
        return in_status(rows, "shipped" if value else "placed")


def _rows(request: Request) -> QuerySet[ExchangeOrder]:
    return ExchangeOrder.objects.filter(store=store_of(request)).prefetch_related("lines")


def _own_orders(placed: list[ExchangeOrder]) -> dict[str, Order]:
    """Returns, by exchange order identifier, the orders that the order system carries them as, with
    what has shipped of them."""
    own = own_orders(placed)
    prefetch_related_objects(list(own.values()), "lines")
    found = {}
    for row in placed:
        order = own.get(row.pk)
        if order is None:
            continue
        lines = [line for line in order.lines.all() if not line.is_removed]
        order.quantity_shipped = sum(line.quantity_shipped for line in lines)  # type: ignore[attr-defined]
        numbers = dict.fromkeys(line.tracking_number for line in lines if line.tracking_number)
        order.tracking_numbers = list(numbers)  # type: ignore[attr-defined]
        found[row.order_identifier] = order
    return found


class ExchangeOrdersView(ListAPIView[ExchangeOrder]):
    """Exchange orders, newest first: poll `?is_fulfilled=false` for what is to be shipped."""

    required_scope = "read"
    serializer_class = ExchangeOrderSerializer
    filterset_class = ExchangeOrderFilter

    def get_queryset(self) -> QuerySet[ExchangeOrder]:
        if getattr(self, "swagger_fake_view", False):
            return ExchangeOrder.objects.none()
        return _rows(self.request)

    def get_serializer(self, *args: Any, **named: Any) -> Any:
        """Reads the own orders of a whole page at once."""
        named["context"] = {**self.get_serializer_context(), "own_orders": {}}
        if args:
            named["context"]["own_orders"] = _own_orders(list(args[0]))
        return self.get_serializer_class()(*args, **named)


class ExchangeOrderView(RetrieveAPIView[ExchangeOrder]):
    """One exchange order as posted, with the answer given and what became of it."""

    required_scope = "read"
    serializer_class = ExchangeOrderSerializer
    lookup_field = "order_identifier"

    def get_queryset(self) -> QuerySet[ExchangeOrder]:
        if getattr(self, "swagger_fake_view", False):
            return ExchangeOrder.objects.none()
        return _rows(self.request)

    def get_serializer(self, *args: Any, **named: Any) -> Any:
        """Reads the own order beside the exchange order."""
        named["context"] = {**self.get_serializer_context(), "own_orders": {}}
        if args:
            named["context"]["own_orders"] = _own_orders([args[0]])
        return self.get_serializer_class()(*args, **named)
