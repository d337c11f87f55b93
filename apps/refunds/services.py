"""Deciding on refunds: propose, approve, cancel, take over what others report."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction

from apps.common import clock, money
from apps.common.errors import FieldError, InvalidMessage, Refused
from apps.exchanges.lineage import paying_orders
from apps.orders.models import Order
from apps.orders.queries import lock_orders
from apps.orders.types import ReportedRefund
from apps.outbox import topics
from apps.outbox.services import enqueue
from apps.refunds import limits
from apps.refunds.models import (
    Destination,
    Payout,
    Refund,
    RefundLine,
    RefundStatus,
    RefundUnit,
    Source,
)
from apps.refunds.rules import may_move
from apps.refunds.standing import why_it_no_longer_stands
from apps.refunds.types import Proposal
from apps.rmas.queries import lock_rma
from apps.stores.queries import connection_of
from apps.timeline import services as timeline
from apps.timeline.types import OMS, Actor

# No I, L, O, U: read aloud and typed without mistakes. 50 random bits name a refund.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _new_identifier() -> str:
    text = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"RD-{text[:5]}-{text[5:]}"


def propose_refund(
    *, proposal: Proposal, source: Source, actor: Actor, author_id: int | None = None
) -> Refund:
    """Writes down a decision to refund, as `proposed`, and reserves its amounts.

    Call it in a transaction that holds the locks of the proposal's RMA and of both its orders
    (`lock_orders`): the limits are computed here, under those locks. Raises Refused with the limit
    where goods (per line) or cash (per payment) do not suffice; nothing is written then.
    """
    _check_limits(proposal)
    refund = Refund.objects.create(
        store_id=proposal.order.store_id,
        identifier=_new_identifier(),
        order=proposal.order,
        paid_order=proposal.paid_order,
        rma=proposal.rma,
        rma_identifier=proposal.rma.rma_identifier,
        status=RefundStatus.PROPOSED,
        source=source,
        destination=proposal.destination,
        recipient_email=proposal.recipient_email,
        reason=proposal.reason[:255],
        policy_id=proposal.policy.policy_id,
        currency=proposal.order.currency,
        total_refund_amount_cents=proposal.total_refund_amount_cents,
        shopper_amount_cents=proposal.shopper_amount_cents,
        optoro_amount_cents=proposal.optoro_amount_cents,
        retained_amount_cents=proposal.retained_amount_cents,
        bonus_credit_amount_cents=proposal.bonus_credit_amount_cents,
        author_id=author_id,
        created_at=clock.now(),
    )
    for number, line in enumerate(proposal.lines, start=1):
        row = RefundLine.objects.create(
            refund=refund,
            order_line=line.order_line,
            identifier=f"{refund.identifier}_{number}",
            quantity=len(line.shares),
            amount_cents=line.amount_cents,
            calculation=line.calculation.to_content(),
        )
        RefundUnit.objects.bulk_create(
            RefundUnit(
                line=row,
                rma_unit=share.unit,
                amount_cents=share.amount_cents,
                shopper_amount_cents=share.shopper_amount_cents,
                optoro_amount_cents=share.optoro_amount_cents,
            )
            for share in line.shares
        )
    units = sum(len(line.shares) for line in proposal.lines)
    _tell(
        refund,
        "refund.proposed",
        f"Refund of {_amount(refund)} decided for {units} unit{'s' if units != 1 else ''}: "
        f"{proposal.reason}",
        actor,
    )
    return refund


def _check_limits(proposal: Proposal) -> None:
    if proposal.total_refund_amount_cents <= 0:
        raise Refused("the units are worth nothing: there is nothing to refund")
    problem = limits.why_beyond(
        order=proposal.order,
        paid_order=proposal.paid_order,
        wanted=[
            limits.Wanted(line.order_line, len(line.shares), line.amount_cents)
            for line in proposal.lines
        ],
        shopper_amount_cents=proposal.shopper_amount_cents,
        destination=proposal.destination,
    )
    if problem:
        raise Refused(problem)


@transaction.atomic
def approve_refund(*, refund: Refund, actor: Actor) -> Refund:
    """Approves a proposed refund and queues its payment.

    Raises Refused in any other state, and where what it was decided on has changed: then it is
    withdrawn and decided on anew by itself.
    """
    refund = lock_for_decision(refund)
    can_be_approved = may_move(refund.status, RefundStatus.APPROVED)
    problem = why_it_no_longer_stands(refund) if can_be_approved else ""
    if problem:
        raise Refused(f"refund {refund.identifier} no longer stands: {problem}")
    now = clock.now()
    delay = timedelta(minutes=refund.policy.payment_delay_minutes if refund.policy else 0)
    refund = move(
        refund=refund,
        to=RefundStatus.APPROVED,
        actor=actor,
        kind="refund.approved",
        summary=f"Refund of {_amount(refund)} approved",
        approved_at=now,
        payment_due_at=now + delay if delay else None,
        approver_id=actor.user_id,
    )
    if refund.shopper_amount_cents == 0 or refund.destination == Destination.STORE_CREDIT:
        return _settle(refund, actor)
    gateway = connection_of(refund.store).payment_gateway
    payout = Payout.objects.create(
        refund=refund,
        gateway=gateway,
        amount_cents=refund.shopper_amount_cents,
        currency=refund.currency,
    )
    queue_payment(refund, payout)
    return refund


def _settle(refund: Refund, actor: Actor) -> Refund:
    """Settles a refund of which nothing is paid, when its delay is over: until then it can be
    canceled like any other."""
    if refund.payment_due_at is None:
        return settle_without_payment(refund, actor)
    queue_payment(refund, None)
    return refund


def queue_payment(refund: Refund, payout: Payout | None) -> None:
    """Queues the payment of an approved refund, or its settlement where there is no payout, for
    when it is due."""
    enqueue(
        store_id=refund.store_id,
        topic=topics.PAY_REFUND if payout else topics.SETTLE_REFUND,
        key=payout.pk if payout else refund.pk,
        label=refund.identifier,
        not_before=refund.payment_due_at,
    )


def lock_for_decision(refund: Refund) -> Refund:
    """Locks what a refund was decided on, always in the order RMA, orders, refund; returns the
    fresh row."""
    if refund.rma_id:
        lock_rma(refund.rma_id)
    lock_orders([refund.order_id, refund.paid_order_id])
    Refund.objects.select_for_update(no_key=True).get(pk=refund.pk)
    return Refund.objects.select_related("order", "paid_order", "store", "rma", "policy").get(
        pk=refund.pk
    )


def settle_without_payment(refund: Refund, actor: Actor) -> Refund:
    """Ends a refund of which nothing is paid to the shopper, and tells Optoro."""
    refund = move(
        refund=refund,
        to=RefundStatus.PAID,
        actor=actor,
        kind="refund.paid",
        summary=f"Refund of {_amount(refund)} settled; nothing more is paid to the shopper",
        paid_at=clock.now(),
    )
    report_soon(refund)
    return refund


def report_soon(refund: Refund) -> None:
    """Queues what follows a paid refund: the order's snapshot, and another look at its RMA."""
    enqueue(
        store_id=refund.store_id,
        topic=topics.ORDER_SNAPSHOT,
        key=refund.order_id,
        label=refund.order.identifier,
    )
    look_again_at_rma(refund)


