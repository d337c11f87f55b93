"""RMAs and their units: projections of the fold over all messages (see `fold.py`)."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from apps.common import clock
from apps.orders.models import Order, OrderLine
from apps.rmas import rules
from apps.stores.models import Store


class Rma(models.Model):
    """A return as Optoro tells it. It has no order of its own: its units have."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="rmas")
    rma_identifier = models.CharField(max_length=255)
    status = models.CharField(max_length=40)
    return_method = models.CharField(max_length=40)
    return_shipping_cost_cents = models.BigIntegerField(default=0)
    bonus_credit_amount_cents = models.BigIntegerField(default=0)
    gift_refund_only = models.BooleanField(default=False)
    giftee_email = models.CharField(max_length=255, blank=True)
    warehouse_identifier = models.CharField(max_length=255, blank=True)
    receiving_complete = models.BooleanField(null=True, blank=True)
    concept = models.CharField(max_length=255, blank=True)
    remote_created_at = models.DateTimeField(null=True, blank=True)
    remote_updated_at = models.DateTimeField(null=True, blank=True)
    scanned_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When Optoro first told of a unit that was handed over, scanned or received",
    )
    in_transit_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="While it is open: since when nothing new is known of a unit on its way",
    )
    delivered_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="While it is open: since when a unit is delivered and not received",
    )
    cancellation_requested_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When somebody here asked for its cancellation: automation stands still since",
    )
    cancellation_reason = models.CharField(max_length=255, blank=True)
    cancellation_requester = models.CharField(
        max_length=150, blank=True, help_text="Who asked: a person or an API key"
    )
    conversion_requested_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When somebody here asked to turn its standard exchange into a refund",
    )
    conversion_reason = models.CharField(max_length=255, blank=True)
    conversion_requester = models.CharField(
        max_length=150, blank=True, help_text="Who asked: a person or an API key"
    )
    first_seen_at = models.DateTimeField(auto_now_add=True)
    folded_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "rma_identifier"], name="rmas_identifier_unique_per_store"
            )
        ]
        indexes = [
            models.Index(fields=["store", "-remote_created_at", "-id"], name="rmas_newest"),
            models.Index(fields=["store", "status", "-id"], name="rmas_by_status"),
            models.Index(fields=["store", "giftee_email"], name="rmas_by_giftee"),
            models.Index(fields=["store", "remote_updated_at", "id"], name="rmas_by_updated"),
            models.Index(fields=["store", "concept"], name="rmas_by_concept"),
            models.Index(fields=["store", "first_seen_at"], name="rmas_by_first_seen"),
            models.Index(
                fields=["store", "-remote_created_at", "-id"],
                condition=Q(cancellation_requested_at__isnull=False),
                name="rmas_asked_to_cancel",
            ),
            models.Index(
                fields=["store", "-remote_created_at", "-id"],
                condition=Q(conversion_requested_at__isnull=False),
                name="rmas_asked_to_convert",
            ),
            models.Index(
                fields=["store", "in_transit_since"],
                condition=Q(in_transit_since__isnull=False),
                name="rmas_in_transit",
            ),
            models.Index(
                fields=["store", "delivered_since"],
                condition=Q(delivered_since__isnull=False),
                name="rmas_delivered",
            ),
            # For reports: returns by the day they began, and those that are open.
            models.Index(
                F("store"),
                Coalesce("remote_created_at", "first_seen_at"),
                F("id"),
                name="rmas_by_opened",
            ),
            models.Index(
                F("store"),
                Coalesce("remote_created_at", "first_seen_at"),
                F("id"),
                condition=~Q(status__in=[rules.REFUNDED, rules.CANCELED]),
                name="rmas_open",
            ),
            # For what is asked of the return of many units: the rows of the returns are not read.
            models.Index(
                fields=["id"], include=["store", "status", "return_method"], name="rmas_of_units"
            ),
        ]

    def __str__(self) -> str:
        return self.rma_identifier

    @property
    def is_cancellation_requested(self) -> bool:
        """Whether somebody here asked for its cancellation, and has not withdrawn that."""
        return self.cancellation_requested_at is not None

    @property
    def is_conversion_requested(self) -> bool:
        """Whether somebody here asked to turn its exchange into a refund, and none came yet."""
        return self.conversion_requested_at is not None


