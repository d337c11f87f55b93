"""What the API shows. Names are Optoro's wherever Optoro has one (contract §5, §8)."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.inbox.models import Delivery
from apps.orders.models import Order, OrderLine
from apps.refunds.models import Payout, Refund, RefundLine
from apps.rmas.models import Rma, RmaUnit


class FieldErrorSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(help_text='Such as variants[0].sku; "" for the whole request')
    code = serializers.ChoiceField(
        choices=["missing_field", "invalid_type", "invalid", "unknown_field", "refused"],
        help_text="`refused`: well written, but a limit or a rule stands against it",
    )
    message = serializers.CharField()


class InvalidSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment] # a field, taken off the class


class MessageSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()


class RefundTransactionSerializer(serializers.ModelSerializer[Payout]):
    """A payment of a refund, as far as it is told with the refund."""

    id = serializers.UUIDField(source="idempotency_key")
    status = serializers.CharField(help_text="As of the transaction of this id")
    reference = serializers.CharField(source="gateway_reference")

    class Meta:
        model = Payout
        fields = ["id", "amount_cents", "status", "tender", "gateway", "reference"]


class RefundLineSerializer(serializers.ModelSerializer[RefundLine]):
    order_item_identifier = serializers.CharField(source="order_line.identifier")

    class Meta:
        model = RefundLine
        fields = [
            "identifier",
            "order_item_identifier",
            "quantity",
            "amount_cents",
            "calculation",
        ]


class RefundSerializer(serializers.ModelSerializer[Refund]):
    order_identifier = serializers.CharField(source="order.identifier")
    paid_order_identifier = serializers.CharField(source="paid_order.identifier")
    lines = RefundLineSerializer(many=True)
    transactions = serializers.SerializerMethodField()

    class Meta:
        model = Refund
        fields = [
            "identifier",
            "status",
            "kind",
            "order_identifier",
            "rma_identifier",
            "currency",
            "total_refund_amount_cents",
            "shopper_amount_cents",
            "optoro_amount_cents",
            "retained_amount_cents",
            "bonus_credit_amount_cents",
            "destination",
            "paid_order_identifier",
            "recipient_email",
            "lines",
            "transactions",
            "source",
            "reason",
            "note",
            "approval_reason",
            "created_at",
            "payment_due_at",
            "paid_at",
            "reported_at",
            "confirmed_at",
        ]

    @extend_schema_field(RefundTransactionSerializer(many=True))
    def get_transactions(self, refund: Refund) -> Any:
        """Its payments, in the order in which they were planned."""
        rows = sorted(refund.payouts.all(), key=lambda row: row.pk)
        return RefundTransactionSerializer(rows, many=True).data


class RefundFinancialsSerializer(serializers.ModelSerializer[RmaUnit]):
    class Meta:
        model = RmaUnit
        fields = [
            "estimated_refund_amount_cents",
            "optoro_refund_amount_cents",
            "shopper_refund_amount_cents",
        ]


class RmaUnitSerializer(serializers.ModelSerializer[RmaUnit]):
    refund_financials = RefundFinancialsSerializer(source="*")
    refund_status = serializers.SerializerMethodField()

    class Meta:
        model = RmaUnit
        fields = [
            "order_line_item_identifier",
            "order_identifier",
            "secondary_identifier",
            "exchange_order_identifier",
            "original_order_identifier",
            "return_reason",
            "is_exchange",
            "sku",
            "upc",
            "tracking_number",
            "package_tracking_status",
            "receiving_status",
            "refund_financials",
            "refund_type",
            "warehouse_receipt_condition",
            "refund_status",
        ]

    def get_refund_status(self, unit: RmaUnit) -> str | None:
        """The status of the refund the unit is in: the live one, else the last; null for none."""
        memberships = sorted(unit.refund_units.all(), key=lambda row: (row.is_live, row.pk))
        return str(memberships[-1].line.refund.status) if memberships else None

    def to_representation(self, instance: RmaUnit) -> dict[str, Any]:
        """What Optoro left out is null here, as it is in the webhook."""
        shown = super().to_representation(instance)
        return {name: None if value == "" else value for name, value in shown.items()}


class RmaSerializer(serializers.ModelSerializer[Rma]):
    created_at = serializers.DateTimeField(source="remote_created_at")
    updated_at = serializers.DateTimeField(source="remote_updated_at")
    warehouse_id = serializers.CharField(source="warehouse_identifier")
    items = RmaUnitSerializer(source="units", many=True)
    refunds = RefundSerializer(many=True)

    class Meta:
        model = Rma
        fields = [
            "rma_identifier",
            "status",
            "created_at",
            "updated_at",
            "return_method",
            "return_shipping_cost_cents",
            "bonus_credit_amount_cents",
            "gift_refund_only",
            "giftee_email",
            "warehouse_id",
            "receiving_complete",
            "concept",
            "cancellation_requested_at",
            "cancellation_reason",
            "items",
            "refunds",
        ]


class OrderLineSerializer(serializers.ModelSerializer[OrderLine]):
    quantity_refunded = serializers.SerializerMethodField()

    class Meta:
        model = OrderLine
        fields = [
            "identifier",
            "sku",
            "upc",
            "title",
            "product_identifier",
            "variant_identifier",
            "quantity",
            "quantity_shipped",
            "quantity_canceled",
            "quantity_refunded",
            "unit_price_amount_cents",
            "product_amount_cents",
            "tax_amount_cents",
            "discount_amount_cents",
            "tracking_number",
            "tags",
        ]

    def get_quantity_refunded(self, line: OrderLine) -> int:
        """Units in live refunds, the desk's own and those reported to it; at least what the
        source says."""
        counted: dict[int, int] = self.context["refunded_quantities"]
        return max(counted.get(line.pk, 0), line.quantity_refunded)


class OrderSerializer(serializers.ModelSerializer[Order]):
    created_at = serializers.DateTimeField(source="remote_created_at")
    updated_at = serializers.DateTimeField(source="remote_updated_at")
    items = serializers.SerializerMethodField()
    rmas = serializers.SerializerMethodField()
    exchange_orders = serializers.SerializerMethodField()
    refunds = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = [
            "identifier",
            "secondary_identifier",
            "status",
            "raw_status",
            "concept",
            "currency",
            "total_amount_cents",
            "product_amount_cents",
            "tax_amount_cents",
            "discount_amount_cents",
            "shipping_amount_cents",
            "shipping_tax_amount_cents",
            "header_difference_cents",
            "tags",
            "note",
            "created_at",
            "updated_at",
            "published_at",
            "items",
            "rmas",
            "exchange_orders",
            "refunds",
        ]

    def get_items(self, order: Order) -> list[dict[str, Any]]:
        """The order's lines."""
        rows = self.context["lines"]
        return list(OrderLineSerializer(rows, many=True, context=self.context).data)

    def get_rmas(self, order: Order) -> list[dict[str, Any]]:
        """The RMAs that have a unit of this order."""
        return list(RmaSerializer(self.context["rmas"], many=True).data)

    def get_exchange_orders(self, order: Order) -> list[str]:
        """The exchange orders placed against this order, and those that its units name."""
        placed = {
            row.order_identifier
            for row in self.context["exchange_orders"]
            if row.original_order_id == order.pk
        }
        names = placed | {
            unit.exchange_order_identifier
            for rma in self.context["rmas"]
            for unit in rma.units.all()
        }
        return sorted(names - {""})

    def get_refunds(self, order: Order) -> list[dict[str, Any]]:
        """The refunds of this order's goods."""
        return list(RefundSerializer(self.context["refunds"], many=True).data)


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    class Meta:
        model = Delivery
        fields = [
            "id",
            "topic",
            "state",
            "copies",
            "subject",
            "error",
            "attempts",
            "received_at",
            "last_received_at",
            "processed_at",
        ]
