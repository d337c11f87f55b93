"""Reading RMAs."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q, QuerySet

from apps.common import clock
from apps.orders.models import Order
from apps.rmas.models import Rma, RmaUnit


def rmas_of_order(order: Order) -> QuerySet[Rma]:
    """Returns the RMAs that have a unit of this order, linked or only named."""
    return (
        Rma.objects.filter(store_id=order.store_id, units__in=units_naming(order))
        .distinct()
        .order_by("remote_created_at", "pk")
    )


def in_transit_too_long(rows: QuerySet[Rma], days: int) -> QuerySet[Rma]:
    """Keeps the open returns with a unit on its way of which nothing new is known for `days`."""
    return rows.filter(in_transit_since__lte=clock.now() - timedelta(days=days))


def delivered_not_received(rows: QuerySet[Rma], days: int) -> QuerySet[Rma]:
    """Keeps the open returns with a unit that is delivered for `days` and not received."""
    return rows.filter(delivered_since__lte=clock.now() - timedelta(days=days))


def units_naming(order: Order) -> QuerySet[RmaUnit]:
    """Returns the units of this order, linked or not linked yet."""
    names = [name for name in (order.identifier, order.secondary_identifier) if name]
    return RmaUnit.objects.filter(
        Q(order=order)
        | Q(order__isnull=True, order_identifier__in=names)
        | Q(order__isnull=True, secondary_identifier=order.identifier),
        rma__store_id=order.store_id,
    )


def rmas_touched_by(order: Order) -> QuerySet[Rma]:
    """Returns the RMAs whose decision a change of this order may change: those that return its
    goods, and those of exchanged goods whose payment it took."""
    names = [name for name in (order.identifier, order.secondary_identifier) if name]
    return Rma.objects.filter(
        Q(units__in=units_naming(order)) | Q(units__original_order_identifier__in=names),
        store_id=order.store_id,
    ).distinct()


def lock_rma(pk: int) -> Rma:
    """Locks an RMA's row for the rest of the transaction. Lock RMAs before orders, never after."""
    return Rma.objects.select_for_update(no_key=True).get(pk=pk)


def units_of(rmas: Iterable[Rma]) -> QuerySet[RmaUnit]:
    """Returns the units of these RMAs in their fixed order, with their lines."""
    return RmaUnit.objects.filter(rma__in=list(rmas)).select_related("order", "order_line")
