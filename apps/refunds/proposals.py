"""What is owed for an RMA's units right now, as proposals that fit the limits. Reads only; call it
while the locks of the RMA and of its orders are held."""

from collections.abc import Iterable

from apps.orders.models import Order
from apps.refunds import limits
from apps.refunds.matching import Decided, Due, due_in_line
from apps.refunds.models import Refund, RefundUnit, Source
from apps.refunds.queries import past_refunds, verdicts
from apps.refunds.rules import LIVE_STATUSES, destination_of, retained_cents
from apps.refunds.types import Answer, Policy, Proposal, ProposedLine, UnitShare
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit


def proposals_for(
    rma: Rma,
    units: list[RmaUnit],
    policy: Policy,
    first_orders: dict[str, Order],
    obstacles: list[str],
) -> Iterable[Proposal]:
    """Yields one proposal per order and payment, each built after the one before is written.

    `first_orders` are the orders that took the payment of exchanged goods, by the name units give
    them. What stands in the way goes into `obstacles`, in words.
    """
    found = verdicts(rma, units, policy, forget_past=True)
    eligible = {pk for pk, verdict in found.items() if verdict.answer == Answer.REFUND}
    groups: dict[tuple[int, int], list[Due]] = {}
    paid_orders: dict[int, Order] = {}
    for due in _due(rma, units, eligible, obstacles):
        paid_order = _paid_order(due.facts, first_orders)
        if paid_order is None:
            obstacles.append(
                f"{due.facts.label}: its payment is on order "
                f"{due.facts.original_order_identifier}, which is not known yet"
            )
            continue
        assert due.facts.order_id is not None
        paid_orders[paid_order.pk] = paid_order
        groups.setdefault((due.facts.order_id, paid_order.pk), []).append(due)
    for (_, paid_order_id), owed in sorted(groups.items(), key=lambda group: group[0]):
        reason = found[owed[0].facts.pk].reason
        proposal = _proposal(rma, owed, reason, policy, paid_orders[paid_order_id], obstacles)
        if proposal:
            yield proposal


def _paid_order(unit: RmaUnit, first_orders: dict[str, Order]) -> Order | None:
    """An even exchange took no payment: its goods are paid back on the first order (flows.md)."""
    if unit.original_order_identifier:
        return first_orders.get(unit.original_order_identifier)
    return unit.order


def _due(rma: Rma, units: list[RmaUnit], eligible: set[int], obstacles: list[str]) -> Iterable[Due]:
    past = past_refunds(units)
    by_line: dict[int, list[RmaUnit]] = {}
    for unit in units:
        if unit.order_line_id:
            by_line.setdefault(unit.order_line_id, []).append(unit)
    for members in by_line.values():
        live = RefundUnit.objects.filter(rma_unit__in=members, is_live=True)
        owed, held_back = due_in_line(
            members=members,
            eligible=eligible,
            decided=[
                Decided(row.rma_unit_id, row.shopper_amount_cents, row.optoro_amount_cents)
                for row in live.order_by("pk")
            ],
            blocked=[
                unit.pk
                for unit in members
                if unit.pk in past
                and not past[unit.pk].live_identifier
                and (past[unit.pk].declined_identifier or past[unit.pk].canceled_identifier)
            ],
        )
        name = members[0].order_line_item_identifier
        if held_back:
            obstacles.append(
                f"line {name}: {held_back} unit(s) held back, because a unit of this line that was "
                "decided on before no longer shows what it was decided on"
            )
        if owed and _may_be_refunded_outside(rma, members[0]):
            obstacles.append(
                f"line {name}: Optoro calls the RMA REFUNDED, and the order system reports a "
                "refund of this line that names no RMA; it may be this one"
            )
            continue
        yield from owed


def _may_be_refunded_outside(rma: Rma, unit: RmaUnit) -> bool:
    return (
        rma.status == rma_rules.REFUNDED
        and Refund.objects.filter(
            lines__order_line=unit.order_line_id,
            source=Source.EXTERNAL,
            rma_identifier="",
            status__in=LIVE_STATUSES,
        ).exists()
    )


def _proposal(
    rma: Rma, owed: list[Due], reason: str, policy: Policy, paid_order: Order, obstacles: list[str]
) -> Proposal | None:
    order = owed[0].facts.order
    assert order is not None
    lines = _lines_that_fit(owed, order, obstacles)
    if not lines:
        return None
    shopper = sum(s.shopper_amount_cents for line in lines for s in line.shares)
    retained = retained_cents(
        policy=policy,
        return_shipping_cost_cents=rma.return_shipping_cost_cents,
        retained_before_cents=_retained_before(rma),
        shopper=shopper,
    )
    destination, email = destination_of(rma, shopper - retained)
    return Proposal(
        rma=rma,
        order=order,
        paid_order=paid_order,
        lines=tuple(lines),
        destination=destination,
        recipient_email=email,
        retained_amount_cents=retained,
        reason=reason,
    )


def _lines_that_fit(owed: list[Due], order: Order, obstacles: list[str]) -> list[ProposedLine]:
    by_line: dict[int, list[Due]] = {}
    for due in owed:
        assert due.facts.order_line_id is not None
        by_line.setdefault(due.facts.order_line_id, []).append(due)
    lines = []
    for members in by_line.values():
        line = members[0].facts.order_line
        assert line is not None
        shares = [
            UnitShare(
                due.row,
                due.facts.estimated_refund_amount_cents,
                due.facts.shopper_refund_amount_cents,
                due.facts.optoro_refund_amount_cents,
            )
            for due in members
        ]
        room = limits.line_room(line)
        fitting = limits.fit_shares(shares, room)
        if fitting:
            lines.append(ProposedLine(line, tuple(fitting)))
        else:
            obstacles.append(limits.why_not(line, shares, room, order.currency))
    return lines


def _retained_before(rma: Rma) -> int:
    amounts = Refund.objects.filter(rma=rma, status__in=LIVE_STATUSES)
    return sum(amounts.values_list("retained_amount_cents", flat=True))
