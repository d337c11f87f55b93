"""What happened, who did it and when: append-only."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models

from apps.stores.models import Store


class ActorKind(models.TextChoices):
    OPTORO = "optoro", "Optoro"
    OMS = "oms", "Order system"
    SYSTEM = "system", "Returns Desk"
    STAFF = "staff", "Staff"
    GATEWAY = "gateway", "Payment gateway"
    API = "api", "API"


class Event(models.Model):
    """One thing that happened to an order, an RMA or a refund.

    Subjects are identifiers, not keys: an event can be about an order that is not known yet, and
    it stays when rows are merged. `message_kind` and `message_id` point at the raw message.
    """

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=60)
    summary = models.CharField(max_length=500)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)
    actor_kind = models.CharField(max_length=20, choices=ActorKind.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    actor_name = models.CharField(
        max_length=100, blank=True, help_text="Which API key, where a machine did it"
    )
    order_identifier = models.CharField(max_length=255, blank=True)
    rma_identifier = models.CharField(max_length=255, blank=True)
    refund_identifier = models.CharField(max_length=255, blank=True)
    changes = models.JSONField(default=list)
    message_kind = models.CharField(max_length=20, blank=True)
    message_id = models.BigIntegerField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["store", "order_identifier", "recorded_at"], name="timeline_by_order"
            ),
            models.Index(fields=["store", "rma_identifier", "recorded_at"], name="timeline_by_rma"),
        ]

    def __str__(self) -> str:
        return f"{self.recorded_at:%Y-%m-%d %H:%M} {self.summary}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise TypeError("timeline events are append-only: record a new one")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("timeline events are append-only: they are never deleted")