def look_again_at_rma(refund: Refund) -> None:
    """Queues another look at a refund's RMA, if it has one."""
    if refund.rma_id:
        enqueue(
            store_id=refund.store_id,
            topic=topics.EVALUATE_RMA,
            key=refund.rma_id,
            label=refund.rma_identifier,
        )


def _look_again_at_orders(refund: Refund) -> None:
    """Queues another look at what returns the goods of a refund's order, or is paid from the same
    payment. In the order of their keys, like locks: waiting jobs are locked too."""
    for order in sorted({refund.order, refund.paid_order}, key=lambda order: order.pk):
        enqueue(
            store_id=refund.store_id, topic=topics.LINK_ORDER, key=order.pk, label=order.identifier
        )


@transaction.atomic
def cancel_refund(
    *, refund: Refund, actor: Actor, reason: str, is_superseded: bool = False
) -> Refund:
    """Cancels a refund whose payment has not begun; its amounts are free again, and its units too
    where the refund is only superseded. Raises Refused once the gateway may have been called.
    """
    refund = move(
        refund=refund,
        to=RefundStatus.CANCELED,
        actor=actor,
        kind="refund.canceled",
        summary=f"Refund of {_amount(refund)} canceled: {reason}",
        is_superseded=is_superseded,
    )
    release_units(refund)
    refund.payouts.filter(status="created").update(status="canceled", finished_at=clock.now())
    return refund


def release_units(refund: Refund) -> None:
    """Frees the units of a refund that was declined or canceled; what the freed amount may now
    allow elsewhere is looked at again."""
    RefundUnit.objects.filter(line__refund=refund).update(is_live=False)
    _look_again_at_orders(refund)


