"""What was paid for a line and its units. Pure; all amounts are integer cents."""

from typing import Protocol

from apps.common.money import first_shares, share_of

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
    """Returns how many units share the line's discount: those not canceled.

    The careful reading again: fewer units share it, so each is worth less, never more.
    """
    return max(line.quantity - line.quantity_canceled, 1)


def unit_amount_cents(line: PricedLine, position: int) -> int:
    """Returns what was paid for the unit at `position` (from 0) among those not canceled.

    Price less discount plus tax. Over all units of a line without cancellations these add up to
    product - discount + tax exactly.
    """
    return max(
        0,
        _share(line.product_amount_cents, position, units_in_product_amount(line))
        + _share(line.tax_amount_cents, position, units_in_tax_amount(line))
        - _share(line.discount_amount_cents, position, units_in_discount_amount(line)),
    )


def _share(amount_cents: int, position: int, parts: int) -> int:
    return share_of(amount_cents, position, parts) if position < parts else 0


def shipped_amount_cents(line: PricedLine) -> int:
    """Returns what was paid for the shipped units of a line: the most it can ever refund.

    flows.md, "How much": per line, never more than its shipped units cost.
    """
    shipped = line.quantity_shipped
    product_units = units_in_product_amount(line)
    tax_units = units_in_tax_amount(line)
    discount_units = units_in_discount_amount(line)
    amount = (
        first_shares(line.product_amount_cents, min(shipped, product_units), product_units)
        + first_shares(line.tax_amount_cents, min(shipped, tax_units), tax_units)
        - first_shares(line.discount_amount_cents, min(shipped, discount_units), discount_units)
    )
    return max(0, amount)


def line_amount_cents(line: PricedLine) -> int:
    """Returns product - discount + tax of the whole line as it stands in the message."""
    return line.product_amount_cents - line.discount_amount_cents + line.tax_amount_cents


def is_publishable(*, status: str, quantities_shipped: list[int], was_published: bool) -> bool:
    """Tells whether Optoro should have a snapshot of the order (contract §8, "When").

    From the first shipment on; a canceled order too, so that nobody can return it; and once
    published, for ever after.
    """
    return was_published or status == CANCELED or any(quantities_shipped)
