"""Keeping with each exchange order what the order system says of the order it is carried as."""

from apps.exchanges.lineage import own_orders
from apps.exchanges.models import ExchangeOrder
from apps.orders.models import Order


def keep_own_status(order: Order, *, former_secondary_identifier: str) -> None:
    """Keeps `own_order_status` of the exchange orders that `order` bears, or bore before this
    message, the identifier of (contract §8). Call it in the transaction that mirrors the order.

    Which order an exchange order is carried as depends on other orders, too: a secondary identifier
    counts only where one order alone has it. So each is worked out anew, under its own lock: of two
    orders that take the same name at once, the second waits and finds both.
    """
    names = {order.identifier, order.secondary_identifier, former_secondary_identifier} - {""}
    rows = ExchangeOrder.objects.select_for_update(no_key=True).filter(
        store_id=order.store_id, order_identifier__in=names
    )
    placed = list(rows.defer("content", "request").order_by("pk"))
    own = own_orders(placed)
    for row in placed:
        carried_as = own.get(row.pk)
        said = carried_as.status if carried_as else ""
        if row.own_order_status != said:
            row.own_order_status = said
            row.save(update_fields=["own_order_status"])
