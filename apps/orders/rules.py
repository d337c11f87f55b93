"""What was paid for a line and its units. Pure; all amounts are integer cents (fractions of them
are exact, never floats, and only on the way)."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Protocol

CANCELED = "Canceled"


class PricedLine(Protocol):
    """What the rules need of a line, mirrored or in a snapshot."""

    @property
    def quantity(self) -> int: ...
    @property
    def quantity_shipped(self) -> int: ...
    @property
    def quantity_canceled(self) -> int: ...
    @property
    def unit_price_amount_cents(self) -> int: ...
    @property
    def product_amount_cents(self) -> int: ...
    @property
    def tax_amount_cents(self) -> int: ...
    @property
    def discount_amount_cents(self) -> int: ...


def units_in_product_amount(line: PricedLine) -> int:
    """Returns how many units the line's product amount is the price of.

    Sources send the price of all ordered units, of those not canceled, or of those shipped so far
    (contract §10.5 and the guide's samples); the unit price tells which. Where it fits none (a
    price that changed), all ordered units are assumed, which never makes a unit too dear.
    """
    kept = line.quantity - line.quantity_canceled
    for units in (kept, line.quantity, line.quantity_shipped):
        if units and line.product_amount_cents == line.unit_price_amount_cents * units:
            return units
    return line.quantity


def units_in_tax_amount(line: PricedLine) -> int:
    """Returns how many units the line's tax is the tax of: all ordered ones.

    The tax of a partly canceled line may still be that of all ordered units, and nothing in the
    message tells; spreading it over all of them never refunds tax that was not paid
    (contract §10.5: 4 ordered, 1 shipped, tax 1024: the unit is worth 12800 + 256).
    """
    return line.quantity


def units_in_discount_amount(line: PricedLine) -> int:
    """Returns how many units share the line's discount: those not canceled, or those the product
    amount is of where these are fewer.

    The careful reading again: fewer units share it, so each is worth less, never more.
    """
    kept = line.quantity - line.quantity_canceled
    return max(min(kept, units_in_product_amount(line)), 1)


def unit_amount_cents(line: PricedLine, position: int) -> int:
    """Returns what was paid for the unit at `position` (from 0) among those not canceled.

    Price less discount plus tax. Over all units of a line without cancellations these add up to
    product - discount + tax exactly.
    """
    return units_cost(line, first=position, count=1).amount_cents


@dataclass(frozen=True)
class UnitsCost:
    """What some units of a line cost: price - discount + tax + rounding = amount."""

    price_cents: int
    discount_cents: int
    tax_cents: int
    rounding_cents: int
    amount_cents: int


def units_cost(line: PricedLine, *, first: int, count: int) -> UnitsCost:
    """Returns what `count` units of a line cost, from the one at place `first` (from 0) on.

    Units past the last one ordered cost nothing. Taken place after place, the amounts add up to
    the line without cancellations exactly; each share is rounded for itself, and `rounding_cents`
    is what that leaves over.
    """

    def share(amount_cents: int, units: int) -> int:
        exact = _first(amount_cents, first + count, units) - _first(amount_cents, first, units)
        return round(exact)

    price = share(line.product_amount_cents, units_in_product_amount(line))
    discount = share(line.discount_amount_cents, units_in_discount_amount(line))
    tax = share(line.tax_amount_cents, units_in_tax_amount(line))
    amount = _first_units_cents(line, first + count) - _first_units_cents(line, first)
    return UnitsCost(price, discount, tax, amount - (price - discount + tax), amount)


def shipped_amount_cents(line: PricedLine) -> int:
    """Returns what was paid for the shipped units of a line: the most it can ever refund.

    flows.md, "How much": per line, never more than its shipped units cost.
    """
    return _first_units_cents(line, line.quantity_shipped)


def _first_units_cents(line: PricedLine, count: int) -> int:
    """Returns what the first `count` units cost together, in cents.

    The three shares are added as exact fractions and rounded down once: rounded each for itself
    they could make a unit cost less than nothing, and the units not add up to the line.
    """
    exact = (
        _first(line.product_amount_cents, count, units_in_product_amount(line))
        + _first(line.tax_amount_cents, count, units_in_tax_amount(line))
        - _first(line.discount_amount_cents, count, units_in_discount_amount(line))
    )
    return max(0, floor(exact))


def _first(amount_cents: int, count: int, units: int) -> Fraction:
    return Fraction(amount_cents * min(count, units), units)


def line_amount_cents(line: PricedLine) -> int:
    """Returns product - discount + tax of the whole line as it stands in the message."""
    return line.product_amount_cents - line.discount_amount_cents + line.tax_amount_cents


def is_publishable(*, status: str, quantities_shipped: list[int], was_published: bool) -> bool:
    """Tells whether Optoro should have a snapshot of the order (contract §8, "When").

    From the first shipment on; a canceled order too, so that nobody can return it; and once
    published, for ever after.
    """
    return was_published or status == CANCELED or any(quantities_shipped)
