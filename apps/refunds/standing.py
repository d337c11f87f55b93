"""Whether a decision that is not paid yet still stands. Ask while the locks of its RMA and of its
orders are held: right before it is approved, right before it is paid, and at every evaluation."""

from apps.exchanges.lineage import paying_orders
from apps.refunds import limits
from apps.refunds.approvals import approvals_of
from apps.refunds.matching import Due, cents_off, decided_share, share_of_unit
from apps.refunds.models import (
    Destination,
    Refund,
    RefundKind,
    RefundLine,
    RefundUnit,
    Source,
)
from apps.refunds.owed import free_units, owed_units
from apps.refunds.payers import payers_of
from apps.refunds.policies import policies_of
from apps.refunds.rules import (
    LIVE_STATUSES,
    bonus_credit_cents,
    destination_of,
    is_paid_in_credit,
    retained_cents,
)
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma
from apps.rmas.queries import units_of


def why_it_no_longer_stands(refund: Refund) -> str:
    """Returns, in words, what has changed since the refund was decided on, or "".

    Everything it was decided on is looked at again, as if it were not there: the RMA, its units and
    their figures, the recipient, the payment, what is kept back, refunds made outside, the limits.
    """
    rma = refund.rma
    if refund.source == Source.EXTERNAL:
        return ""
    if rma and rma.status == rma_rules.CANCELED:
        return "the RMA was canceled"
    if rma and rma.is_cancellation_requested:
        return "the cancellation of its RMA was asked for"
    if limits_refuse := _beyond_limits(refund):
        return limits_refuse
    if rma is None or refund.source != Source.AUTOMATIC:
        return _changed_since_asked(refund, rma)
    if outside := _made_outside(refund, rma):
        return outside
    shares = list(RefundUnit.objects.filter(line__refund=refund).select_related("line__refund"))
    matched = _owed_for(refund, rma, shares)
    if matched is None:
        return "its units are not owed as they were"
    return _changed_terms(refund, rma, shares, matched)


def _beyond_limits(refund: Refund) -> str:
    if refund.kind == RefundKind.GOODWILL:
        return limits.why_beyond_goodwill(
            order=refund.order,
            paid_order=refund.paid_order,
            amount_cents=refund.shopper_amount_cents,
            limit_cents=approvals_of(refund.store).goodwill_limit_cents,
            destination=refund.destination,
            excluding=refund,
        )
    return limits.why_beyond(
        order=refund.order,
        paid_order=refund.paid_order,
        wanted=[
            limits.Wanted(line.order_line, line.quantity, line.amount_cents)
            for line in refund.lines.select_related("order_line")
        ],
        shopper_amount_cents=refund.shopper_amount_cents,
        destination=refund.destination,
        excluding=refund,
    )


def _changed_since_asked(refund: Refund, rma: Rma | None) -> str:
    """Which units and how much is the word of whoever asked. Whose money it is, who gets it, and
    that the units are still there is not: it may have changed while the refund was held."""
    if refund.currency != refund.order.currency:
        return f"the order is in {refund.order.currency} now"
    if rma is None:
        payer = paying_orders([refund.order])[refund.order_id]
        is_same = payer.pk == refund.paid_order_id
        return "" if is_same else "another order's payment is to be used"
    if rma.gift_refund_only and refund.destination == Destination.ORIGINAL_PAYMENT:
        return "the return is a gift now, which is never paid back to the original payment"
    units = list(units_of([rma]))
    kept = []
    for line in refund.lines.prefetch_related("units__line__refund"):
        members = [unit for unit in units if unit.order_line_id == line.order_line_id]
        left = free_units(members, excluding=refund)
        for share in line.units.all():
            due = _due_still(share, left)
            if due is None:
                return "its units are no longer what they were"
            left.remove(due)
            kept.append(due.facts)
    payers = payers_of(rma, kept)
    if {payers.of(unit) for unit in kept} != {refund.paid_order}:
        return "another order's payment is to be used"
    return ""


def _due_still(share: RefundUnit, left: list[Due]) -> Due | None:
    """A free unit that shows what was refunded; where a person named the amount, one of which
    nothing is settled with Optoro."""
    if share.line.calculation is not None:
        return _due_like(share, left)
    plain = [due for due in left if not due.facts.optoro_refund_amount_cents]
    return next((d for d in plain if d.facts.pk == share.rma_unit_id), plain[0] if plain else None)


