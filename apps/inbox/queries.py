"""Reading the inbox."""

from datetime import datetime

from django.db.models import QuerySet

from apps.common import clock
from apps.inbox.models import Delivery, DeliveryState


def deliveries_of(store_id: int) -> QuerySet[Delivery]:
    """Returns a store's deliveries, newest first, without their bodies."""
    return Delivery.objects.filter(store_id=store_id).defer("body", "traceback").order_by("-id")


def due_deliveries() -> QuerySet[Delivery]:
    """Returns what is due in every store, the longest-waiting first."""
    return Delivery.objects.filter(
        state__in=(DeliveryState.RECEIVED, DeliveryState.FAILED),
        next_attempt_at__lte=clock.now(),
    ).order_by("next_attempt_at")


def oldest_due_at() -> datetime | None:
    """Returns since when the longest-waiting due delivery waits (UTC), or None."""
    return due_deliveries().values_list("next_attempt_at", flat=True).first()
