"""What Optoro is owed for exchange orders, and whether it fits the units that pay for them. Pure.

Optoro has paid for the goods of an exchange order, by a transaction that the order names; the
`optoro` part of the units returned for it pays that back (flows.md, "How much"). Integer cents.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from enum import StrEnum

from apps.common import money
from apps.rmas import rules as rma_rules


class State(StrEnum):
    """How an exchange order and the units that pay for it fit together."""

    MATCHES = "matches"
    PAYS_LESS = "less"
    PAYS_MORE = "more"
    NO_UNIT = "no_unit"
    NOT_PLACED = "not_placed"
    NO_EXCHANGE = "no_exchange"
    CANCELED_BUT_SETTLED = "canceled_settled"
    CANCELED = "canceled"
    WAITS = "waits"


LABELS: dict[State, str] = {
    State.MATCHES: "Matches",
    State.PAYS_LESS: "Units pay less",
    State.PAYS_MORE: "Units pay more",
    State.NO_UNIT: "No unit names it",
    State.NOT_PLACED: "Never placed",
    State.NO_EXCHANGE: "No exchange order",
    State.CANCELED_BUT_SETTLED: "Canceled, but settled",
    State.CANCELED: "Canceled",
    State.WAITS: "Waits for exchange order",
}
DIFFERENT = frozenset(State) - {State.MATCHES, State.CANCELED, State.WAITS}


@dataclass(frozen=True)
class Placed:
    """What the rules need of an exchange order; `total_amount_cents` holds the bonus credit."""

    pk: int
    order_identifier: str
    original_order_id: int
    original_order_identifier: str
    rma_identifier: str
    transaction_id: str
    currency: str
    total_amount_cents: int
    bonus_credit_amount_cents: int
    placed_at: datetime
    is_canceled: bool

    @property
    def goods_amount_cents(self) -> int:
        """What its goods cost, shipping included and bonus credit left out."""
        return self.total_amount_cents - self.bonus_credit_amount_cents


@dataclass(frozen=True)
class PayingUnit:
    """A returned unit with what it pays to Optoro: by estimate, decided and settled.

    `counts` is false for a unit that is withdrawn or of a canceled RMA: only what was settled of
    it is left. `credited_cents` is store credit told as the shopper's part: it went out with the
    exchange order, and is owed to nobody. `is_back`: its goods were handed over or are kept:
    nobody waits for them any more.
    """

    pk: int
    rma_identifier: str
    order_id: int | None
    order_identifier: str
    currency: str
    refund_type: str
    exchange_order_identifier: str
    estimated_cents: int
    counts: bool
    waits_for_exchange: bool
    first_seen_at: datetime
    credited_cents: int = 0
    decided_cents: int = 0
    settled_cents: int = 0
    settled_at: datetime | None = None
    refund_identifiers: tuple[str, ...] = ()
    is_back: bool = False

    @property
    def is_decided(self) -> bool:
        """Whether a live refund holds it."""
        return bool(self.refund_identifiers)

    @property
    def pays_cents(self) -> int:
        """What it pays all in all. What is decided is frozen, whatever Optoro estimates since; the
        rounding cents that a refund takes off its line are no difference."""
        to_optoro_cents = max(self.estimated_cents, self.decided_cents + self.settled_cents)
        return to_optoro_cents + self.credited_cents


@dataclass(frozen=True)
class UnitSums:
    """What the units that pay for an exchange order add up to. `standing` are those that count, or
    have settled something; `awaited` those that count and whose goods nobody has scanned; `back`
    is what the other ones that count pay."""

    units: int = 0
    standing: int = 0
    counting: int = 0
    awaited: int = 0
    estimated_cents: int = 0
    decided_cents: int = 0
    settled_cents: int = 0
    open_cents: int = 0
    pays_cents: int = 0
    back_cents: int = 0

    def __add__(self, other: "UnitSums") -> "UnitSums":
        """Returns what both add up to."""
        return UnitSums(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def sums_of(units: Iterable[PayingUnit]) -> UnitSums:
    """Returns what units add up to."""
    units = list(units)
    counting = [unit for unit in units if unit.counts]
    return UnitSums(
        units=len(units),
        standing=sum(bool(unit.counts or unit.settled_cents) for unit in units),
        counting=len(counting),
        awaited=sum(not unit.is_back for unit in counting),
        estimated_cents=sum(unit.estimated_cents for unit in units),
        decided_cents=sum(unit.decided_cents for unit in units),
        settled_cents=sum(unit.settled_cents for unit in units),
        open_cents=sum(unit.estimated_cents for unit in units if not unit.is_decided),
        pays_cents=sum(unit.pays_cents for unit in units),
        back_cents=sum(unit.pays_cents for unit in counting if unit.is_back),
    )


@dataclass(frozen=True)
class SettlementFigures:
    """An exchange order (None: none that is known) and what the units that pay for it add up to."""

    placed: Placed | None
    currency: str
    sums: UnitSums
    state: State

    @property
    def is_canceled(self) -> bool:
        """Whether there is an exchange order, and it was canceled."""
        return self.placed is not None and self.placed.is_canceled

    @property
    def goods_amount_cents(self) -> int:
        """What the goods cost."""
        return self.placed.goods_amount_cents if self.placed else 0

    @property
    def owed_goods_amount_cents(self) -> int:
        """What Optoro is owed for the goods: nothing for those of a canceled exchange order."""
        return 0 if self.is_canceled else self.goods_amount_cents

    @property
    def owed_bonus_credit_amount_cents(self) -> int:
        """The bonus credit given with it, which no unit pays; nothing where it was canceled."""
        return 0 if self.is_canceled else self.bonus_credit_amount_cents

    @property
    def bonus_credit_amount_cents(self) -> int:
        """The bonus credit that it was placed with."""
        return self.placed.bonus_credit_amount_cents if self.placed else 0

    @property
    def estimated_cents(self) -> int:
        """What the units pay by Optoro's estimates."""
        return self.sums.estimated_cents

    @property
    def settled_cents(self) -> int:
        """What paid refunds have settled."""
        return self.sums.settled_cents

    @property
    def decided_cents(self) -> int:
        """What is decided and not paid yet."""
        return self.sums.decided_cents

    @property
    def open_cents(self) -> int:
        """What units pay that no refund holds yet; nothing for a canceled exchange order, whatever
        Optoro still estimates."""
        return 0 if self.is_canceled else self.sums.open_cents

    @property
    def difference_cents(self) -> int:
        """What the units pay beyond the goods; negative where they pay less. A canceled exchange
        order has no goods: all that was settled, or is decided, is too much."""
        if self.is_canceled:
            return self.settled_cents + self.decided_cents
        return self.sums.pays_cents - self.goods_amount_cents

    @property
    def is_different(self) -> bool:
        """Whether somebody should look at it."""
        return self.state in DIFFERENT


