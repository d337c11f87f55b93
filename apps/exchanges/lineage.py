"""Which mirrored orders are exchange orders, and which order took the payment for their goods."""

from collections.abc import Iterable, Sequence

from django.db.models import Q

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
        placed = placed_as(first.values())
        if not placed:
            return first
        # An original order has a smaller key than its exchange order, so this comes to an end.
        first = {
            key: placed[order.pk].original_order if order.pk in placed else order
            for key, order in first.items()
        }


def descended_from(order: Order) -> list[Order]:
    """Returns the orders whose goods were exchanged for this order's, directly or by way of others:
    what is refunded for them is paid from the same payment."""
    found: dict[int, Order] = {}
    parents = [order.pk]
    while parents:
        rows = ExchangeOrder.objects.filter(original_order__in=parents)
        children = own_orders(list(rows)).values()
        found.update({child.pk: child for child in children})
        parents = [child.pk for child in children]
    return list(found.values())


def placed_as(orders: Iterable[Order]) -> dict[int, ExchangeOrder]:
    """Returns, by order key, the exchange orders that these orders are; the others are absent."""
    asked = {order.pk: order for order in orders}
    names = {order.identifier for order in asked.values()}
    names |= {order.secondary_identifier for order in asked.values()} - {""}
    rows = list(
        ExchangeOrder.objects.filter(
            store_id__in={order.store_id for order in asked.values()}, order_identifier__in=names
        ).select_related("original_order")
    )
    found: dict[int, ExchangeOrder] = {}
    for row_id, order in own_orders(rows).items():
        row = next(row for row in rows if row.pk == row_id)
        # Should it bear two exchange orders' names, its own identifier counts.
        if order.pk in asked and (
            order.pk not in found or order.identifier == row.order_identifier
        ):
            found[order.pk] = row
    return found


def own_orders(rows: Sequence[ExchangeOrder]) -> dict[int, Order]:
    """Returns, by exchange order key, the orders that the order system carries them as: those of
    their identifier, else those that alone have it as their secondary identifier. Exchange orders
    that it has not sent are absent.

    The order system learns of an exchange order from the answer, so that an order which was there
    before is another one, whatever it is called.
    """
    if not rows:
        return {}
    names = {row.order_identifier for row in rows}
    candidates = list(
        Order.objects.filter(
            Q(identifier__in=names) | Q(secondary_identifier__in=names),
            store_id__in={row.store_id for row in rows},
        )
    )
    found = {row.pk: _own_order(row, candidates) for row in rows}
    return {key: order for key, order in found.items() if order}


def _own_order(row: ExchangeOrder, candidates: list[Order]) -> Order | None:
    newer = [
        order
        for order in candidates
        if order.store_id == row.store_id
        and order.first_seen_at >= row.placed_at
        and order.pk > row.original_order_id
    ]
    named = [order for order in newer if order.identifier == row.order_identifier]
    if not named:
        named = [order for order in newer if order.secondary_identifier == row.order_identifier]
    return named[0] if len(named) == 1 else None
