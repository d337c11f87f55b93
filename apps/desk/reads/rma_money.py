"""What of a return's money is true: paid, still to come, or not refunded and why. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.common.money import show
from apps.desk.reads.rows import ExchangeRow, GiftCard
from apps.desk.words import is_put_off, pays_money
from apps.refunds.models import Destination, Refund, RefundStatus, RefundUnit, Source
from apps.refunds.rules import LIVE_STATUSES
from apps.refunds.types import Answer, Verdict
from apps.rmas.models import RmaUnit


@dataclass(frozen=True)
class LeftOut:
    """What Optoro estimates for the shopper and nobody pays by itself; `units` is 0 where it is
    a part of what is refunded."""

    reason: str
    cents: int
    units: int


@dataclass(frozen=True)
class Credit:
    """Store credit and the exchange orders that carry it: their gift cards where they are known,
    else the refunds' figure."""

    card: GiftCard
    exchange_identifiers: tuple[str, ...]
    is_canceled: bool


@dataclass(frozen=True)
class Settlement:
    """What Optoro settles of refunds, in cents: of those that are paid or settled, and of those
    that wait or are under way."""

    done: int
    waits: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.done + self.waits


@dataclass(frozen=True)
class Money:
    """The shopper's money of a return, in cents. `to_come` is decided, `undecided` is Optoro's
    estimate for units that wait, `due_at` when the last delay is over."""

    paid: int
    payments: int
    to_come: int
    due_at: datetime | None
    undecided: int
    undecided_units: int
    credit: Credit | None
    left_out: tuple[LeftOut, ...]
    estimated: int
    estimated_shopper: int
    estimated_optoro: int
    units: int
    is_closed: bool
    settlement: Settlement

    @property
    def not_refunded(self) -> int:
        """What nobody pays by itself."""
        return sum(row.cents for row in self.left_out)

    @property
    def is_open(self) -> bool:
        """Whether something is still to come, or could be."""
        return bool(self.to_come or self.undecided_units)


_Unit = tuple[RmaUnit, Verdict]


def money_of(
    units: Iterable[_Unit], refunds: Iterable[Refund], exchanges: Sequence[ExchangeRow]
) -> Money:
    """Returns what is true of a return's money. Expects the units' `refund_units` to be read with
    them; units that are no longer in the return count only in the refunds they are in."""
    counted = [(unit, verdict) for unit, verdict in units if not unit.is_withdrawn]
    live = [refund for refund in refunds if refund.status in LIVE_STATUSES]
    moving = [refund for refund in live if pays_money(refund)]
    paid = [refund for refund in moving if refund.status == RefundStatus.PAID]
    to_come = [refund for refund in moving if refund.status != RefundStatus.PAID]
    waiting = [u for u, verdict in counted if verdict.answer in (Answer.WAIT, Answer.REFUND)]
    return Money(
        paid=_shopper(paid),
        payments=len(paid),
        to_come=_shopper(to_come),
        due_at=max(
            (r.payment_due_at for r in to_come if is_put_off(r) and r.payment_due_at), default=None
        ),
        undecided=sum(unit.shopper_refund_amount_cents for unit in waiting),
        undecided_units=len(waiting),
        credit=_credit(live, exchanges),
        left_out=_left_out(counted, live),
        estimated=sum(unit.estimated_refund_amount_cents for unit, _ in counted),
        estimated_shopper=sum(unit.shopper_refund_amount_cents for unit, _ in counted),
        estimated_optoro=sum(unit.optoro_refund_amount_cents for unit, _ in counted),
        units=len(counted),
        is_closed=all(verdict.answer == Answer.CLOSED for _, verdict in counted),
        settlement=settlement_of(live),
    )


def settlement_of(refunds: Iterable[Refund]) -> Settlement:
    """Returns what Optoro settles of these refunds; those that are not live count for nothing."""
    live = [refund for refund in refunds if refund.status in LIVE_STATUSES]
    done = sum(r.optoro_amount_cents for r in live if r.status == RefundStatus.PAID)
    return Settlement(done, sum(r.optoro_amount_cents for r in live) - done)


def _shopper(refunds: Iterable[Refund]) -> int:
    return sum(refund.shopper_amount_cents for refund in refunds)


def _credit(live: Iterable[Refund], exchanges: Sequence[ExchangeRow]) -> Credit | None:
    cards = [(row, row.gift_card) for row in exchanges if row.gift_card]
    good = [(row, card) for row, card in cards if row.status != "canceled"]
    if cards:
        shown = good or cards
        return Credit(
            GiftCard(sum(c.amount for _, c in shown), sum(c.bonus for _, c in shown)),
            tuple(row.placed.order_identifier for row, _ in shown),
            is_canceled=not good,
        )
    told = _shopper(r for r in live if r.destination == Destination.STORE_CREDIT)
    return Credit(GiftCard(told, 0), (), is_canceled=False) if told else None


def _left_out(units: Iterable[_Unit], live: Iterable[Refund]) -> tuple[LeftOut, ...]:
    found: dict[str, list[int]] = {}
    chosen: list[tuple[int, RefundUnit]] = []
    changed = rounding = 0
    for unit, verdict in units:
        decided = _live_unit(unit)
        if decided:
            less = unit.shopper_refund_amount_cents - decided.shopper_amount_cents
            if less > 0 and _is_amount_named(decided):
                chosen.append((less, decided))
                continue
            rounding += less if less == 1 else 0
            changed += less if less > 1 else 0
        elif verdict.answer in (Answer.CLOSED, Answer.PERSON):
            by_person = "a person decides: " if verdict.answer == Answer.PERSON else ""
            found.setdefault(by_person + verdict.reason, []).append(
                unit.shopper_refund_amount_cents
            )
    rows = [LeftOut(reason, sum(cents), len(cents)) for reason, cents in found.items()]
    parts = (
        (_chosen_text([row for _, row in chosen]), sum(less for less, _ in chosen)),
        ("return shipping kept back", sum(refund.retained_amount_cents for refund in live)),
        ("Optoro’s figures changed after it was decided", changed),
        ("rounding", rounding),
    )
    return (*rows, *(LeftOut(reason, cents, 0) for reason, cents in parts if cents))


def _is_amount_named(decided: RefundUnit) -> bool:
    """A line of a refund that somebody asked for has no calculation where they named the amount."""
    line = decided.line
    return line.calculation is None and line.refund.source in (Source.STAFF, Source.API)


def _chosen_text(rows: Sequence[RefundUnit]) -> str:
    if not rows:
        return ""
    cents = sum(row.shopper_amount_cents for row in rows)
    who = "a person" if rows[0].line.refund.source == Source.STAFF else "the caller of the API"
    return f"{who} chose {show(cents, rows[0].line.refund.currency)}"


def _live_unit(unit: RmaUnit) -> RefundUnit | None:
    return next((row for row in unit.refund_units.all() if row.is_live), None)