@dataclass(frozen=True)
class Settlement(SettlementFigures):
    """An exchange order with the units that pay for it; or, without one, units that pay for none
    that is known. `placed` is None then, and `order_identifier` what they call it, if anything."""

    order_identifier: str
    original_order_identifier: str
    units: tuple[PayingUnit, ...]
    since_at: datetime

    @property
    def transaction_id(self) -> str:
        """How Optoro knows the payment; empty without an exchange order."""
        return self.placed.transaction_id if self.placed else ""

    @property
    def rma_identifiers(self) -> tuple[str, ...]:
        """The returns whose units pay, else the one that the exchange order names."""
        named = tuple(dict.fromkeys(unit.rma_identifier for unit in self.units))
        if named or self.placed is None or not self.placed.rma_identifier:
            return named
        return (self.placed.rma_identifier,)

    @property
    def refund_identifiers(self) -> tuple[str, ...]:
        """The refunds that settle, or will."""
        return tuple(dict.fromkeys(name for u in self.units for name in u.refund_identifiers))

    @property
    def label(self) -> str:
        """The state in a few words."""
        return LABELS[self.state]

    @property
    def in_words(self) -> str:
        """What does not fit, with the amounts; "" where nothing is wrong."""
        return _in_words(self) if self.is_different else ""


def _in_words(row: Settlement) -> str:
    def show(cents: int) -> str:
        return money.show(cents, row.currency)

    pays = show(row.sums.pays_cents)
    goods = show(row.goods_amount_cents)
    name = row.order_identifier
    beyond = show(abs(row.difference_cents))
    returns = ", ".join(row.rma_identifiers)
    return {
        State.PAYS_LESS: f"the units pay {pays} for exchange order {name}, {beyond} less than its "
        f"goods of {goods}",
        State.PAYS_MORE: f"the units pay {pays} for exchange order {name}, {beyond} more than its "
        f"goods of {goods}",
        State.NO_UNIT: f"no unit names exchange order {name}: nothing pays for its goods of "
        f"{goods}",
        State.NOT_PLACED: f"units of {returns} pay {pays} for exchange order {name}, which nobody "
        "placed here",
        State.NO_EXCHANGE: f"units of {returns} pay {pays} to Optoro, but match no exchange order",
        State.CANCELED_BUT_SETTLED: f"exchange order {name} is canceled, but "
        f"{show(row.settled_cents)} of its {goods} is settled",
    }[row.state]


