"""What needs a person: each with a kind, an age, an owner and what to do."""

from django.conf import settings
from django.db import models

from apps.common import clock
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
    PAYMENT_BY_HAND = "payment_by_hand", "A payment waits for a person to make it"
    PAYMENT_CONTRADICTED = "payment_contradicted", "The gateway contradicts what was written down"
    REFUND_WITHDRAWN = "refund_withdrawn", "A refund that a person made was withdrawn"
    PAID_NOT_REPORTED = "paid_not_reported", "Optoro has not been told of a paid refund"
    REPORTED_NOT_CONFIRMED = "reported_not_confirmed", "Optoro has not confirmed a refund"
    CANCELLATION_WAITS = "cancellation_waits", "A cancellation waits for Optoro"
    CONVERSION_WAITS = "conversion_waits", "A conversion waits for Optoro"
    SETTLEMENT_UNMATCHED = "settlement_unmatched", "A settlement does not match an exchange order"
    PAYMENT_STUCK = "payment_stuck", "Nothing makes a payment that is due"
    WAITS_FOR_APPROVAL = "waits_for_approval", "A refund waits for approval"
    JOB_FAILS = "job_fails", "A job fails again and again"
    GIVEN_BACK_TWICE = "given_back_twice", "Given back here and outside: more than was paid"
    ORDER_SHRANK = "order_shrank", "An order shrank below what was refunded of it"
    GOODWILL_ABOVE_LIMIT = "goodwill_above_limit", "An order got more goodwill than is allowed"
    BOOKS_BROKEN = "books_broken", "The desk's own books do not add up"
    REPORT_FAILED = "report_failed", "A scheduled report was not sent"
    REPORT_EMPTY = "report_empty", "A scheduled report has no rows"
    STATEMENT_NOT_PAID = "statement_not_paid", "A statement has payments that the desk has not made"
    STATEMENT_TWICE = "statement_twice", "A statement has a payment twice"


class Item(models.Model):
    """One thing that waits for a person; it closes by itself when its cause is gone."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40, choices=Kind.choices)
    subject = models.CharField(max_length=255, help_text="What it is about, unique within its kind")
    order_identifier = models.CharField(max_length=255, blank=True)
    rma_identifier = models.CharField(max_length=255, blank=True)
    detail = models.TextField(help_text="Why it is here, with the values")
    opened_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(
        null=True, blank=True, help_text="Late from then on: by when its kind should be dealt with"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=255, blank=True)
    is_dismissed = models.BooleanField(
        default=False, help_text="A person closed it, though its cause may still be there"
    )
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
            ),
            # What is open about one order or one return.
            *(
                models.Index(
                    fields=[f"{about}_identifier"],
                    condition=models.Q(resolved_at__isnull=True),
                    name=f"attention_open_of_{about}",
                )
                for about in ("order", "rma")
            ),
            models.Index(
                fields=["store", "kind", "subject"],
                condition=models.Q(is_dismissed=True),
                name="attention_dismissed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"

    @property
    def is_late(self) -> bool:
        """Whether it is open, and should have been dealt with by now."""
        return self.resolved_at is None and self.due_at is not None and self.due_at <= clock.now()
