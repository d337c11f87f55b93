"""Drawn worlds: orders, returns of every kind and the messages that tell of them, with a small
model of its own of what may come of them. Nothing here asks the code under test."""

import random
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

from tests.support import builders
from tests.support.exchanges import exchange_order, gift_card, item
from tests.support.plays import Step

Json = dict[str, Any]

METHODS = {
    "mail-back": "mail_back_trigger",
    "express-returns": "express_returns_trigger",
    "home-pickup": "home_pickup_trigger",
    "customer-keep": "customer_keep_trigger",
}
PROGRESS = [None, "PRE_TRANSIT", "ACCEPTED", "TRANSIT", "DELIVERED"]
HANDED_OVER = {
    "mail-back": {"TRANSIT", "DELIVERED"},
    "express-returns": {"ACCEPTED", "TRANSIT", "DELIVERED"},
    "home-pickup": {"ACCEPTED", "TRANSIT", "DELIVERED"},
}
STOPPED = ("NOT_DROPPED_OFF", "FAILURE", "RETURNED")
CONDITIONS = ["N", "TT", "R", "A", "B", "C", "X", ""]
# What a kind of unit is called, in v4 and v5, and in v3 and the guide.
NAMES = {
    "refund": ("REFUND", "REFUND"),
    "even": ("INSTANT_EXCHANGE", "EVEN_EXCHANGE"),
    "uneven": ("UNEVEN_EXCHANGE", "UNEVEN_EXCHANGE"),
    "credit": ("INSTANT_STORE_CREDIT", "UNEVEN_GC"),
    "standard": ("STANDARD_EXCHANGE", "STANDARD_EXCHANGE"),
}
EVENTS = ["on"] * 8 + ["receive"] * 3 + ["stop", "close", "convert", "cancel", "refunded"]
USUAL = {
    "concept": "",
    **dict.fromkeys(METHODS.values(), "default"),
    "automatic_conditions": CONDITIONS,
}
GARBAGE = [b"", b"nonsense", b"[1]", b'{"rma_identifier": "RMA-0"}', b'{"items": "\\u0000"}']


# --- What was bought ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A line of an order in its last snapshot; its price is that of all units, or of those kept."""

    identifier: str
    quantity: int
    canceled: int
    shipped: int
    price: int
    tax: int
    discount: int
    is_price_of_kept: bool = False

    def cost_of(self, count: int, *, canceled: int | None = None) -> int:
        """What the first `count` units cost: tax is of all ordered units, the discount of those
        kept (contract §10.5)."""
        kept = self.quantity - (self.canceled if canceled is None else canceled)
        tax, discount = Fraction(self.tax, self.quantity), Fraction(self.discount, kept)
        return max(0, floor(count * (self.price + tax - discount)))

    def share(self, position: int) -> int:
        """The estimate for one unit: shares that add up to the line."""
        return self.cost_of(position + 1) - self.cost_of(position)

    def told(self, shipped: int, canceled: int) -> Json:
        """The line as a snapshot tells of it."""
        units = self.quantity - canceled if self.is_price_of_kept else self.quantity
        return builders.line(
            self.identifier,
            quantity=self.quantity,
            quantity_shipped=shipped,
            quantity_canceled=canceled,
            unit_price_amount_cents=self.price,
            product_amount_cents=self.price * units,
            tax_amount_cents=self.tax,
            discount_amount_cents=self.discount,
        )


@dataclass(frozen=True)
class Version:
    """One snapshot of an order, and what it says of each line: shipped, canceled."""

    body: Json
    lines: dict[str, tuple[int, int]]


