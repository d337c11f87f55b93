"""Exchange orders that the desk placed for Optoro, and the requests it did not place."""

from django.db import models
from django.db.models import F, Q

from apps.exchanges.rules import CANCELED, ENDED
from apps.orders.models import Order
from apps.stores.models import Store


class ExchangeOrder(models.Model):
    """An exchange order (contract §7): at most one per original order, for ever.

    It has no status of its own: whether it is shipped or canceled says the order that the order
    system carries it as (`lineage.own_orders`). What that one last said is kept here, in the
    transaction that mirrors it (`own_status.keep_own_status`).
    """

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="exchange_orders")
    order_identifier = models.CharField(max_length=255, help_text="What the shopper is told")
    original_order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="exchange_orders"
    )
    original_order_identifier = models.CharField(
        max_length=255, help_text="The original order's primary identifier"
    )
    named_order_identifier = models.CharField(
        max_length=255, help_text="What the request called the original order"
    )
    original_secondary_order_identifier = models.CharField(max_length=255, blank=True)
    rma_identifier = models.CharField(max_length=255, blank=True)
    currency = models.CharField(max_length=3)
    is_gift = models.BooleanField(default=False)
    note = models.TextField(blank=True)
    customer_identifier = models.CharField(max_length=255, blank=True)
    customer_email = models.CharField(max_length=255, blank=True)
    customer_name = models.CharField(max_length=512, blank=True)
    customer_phone = models.CharField(max_length=60, blank=True)
    shipping_address = models.JSONField()
    billing_address = models.JSONField()
    transaction_id = models.CharField(
        max_length=255, help_text="How the payment is matched with Optoro's settlement"
    )
    product_amount_cents = models.BigIntegerField()
    discount_amount_cents = models.BigIntegerField()
    tax_amount_cents = models.BigIntegerField()
    shipping_amount_cents = models.BigIntegerField()
    bonus_credit_amount_cents = models.BigIntegerField()
    total_amount_cents = models.BigIntegerField()
    tax_service = models.CharField(max_length=40)
    content = models.JSONField(help_text="The request, normalized")
    content_sha256 = models.CharField(max_length=64)
    request = models.JSONField(help_text="The request as it came")
    answer_body = models.TextField(help_text="Exactly what was answered, now and every time after")
    delivery_id = models.BigIntegerField(help_text="The inbox delivery that carried the request")
    placed_at = models.DateTimeField()
    own_order_status = models.CharField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text="What the order system last said of the order that it carries this one as; empty "
        "while it has sent none",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "order_identifier"], name="exchanges_identifier_unique_per_store"
            ),
            models.UniqueConstraint(
                fields=["store", "original_order_identifier"],
                name="exchanges_one_per_original_order",
            ),
            models.CheckConstraint(
                condition=Q(
                    total_amount_cents=F("product_amount_cents")
                    - F("discount_amount_cents")
                    + F("tax_amount_cents")
                    + F("shipping_amount_cents")
                    + F("bonus_credit_amount_cents")
                ),
                name="exchanges_total_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(product_amount_cents__gte=0)
                & Q(discount_amount_cents__gte=0)
                & Q(discount_amount_cents__lte=F("product_amount_cents"))
                & Q(tax_amount_cents__gte=0)
                & Q(shipping_amount_cents__gte=0)
                & Q(bonus_credit_amount_cents__gte=0),
                name="exchanges_amounts_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["store", "-placed_at", "-id"], name="exchanges_newest"),
            models.Index(fields=["store", "total_amount_cents", "id"], name="exchanges_by_total"),
            models.Index(
                fields=["store", "original_secondary_order_identifier"],
                name="exchanges_by_secondary",
            ),
            models.Index(fields=["store", "rma_identifier"], name="exchanges_by_rma"),
            models.Index(fields=["store", "customer_email"], name="exchanges_by_email"),
            models.Index(fields=["store", "transaction_id"], name="exchanges_by_transaction"),
            models.Index(fields=["store", "named_order_identifier"], name="exchanges_by_name"),
            # Few are to be shipped, and few are canceled.
            models.Index(
                fields=["store", "-placed_at", "-id"],
                condition=~Q(own_order_status__in=ENDED),
                name="exchanges_to_ship",
            ),
            models.Index(
                fields=["store", "total_amount_cents", "id"],
                condition=~Q(own_order_status__in=ENDED),
                name="exchanges_to_ship_by_total",
            ),
            models.Index(
                fields=["store", "-placed_at", "-id"],
                condition=Q(own_order_status=CANCELED),
                name="exchanges_canceled",
            ),
        ]

    def __str__(self) -> str:
        return self.order_identifier


