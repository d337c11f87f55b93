"""Reading what needs a person."""

from django.db.models import Case, Q, QuerySet, Value, When

from apps.attention.models import Item

# Counting goes on to here: above it, a queue is merely long.
COUNTED = 1000


def open_items(store_id: int) -> QuerySet[Item]:
    """Returns the open items of a store, oldest first."""
    return Item.objects.filter(store_id=store_id, resolved_at=None).order_by("opened_at", "pk")


def next_of_kind(item: Item, user_id: int) -> tuple[Item | None, int]:
    """Returns which item of the same kind a person works on after this one (the oldest after it
    that nobody else has, else the oldest such of all), and how many others are open, COUNTED at
    most."""
    others = open_items(item.store_id).filter(kind=item.kind).exclude(pk=item.pk)
    later = Q(opened_at__gt=item.opened_at) | Q(opened_at=item.opened_at, pk__gt=item.pk)
    free = others.filter(Q(owner=None) | Q(owner_id=user_id)).annotate(
        is_earlier=Case(When(later, then=Value(False)), default=Value(True))
    )
    found = free.order_by("is_earlier", "opened_at", "pk").first()
    return found, others.order_by()[:COUNTED].count()