@dataclass
class Order:
    """An order; `payer` took its payment: itself, unless it is an exchange order."""

    identifier: str
    lines: list[Line]
    captured: int | None
    payer: str
    concept: str = ""
    versions: list[Version] = field(default_factory=list)
    outside: list[Json] = field(default_factory=list)

    def tell(self, shipped: dict[str, int] | None = None) -> None:
        """Adds a snapshot: the last one, or an earlier one with less shipped, nothing canceled."""
        said = {
            line.identifier: (shipped[line.identifier], 0)
            if shipped is not None
            else (line.shipped, line.canceled)
            for line in self.lines
        }
        body = builders.order(
            self.identifier,
            [line.told(*said[line.identifier]) for line in self.lines],
            secondary_identifier=f"RO-{self.identifier}",
            concept=self.concept,
            transactions=self._transactions(),
            refunds=list(self.outside),
            updated_at=f"2026-01-23T13:{len(self.versions):02d}:00Z",
        )
        self.versions.append(Version(body, said))

    def _transactions(self) -> list[Json]:
        if self.captured is None:
            return []
        part = self.captured // 3
        kinds = [
            ("AUTHORIZATION", "SUCCESS", self.captured),
            ("CAPTURE", "SUCCESS", self.captured - part),
            ("SALE", "SUCCESS", part),
            ("CAPTURE", "FAILURE", self.captured),
        ]
        return [
            {
                "identifier": f"{self.identifier}-{number}",
                "parent_identifier": "",
                "amount_cents": cents,
                "status": status,
                "type": kind,
                "gateway": "card",
                "is_online": True,
                "is_test": False,
                "created_at": "2026-01-22T11:24:21Z",
                "updated_at": "2026-01-22T11:24:21Z",
                "payment_details": {},
            }
            for number, (kind, status, cents) in enumerate(kinds)
        ]

    def captured_in(self, version: int) -> int:
        """What can go back to the payment: what was captured, or what the lines cost."""
        if self.captured is not None:
            return self.captured
        body = self.versions[version].body
        return (
            body["product_amount_cents"] - body["discount_amount_cents"] + body["tax_amount_cents"]
        )


# --- What comes back ---------------------------------------------------------------------------


@dataclass
class Unit:
    """One unit on its way back; it knows who it is, the messages do not say."""

    order: Order
    line: Line
    position: int
    kind: str
    is_old_name: bool
    parcel: str
    cents: int
    shopper: int
    tracking: str | None = None
    receiving: str = "PENDING"
    condition: str = ""


@dataclass(frozen=True)
class Seen:
    """What one message shows of one unit, as far as it decides."""

    kind: str
    shopper: int
    optoro: int
    tracking: str | None
    receiving: str
    condition: str
    status: str


@dataclass
class Rma:
    """An RMA, its life as messages, and what each message shows of each unit."""

    identifier: str
    method: str
    units: list[Unit]
    spelling: str
    names_original: bool
    giftee: str | None
    shipping: int
    bonus: int
    concept: str
    status: str = "CREATED"
    minute: int = 0
    messages: list[Json] = field(default_factory=list)
    seen: list[list[Seen]] = field(default_factory=list)

    @property
    def is_gift(self) -> bool:
        """A giftee that is "" is a gift without an address."""
        return self.giftee is not None

    def name_of(self, order: Order) -> str:
        """What the messages call an order."""
        return self.spelling.format(order.identifier)

    def tell(self, **changes: Any) -> None:
        """Adds a message that shows how things are."""
        if self.is_gift:
            changes |= {"gift_refund_only": True, "giftee_email": self.giftee or None}
        if self.bonus:
            changes["bonus_credit_amount_cents"] = self.bonus
        self.messages.append(
            builders.rma(
                self.identifier,
                [self._item(unit) for unit in self.units],
                minute=self.minute,
                status=self.status,
                return_method=self.method,
                return_shipping_cost_cents=self.shipping,
                concept=self.concept or None,
                **changes,
            )
        )
        self.seen.append(
            [
                Seen(
                    unit.kind,
                    unit.shopper,
                    unit.cents - unit.shopper,
                    unit.tracking,
                    unit.receiving,
                    unit.condition,
                    self.status,
                )
                for unit in self.units
            ]
        )

    def _item(self, unit: Unit) -> Json:
        is_exchange_order = unit.order.payer != unit.order.identifier
        return builders.unit(
            self.name_of(unit.order),
            unit.line.identifier,
            original_order_identifier=(
                unit.order.payer if is_exchange_order and self.names_original else None
            ),
            tracking_number=unit.parcel if unit.tracking else None,
            package_tracking_status=unit.tracking,
            receiving_status=unit.receiving,
            warehouse_receipt_condition=unit.condition or None,
            refund_type=NAMES[unit.kind][unit.is_old_name],
            is_exchange=unit.kind != "refund",
            refund_financials={
                "estimated_refund_amount_cents": unit.cents,
                "shopper_refund_amount_cents": unit.shopper,
                "optoro_refund_amount_cents": unit.cents - unit.shopper,
            },
        )

    # What can happen. Each returns whether there is something new to tell.

    def on(self, chance: random.Random) -> bool:
        """A parcel moves on; several steps may share one time (contract §10.1)."""
        parcel = chance.choice(self.units).parcel
        moved = False
        for unit in self.units:
            at = PROGRESS.index(unit.tracking) if unit.tracking in PROGRESS else len(PROGRESS)
            if unit.parcel == parcel and at + 1 < len(PROGRESS):
                unit.tracking, moved = PROGRESS[at + 1], True
        self.minute += moved and _flip(chance)
        return moved and self.method != "customer-keep"

    def stop(self, chance: random.Random) -> bool:
        """A parcel, or a unit of it, never arrives."""
        end = chance.choice(STOPPED)
        victim = chance.choice(self.units)
        if any(u.receiving != "PENDING" for u in self.units if u.parcel == victim.parcel):
            return False  # opened at the warehouse: it has arrived
        for unit in self.units:
            if unit is victim or (unit.parcel == victim.parcel and end != "NOT_DROPPED_OFF"):
                unit.tracking = end
        self.minute += 1
        return True

    def receive(
        self,
        chance: random.Random,
        words: tuple[str, ...] = ("RECEIVED",) * 4 + ("NOT_RECEIVED",),
    ) -> bool:
        """The warehouse opens a parcel, and may tell the condition."""
        parcel = chance.choice(self.units).parcel
        opened = [u for u in self.units if u.parcel == parcel and u.tracking in PROGRESS[1:]]
        for unit in opened:
            if unit.receiving == "PENDING":
                unit.receiving = chance.choice(words)
                if unit.receiving == "RECEIVED":
                    unit.condition = chance.choice(CONDITIONS)
        self.minute += 1
        return bool(opened)

    def close(self, chance: random.Random) -> bool:
        """Receiving ends with something missing."""
        if self.status != "CREATED":
            return False
        for unit in self.units:
            if unit.receiving == "PENDING":
                unit.receiving = "NOT_RECEIVED"
        self.status = "PARTIAL_REFUND"
        self.minute += 1
        return True

    def convert(self, chance: random.Random) -> bool:
        """Exchanges that are never fulfilled become refunds."""
        if all(unit.kind == "refund" for unit in self.units):
            return False
        for unit in self.units:
            unit.kind, unit.shopper = "refund", unit.cents
        if self.status == "PENDING_EXCHANGE":
            self.status = "CREATED"
        self.minute += 1
        return True

    def place(self, chance: random.Random) -> bool:
        """A standard exchange's order is placed."""
        if self.status != "PENDING_EXCHANGE":
            return False
        self.status = "CREATED"
        self.minute += 1
        return True

    def cancel(self, chance: random.Random) -> bool:
        """Optoro cancels the return, wherever the parcel is."""
        self.status = "CANCELED"
        self.minute += 1
        return True

    def refunded(self, chance: random.Random) -> bool:
        """Optoro closes what was handed over."""
        if self.status != "CREATED":
            return False
        self.status = "REFUNDED"
        self.minute += 1
        return True


