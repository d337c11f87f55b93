"""What is owed for an RMA's units right now, as proposals that fit the limits. Reads only; call it
while the locks of the RMA and of its orders are held."""

from collections.abc import Iterable
from dataclasses import dataclass

from apps.orders.models import Order
from apps.refunds import limits
from apps.refunds.matching import Due, share_of_unit
from apps.refunds.models import Refund
from apps.refunds.owed import owed_units
from apps.refunds.payers import Payers
from apps.refunds.policies import Policies
from apps.refunds.queries import NO_PAST, verdicts
from apps.refunds.rules import (
    LIVE_STATUSES,
    bonus_credit_cents,
    destination_of,
    is_paid_in_credit,
    retained_cents,
)
from apps.refunds.types import Policy, Proposal, ProposedLine
from apps.rmas.models import Rma, RmaUnit


@dataclass(frozen=True)
class _Group:
    """What one refund can hold: goods of one order, paid from one payment, under one policy."""

    paid_order: Order
    policy: Policy
    reason: str
    owed: list[Due]


def proposals_for(
    rma: Rma,
    units: list[RmaUnit],
    policies: Policies,
    payers: Payers,
    obstacles: list[str],
) -> Iterable[Proposal]:
    """Yields one proposal per order, payment and policy, each built after the one before is
    written. What stands in the way goes into `obstacles`, in words."""
    for group in _groups(rma, units, policies, payers, obstacles):
        proposal = _proposal(rma, group, obstacles)
        if proposal:
            yield proposal


def _groups(
    rma: Rma, units: list[RmaUnit], policies: Policies, payers: Payers, obstacles: list[str]
) -> list[_Group]:
    found = verdicts(rma, units, policies, past=NO_PAST)
    owed_now, notes = owed_units(rma, units, policies)
    obstacles += notes
    groups: dict[tuple[int, int, int, bool], _Group] = {}
    for due in owed_now:
        paid_order = payers.of(due.facts)
        if paid_order is None:
            obstacles.append(payers.why_unclear(due.facts))
            continue
        assert due.facts.order_id is not None
        policy = policies.for_unit(rma, due.facts)
        # Store credit that went out already must not be paid together with what is still to pay.
        in_credit = is_paid_in_credit(due.facts)
        key = (due.facts.order_id, paid_order.pk, policy.policy_id or 0, in_credit)
        group = groups.setdefault(key, _Group(paid_order, policy, found[due.facts.pk].reason, []))
        group.owed.append(due)
    return [group for _, group in sorted(groups.items(), key=lambda entry: entry[0])]


def _proposal(rma: Rma, group: _Group, obstacles: list[str]) -> Proposal | None:
    order = group.owed[0].facts.order
    assert order is not None
    lines = _lines_that_fit(group, order, obstacles)
    if not lines:
        return None
    kept = {line.order_line.pk for line in lines}
    units = [due.facts for due in group.owed if due.facts.order_line_id in kept]
    shopper = sum(s.shopper_amount_cents for line in lines for s in line.shares)
    retained = 0
    if not any(is_paid_in_credit(unit) for unit in units):
        retained = retained_cents(
            policy=group.policy,
            return_shipping_cost_cents=rma.return_shipping_cost_cents,
            retained_before_cents=_before(rma, "retained_amount_cents"),
            shopper=shopper,
        )
    destination, email = destination_of(rma, shopper - retained, units)
    return Proposal(
        rma=rma,
        order=order,
        paid_order=group.paid_order,
        lines=tuple(lines),
        destination=destination,
        recipient_email=email,
        retained_amount_cents=retained,
        bonus_credit_amount_cents=bonus_credit_cents(
            units=units,
            bonus_credit_amount_cents=rma.bonus_credit_amount_cents,
            noted_before_cents=_before(rma, "bonus_credit_amount_cents"),
        ),
        policy=group.policy,
        reason=group.reason,
    )


def _lines_that_fit(group: _Group, order: Order, obstacles: list[str]) -> list[ProposedLine]:
    by_line: dict[int, list[Due]] = {}
    for due in group.owed:
        assert due.facts.order_line_id is not None
        by_line.setdefault(due.facts.order_line_id, []).append(due)
    lines = []
    for members in by_line.values():
        line = members[0].facts.order_line
        assert line is not None
        shares = [share_of_unit(due) for due in members]
        room = limits.line_room(line)
        calculation = limits.calculate(line, shares, room, group.policy.tolerance_cents)
        fitting = limits.fit_shares(shares, calculation, room)
        if not fitting:
            obstacles.append(limits.why_not(line, shares, room, order.currency))
        elif not calculation.is_within_tolerance:
            obstacles.append(limits.why_too_different(line, calculation, order.currency))
        else:
            lines.append(ProposedLine(line, tuple(fitting), calculation))
    return lines


def _before(rma: Rma, name: str) -> int:
    """Returns what the RMA's live refunds hold of a part that is taken once per RMA."""
    amounts = Refund.objects.filter(rma=rma, status__in=LIVE_STATUSES)
    return sum(amounts.values_list(name, flat=True))
