"""What was bought, sent and said: kept by the test itself, and never asked of the code under test.
Amounts are integer cents; what a line costs is exact."""

from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

from hypothesis import strategies as st

from tests.support import builders
from tests.support.wishes import transaction

Json = dict[str, Any]

OVER = {"CANCELED", "REFUNDED"}


@dataclass
class Line:
    """What the shopper bought: the price of each unit, tax and discount of all."""

    identifier: str
    quantity: int
    price: int
    tax: int
    discount: int

    def cost_of(self, units: int) -> Fraction:
        """What so many units cost, exactly: the most that can be refunded for them."""
        return units * (self.price + Fraction(self.tax - self.discount, self.quantity))

    def share(self, position: int) -> int:
        """The estimate for one unit: shares that add up to the line."""
        return floor(self.cost_of(position + 1)) - floor(self.cost_of(position))


@dataclass
class Outside:
    """A refund that the order system made."""

    identifier: str
    cents: int
    line: str = ""
    quantity: int = 0
    rma: str = ""
    is_goodwill: bool = False

    def told(self) -> Json:
        """The refund as a snapshot tells of it."""
        line = {
            "identifier": f"{self.identifier}-a",
            "quantity": self.quantity,
            "order_item_identifier": self.line,
        }
        return {
            "identifier": self.identifier,
            "total_refund_amount_cents": self.cents,
            "refund_line_items": [line] if self.line else [],
            "created_at": "2026-01-25T10:00:00Z",
            **({"rma_identifier": self.rma} if self.rma else {}),
            **({"tags": ["ignore_refund"]} if self.is_goodwill else {}),
        }


@dataclass(eq=False)
class Order:
    """An order as its newest snapshot tells it; `captures` is what each payment took, and is empty
    where the order system tells no payments."""

    identifier: str
    lines: dict[str, Line]
    captures: dict[str, int]
    shipped: dict[str, int]
    outside: list[Outside] = field(default_factory=list)
    returned: list[tuple[str, int]] = field(default_factory=list)
    snapshots: list[Json] = field(default_factory=list)

    @property
    def captured(self) -> int:
        """What can go back to the payments in all."""
        if self.captures:
            return sum(self.captures.values())
        return sum(int(line.cost_of(line.quantity)) for line in self.lines.values())

    @property
    def worth(self) -> Fraction:
        """What everything that was shipped cost."""
        costs = [self.lines[name].cost_of(count) for name, count in self.shipped.items()]
        return sum(costs, Fraction(0))

    def returned_outside(self) -> int:
        """What others have paid back: told as refunds or as transactions, or as both."""
        told = sum(refund.cents for refund in self.outside)
        return max(told, sum(cents for _, cents in self.returned))

    def next_snapshot(self) -> Json:
        """A newer snapshot, of how things are now."""
        items = [
            builders.line(
                line.identifier,
                quantity=line.quantity,
                quantity_shipped=self.shipped[line.identifier],
                unit_price_amount_cents=line.price,
                tax_amount_cents=line.tax,
                discount_amount_cents=line.discount,
            )
            for line in self.lines.values()
        ]
        movements = [
            transaction(
                name,
                cents,
                gateway="Gift Card" if name.startswith("GIFT") else "card",
                parent_identifier=f"{name}-AUTH",
            )
            for name, cents in self.captures.items()
        ]
        movements += [
            transaction(f"BACK-{n}", cents, type="REFUND", parent_identifier=parent)
            for n, (parent, cents) in enumerate(self.returned)
        ]
        version = len(self.snapshots)
        snapshot = builders.order(
            self.identifier,
            items,
            transactions=movements,
            refunds=[refund.told() for refund in self.outside],
            updated_at=f"2026-01-23T{13 + version // 60:02d}:{version % 60:02d}:00Z",
        )
        self.snapshots.append(snapshot)
        return snapshot


