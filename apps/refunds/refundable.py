"""What of an order can still be refunded, for whoever is about to ask. What stands here is only
shown: the limits are computed again, under the locks, when a refund is made."""

from dataclasses import dataclass

from apps.exchanges.lineage import paying_orders
from apps.orders.models import Order, OrderLine
from apps.orders.queries import lines_of
from apps.refunds import limits
from apps.refunds.approvals import approvals_of
from apps.refunds.matching import Due
from apps.refunds.owed import free_units
from apps.refunds.policies import brand_policy
from apps.refunds.tenders import Tender, in_order, tenders_of
from apps.refunds.wishes import (
    due_for_unreturned_cents,
    returned_and_not_refunded,
)
from apps.rmas.models import Rma
from apps.rmas.queries import units_of


@dataclass(frozen=True)
class RefundableLine:
    """A line and what of it can still be refunded. `units` are those of the return asked about, or
    `unreturned_quantity` those that are in no return; `due_cents` is for all of them together,
    `unit_limit_cents` the most for one, `waiting_in` the returns that hold other units."""

    line: OrderLine
    room: limits.LineRoom
    units: tuple[Due, ...]
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
        lines=tuple(_line(line, rma) for line in lines_of(order)),
        order_room_cents=limits.order_room_cents(order),
        cash_room_cents=limits.cash_room_cents(paid_order),
        goodwill_room_cents=limits.goodwill_room_cents(order, paid_order, limit_cents=limit_cents),
        goodwill_limit_cents=limit_cents,
        tenders=tuple(in_order(tenders, tender_order)),
    )


def _line(line: OrderLine, rma: Rma | None) -> RefundableLine:
    room = limits.line_room(line)
    waiting = returned_and_not_refunded(line)
    units: tuple[Due, ...] = ()
    free = max(0, room.units - len(waiting))
    due_cents = due_for_unreturned_cents(line, room, free)
    if rma:
        units = tuple(free_units([u for u in units_of([rma]) if u.order_line_id == line.pk]))
        free = 0
        due_cents = sum(due.facts.estimated_refund_amount_cents for due in units)
    others = {unit.rma.rma_identifier for unit in waiting if rma is None or unit.rma_id != rma.pk}
    return RefundableLine(
        line=line,
        room=room,
        units=units,
        unreturned_quantity=free,
        due_cents=due_cents,
        unit_limit_cents=limits.unit_limit_cents(line, 1),
        waiting_in=tuple(sorted(others)),
    )
