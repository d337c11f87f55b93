"""Automation: what is owed for an RMA's units right now, decided under the locks.

Safe to run at any time and any number of times: units that are in a live refund are left alone,
and the database refuses a second live refund of a unit.
"""

from collections.abc import Iterable

from django.db import transaction

from apps.attention.models import Kind
from apps.attention.services import close_items, open_item
from apps.common import clock
from apps.common.errors import Refused
from apps.common.money import share_of
from apps.orders.models import Order
from apps.orders.queries import lock_orders, orders_named
from apps.refunds import limits, services
from apps.refunds.models import Refund, RefundStatus, RefundUnit, Source
from apps.refunds.queries import policy_of, verdicts
from apps.refunds.rules import LIVE_STATUSES, destination_of, retained_cents
from apps.refunds.types import Answer, Policy, Proposal, ProposedLine, UnitShare, Verdict
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit
from apps.rmas.queries import lock_rma, units_of
from apps.rmas.services import link_units
from apps.timeline import services as timeline
from apps.timeline.types import OPTORO, SYSTEM


@transaction.atomic
def evaluate_rma(*, rma_id: int) -> list[Refund]:
    """Decides what is owed for an RMA's units, and returns the refunds decided on.

    1. lock the RMA, then the orders concerned (always in that order);
    2. link units whose order has come, attach refunds made outside to their units;
    3. a CANCELED RMA: withdraw what is not paid yet;
    4. refund what has reached its trigger, within the limits;
    5. an RMA in REFUNDED confirms the refunds that were paid;
    6. put in front of a person what automation must not decide.
    """
    rma = lock_rma(rma_id)
    link_units(rma)
    paid_orders = _lock_orders_concerned(rma)
    _attach_reported_refunds(rma)
    _withdraw_if_canceled(rma)
    policy = policy_of(rma.store)
    units = list(units_of([rma]))
    found = verdicts(rma, units, policy)
    obstacles: list[str] = []
    refunds = []
    for proposal in _proposals(rma, units, found, policy, paid_orders, obstacles):
        refund = _decide(proposal, policy, obstacles)
        if refund:
            refunds.append(refund)
    _confirm(rma)
    _show_to_people(rma, units, found, obstacles)
    return refunds


def _lock_orders_concerned(rma: Rma) -> dict[str, Order]:
    """Locks the orders whose goods come back and those whose payment is used.

    Returns the first orders of returned exchange goods by the name the units give them: their
    payment is refunded, because an even exchange took none (flows.md, "Where the money goes").
    """
    rows = list(rma.units.values_list("order_id", "original_order_identifier"))
    first_orders = orders_named(store_id=rma.store_id, identifiers=[name for _, name in rows])
    goods = {order_id for order_id, _ in rows if order_id}
    locked = lock_orders(goods | {order.pk for order in first_orders.values()})
    return {name: locked[order.pk] for name, order in first_orders.items()}


def _proposals(
    rma: Rma,
    units: list[RmaUnit],
    found: dict[int, Verdict],
    policy: Policy,
    first_orders: dict[str, Order],
    obstacles: list[str],
) -> Iterable[Proposal]:
    """Yields one proposal per order and payment, each built after the one before is written."""
    groups: dict[tuple[int, int], list[RmaUnit]] = {}
    paid_orders: dict[int, Order] = {}
    for unit in _due(units, found):
        assert unit.order is not None
        paid_order: Order | None = unit.order
        if unit.original_order_identifier:
            paid_order = first_orders.get(unit.original_order_identifier)
        if paid_order is None:
            obstacles.append(
                f"{unit.label}: its payment is on order {unit.original_order_identifier}, which is "
                "not known yet"
            )
            continue
        paid_orders[paid_order.pk] = paid_order
        groups.setdefault((unit.order.pk, paid_order.pk), []).append(unit)
    for (_, paid_order_id), members in sorted(groups.items()):
        proposal = _proposal(rma, members, found, policy, paid_orders[paid_order_id], obstacles)
        if proposal:
            yield proposal


def _due(units: list[RmaUnit], found: dict[int, Verdict]) -> list[RmaUnit]:
    """Returns the units to refund now.

    Nothing identifies a unit within its line: when an older message turns up late, the fold may
    number a line's units anew. So the count decides, not the number: no more units of a line are
    refunded than have reached their trigger, those in live refunds included.
    """
    due = []
    by_line: dict[tuple[str, str], list[RmaUnit]] = {}
    for unit in units:
        by_line.setdefault((unit.order_identifier, unit.order_line_item_identifier), []).append(
            unit
        )
    for members in by_line.values():
        wanted = [unit for unit in members if found[unit.pk].answer == Answer.REFUND]
        strayed = [
            unit
            for unit in members
            if found[unit.pk].answer == Answer.REFUNDED and _has_lost_its_trigger(unit)
        ]
        due += wanted[: max(0, len(wanted) - len(strayed))]
    return due


def _has_lost_its_trigger(unit: RmaUnit) -> bool:
    """Tells whether a refunded unit now shows a state that nobody would have refunded."""
    return not rma_rules.is_handed_over(
        return_method=unit.rma.return_method,
        package_tracking_status=unit.package_tracking_status,
        receiving_status=unit.receiving_status,
    )


