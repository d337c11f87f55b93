"""What is owed for an RMA's units right now, as proposals that fit the limits. Reads only; call it
while the locks of the RMA and of its orders are held."""

from collections.abc import Iterable

from apps.orders.models import Order
from apps.refunds import limits
from apps.refunds.matching import Due
from apps.refunds.models import Refund
from apps.refunds.owed import owed_units, paid_order_of
from apps.refunds.queries import verdicts
from apps.refunds.rules import LIVE_STATUSES, destination_of, retained_cents
from apps.refunds.types import Policy, Proposal, ProposedLine, UnitShare
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
    owed_now, notes = owed_units(rma, units, policy)
    obstacles += notes
    groups: dict[tuple[int, int], list[Due]] = {}
    paid_orders: dict[int, Order] = {}
    for due in owed_now:
        paid_order = paid_order_of(due.facts, first_orders)
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