def match(orders: Sequence[Placed], units: Iterable[PayingUnit]) -> list[Settlement]:
    """Returns each exchange order with the units that pay for it, and after them the units that pay
    for none.

    A unit pays for the exchange order that it names. An exchanged unit that names none pays for
    that of its RMA: messages name it on some units and forget it on others (contract §10.2). Where
    an RMA has several, it pays for the one placed against its own order.
    """
    units = list(units)
    by_name = {row.order_identifier: row for row in orders}
    paying: dict[int, list[PayingUnit]] = {}
    for unit in units:
        if unit.exchange_order_identifier in by_name:
            paying.setdefault(by_name[unit.exchange_order_identifier].pk, []).append(unit)
    of_rma: dict[str, list[Placed]] = {}
    for row in orders:
        if row.rma_identifier:
            of_rma.setdefault(row.rma_identifier, []).append(row)
    left: list[PayingUnit] = []
    for unit in units:
        if unit.exchange_order_identifier in by_name:
            continue
        meant = _meant(unit, of_rma.get(unit.rma_identifier, []))
        if meant:
            paying.setdefault(meant.pk, []).append(unit)
        elif unit.pays_cents:
            left.append(unit)
    return [*(_row(row, paying.get(row.pk, [])) for row in orders), *_without_order(left)]


def _meant(unit: PayingUnit, orders: list[Placed]) -> Placed | None:
    if unit.exchange_order_identifier or unit.refund_type not in rma_rules.PAYING_TYPES:
        return None
    own = [row for row in orders if row.original_order_id == unit.order_id]
    return next(iter(own or (orders if len(orders) == 1 else [])), None)


def _row(placed: Placed, units: list[PayingUnit]) -> Settlement:
    settled_at = max((unit.settled_at for unit in units if unit.settled_at), default=None)
    sums = sums_of(units)
    state = _state(placed, sums)
    return Settlement(
        placed=placed,
        currency=placed.currency,
        sums=sums,
        state=state,
        order_identifier=placed.order_identifier,
        original_order_identifier=placed.original_order_identifier,
        units=tuple(units),
        since_at=(settled_at if state == State.CANCELED_BUT_SETTLED else None) or placed.placed_at,
    )


def figures_of(placed: Placed, sums: UnitSums) -> SettlementFigures:
    """Returns how an exchange order and what its units add up to fit together."""
    return SettlementFigures(placed, placed.currency, sums, _state(placed, sums))


def _state(placed: Placed, sums: UnitSums) -> State:
    if placed.is_canceled:
        return State.CANCELED_BUT_SETTLED if sums.settled_cents else State.CANCELED
    if not sums.standing:
        return State.NO_UNIT if placed.goods_amount_cents else State.MATCHES
    # Tax is rounded for the exchange order as a whole and for each unit: a cent each is no
    # difference that anybody could clear. It is shown all the same.
    if abs(sums.pays_cents - placed.goods_amount_cents) <= sums.units:
        return State.MATCHES
    return State.PAYS_LESS if sums.pays_cents < placed.goods_amount_cents else State.PAYS_MORE


def _without_order(units: Iterable[PayingUnit]) -> list[Settlement]:
    """Units that pay for an exchange order nobody placed, by what they call it; those that name
    none by their RMA."""
    groups: dict[tuple[str, str], list[PayingUnit]] = {}
    for unit in units:
        name = unit.exchange_order_identifier
        groups.setdefault((name, "" if name else unit.rma_identifier), []).append(unit)
    return [_row_without_order(name, members) for (name, _), members in groups.items()]


def _row_without_order(name: str, units: list[PayingUnit]) -> Settlement:
    state = State.NOT_PLACED if name else State.NO_EXCHANGE
    if all(unit.waits_for_exchange for unit in units):
        state = State.WAITS
    return Settlement(
        placed=None,
        currency=units[0].currency,
        sums=sums_of(units),
        state=state,
        order_identifier=name,
        original_order_identifier=units[0].order_identifier,
        units=tuple(units),
        since_at=min(unit.first_seen_at for unit in units),
    )


@dataclass(frozen=True)
class Totals:
    """What the rows of one currency add up to."""

    currency: str
    orders: int
    goods_amount_cents: int
    bonus_credit_amount_cents: int
    estimated_cents: int
    settled_cents: int
    decided_cents: int
    open_cents: int
    different: int


def totals(rows: Iterable[Settlement]) -> list[Totals]:
    """Returns the sums per currency, in the order of their codes. A canceled exchange order is owed
    nothing: its goods are left out."""
    by_currency: dict[str, list[Settlement]] = {}
    for row in rows:
        by_currency.setdefault(row.currency, []).append(row)
    return [_totals(currency, members) for currency, members in sorted(by_currency.items())]


def _totals(currency: str, rows: list[Settlement]) -> Totals:
    return Totals(
        currency=currency,
        orders=sum(row.placed is not None for row in rows),
        goods_amount_cents=sum(row.owed_goods_amount_cents for row in rows),
        bonus_credit_amount_cents=sum(row.owed_bonus_credit_amount_cents for row in rows),
        estimated_cents=sum(row.estimated_cents for row in rows),
        settled_cents=sum(row.settled_cents for row in rows),
        decided_cents=sum(row.decided_cents for row in rows),
        open_cents=sum(row.open_cents for row in rows),
        different=sum(row.is_different for row in rows),
    )