def _proposal(
    rma: Rma,
    units: list[RmaUnit],
    found: dict[int, Verdict],
    policy: Policy,
    paid_order: Order,
    obstacles: list[str],
) -> Proposal | None:
    order = units[0].order
    assert order is not None
    lines = _lines_that_fit(units, order, obstacles)
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
        reason=found[units[0].pk].reason,
    )


def _lines_that_fit(units: list[RmaUnit], order: Order, obstacles: list[str]) -> list[ProposedLine]:
    by_line: dict[int, list[RmaUnit]] = {}
    for unit in units:
        assert unit.order_line_id is not None
        by_line.setdefault(unit.order_line_id, []).append(unit)
    lines = []
    for members in by_line.values():
        line = members[0].order_line
        assert line is not None
        shares = [
            UnitShare(
                unit,
                unit.estimated_refund_amount_cents,
                unit.shopper_refund_amount_cents,
                unit.optoro_refund_amount_cents,
            )
            for unit in members
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


def _decide(proposal: Proposal, policy: Policy, obstacles: list[str]) -> Refund | None:
    try:
        refund = services.propose_refund(proposal=proposal, source=Source.AUTOMATIC, actor=SYSTEM)
    except Refused as refusal:
        obstacles.append(str(refusal))
        return None
    if policy.needs_approval:
        return refund
    return services.approve_refund(refund=refund, actor=SYSTEM)


def _attach_reported_refunds(rma: Rma) -> None:
    """Ties refunds made outside that name this RMA to its units, so that nobody refunds them
    again. Amounts are the refund's; each unit gets an equal share of its line."""
    loose = Refund.objects.filter(
        store_id=rma.store_id,
        source=Source.EXTERNAL,
        rma_identifier=rma.rma_identifier,
        rma=None,
        order__in=[unit.order_id for unit in rma.units.all() if unit.order_id],
    )
    for refund in loose:
        Refund.objects.filter(pk=refund.pk).update(rma=rma)
        for line in refund.lines.all():
            free = list(
                rma.units.filter(order_line=line.order_line)
                .exclude(refund_units__is_live=True)
                .order_by("ordinal")[: line.quantity]
            )
            for position, unit in enumerate(free):
                share_cents = share_of(line.amount_cents, position, line.quantity)
                RefundUnit.objects.create(
                    line=line,
                    rma_unit=unit,
                    amount_cents=share_cents,
                    shopper_amount_cents=share_cents,
                )


def _withdraw_if_canceled(rma: Rma) -> None:
    """CANCELED wins (contract §10.3): what is not paid yet is withdrawn, what is, is shown."""
    if rma.status != rma_rules.CANCELED:
        return
    live = Refund.objects.filter(rma=rma, status__in=LIVE_STATUSES).exclude(source=Source.EXTERNAL)
    for refund in live.select_related("order", "store"):
        if refund.status in (RefundStatus.PROPOSED, RefundStatus.APPROVED):
            services.cancel_refund(refund=refund, actor=OPTORO, reason="the RMA was canceled")
            continue
        open_item(
            store_id=rma.store_id,
            kind=Kind.PAID_BUT_CANCELED,
            subject=refund.identifier,
            order_identifier=refund.order.identifier,
            rma_identifier=rma.rma_identifier,
            detail=f"Refund {refund.identifier} is {refund.get_status_display().lower()}, and "
            f"Optoro has canceled RMA {rma.rma_identifier}.",
        )


def _confirm(rma: Rma) -> None:
    """The echo: REFUNDED from Optoro confirms the refunds of the RMA that were paid."""
    if rma.status != rma_rules.REFUNDED:
        return
    paid = Refund.objects.filter(rma=rma, status=RefundStatus.PAID, confirmed_at=None)
    for refund in paid.select_related("order"):
        Refund.objects.filter(pk=refund.pk).update(confirmed_at=clock.now())
        timeline.record(
            store_id=rma.store_id,
            kind="refund.confirmed",
            summary=f"Optoro confirmed refund {refund.identifier}",
            actor=OPTORO,
            order_identifier=refund.order.identifier,
            rma_identifier=rma.rma_identifier,
            refund_identifier=refund.identifier,
            occurred_at=rma.remote_updated_at,
        )


def _show_to_people(
    rma: Rma, units: list[RmaUnit], found: dict[int, Verdict], obstacles: list[str]
) -> None:
    for_people = [unit for unit in units if found[unit.pk].answer == Answer.PERSON]
    reasons: dict[str, list[str]] = {}
    for unit in for_people:
        reasons.setdefault(found[unit.pk].reason, []).append(unit.label)
    details = [f"{'; '.join(names)}: {reason}" for reason, names in sorted(reasons.items())]
    details += sorted(set(obstacles))
    is_closed = rma.status == rma_rules.REFUNDED
    _show(rma, Kind.CONFIRMED_WITHOUT_REFUND, details if is_closed else [])
    _show(rma, Kind.REFUND_NEEDS_DECISION, [] if is_closed else details)


def _show(rma: Rma, kind: Kind, details: list[str]) -> None:
    if not details:
        close_items(
            store_id=rma.store_id,
            kind=kind,
            subject=rma.rma_identifier,
            resolution="its cause is gone",
        )
        return
    names = rma.units.values_list("order_identifier", flat=True)
    open_item(
        store_id=rma.store_id,
        kind=kind,
        subject=rma.rma_identifier,
        rma_identifier=rma.rma_identifier,
        order_identifier=names[0] if names else "",
        detail="\n".join(details),
    )
