"""Refunds: the decision (Refund, its lines and units) apart from the money moving (Payout)."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.common.kept_rows import KeptRow
from apps.orders.models import Order, OrderLine
from apps.refunds.policy_models import ApprovalPolicy as ApprovalPolicy
from apps.refunds.policy_models import RefundPolicy as RefundPolicy
from apps.refunds.policy_models import TenderOrder as TenderOrder
from apps.rmas.models import Rma, RmaUnit
from apps.stores.models import Store


class RefundStatus(models.TextChoices):
    PROPOSED = "proposed", "Proposed"
    APPROVED = "approved", "Approved"
    PAYING = "paying", "Paying"
    PAID = "paid", "Paid"
    DECLINED = "declined", "Declined"
    UNKNOWN = "unknown", "Unknown"
    CANCELED = "canceled", "Canceled"


class Source(models.TextChoices):
    AUTOMATIC = "automatic", "Automatic"
    STAFF = "staff", "Staff"
    API = "api", "API"
    EXTERNAL = "external", "Reported by the order system"


class Destination(models.TextChoices):
    ORIGINAL_PAYMENT = "original_payment", "Original payment"
    GIFT_CARD = "gift_card", "Gift card"
    STORE_CREDIT = "store_credit", "Store credit"
    NONE = "none", "Nothing to pay"


class RefundKind(models.TextChoices):
    GOODS = "goods", "Goods"
    GOODWILL = "goodwill", "Goodwill"


class Refund(KeptRow):
    """What is owed, and why. Three parts add up to the total: shopper, Optoro, retained."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="refunds")
    identifier = models.CharField(max_length=255)
    order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        related_name="refunds",
        help_text="Whose goods come back; the refund is reported on it",
    )
    paid_order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        related_name="refunds_paid_from",
        help_text="Whose payment is refunded",
    )
    rma = models.ForeignKey(
        Rma, null=True, blank=True, on_delete=models.PROTECT, related_name="refunds"
    )
    rma_identifier = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=12, choices=RefundStatus.choices)
    source = models.CharField(max_length=12, choices=Source.choices)
    kind = models.CharField(
        max_length=12,
        choices=RefundKind.choices,
        default=RefundKind.GOODS,
        help_text="Goodwill is of no unit and has a limit of its own",
    )
    destination = models.CharField(max_length=20, choices=Destination.choices)
    recipient_email = models.CharField(max_length=255, blank=True)
    reason = models.CharField(max_length=255)
    note = models.TextField(blank=True)
    approval_reason = models.CharField(
        max_length=255, blank=True, help_text="Why it waits, or waited, for a person's approval"
    )
    currency = models.CharField(max_length=3)
    total_refund_amount_cents = models.BigIntegerField()
    shopper_amount_cents = models.BigIntegerField()
    optoro_amount_cents = models.BigIntegerField(default=0)
    retained_amount_cents = models.BigIntegerField(default=0)
    bonus_credit_amount_cents = models.BigIntegerField(default=0)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(help_text="When it was decided")
    approved_at = models.DateTimeField(null=True, blank=True)
    payment_due_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Not paid before this: the policy's delay, or the hold of a refund that a person "
        "made",
    )
    paid_at = models.DateTimeField(null=True, blank=True)
    booked_on = models.DateField(
        null=True,
        blank=True,
        help_text="Its day in the books, once all is paid: its own, or the first open one where "
        "that month was closed",
    )
    reported_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    policy = models.ForeignKey(
        RefundPolicy,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The policy it was decided under; none: the store's settings",
    )
    is_superseded = models.BooleanField(
        default=False,
        help_text="Canceled because its grounds changed; its units may be decided on anew",
    )
    raw = models.JSONField(
        null=True, blank=True, help_text="An external refund as the order system reported it"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "identifier"], name="refunds_identifier_unique_per_store"
            ),
            models.CheckConstraint(
                condition=Q(total_refund_amount_cents__gt=0), name="refunds_total_positive"
            ),
            models.CheckConstraint(
                condition=Q(shopper_amount_cents__gte=0)
                & Q(optoro_amount_cents__gte=0)
                & Q(retained_amount_cents__gte=0)
                & Q(bonus_credit_amount_cents__gte=0),
                name="refunds_parts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(
                    total_refund_amount_cents=F("shopper_amount_cents")
                    + F("optoro_amount_cents")
                    + F("retained_amount_cents")
                ),
                name="refunds_parts_add_up",
            ),
            models.CheckConstraint(
                condition=~Q(status="paid") | Q(paid_at__isnull=False),
                name="refunds_paid_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["store", "-created_at", "-id"], name="refunds_newest"),
            models.Index(fields=["store", "status", "-id"], name="refunds_by_status"),
            models.Index(fields=["store", "paid_at", "id"], name="refunds_by_paid"),
            models.Index(fields=["store", "booked_on", "id"], name="refunds_by_booked"),
            models.Index(fields=["store", "confirmed_at"], name="refunds_by_confirmed"),
            models.Index(fields=["store", "reported_at"], name="refunds_by_reported"),
            models.Index(fields=["store", "reason"], name="refunds_by_reason"),
            models.Index(
                fields=["store", "total_refund_amount_cents", "id"], name="refunds_by_total"
            ),
            models.Index(
                fields=["store", "source", "-created_at", "-id"], name="refunds_by_source"
            ),
            models.Index(
                fields=["store", "destination", "-created_at", "-id"], name="refunds_by_destination"
            ),
            models.Index(fields=["store", "kind", "-created_at", "-id"], name="refunds_by_kind"),
            models.Index(fields=["store", "rma_identifier"], name="refunds_by_rma"),
            models.Index(
                fields=["store", "-created_at", "-id"],
                condition=Q(status="paid", reported_at__isnull=True),
                name="refunds_newest_not_reported",
            ),
            models.Index(
                fields=["store", "-created_at", "-id"],
                condition=Q(status="paid", confirmed_at__isnull=True, rma__isnull=False),
                name="refunds_newest_unconfirmed",
            ),
            models.Index(
                fields=["store", "currency", "-created_at", "-id"], name="refunds_by_currency"
            ),
            models.Index(fields=["store", "approved_at"], name="refunds_by_approved"),
            models.Index(
                fields=["store", "paid_at"],
                condition=Q(status="paid", reported_at__isnull=True),
                name="refunds_not_reported",
            ),
            models.Index(
                fields=["store", "paid_at"],
                condition=Q(status="paid", confirmed_at__isnull=True, rma__isnull=False),
                name="refunds_not_confirmed",
            ),
        ]

    def __str__(self) -> str:
        return self.identifier


