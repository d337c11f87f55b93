"""What of an order can still be refunded, for whoever is about to ask. What stands here is only
shown: the limits are computed again, under the locks, when a refund is made."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from apps.exchanges.lineage import paying_orders
from apps.orders.models import Order, OrderLine
from apps.orders.queries import lines_of
from apps.refunds import limits
from apps.refunds.approvals import approvals_of
from apps.refunds.matching import Due
from apps.refunds.owed import free_units_by_line
from apps.refunds.policies import brand_policy
from apps.refunds.queries import past_refunds
from apps.refunds.tenders import Tender, in_order, tenders_of
from apps.refunds.types import PastRefunds
from apps.refunds.wishes import (
    due_for_unreturned_cents,
    returned_by_line,
)
from apps.rmas.models import Rma, RmaUnit
from apps.rmas.queries import units_of


@dataclass(frozen=True)
class ReturnedUnit:
    """A unit of the return asked about; `due` is None where it cannot be refunded any more, and
    `why_not` says why."""

    unit: RmaUnit
    due: Due | None
    why_not: str


@dataclass(frozen=True)
class RefundableLine:
    """A line and what of it can still be refunded. `units` are those of the return asked about that
    are free, `returned` all that the return has of the line, or
    `unreturned_quantity` those that are in no return; `due_cents` is for all of them together,
    `unit_limit_cents` the most for one, `waiting_in` the returns that hold other units."""

    line: OrderLine
    room: limits.LineRoom
    units: tuple[Due, ...]
    returned: tuple[ReturnedUnit, ...]
    unreturned_quantity: int
    due_cents: int
    unit_limit_cents: int
    waiting_in: tuple[str, ...]


@dataclass(frozen=True)
class Refundable:
    """What of an order, or of one return of it, can still be refunded (cents)."""

    order: Order
    paid_order: Order
    rma: Rma | None
    lines: tuple[RefundableLine, ...]
    order_room_cents: int
    cash_room_cents: int
    goodwill_room_cents: int
    goodwill_limit_cents: int
    tenders: tuple[Tender, ...]


def refundable_of(order: Order, rma: Rma | None = None) -> Refundable:
    """Returns what of an order can still be refunded: with `rma` units of that return, without it
    units that are in no return."""
    paid_order = paying_orders([order])[order.pk]
    limit_cents = approvals_of(order.store).goodwill_limit_cents
    tender_order = brand_policy(order.store, order.concept).tender_order
    tenders = tenders_of(paid_order, tender_order=tender_order)
    return Refundable(
        order=order,
        paid_order=paid_order,
        rma=rma,
        lines=tuple(_lines(order, rma)),
        order_room_cents=limits.order_room_cents(order),
        cash_room_cents=limits.cash_room_cents(paid_order),
        goodwill_room_cents=limits.goodwill_room_cents(order, paid_order, limit_cents=limit_cents),
        goodwill_limit_cents=limit_cents,
        tenders=tuple(in_order(tenders, tender_order)),
    )


def _lines(order: Order, rma: Rma | None) -> Iterator[RefundableLine]:
    lines = list(lines_of(order).select_related("order"))
    rooms, waiting = limits.line_rooms(lines), returned_by_line(lines)
    units = [unit for unit in units_of([rma]) if unit.order_id == order.pk] if rma else []
    free = free_units_by_line(units)
    past = past_refunds(units) if units else {}
    for line in lines:
        members = [unit for unit in units if unit.order_line_id == line.pk]
        due = {one.facts.pk: one for one in free.get(line.pk, ())}
        returned = [
            ReturnedUnit(unit, due.get(unit.pk), _why_not(unit, due, past.get(unit.pk)))
            for unit in members
        ]
        yield _line(line, rooms[line.pk], waiting[line.pk], returned, rma)


def _why_not(unit: RmaUnit, free: Collection[int], past: PastRefunds | None) -> str:
    if unit.pk in free:
        return ""
    if unit.is_withdrawn:
        return "the newest message no longer has it"
    if unit.is_excluded:
        return f"{unit.excluder} excluded it: {unit.exclusion_reason}"
    name = past.live_identifier if past else ""
    return f"in refund {name}" if name else "a refund of this line stands for it"


def _line(
    line: OrderLine,
    room: limits.LineRoom,
    waiting: Sequence[RmaUnit],
    returned: Sequence[ReturnedUnit],
    rma: Rma | None,
) -> RefundableLine:
    units = tuple(one.due for one in returned if one.due)
    free = 0 if rma else max(0, room.units - len(waiting))
    due_cents = sum(due.facts.estimated_refund_amount_cents for due in units)
    if rma is None:
        due_cents = due_for_unreturned_cents(line, room, free)
    others = {unit.rma.rma_identifier for unit in waiting if rma is None or unit.rma_id != rma.pk}
    return RefundableLine(
        line=line,
        room=room,
        units=units,
        returned=tuple(returned),
        unreturned_quantity=free,
        due_cents=due_cents,
        unit_limit_cents=limits.unit_limit_cents(line, 1),
        waiting_in=tuple(sorted(others)),
    )


def dues_cents(found: RefundableLine, *, most: int) -> tuple[int, ...]:
    """Returns what is due for 1, 2, ... units of a line that are in no return, in cents; nothing
    where there are more than `most` of them."""
    if found.unreturned_quantity > most:
        return ()
    return tuple(
        due_for_unreturned_cents(found.line, found.room, quantity + 1)
        for quantity in range(found.unreturned_quantity)
    )