@dataclass
class Unit:
    """One unit on its way back, and Optoro's figures of it."""

    order: str
    line: str
    cents: int
    kind: str
    tracking: str | None = None
    receiving: str = "PENDING"

    def told(self) -> Json:
        """The unit as a message tells of it."""
        optoro = {"REFUND": 0, "UNEVEN_EXCHANGE": self.cents // 2}.get(self.kind, self.cents)
        return builders.unit(
            self.order,
            self.line,
            self.cents,
            package_tracking_status=self.tracking,
            tracking_number="P-1" if self.tracking else None,
            receiving_status=self.receiving,
            refund_type=self.kind,
            is_exchange=self.kind != "REFUND",
            refund_financials={
                "estimated_refund_amount_cents": self.cents,
                "optoro_refund_amount_cents": optoro,
                "shopper_refund_amount_cents": self.cents - optoro,
            },
        )


@dataclass
class Return:
    """An RMA and what Optoro has said of it; `is_asked` while its cancellation is asked for."""

    identifier: str
    method: str
    units: list[Unit]
    giftee: str = ""
    shipping: int = 0
    status: str = "CREATED"
    messages: list[Json] = field(default_factory=list)
    most: dict[tuple[str, str], int] = field(default_factory=dict)
    is_asked: bool = False

    def move(self, what: str) -> None:
        """Something happens to the parcel, or to the RMA. What is over, only travels on."""
        first = self.units[0]
        if what in ("scan", "scan_one"):
            for unit in self.units if what == "scan" else [first]:
                unit.tracking = "TRANSIT"
        elif what == "receive":
            for unit in self.units:
                unit.tracking, unit.receiving = "DELIVERED", "RECEIVED"
        elif what == "lose":
            first.receiving = "NOT_RECEIVED"
        elif what == "revalue":
            first.cents = max(1, first.cents - 100)
        elif what == "drop" and len(self.units) > 1:
            self.units.pop()
        elif (what in OVER and self.status not in OVER) or what == "CANCELED":
            self.status = what

    def next_message(self) -> Json:
        """A newer message, of how things are now."""
        for unit in self.units:
            place = unit.order, unit.line
            count = sum((other.order, other.line) == place for other in self.units)
            self.most[place] = max(self.most.get(place, 0), count)
        gift = {"gift_refund_only": True, "giftee_email": self.giftee} if self.giftee else {}
        message = builders.rma(
            self.identifier,
            [unit.told() for unit in self.units],
            minute=len(self.messages),
            status=self.status,
            return_method=self.method,
            return_shipping_cost_cents=self.shipping,
            **gift,
        )
        self.messages.append(message)
        return message


@st.composite
def orders(draw: st.DrawFn) -> list[Order]:
    """One or two small orders, paid in none, one or two ways that the order system tells of."""
    count = draw(st.sampled_from([1, 1, 2]))
    return [draw(_order(f"ORD-{n + 1}")) for n in range(count)]


@st.composite
def _order(draw: st.DrawFn, identifier: str) -> Order:
    lines = [
        Line(
            str(n + 1),
            quantity=draw(st.integers(1, 3)),
            price=draw(st.sampled_from([1000, 999, 3333, 12_800])),
            tax=draw(st.sampled_from([0, 100, 256])),
            discount=draw(st.sampled_from([0, 0, 101])),
        )
        for n in range(draw(st.integers(1, 3)))
    ]
    worth = sum(int(line.cost_of(line.quantity)) for line in lines)
    taken = draw(st.sampled_from([worth, worth, worth, worth * 2 // 3]))
    gift = draw(st.sampled_from([taken // 3, taken // 3, 300, 0]))
    captures = {f"GIFT-{identifier}": gift, f"CARD-{identifier}": taken - gift}
    if not draw(st.sampled_from([True, True, True, False])):
        captures = {}
    return Order(
        identifier,
        {line.identifier: line for line in lines},
        {name: cents for name, cents in captures.items() if cents},
        {line.identifier: line.quantity - draw(st.sampled_from([0, 0, 0, 1])) for line in lines},
    )