class RefundLine(KeptRow):
    """The part of a refund that is for one order line."""

    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="lines")
    order_line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="refund_lines")
    identifier = models.CharField(max_length=255)
    quantity = models.PositiveIntegerField()
    amount_cents = models.BigIntegerField()
    calculation = models.JSONField(
        null=True, blank=True, help_text="How its amount was worked out when it was decided"
    )

    class Meta:
        ordering = ["refund", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["refund", "order_line"], name="refunds_one_line_per_order_line"
            ),
            models.UniqueConstraint(
                fields=["refund", "identifier"], name="refunds_line_identifier_unique"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0) & Q(amount_cents__gte=0),
                name="refunds_line_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.identifier


class RefundUnit(KeptRow):
    """One returned unit in a refund. The database refuses a second live refund of a unit."""

    line = models.ForeignKey(RefundLine, on_delete=models.PROTECT, related_name="units")
    rma_unit = models.ForeignKey(RmaUnit, on_delete=models.PROTECT, related_name="refund_units")
    amount_cents = models.BigIntegerField()
    shopper_amount_cents = models.BigIntegerField()
    optoro_amount_cents = models.BigIntegerField(default=0)
    is_live = models.BooleanField(
        default=True, help_text="False once the refund was declined or canceled"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rma_unit"],
                condition=Q(is_live=True),
                name="refunds_one_live_refund_per_unit",
            ),
            models.CheckConstraint(
                condition=Q(amount_cents=F("shopper_amount_cents") + F("optoro_amount_cents")),
                name="refunds_unit_parts_add_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rma_unit_id} in {self.line_id}"


class RefundItem(KeptRow):
    """What a refund gives back for one unit, or for what else it is of (`items.py`). Written with
    the decision and never changed: reports and ledger read it. Part by part, a refund's items add
    up to it."""

    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="items")
    line = models.ForeignKey(
        RefundLine, null=True, blank=True, on_delete=models.PROTECT, related_name="items"
    )
    unit = models.OneToOneField(
        RefundUnit, null=True, blank=True, on_delete=models.PROTECT, related_name="item"
    )
    position = models.PositiveIntegerField(help_text="From 1, within the refund")
    quantity = models.PositiveIntegerField(help_text="0 where it is of no unit")
    concept = models.CharField(max_length=255, blank=True, help_text="The brand")
    order_line_item_identifier = models.CharField(max_length=255, blank=True)
    sku = models.CharField(max_length=255, blank=True)
    upc = models.CharField(max_length=255, blank=True)
    title = models.CharField(max_length=500, blank=True)
    return_reason = models.CharField(max_length=255, blank=True)
    return_method = models.CharField(max_length=40, blank=True)
    trigger = models.CharField(max_length=20, blank=True, help_text="What the policy waited for")
    warehouse_receipt_condition = models.CharField(max_length=40, blank=True)
    original_product_amount_cents = models.BigIntegerField(default=0)
    original_discount_amount_cents = models.BigIntegerField(default=0)
    original_tax_amount_cents = models.BigIntegerField(default=0)
    original_shipping_amount_cents = models.BigIntegerField(default=0, help_text="With its tax")
    product_amount_cents = models.BigIntegerField(help_text="Refunded, without tax")
    tax_amount_cents = models.BigIntegerField()
    amount_cents = models.BigIntegerField()
    shopper_amount_cents = models.BigIntegerField()
    optoro_amount_cents = models.BigIntegerField(default=0)
    retained_amount_cents = models.BigIntegerField(default=0)
    bonus_credit_amount_cents = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["refund", "position"]
        constraints = [
            models.UniqueConstraint(fields=["refund", "position"], name="refunds_item_position"),
            models.CheckConstraint(
                condition=Q(amount_cents=F("product_amount_cents") + F("tax_amount_cents")),
                name="refunds_item_product_and_tax_add_up",
            ),
            models.CheckConstraint(
                condition=Q(
                    amount_cents=F("shopper_amount_cents")
                    + F("optoro_amount_cents")
                    + F("retained_amount_cents")
                ),
                name="refunds_item_parts_add_up",
            ),
        ]
        indexes = [
            models.Index(fields=["sku", "refund"], name="refunds_item_by_sku"),
            # What reports are narrowed by.
            models.Index(fields=["concept", "refund"], name="refunds_item_by_brand"),
            models.Index(fields=["return_reason", "refund"], name="refunds_item_by_reason"),
            models.Index(fields=["return_method", "refund"], name="refunds_item_by_method"),
            models.Index(fields=["trigger", "refund"], name="refunds_item_by_trigger"),
            models.Index(
                fields=["warehouse_receipt_condition", "refund"], name="refunds_item_by_condition"
            ),
            models.Index(
                fields=["quantity", "refund"],
                condition=~Q(quantity=1),
                name="refunds_item_by_quantity",
            ),
            models.Index(fields=["amount_cents", "refund"], name="refunds_item_by_amount"),
        ]

    def __str__(self) -> str:
        return f"item {self.position} of {self.refund_id}"