def _made_outside(refund: Refund, rma: Rma) -> str:
    """A refund made outside for this RMA may be of the very units that this refund holds."""
    lines = set(refund.lines.values_list("order_line", flat=True))
    for outside in outside_refunds(rma):
        rows = list(outside.lines.all())
        short = [row for row in rows if row.order_line_id in lines and unattached(row) > 0]
        if not rows or short:
            return f"the order system reports refund {outside.identifier} for this RMA"
    return ""


def outside_refunds(rma: Rma) -> list[Refund]:
    """Returns the refunds made outside that name this RMA."""
    return list(
        Refund.objects.filter(
            store_id=rma.store_id,
            source=Source.EXTERNAL,
            kind=RefundKind.GOODS,
            rma_identifier=rma.rma_identifier,
        ).prefetch_related("lines__units")
    )


def unattached(line: RefundLine) -> int:
    """Returns how many units of a line of an outside refund are tied to no unit of the RMA."""
    return line.quantity - len(line.units.all())


def _owed_for(refund: Refund, rma: Rma, shares: list[RefundUnit]) -> list[Due] | None:
    """Returns the units that would be owed without this refund, one for each of its shares that
    shows the same; None where there is not one for each. Which row carries a share does not
    matter."""
    found, _ = owed_units(rma, list(units_of([rma])), policies_of(refund), excluding=refund)
    left = list(found)
    matched = []
    for share in shares:
        due = _due_like(share, left)
        if due is None:
            return None
        left.remove(due)
        matched.append(due)
    return matched


def _due_like(share: RefundUnit, left: list[Due]) -> Due | None:
    """The one it is nearest to: rounding cents may have been taken off to fit the line."""
    decided = decided_share(share)
    alike = [
        (cents, place)
        for place, due in enumerate(left)
        if due.facts.order_line_id == share.line.order_line_id
        and (cents := cents_off(due.facts, decided)) is not None
    ]
    return left[min(alike)[1]] if alike else None


def _changed_figures(refund: Refund, matched: list[Due]) -> str:
    """What each line's units would be refunded with now, worked out as if this refund were not
    there, must be what was decided."""
    tolerance_cents = policies_of(refund).policy.tolerance_cents
    for row in refund.lines.select_related("order_line"):
        line = row.order_line
        shares = [share_of_unit(d) for d in matched if d.facts.order_line_id == line.pk]
        room = limits.line_room(line, excluding=refund)
        calculation = limits.calculate(line, shares, room, tolerance_cents)
        if calculation.amount_cents != row.amount_cents:
            return f"line {line.identifier}: Optoro's figures have changed"
        if not calculation.is_within_tolerance:
            return limits.why_too_different(line, calculation, refund.currency)
    return ""


def _changed_terms(refund: Refund, rma: Rma, shares: list[RefundUnit], matched: list[Due]) -> str:
    units = [due.facts for due in matched]
    if refund.currency != refund.order.currency:
        return f"the order is in {refund.order.currency} now"
    if changed := _changed_figures(refund, matched):
        return changed
    payers = payers_of(rma, units)
    if {payers.of(unit) for unit in units} != {refund.paid_order}:
        return "another order's payment is to be used"
    others = Refund.objects.filter(rma=rma, status__in=LIVE_STATUSES).exclude(pk=refund.pk)
    shopper_cents = sum(share.shopper_amount_cents for share in shares)
    retained = 0
    if not any(is_paid_in_credit(unit) for unit in units):
        retained = retained_cents(
            policy=policies_of(refund).policy,
            return_shipping_cost_cents=rma.return_shipping_cost_cents,
            retained_before_cents=sum(others.values_list("retained_amount_cents", flat=True)),
            shopper=shopper_cents,
        )
    if retained != refund.retained_amount_cents:
        return "what is kept back for return shipping has changed"
    bonus = bonus_credit_cents(
        units=units,
        bonus_credit_amount_cents=rma.bonus_credit_amount_cents,
        noted_before_cents=sum(others.values_list("bonus_credit_amount_cents", flat=True)),
    )
    if bonus != refund.bonus_credit_amount_cents:
        return "the bonus credit has changed"
    if destination_of(rma, shopper_cents - retained, units) != (
        refund.destination,
        refund.recipient_email,
    ):
        return "the recipient has changed"
    return ""
