"""Which order took the payment for exchanged goods."""

from collections.abc import Iterable

from apps.exchanges.models import ExchangeOrder
from apps.orders.models import Order


def paying_orders(orders: Iterable[Order]) -> dict[int, Order]:
    """Returns, by order key, the first order of each one's line of exchanges: itself where it is no
    exchange order.

    An exchange order takes no payment (flows.md, "Where the money goes"), and its goods may have
    been exchanged for yet others: the payment is the first order's.
    """
    first = {order.pk: order for order in orders}
    while True:
        placed = _placed_as({order.pk: order for order in first.values()})
        if not placed:
            return first
        # An original order is always older than its exchange order, so this comes to an end.
        first = {key: placed.get(order.pk, order) for key, order in first.items()}


def _placed_as(orders: dict[int, Order]) -> dict[int, Order]:
    """Returns, by order key, the original orders of those that are exchange orders."""
    by_name = {(order.store_id, order.identifier): order for order in orders.values()}
    rows = ExchangeOrder.objects.filter(
        store_id__in={store_id for store_id, _ in by_name},
        order_identifier__in=[identifier for _, identifier in by_name],
    ).select_related("original_order")
    found = {}
    for row in rows:
        order = by_name.get((row.store_id, row.order_identifier))
        if order and row.original_order_id != order.pk:
            found[order.pk] = row.original_order
    return found
