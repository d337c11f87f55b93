"""Reading the timeline of an order or an RMA."""

from collections.abc import Collection

from django.db.models import Q, QuerySet

from apps.timeline.models import Event


def events_about(
    *,
    store_id: int,
    order_identifiers: Collection[str] = (),
    rma_identifiers: Collection[str] = (),
) -> QuerySet[Event]:
    """Returns the events about any of these orders or RMAs, newest first."""
    about = Q(pk__in=[])
    if named_orders := [identifier for identifier in order_identifiers if identifier]:
        about |= Q(order_identifier__in=named_orders)
    if named_rmas := [identifier for identifier in rma_identifiers if identifier]:
        about |= Q(rma_identifier__in=named_rmas)
    return (
        Event.objects.filter(about, store_id=store_id)
        .select_related("actor")
        .order_by("-recorded_at", "-pk")
    )
