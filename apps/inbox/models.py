"""Messages as they came. A body is stored before anybody looks into it, and never changed."""

from django.db import models
from django.db.models import Q

from apps.stores.models import Store


class DeliveryState(models.TextChoices):
    RECEIVED = "received", "Received"
    PROCESSED = "processed", "Processed"
    QUARANTINED = "quarantined", "Quarantined"
    FAILED = "failed", "Failed, will be tried again"
    REFUSED = "refused", "Refused; its sender was told why"


class Topic(models.TextChoices):
    RMA = "rma", "RMA"
    EXCHANGE_ORDER = "exchange_order", "Exchange order"


class Delivery(models.Model):
    """One message; identical ones (same store, topic, tenant header and body) are counted."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    topic = models.CharField(max_length=40, choices=Topic.choices)
    optiturn_id = models.CharField(
        max_length=200, blank=True, help_text="The X-Optiturn-Id header as it came"
    )
    api_version = models.CharField(max_length=20, blank=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    body_sha256 = models.CharField(max_length=64)
    remote_address = models.CharField(max_length=64, blank=True)
    copies = models.PositiveIntegerField(default=1)
    received_at = models.DateTimeField(auto_now_add=True)
    last_received_at = models.DateTimeField()
    state = models.CharField(
        max_length=12, choices=DeliveryState.choices, default=DeliveryState.RECEIVED
    )
    subject = models.CharField(
        max_length=255, blank=True, help_text="The identifier in the message, where it has one"
    )
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    traceback = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["store", "topic", "optiturn_id", "body_sha256"],
                name="inbox_identical_bodies_are_one_delivery",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(state__in=["received", "failed"]),
                name="inbox_due",
            ),
            models.Index(fields=["store", "state", "-id"], name="inbox_by_state"),
            models.Index(fields=["store", "-received_at", "-id"], name="inbox_newest"),
            models.Index(fields=["store", "topic", "-received_at", "-id"], name="inbox_by_topic"),
            models.Index(
                fields=["store", "-received_at", "-id"],
                condition=Q(copies__gt=1),
                name="inbox_copied",
            ),
            models.Index(fields=["store", "subject", "-id"], name="inbox_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.subject or self.pk} ({self.state})"

    @property
    def text(self) -> str:
        """The body as text, with what is not UTF-8 made visible."""
        return bytes(self.body).decode("utf-8", "backslashreplace")