# --- Together ----------------------------------------------------------------------------------


@dataclass
class World:
    """Everything that was drawn, as steps in causal order."""

    orders: list[Order]
    rmas: list[Rma]
    policies: list[Json]
    exchange: Json | None
    garbage: list[bytes]
    has_extra_cents: bool

    def steps(self) -> list[tuple[Step, Any]]:
        """Every message in causal order, each with what it is of."""
        steps: list[tuple[Step, Any]] = []
        for order in self.orders:
            if order.identifier.endswith("-X"):
                continue
            steps += [(Step("order", v.body), (order, n)) for n, v in enumerate(order.versions)]
        if self.exchange:
            steps.append((Step("exchange", self.exchange), None))
        for order in self.orders:
            if order.identifier.endswith("-X"):
                steps += [(Step("order", v.body), (order, n)) for n, v in enumerate(order.versions)]
        for rma in self.rmas:
            steps += [(Step("rma", body), (rma, n)) for n, body in enumerate(rma.messages)]
        return steps

    def policy_of(self, rma: Rma, order: Order) -> Json:
        """The policy of a brand, else every brand's."""
        brand = rma.concept or order.concept
        named = {policy["concept"]: policy for policy in self.policies}
        return named.get(brand, named[""])

    def is_due(self, rma: Rma, unit: Unit, seen: Seen) -> bool:
        """Whether automation refunds a unit that shows this (flows.md)."""
        policy = self.policy_of(rma, unit.order)
        trigger = policy[METHODS[rma.method]]
        if seen.status in ("CANCELED", "PENDING_EXCHANGE") or seen.tracking in STOPPED:
            return False
        if seen.receiving == "NOT_RECEIVED" or (rma.giftee == "" and seen.shopper):
            return False
        is_received = seen.receiving == "RECEIVED"
        if is_received and seen.condition not in policy["automatic_conditions"]:
            return False
        if trigger == "receipt":
            return is_received and rma.method != "customer-keep"
        if rma.method == "customer-keep" or is_received:
            return True
        return seen.tracking in HANDED_OVER[rma.method]

    @property
    def is_contested(self) -> bool:
        """Whether who comes first decides what is refunded: goods or cash do not suffice for all,
        or what is charged once per RMA could be taken off either of two refunds. Goods that cost
        nothing are left out too: alone they are no refund, with others they are part of one."""
        if any(order.outside for order in self.orders) or self.has_extra_cents:
            return True
        if any(unit.cents == 0 for rma in self.rmas for unit in rma.units):
            return True
        wanted, cash = Counter(), Counter()
        for rma in self.rmas:
            for unit in rma.units:
                wanted[(unit.order.identifier, unit.line)] += unit.cents
                cash[unit.order.payer] += unit.cents
            payments = {(unit.order.identifier, unit.order.concept) for unit in rma.units}
            if rma.shipping and len(payments) > 1:
                return True
        places = Counter(
            (unit.order.identifier, unit.line.identifier, unit.position)
            for rma in self.rmas
            for unit in rma.units
        )
        captured = {o.identifier: o.captured_in(len(o.versions) - 1) for o in self.orders}
        return (
            any(count > 1 for count in places.values())
            or any(cents > line.cost_of(line.shipped) for (_, line), cents in wanted.items())
            or any(cents > captured[name] for name, cents in cash.items())
        )


