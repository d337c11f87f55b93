"""Whose payment is refunded for the goods of an RMA."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from apps.exchanges.lineage import paying_orders
from apps.orders.models import Order
from apps.orders.queries import orders_named, took_payments
from apps.rmas.models import Rma, RmaUnit


@dataclass(frozen=True)
class Payers:
    """The orders whose payment is refunded for an RMA's units.

    `by_name` are the orders that units name as the ones their goods were exchanged from,
    `paying` the orders that took the payment, by the key of the order asked for, `took_payments`
    the keys of the units' own orders that captured one themselves.
    """

    by_name: dict[str, Order]
    paying: dict[int, Order]
    took_payments: frozenset[int] = frozenset()

    def of(self, unit: RmaUnit) -> Order | None:
        """Returns the order whose payment is refunded for a unit, or None where it is not clear.

        An exchange order took no payment: its goods are paid back on the first order (flows.md,
        "Where the money goes"), which the unit names, or which the exchange order tells.
        """
        if self.why_unclear(unit):
            return None
        named = self.by_name.get(unit.original_order_identifier)
        return self.paying[named.pk] if named else self._own(unit)

    def why_unclear(self, unit: RmaUnit) -> str:
        """Returns, in words, why `of` knows no order for a unit, or "" where it knows one."""
        name = unit.original_order_identifier
        own = self._own(unit)
        is_exchange_order = own is not None and own.pk != unit.order_id
        if not name:
            return "" if own else f"{unit.label}: its order is not known yet"
        named = self.by_name.get(name)
        if named is None:
            if is_exchange_order:
                return ""
            return f"{unit.label}: its payment is on order {name}, which is not known yet"
        payer = self.paying[named.pk]
        if own is None or payer == own:
            return ""
        says = f"{unit.label}: the RMA says that it was exchanged from order {name}, but order "
        if is_exchange_order:
            return (
                f"{says}{unit.order_identifier} was placed in exchange for goods of order "
                f"{own.identifier}"
            )
        return f"{says}{own.identifier} {why}" if (why := self._why_a_stranger(own, payer)) else ""

    def _own(self, unit: RmaUnit) -> Order | None:
        return self.paying[unit.order_id] if unit.order_id else None

    def _why_a_stranger(self, own: Order, payer: Order) -> str:
        """Where no exchange order tells, the RMA's word alone must not divert a payment to another
        shopper."""
        if own.pk in self.took_payments:
            return "took a payment of its own"
        emails = {own.customer_email.strip().lower(), payer.customer_email.strip().lower()}
        if "" not in emails and len(emails) == 2:
            return f"and order {payer.identifier} are of different customers"
        return ""

    @property
    def orders(self) -> list[Order]:
        """Returns the orders that took a payment."""
        return list(self.paying.values())

    def among(self, locked: dict[int, Order]) -> "Payers":
        """Returns the same with the rows that are locked."""
        return replace(self, paying={key: locked[order.pk] for key, order in self.paying.items()})


def payers_of(rma: Rma, units: Iterable[RmaUnit]) -> Payers:
    """Returns whose payment is refunded for these units of an RMA."""
    units = list(units)
    names = {unit.original_order_identifier for unit in units}
    by_name = orders_named(store_id=rma.store_id, identifiers=names)
    goods = {unit.order.pk: unit.order for unit in units if unit.order}
    return Payers(
        by_name,
        paying_orders([*goods.values(), *by_name.values()]),
        took_payments(goods) if by_name else frozenset(),
    )
