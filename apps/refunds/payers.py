"""Whose payment is refunded for the goods of an RMA."""

from collections.abc import Iterable
from dataclasses import dataclass

from apps.exchanges.lineage import paying_orders
from apps.orders.models import Order
from apps.orders.queries import orders_named
from apps.rmas.models import Rma, RmaUnit


@dataclass(frozen=True)
class Payers:
    """The orders whose payment is refunded for an RMA's units.

    `by_name` are the orders that units name as the ones their goods were exchanged from,
    `paying` the orders that took the payment, by the key of the order asked for.
    """

    by_name: dict[str, Order]
    paying: dict[int, Order]

    def of(self, unit: RmaUnit) -> Order | None:
        """Returns the order whose payment is refunded for a unit, or None where it is not clear.

        An exchange order took no payment: its goods are paid back on the first order (flows.md,
        "Where the money goes"), which the unit names, or which the exchange order tells.
        """
        own = self.paying[unit.order_id] if unit.order_id else None
        is_exchange_order = own is not None and own.pk != unit.order_id
        if not unit.original_order_identifier:
            return own
        named = self.by_name.get(unit.original_order_identifier)
        if named is None:
            return own if is_exchange_order else None
        payer = self.paying[named.pk]
        return None if is_exchange_order and payer != own else payer

    def why_unclear(self, unit: RmaUnit) -> str:
        """Returns, in words, why `of` knows no order for a unit."""
        name = unit.original_order_identifier
        if name not in self.by_name:
            return f"{unit.label}: its payment is on order {name}, which is not known yet"
        own = self.paying[unit.order_id] if unit.order_id else None
        return (
            f"{unit.label}: the RMA says that it was exchanged from order {name}, but order "
            f"{unit.order_identifier} was placed in exchange for goods of order "
            f"{own.identifier if own else ''}"
        )

    @property
    def orders(self) -> list[Order]:
        """Returns the orders that took a payment."""
        return list(self.paying.values())

    def among(self, locked: dict[int, Order]) -> "Payers":
        """Returns the same with the rows that are locked."""
        return Payers(self.by_name, {key: locked[order.pk] for key, order in self.paying.items()})


def payers_of(rma: Rma, units: Iterable[RmaUnit]) -> Payers:
    """Returns whose payment is refunded for these units of an RMA."""
    units = list(units)
    names = {unit.original_order_identifier for unit in units}
    by_name = orders_named(store_id=rma.store_id, identifiers=names)
    goods = [unit.order for unit in units if unit.order]
    return Payers(by_name, paying_orders([*goods, *by_name.values()]))
