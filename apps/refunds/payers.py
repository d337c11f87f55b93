"""Whose payment is refunded for the goods of an RMA."""

from collections.abc import Iterable
from dataclasses import dataclass

from apps.orders.models import Order
from apps.orders.queries import orders_named
from apps.rmas.models import Rma, RmaUnit


@dataclass(frozen=True)
class Payers:
    """The orders that took the payment of returned exchange goods, by the name units give them."""

    first_orders: dict[str, Order]

    def of(self, unit: RmaUnit) -> Order | None:
        """Returns the order whose payment is refunded for a unit, or None while it is not known.

        An even exchange took no payment: its goods are paid back on the first order (flows.md,
        "Where the money goes").
        """
        if unit.original_order_identifier:
            return self.first_orders.get(unit.original_order_identifier)
        return unit.order

    @property
    def orders(self) -> list[Order]:
        """Returns all of them."""
        return list(self.first_orders.values())

    def among(self, locked: dict[int, Order]) -> "Payers":
        """Returns the same with the rows that are locked."""
        return Payers({name: locked[order.pk] for name, order in self.first_orders.items()})


def payers_of(rma: Rma, units: Iterable[RmaUnit]) -> Payers:
    """Returns whose payment is refunded for these units of an RMA."""
    names = {unit.original_order_identifier for unit in units}
    return Payers(orders_named(store_id=rma.store_id, identifiers=names))
