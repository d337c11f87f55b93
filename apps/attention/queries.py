"""Reading what needs a person."""

from django.db.models import QuerySet

from apps.attention.models import Item


def open_items(store_id: int) -> QuerySet[Item]:
    """Returns the open items of a store, oldest first."""
    return Item.objects.filter(store_id=store_id, resolved_at=None).order_by("opened_at", "pk")
