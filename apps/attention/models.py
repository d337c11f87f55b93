"""What needs a person: each with a kind, an age, an owner and what to do."""

from django.conf import settings
from django.db import models

from apps.stores.models import Store


class Kind(models.TextChoices):
    ORDER_HEADER_DIFFERS = "order_header_differs", "Order header contradicts its lines"
    REFUND_NEEDS_DECISION = "refund_needs_decision", "A refund needs a decision"
    REFUND_DECLINED = "refund_declined", "The payment was declined"
    PAYMENT_UNKNOWN = "payment_unknown", "It is unknown whether the payment happened"
    SNAPSHOT_HELD = "snapshot_held", "Optoro refused an order snapshot"
    MESSAGE_QUARANTINED = "message_quarantined", "A message could not be used"
    CONTRACT_DRIFT = "contract_drift", "Optoro sent a value that is not in its contract"
    PAID_BUT_CANCELED = "paid_but_canceled", "The RMA was canceled after its refund"
    CONFIRMED_WITHOUT_REFUND = "confirmed_without_refund", "Optoro says refunded, the desk did not"
    EXCHANGE_COLLISION = "exchange_collision", "A second, different exchange order was asked for"
    EXCHANGE_NEEDS_LOOK = "exchange_needs_look", "An exchange order needs a look"
    CHANGED_AFTER_REFUND = "changed_after_refund", "A refunded unit has changed since"


class Item(models.Model):
    """One thing that waits for a person; it closes by itself when its cause is gone."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40, choices=Kind.choices)
    subject = models.CharField(max_length=255, help_text="What it is about, unique within its kind")
    order_identifier = models.CharField(max_length=255, blank=True)
    rma_identifier = models.CharField(max_length=255, blank=True)
    detail = models.TextField(help_text="Why it is here, with the values")
    opened_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=255, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "kind", "subject"],
                condition=models.Q(resolved_at__isnull=True),
                name="attention_one_open_item_per_subject",
            )
        ]
        indexes = [
            models.Index(
                fields=["store", "opened_at"],
                condition=models.Q(resolved_at__isnull=True),
                name="attention_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"
