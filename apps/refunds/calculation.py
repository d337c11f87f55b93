"""Why this amount: a refund line worked out step by step. Pure.

What is decided is what is shown: the decision uses the figures of `LineCalculation`, and the same
figures are kept with the line and read back for the screens. Amounts are integer cents.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self

from apps.orders.rules import PricedLine, UnitsCost, shipped_amount_cents, units_cost


@dataclass(frozen=True)
class LineCalculation:
    """One line's units: what was paid for them, what Optoro estimates, and what limits apply.

    price - discount + tax + rounding = paid; estimated - taken_off = amount.
    """

    quantity: int
    price_cents: int
    discount_cents: int
    tax_cents: int
    rounding_cents: int
    paid_cents: int
    estimated_cents: int
    shopper_estimate_cents: int
    optoro_estimate_cents: int
    cap_cents: int
    refunded_before_cents: int
    quantity_shipped: int
    quantity_refunded_before: int
    taken_off_cents: int
    amount_cents: int
    tolerance_cents: int | None = None

    @property
    def room_cents(self) -> int:
        """What of the line is not refunded yet, never below zero."""
        return max(0, self.cap_cents - self.refunded_before_cents)

    @property
    def difference_cents(self) -> int:
        """Optoro's estimate less what the desk works out was paid."""
        return self.estimated_cents - self.paid_cents

    @property
    def is_within_tolerance(self) -> bool:
        """Whether Optoro's estimate is near enough to the desk's own figure. The tolerance is
        per unit; a rounding cent per unit is never a difference."""
        if self.tolerance_cents is None:
            return True
        return abs(self.difference_cents) <= self.quantity * max(1, self.tolerance_cents)

    def to_content(self) -> dict[str, Any]:
        """Returns the figures as JSON content."""
        return asdict(self)

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> Self:
        """Reads back what `to_content` wrote."""
        return cls(**content)


def calculate_line(
    *,
    line: PricedLine,
    estimates: list[tuple[int, int]],
    refunded_before_cents: int,
    refunded_before_units: int,
    tolerance_cents: int | None = None,
) -> LineCalculation:
    """Returns the figures for units of a line, given Optoro's (shopper, optoro) estimates of each
    and what of the line is refunded before.

    The amount is Optoro's estimate, less what is above the room of the line where that is no more
    than a rounding cent for each unit of the line that is refunded by now (flows.md, "How much":
    the limit is the line's, so the last unit makes up for those before it).
    """
    quantity = len(estimates)
    cost: UnitsCost = units_cost(line, first=refunded_before_units, count=quantity)
    estimated = sum(shopper + optoro for shopper, optoro in estimates)
    room = max(0, shipped_amount_cents(line) - refunded_before_cents)
    excess = max(0, estimated - room)
    taken_off = excess if excess <= quantity + refunded_before_units else 0
    return LineCalculation(
        quantity=quantity,
        price_cents=cost.price_cents,
        discount_cents=cost.discount_cents,
        tax_cents=cost.tax_cents,
        rounding_cents=cost.rounding_cents,
        paid_cents=cost.amount_cents,
        estimated_cents=estimated,
        shopper_estimate_cents=sum(shopper for shopper, _ in estimates),
        optoro_estimate_cents=sum(optoro for _, optoro in estimates),
        cap_cents=shipped_amount_cents(line),
        refunded_before_cents=refunded_before_cents,
        quantity_shipped=line.quantity_shipped,
        quantity_refunded_before=refunded_before_units,
        taken_off_cents=taken_off,
        amount_cents=estimated - taken_off,
        tolerance_cents=tolerance_cents,
    )