class RmaUnit(models.Model):
    """One returned unit: (rma, order, line, ordinal within the line).

    The text identifiers stay when the order is not known yet; `order` and `order_line` are linked
    when it comes.
    """

    rma = models.ForeignKey(Rma, on_delete=models.PROTECT, related_name="units")
    order_identifier = models.CharField(max_length=255)
    order_line_item_identifier = models.CharField(max_length=255)
    ordinal = models.PositiveIntegerField(help_text="From 1, within the line")
    order = models.ForeignKey(
        Order, null=True, blank=True, on_delete=models.PROTECT, related_name="rma_units"
    )
    order_line = models.ForeignKey(
        OrderLine, null=True, blank=True, on_delete=models.PROTECT, related_name="rma_units"
    )
    secondary_identifier = models.CharField(max_length=255, blank=True)
    sku = models.CharField(max_length=255, blank=True)
    upc = models.CharField(max_length=255, blank=True)
    return_reason = models.CharField(max_length=255, blank=True)
    refund_type = models.CharField(max_length=40)
    is_exchange = models.BooleanField(default=False)
    exchange_order_identifier = models.CharField(max_length=255, blank=True)
    original_order_identifier = models.CharField(max_length=255, blank=True)
    tracking_number = models.CharField(max_length=255, blank=True)
    package_tracking_status = models.CharField(max_length=40, blank=True)
    receiving_status = models.CharField(max_length=40, blank=True)
    warehouse_receipt_condition = models.CharField(max_length=40, blank=True)
    was_seen_open = models.BooleanField(
        default=False, help_text="Some message had it before Optoro called the RMA REFUNDED"
    )
    open_package_tracking_status = models.CharField(
        max_length=40,
        blank=True,
        help_text="The tracking status in the newest message that did not say REFUNDED yet",
    )
    open_receiving_status = models.CharField(max_length=40, blank=True)
    estimated_refund_amount_cents = models.BigIntegerField()
    optoro_refund_amount_cents = models.BigIntegerField()
    shopper_refund_amount_cents = models.BigIntegerField()
    changed_at = models.DateTimeField(
        default=clock.now,
        help_text="When a message last told something of it that a policy judges: the policy in "
        "force then is its policy",
    )
    policy_renewed_at = models.DateTimeField(
        null=True, blank=True, help_text="When a person put it under the newest refund policy"
    )
    is_withdrawn = models.BooleanField(
        default=False, help_text="The newest message no longer has this unit"
    )
    excluded_at = models.DateTimeField(
        null=True, blank=True, help_text="When a person decided that it is not refunded"
    )
    exclusion_reason = models.CharField(max_length=255, blank=True)
    excluder = models.CharField(max_length=150, blank=True, help_text="Who excluded it")

    class Meta:
        ordering = ["rma", "order_identifier", "order_line_item_identifier", "ordinal"]
        constraints = [
            models.UniqueConstraint(
                fields=["rma", "order_identifier", "order_line_item_identifier", "ordinal"],
                name="rmas_unit_unique",
            )
        ]
        indexes = [
            models.Index(fields=["tracking_number"], name="rmas_unit_by_tracking"),
            models.Index(
                fields=["order_identifier"],
                condition=Q(order__isnull=True),
                name="rmas_unit_orderless",
            ),
            models.Index(
                fields=["secondary_identifier"],
                condition=Q(order__isnull=True),
                name="rmas_unit_orderless_secondary",
            ),
            # For the lists, which ask of many returns whether a unit shows a word: the rows of the
            # units are not read.
            models.Index(
                fields=["rma", "refund_type", "package_tracking_status", "receiving_status"],
                condition=Q(is_withdrawn=False),
                name="rmas_unit_words",
            ),
            models.Index(
                fields=["package_tracking_status", "rma"],
                condition=Q(is_withdrawn=False),
                name="rmas_unit_by_parcel",
            ),
            models.Index(
                fields=["receiving_status", "rma"],
                condition=Q(is_withdrawn=False),
                name="rmas_unit_by_receiving",
            ),
            models.Index(
                fields=["refund_type", "rma"],
                condition=Q(is_withdrawn=False),
                name="rmas_unit_by_type",
            ),
            # For what is added up by exchange order: the rows of the units are not read.
            models.Index(
                fields=["exchange_order_identifier"],
                include=[
                    "rma",
                    "is_withdrawn",
                    "package_tracking_status",
                    "receiving_status",
                ],
                condition=~Q(exchange_order_identifier=""),
                name="rmas_unit_by_exchange_order",
            ),
            models.Index(
                fields=["rma"],
                condition=Q(exchange_order_identifier="", refund_type__in=rules.PAYING_TYPES),
                name="rmas_unit_names_no_exchange",
            ),
            models.Index(
                fields=["order_identifier"],
                condition=Q(order_line__isnull=True),
                name="rmas_unit_unlinked",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_line_item_identifier}#{self.ordinal}"

    @property
    def is_excluded(self) -> bool:
        """Whether a person decided that it is not refunded."""
        return self.excluded_at is not None

    @property
    def label(self) -> str:
        """What people call the unit."""
        return f"line {self.order_line_item_identifier}, unit {self.ordinal}"


class RmaMessage(models.Model):
    """One RMA message, normalized; an RMA's state is a function of the set of these."""

    rma = models.ForeignKey(Rma, on_delete=models.PROTECT, related_name="messages")
    content_sha256 = models.CharField(max_length=64)
    content = models.JSONField()
    remote_updated_at = models.DateTimeField(null=True, blank=True)
    delivery_id = models.BigIntegerField(help_text="The first inbox delivery that carried it")
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rma", "content_sha256"], name="rmas_message_unique_per_rma"
            )
        ]

    def __str__(self) -> str:
        return f"{self.rma_id} at {self.remote_updated_at}"