class PriceSource(models.TextChoices):
    CATALOG = "catalog", "Catalog"
    REQUEST = "request", "Request"


class ExchangeLine(models.Model):
    """A line of an exchange order; amounts are the whole line's, in the order's currency."""

    exchange_order = models.ForeignKey(
        ExchangeOrder, on_delete=models.PROTECT, related_name="lines"
    )
    position = models.PositiveIntegerField(help_text="From 0, as in the request's items")
    sku = models.CharField(max_length=255)
    title = models.CharField(max_length=500, blank=True)
    quantity = models.PositiveIntegerField()
    unit_price_amount_cents = models.BigIntegerField(
        null=True, blank=True, help_text="Empty for a gift card given as one amount"
    )
    product_amount_cents = models.BigIntegerField()
    discount_amount_cents = models.BigIntegerField()
    tax_amount_cents = models.BigIntegerField()
    bonus_credit_amount_cents = models.BigIntegerField()
    price_source = models.CharField(max_length=10, choices=PriceSource.choices)
    is_gift_card = models.BooleanField(default=False)
    original_item_identifier = models.CharField(max_length=255, blank=True)
    original_sku = models.CharField(max_length=255, blank=True)
    variant_identifier = models.CharField(max_length=255, blank=True)
    product_identifier = models.CharField(max_length=255, blank=True)
    concept = models.CharField(max_length=255, blank=True)
    return_items = models.JSONField(default=list)
    calculation = models.JSONField(help_text="Where price and tax came from")

    class Meta:
        ordering = ["exchange_order", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["exchange_order", "position"], name="exchanges_line_position_unique"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, quantity__lte=1000),
                name="exchanges_line_quantity_1_to_1000",
            ),
            models.CheckConstraint(
                condition=Q(discount_amount_cents__gte=0)
                & Q(discount_amount_cents__lte=F("product_amount_cents"))
                & Q(tax_amount_cents__gte=0)
                & Q(bonus_credit_amount_cents__gte=0),
                name="exchanges_line_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(is_gift_card=True, tax_amount_cents=0)
                | Q(
                    is_gift_card=False,
                    bonus_credit_amount_cents=0,
                    product_amount_cents=F("unit_price_amount_cents") * F("quantity"),
                ),
                name="exchanges_line_is_priced_by_the_unit_or_a_gift_card",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku}"

    @property
    def total_amount_cents(self) -> int:
        """Product less discount plus tax and bonus credit."""
        return (
            self.product_amount_cents
            - self.discount_amount_cents
            + self.tax_amount_cents
            + self.bonus_credit_amount_cents
        )


class ExchangeCollision(models.Model):
    """A later, different request for the same original order: answered like the first, not
    placed."""

    exchange_order = models.ForeignKey(
        ExchangeOrder, on_delete=models.PROTECT, related_name="collisions"
    )
    content_sha256 = models.CharField(max_length=64)
    request = models.JSONField(help_text="The request as it came")
    differences = models.JSONField(help_text="[{field, first, second}]")
    delivery_id = models.BigIntegerField(help_text="The inbox delivery that carried it first")
    copies = models.PositiveIntegerField(default=1)
    received_at = models.DateTimeField()
    last_received_at = models.DateTimeField()

    class Meta:
        ordering = ["exchange_order", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["exchange_order", "content_sha256"], name="exchanges_collision_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.exchange_order_id} at {self.received_at:%Y-%m-%d %H:%M:%S}"
