"""Orders as the retailer's systems last told them, and every message that told."""

from django.db import models
from django.db.models import F, Q

from apps.stores.models import Store


class Order(models.Model):
    """A mirrored order. `remote_*` is what the source says of itself; the rest of the names are
    the contract's (§8)."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="orders")
    identifier = models.CharField(max_length=255)
    secondary_identifier = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=40)
    raw_status = models.CharField(max_length=255, blank=True)
    concept = models.CharField(max_length=255, blank=True)
    currency = models.CharField(max_length=3)
    total_amount_cents = models.BigIntegerField()
    product_amount_cents = models.BigIntegerField()
    tax_amount_cents = models.BigIntegerField()
    discount_amount_cents = models.BigIntegerField()
    shipping_amount_cents = models.BigIntegerField()
    shipping_tax_amount_cents = models.BigIntegerField()
    header_difference_cents = models.BigIntegerField(
        default=0, help_text="The header's total less what lines and shipping add up to"
    )
    tags = models.JSONField(default=list)
    note = models.TextField(blank=True)
    has_told_transactions = models.BooleanField(
        default=False, help_text="Some snapshot told payments: without any, none is left"
    )
    customer_email = models.CharField(max_length=255, blank=True)
    customer_name = models.CharField(max_length=255, blank=True)
    customer_phone = models.CharField(max_length=60, blank=True)
    remote_created_at = models.DateTimeField()
    remote_updated_at = models.DateTimeField()
    mirrored_at = models.DateTimeField(auto_now=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(
        null=True, blank=True, help_text="When Optoro last accepted a snapshot of it"
    )
    raw = models.JSONField(help_text="The snapshot as it came")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "identifier"], name="orders_identifier_unique_per_store"
            )
        ]
        indexes = [
            models.Index(fields=["store", "secondary_identifier"], name="orders_by_secondary"),
            models.Index(fields=["store", "customer_email"], name="orders_by_email"),
            models.Index(fields=["store", "concept"], name="orders_by_brand"),
            models.Index(fields=["store", "-remote_created_at", "-id"], name="orders_newest"),
            models.Index(
                fields=["store", "status", "-remote_created_at", "-id"], name="orders_by_status"
            ),
            models.Index(fields=["store", "total_amount_cents", "id"], name="orders_by_total"),
            models.Index(fields=["store", "published_at", "id"], name="orders_by_published"),
            models.Index(
                fields=["store", "-remote_created_at", "-id"],
                condition=~Q(header_difference_cents=0),
                name="orders_header_differs",
            ),
        ]

    def __str__(self) -> str:
        return self.identifier


class OrderLine(models.Model):
    """A line of an order; amounts are the whole line's, in the order's currency."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    identifier = models.CharField(max_length=255)
    position = models.PositiveIntegerField()
    sku = models.CharField(max_length=255, blank=True)
    upc = models.CharField(max_length=255, blank=True)
    title = models.CharField(max_length=500)
    product_identifier = models.CharField(max_length=255, blank=True)
    variant_identifier = models.CharField(max_length=255, blank=True)
    quantity = models.PositiveIntegerField()
    quantity_shipped = models.PositiveIntegerField()
    quantity_canceled = models.PositiveIntegerField()
    quantity_refunded = models.PositiveIntegerField(
        default=0, help_text="As the source reports it; the desk counts its own refunds itself"
    )
    unit_price_amount_cents = models.BigIntegerField()
    product_amount_cents = models.BigIntegerField()
    tax_amount_cents = models.BigIntegerField()
    discount_amount_cents = models.BigIntegerField()
    tracking_number = models.CharField(max_length=255, blank=True)
    tags = models.JSONField(default=list)
    is_removed = models.BooleanField(
        default=False, help_text="A newer snapshot no longer has this line"
    )

    class Meta:
        ordering = ["order", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["order", "identifier"], name="orders_line_identifier_unique_per_order"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("quantity_shipped") + F("quantity_canceled")),
                name="orders_line_not_more_shipped_and_canceled_than_ordered",
            ),
            models.CheckConstraint(
                condition=Q(product_amount_cents__gte=0)
                & Q(tax_amount_cents__gte=0)
                & Q(discount_amount_cents__gte=0)
                & Q(unit_price_amount_cents__gte=0),
                name="orders_line_amounts_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["tracking_number"], name="orders_line_by_tracking"),
            models.Index(fields=["variant_identifier"], name="orders_line_by_variant"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.identifier}"


class Transaction(models.Model):
    """A payment movement of the order as the source reports it: what was captured caps the cash."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="transactions")
    identifier = models.CharField(max_length=255)
    type = models.CharField(max_length=40)
    status = models.CharField(max_length=40)
    amount_cents = models.BigIntegerField()
    gateway = models.CharField(max_length=255, blank=True)
    parent_identifier = models.CharField(
        max_length=255, blank=True, help_text="The transaction that this one captures or gives back"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order", "identifier"], name="orders_transaction_unique_per_order"
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.identifier}"


class OrderMessage(models.Model):
    """A snapshot that came for an order, used or not."""

    class Result(models.TextChoices):
        CREATED = "created", "First snapshot"
        UPDATED = "updated", "Newer than the one known"
        STALE = "stale", "Older than the one known: kept, not used"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="messages")
    content_sha256 = models.CharField(max_length=64)
    remote_updated_at = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)
    result = models.CharField(max_length=10, choices=Result.choices)
    raw = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order", "content_sha256"], name="orders_message_unique_per_order"
            )
        ]

    def __str__(self) -> str:
        return f"{self.order_id} at {self.remote_updated_at:%Y-%m-%d %H:%M:%S}"