class RefundRequest(models.Model):
    """A request to refund, by its permanent idempotency key: the same key again makes nothing new.

    Keys of machine callers and of the desk's own forms are told apart by `origin`.
    """

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="refund_requests")
    origin = models.CharField(max_length=10, choices=[("api", "API"), ("desk", "Desk")])
    key = models.CharField(max_length=255)
    content_sha256 = models.CharField(max_length=64)
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="requests")
    answer = models.JSONField(help_text="What was answered, now and every time after")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "origin", "key"], name="refunds_request_key_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.origin} {self.key}"


class PayoutStatus(models.TextChoices):
    CREATED = "created", "Created"
    CALLING = "calling", "Calling the gateway"
    PENDING = "pending", "Sent, not decided yet"
    PAID = "paid", "Paid"
    DECLINED = "declined", "Declined"
    UNKNOWN = "unknown", "Unknown"
    CANCELED = "canceled", "Canceled"


class Payout(KeptRow):
    """One movement of money to one recipient, under one key that never changes. An order that was
    paid in several ways is paid back by several payouts, one for each payment."""

    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="payouts")
    store = models.ForeignKey(
        Store,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="That of its refund: what a gateway paid for a store is read from one index",
    )
    gateway = models.CharField(max_length=40)
    idempotency_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    amount_cents = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    transaction_identifier = models.CharField(
        max_length=255,
        blank=True,
        help_text="The payment of the paid order that it goes back to; blank where none is known",
    )
    tender = models.CharField(max_length=255, blank=True, help_text="The kind of that payment")
    status = models.CharField(
        max_length=12, choices=PayoutStatus.choices, default=PayoutStatus.CREATED
    )
    gateway_reference = models.CharField(max_length=255, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_cents__gt=0), name="refunds_payout_amount_positive"
            ),
            models.UniqueConstraint(
                fields=["refund", "transaction_identifier"],
                condition=~Q(status__in=["declined", "canceled"]),
                name="refunds_one_live_payout_per_payment",
            ),
        ]
        indexes = [
            models.Index(
                fields=["gateway_reference"],
                condition=~Q(gateway_reference=""),
                name="refunds_payouts_by_reference",
            ),
            models.Index(
                fields=["store", "gateway", "finished_at", "id"],
                include=["amount_cents", "currency"],
                condition=Q(status="paid"),
                name="refunds_payouts_paid_by",
            ),
            models.Index(
                fields=["store", "gateway", "amount_cents", "currency", "finished_at"],
                name="refunds_payouts_alike",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.refund_id}: {self.amount_cents} {self.currency} ({self.status})"


class PayoutAttempt(KeptRow):
    """One call of the gateway; the row is committed before the call."""

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveIntegerField()
    idempotency_key = models.UUIDField()
    account = models.CharField(
        max_length=255,
        blank=True,
        help_text="Which account at the gateway it was sent to: another one knows nothing of its "
        "key",
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, blank=True)
    gateway_reference = models.CharField(max_length=255, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["payout", "number"]
        constraints = [
            models.UniqueConstraint(fields=["payout", "number"], name="refunds_attempt_numbers")
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.payout_id}: {self.outcome or 'running'}"