def move(
    *, refund: Refund, to: str, actor: Actor, kind: str, summary: str, **values: Any
) -> Refund:
    """Moves a refund's status by compare-and-set, with `values` and a timeline event.

    Raises Refused where the table of transitions (rules.TRANSITIONS) does not allow it, or where
    somebody else moved the refund in between. Returns the fresh row.
    """
    if not may_move(refund.status, to):
        raise Refused(
            f"refund {refund.identifier} is {refund.get_status_display().lower()}: it cannot "
            f"become {RefundStatus(to).label.lower()}"
        )
    with transaction.atomic():
        moved = Refund.objects.filter(pk=refund.pk, status=refund.status).update(
            status=to, **values
        )
        if not moved:
            raise Refused(
                f"refund {refund.identifier} changed meanwhile; look at it again before you act"
            )
        _tell(refund, kind, summary, actor)
    return Refund.objects.select_related("order", "paid_order", "store", "rma", "policy").get(
        pk=refund.pk
    )


def _tell(refund: Refund, kind: str, summary: str, actor: Actor) -> None:
    timeline.record(
        store_id=refund.store_id,
        kind=kind,
        summary=summary,
        actor=actor,
        order_identifier=refund.order.identifier,
        rma_identifier=refund.rma_identifier,
        refund_identifier=refund.identifier,
    )


def _amount(refund: Refund) -> str:
    return money.show(refund.total_refund_amount_cents, refund.currency)


def take_over_reported_refunds(*, order: Order, reported: Sequence[ReportedRefund]) -> int:
    """Keeps the refunds that the order's source says it made; returns how many were new.

    They count against every limit from then on: of goods on this order, of cash on the one that
    took the payment. One that carries the identifier of a refund the desk knows (its own, reported
    back, or one taken over before) changes nothing: a refund, once known, is frozen. Raises
    InvalidMessage for an identifier that belongs to a refund of another order: identifiers are
    unique across all refunds (contract §8). Call it in the transaction that mirrors the order.

    The paying order is not locked: that transaction holds the lock of the order mirrored, which has
    the greater key. Nothing here depends on what is left of the payment, and whoever counts it
    without these refunds is asked again once they are committed.
    """
    payer = paying_orders([order])[order.pk]
    _count_against(payer, order)
    if not reported:
        return 0
    lock_orders([order.pk])
    known = dict(
        Refund.objects.filter(
            store_id=order.store_id, identifier__in=[told.identifier for told in reported]
        ).values_list("identifier", "order__identifier")
    )
    _refuse_strangers(order, reported, known)
    fresh = [told for told in reported if told.identifier not in known]
    for told in fresh:
        _look_again_at_orders(_take_over(order, payer, told))
    return len(fresh)


def _count_against(payer: Order, order: Order) -> None:
    """An order that is sent without its secondary identifier at first can turn out later to be an
    exchange order: what was refunded outside before counts against the payment then, too."""
    others = Refund.objects.filter(order=order, source=Source.EXTERNAL).exclude(paid_order=payer)
    for refund in others.select_related("order"):
        refund.paid_order = payer
        refund.save(update_fields=["paid_order"])
        _look_again_at_orders(refund)


def _refuse_strangers(
    order: Order, reported: Sequence[ReportedRefund], known: dict[str, str]
) -> None:
    errors = [
        FieldError(
            f"refunds[{index}].identifier",
            "invalid",
            f"{told.identifier!r} is a refund of order {known[told.identifier]}; identifiers are "
            "unique across all refunds",
        )
        for index, told in enumerate(reported)
        if known.get(told.identifier, order.identifier) != order.identifier
    ]
    if errors:
        raise InvalidMessage(errors)


def _take_over(order: Order, payer: Order, told: ReportedRefund) -> Refund:
    refund = Refund.objects.create(
        store_id=order.store_id,
        identifier=told.identifier,
        order=order,
        paid_order=payer,
        rma_identifier=told.rma_identifier,
        status=RefundStatus.PAID,
        source=Source.EXTERNAL,
        destination=Destination.ORIGINAL_PAYMENT,
        reason="reported by the order system",
        note=told.note,
        currency=order.currency,
        total_refund_amount_cents=told.total_refund_amount_cents,
        shopper_amount_cents=told.total_refund_amount_cents,
        created_at=told.created_at,
        paid_at=told.created_at,
        raw=told.raw,
    )
    lines = {line.identifier: line for line in order.lines.all()}
    known = [line for line in told.lines if line.order_item_identifier in lines]
    weights = [
        lines[line.order_item_identifier].unit_price_amount_cents * line.quantity for line in known
    ]
    amounts = money.split_by_weight(told.total_refund_amount_cents, weights) if known else []
    for line, amount_cents in zip(known, amounts, strict=True):
        RefundLine.objects.create(
            refund=refund,
            order_line=lines[line.order_item_identifier],
            identifier=line.identifier,
            quantity=line.quantity,
            amount_cents=amount_cents,
        )
    _tell(refund, "refund.reported_by_oms", f"Refund of {_amount(refund)} made outside", OMS)
    return refund