def _flip(chance: random.Random) -> bool:
    return chance.random() < 0.5


def _cents(chance: random.Random) -> int:
    return chance.choice([0, chance.randint(0, 20), chance.randint(0, 3_000)])


def draw_line(chance: random.Random, identifier: str) -> Line:
    """A line of up to five units, some of which may be canceled or not shipped yet."""
    quantity = chance.randint(1, 5)
    canceled = chance.choice([0, 0, 0, chance.randint(0, quantity - 1)])
    kept = quantity - canceled
    price = chance.randint(1, 20_000)
    return Line(
        identifier=identifier,
        quantity=quantity,
        canceled=canceled,
        shipped=chance.choice([kept, kept, chance.randint(0, kept)]),
        price=price,
        tax=_cents(chance),
        discount=min(_cents(chance), price * kept),
        is_price_of_kept=_flip(chance),
    )


def draw_order(chance: random.Random, identifier: str, payer: str = "") -> Order:
    """An order with one snapshot, or one before it with less shipped."""
    count = chance.choice([1, 1, 2, 3])
    order = Order(
        identifier=identifier,
        lines=[draw_line(chance, str(number + 1)) for number in range(count)],
        captured=None,
        payer=payer or identifier,
        concept=chance.choice(["", "", "north"]),
    )
    cost = sum(line.cost_of(line.quantity - line.canceled) for line in order.lines)
    if not payer:
        order.captured = chance.choice([None, None, cost + 500, cost, cost // 2])
    if _flip(chance):
        order.tell({line.identifier: chance.randint(0, line.shipped) for line in order.lines})
    order.tell()
    return order


def draw_policy(chance: random.Random, concept: str) -> Json:
    """How a store, or a brand of it, decides."""
    triggers = ["default", "default", "default", "default", "receipt", "manual"]
    every = chance.random() < 0.7
    return {
        "concept": concept,
        **{name: chance.choice(triggers) for name in METHODS.values()},
        "payment_delay_minutes": chance.choice([0, 0, 90]),
        "automatic_conditions": CONDITIONS if every else chance.choice([["N", "A", ""], ["A"]]),
        "charges_return_shipping": _flip(chance),
        "tolerance_cents": chance.choice([None, None, 0, 500]),
    }


def draw_rma(
    chance: random.Random,
    number: int,
    free: list[tuple[Order, Line, int]],
    extra: int,
    last: str = "",
) -> Rma:
    """A return of some of the free units, and its life."""
    taken = [free.pop() for _ in range(min(len(free), chance.randint(1, 3)))]
    if chance.choice([False] * 9 + [True]):
        free += taken  # a second return of the same goods
    is_standard = not last and chance.choice([False, False, False, True])
    kinds = ["standard"] if is_standard else ["refund", "refund", "even", "uneven", "credit"]
    if _flip(chance) and not is_standard:
        kinds = ["refund"]
    parcels = [f"P{number}-1", f"P{number}-{chance.choice([1, 2])}"]
    rma = Rma(
        identifier=f"RMA-{number}",
        method=chance.choice(
            ["mail-back", *METHODS] if not last else ["customer-keep", "mail-back"]
        ),
        units=[_draw_unit(chance, place, kinds, parcels, extra) for place in taken],
        spelling=chance.choice(["{}", "{}", "{}", "RO-{}"]),
        names_original=_flip(chance),
        giftee=None if last else chance.choice([None] * 6 + [f"g{number}@example.com"] * 2 + [""]),
        shipping=chance.choice([0, 0, 695, 50_000]),
        bonus=chance.choice([0, 0, 300]),
        concept=chance.choice(["", "", "north"]),
        status="PENDING_EXCHANGE" if is_standard else "CREATED",
    )
    start = chance.choice([0, 1, 2, 3, 3])
    for unit in rma.units if rma.method != "customer-keep" else []:
        unit.tracking = PROGRESS[start]
    rma.tell()
    for event in chance.choices(EVENTS, k=chance.randint(0, 2 if last else 5)):
        if rma.status == "PENDING_EXCHANGE" and event == "close":
            event = "place"
        if getattr(rma, event)(chance):
            rma.tell()
        if rma.status in ("CANCELED", "REFUNDED"):
            break
    if last and rma.status == "CREATED" and getattr(rma, last)(chance):
        rma.tell()
    return rma


def _draw_unit(
    chance: random.Random,
    place: tuple[Order, Line, int],
    kinds: list[str],
    parcels: list[str],
    extra: int,
) -> Unit:
    order, line, position = place
    cents = line.share(position) + extra
    kind = chance.choice(kinds)
    if kind == "uneven" and cents < 2:
        kind = "even"
    shopper = {"refund": cents, "even": 0, "standard": 0}.get(kind, 0)
    if kind == "uneven":
        shopper = chance.randint(1, cents - 1)
    if kind == "credit":
        shopper = chance.choice([0, cents])
    return Unit(
        order=order,
        line=line,
        position=position,
        kind=kind,
        is_old_name=_flip(chance),
        parcel=chance.choice(parcels),
        cents=cents,
        shopper=shopper,
    )


def _outside(chance: random.Random, order: Order, told: list[Rma]) -> None:
    """The order system refunds some units itself, and says more or less of it."""
    line = chance.choice(order.lines)
    quantity = chance.randint(1, max(1, line.shipped))
    named = [rma.identifier for rma in told if any(unit.order is order for unit in rma.units)]
    refund = {
        "identifier": f"OMS-{order.identifier}",
        "total_refund_amount_cents": max(1, line.cost_of(quantity) - _cents(chance)),
        "refund_line_items": [
            {
                "identifier": f"OMS-{order.identifier}-1",
                "quantity": quantity,
                "order_item_identifier": line.identifier,
            }
        ][: chance.choice([0, 1, 1])],
        "refund_transactions": [],
        "created_at": "2026-01-25T00:00:00Z",
        "note": "by phone",
        "rma_identifier": chance.choice([None, *named]),
        "tags": chance.choice([[], ["ignore_refund"]]),
    }
    order.outside.append(refund)
    order.tell()


def draw_world(chance: random.Random, last: str = "") -> World:
    """One or two orders, up to three returns of them, and all the rest. With `last`, that happens
    to each return in the end, where it can, and everything else is refunded at once."""
    bought = [draw_order(chance, f"ORD-{n}") for n in range(chance.choice([1, 1, 2]))]
    has_exchange = _flip(chance)
    if has_exchange and _flip(chance):
        bought.append(draw_order(chance, "ORD-0-X", payer="ORD-0"))
    extra = chance.choice([0] * 7 + [1])
    places = [
        (order, line, position)
        for order in bought
        for line in order.lines
        for position in range(line.shipped)
    ]
    free = chance.sample(places, len(places))
    told = []
    for number in range(chance.choice([1, 2, 2, 3])):
        if free:
            told.append(draw_rma(chance, number, free, extra, last))
    if chance.random() < 0.25:
        _outside(chance, chance.choice(bought), told)
    brands = ["", "north"] if _flip(chance) else [""]
    return World(
        orders=bought,
        rmas=told,
        policies=[USUAL] if last else [draw_policy(chance, brand) for brand in brands],
        exchange=_exchange(chance) if has_exchange else None,
        garbage=chance.choices(GARBAGE, k=chance.randint(0, 2)),
        has_extra_cents=bool(extra),
    )


def _exchange(chance: random.Random) -> Json:
    goods = [item(quantity=chance.randint(1, 2))]
    return exchange_order("ORD-0", goods + chance.choice([[], [gift_card(2856, 300)]]))
