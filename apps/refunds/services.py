"""Deciding on refunds: propose, approve, cancel, take over what others report."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Sum

from apps.accounts.queries import role_of
from apps.common import clock, money
from apps.common.errors import Refused
from apps.common.fault_points import reach
from apps.orders.queries import lock_orders
from apps.outbox import topics
from apps.outbox.services import enqueue
from apps.payments.gateways import gateway_for
from apps.refunds import limits
from apps.refunds.approvals import approvals_of, why_it_waits, why_not_approve
from apps.refunds.books import book_move, day_in_books
from apps.refunds.items import WrittenLine, write_items
from apps.refunds.models import (
    Destination,
    Payout,
    PayoutStatus,
    Refund,
    RefundKind,
    RefundLine,
    RefundStatus,
    RefundUnit,
    Source,
)
from apps.refunds.policies import policies_of
from apps.refunds.rules import LIVE_STATUSES, may_move
from apps.refunds.standing import why_it_no_longer_stands
from apps.refunds.tenders import Tender, split, tenders_of
from apps.refunds.types import Proposal
from apps.rmas.queries import lock_rma
from apps.stores.queries import connection_of
from apps.timeline import services as timeline
from apps.timeline.models import ActorKind
from apps.timeline.types import Actor, Change

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
    where goods (per line), goodwill (per order) or cash (per payment) do not suffice; nothing is
    written then.
    """
    check_limits(proposal)
    refund = Refund.objects.create(
        store_id=proposal.order.store_id,
        identifier=_new_identifier(),
        order=proposal.order,
        paid_order=proposal.paid_order,
        rma=proposal.rma,
        rma_identifier=(proposal.rma.rma_identifier if proposal.rma else proposal.rma_identifier),
        status=RefundStatus.PROPOSED,
        source=source,
        kind=proposal.kind,
        destination=proposal.destination,
        recipient_email=proposal.recipient_email,
        reason=proposal.reason[:255],
        note=proposal.note,
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
    write_items(
        refund=refund,
        order=proposal.order,
        rma=proposal.rma,
        trigger=proposal.policy.trigger_of(proposal.rma.return_method) if proposal.rma else "",
        lines=_write_lines(refund, proposal),
    )
    tell(
        refund,
        "refund.proposed",
        f"Refund of {amount_of(refund)} decided for {_for_what(proposal)}: {proposal.reason}",
        actor,
        changes=[Change("status", None, RefundStatus.PROPOSED)],
    )
    return refund


def _write_lines(refund: Refund, proposal: Proposal) -> list[WrittenLine]:
    written = []
    for number, line in enumerate(proposal.lines, start=1):
        row = RefundLine.objects.create(
            refund=refund,
            order_line=line.order_line,
            identifier=f"{refund.identifier}_{number}",
            quantity=line.quantity,
            amount_cents=line.amount_cents,
            calculation=line.calculation.to_content() if line.calculation else None,
        )
        units = RefundUnit.objects.bulk_create(
            RefundUnit(
                line=row,
                rma_unit=share.unit,
                amount_cents=share.amount_cents,
                shopper_amount_cents=share.shopper_amount_cents,
                optoro_amount_cents=share.optoro_amount_cents,
            )
            for share in line.shares
        )
        written.append(WrittenLine(row, line.order_line, units))
    return written


def _for_what(proposal: Proposal) -> str:
    if proposal.kind == RefundKind.GOODWILL:
        return "goodwill"
    units = sum(line.quantity for line in proposal.lines)
    return f"{units} unit{'s' if units != 1 else ''}"


def check_limits(proposal: Proposal) -> None:
    """Raises Refused with the limit that a proposal goes against. Ask only under the locks of both
    its orders."""
    if proposal.total_refund_amount_cents <= 0:
        raise Refused("the units are worth nothing: there is nothing to refund")
    if proposal.kind == RefundKind.GOODWILL:
        problem = limits.why_beyond_goodwill(
            order=proposal.order,
            paid_order=proposal.paid_order,
            amount_cents=proposal.shopper_amount_cents,
            limit_cents=approvals_of(proposal.order.store).goodwill_limit_cents,
            destination=proposal.destination,
        )
    else:
        problem = limits.why_beyond(
            order=proposal.order,
            paid_order=proposal.paid_order,
            wanted=[
                limits.Wanted(line.order_line, line.quantity, line.amount_cents)
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

    Raises Refused in any other state, where this person may not (their own refund, more than their
    role decides on), and where what it was decided on has changed: then it is withdrawn and, if
    automation made it, decided on anew by itself.
    """
    refund = lock_for_decision(refund)
    can_be_approved = may_move(refund.status, RefundStatus.APPROVED)
    if can_be_approved and actor.kind == ActorKind.STAFF:
        _refuse_whoever_may_not(refund, actor)
    return _approve(refund, actor, f"Refund of {amount_of(refund)} approved", actor.user_id)


def _refuse_whoever_may_not(refund: Refund, actor: Actor) -> None:
    problem = why_not_approve(
        approvals_of(refund.store),
        source=refund.source,
        author_id=refund.author_id,
        approver_id=actor.user_id,
        role=role_of(user_id=actor.user_id, store_id=refund.store_id),
        amount_cents=refund.total_refund_amount_cents,
        currency=refund.currency,
    )
    if problem:
        raise Refused(problem)


def approve_or_wait(*, refund: Refund, actor: Actor) -> Refund:
    """Approves a refund just proposed where whoever made it decides on it alone; otherwise it waits
    for (another) person, and says why. Call it in the transaction that proposed it."""
    waits = why_it_waits(
        approvals_of(refund.store),
        source=refund.source,
        role=role_of(user_id=refund.author_id, store_id=refund.store_id),
        amount_cents=refund.total_refund_amount_cents + decided_alone_cents(refund),
        currency=refund.currency,
    )
    if not waits:
        return _approve(refund, actor, f"Refund of {amount_of(refund)} approved", None)
    return let_wait(refund=refund, actor=actor, waits=waits)


def decided_alone_cents(refund: Refund) -> int:
    """Returns what counts together with a refund just proposed (`alone_cents`). Automation decides
    by units, which nobody can split."""
    if refund.source == Source.AUTOMATIC:
        return 0
    return alone_cents(
        paid_order_id=refund.paid_order_id, source=refund.source, author_id=refund.author_id
    )


def alone_cents(*, paid_order_id: int, source: str, author_id: int | None) -> int:
    """Returns what the same person, or machines, have refunded from the same payment within the
    last day without anybody else's approval, in cents: many small refunds are one large one."""
    alone = Refund.objects.filter(
        paid_order=paid_order_id,
        source=source,
        author=author_id,
        approver=None,
        status__in=LIVE_STATUSES,
        created_at__gt=clock.now() - timedelta(days=1),
    ).exclude(status=RefundStatus.PROPOSED)
    return alone.aggregate(total=Sum("total_refund_amount_cents"))["total"] or 0


def let_wait(*, refund: Refund, actor: Actor, waits: str) -> Refund:
    """Notes why a refund just proposed waits for a person. Call it in the same transaction."""
    Refund.objects.filter(pk=refund.pk).update(approval_reason=waits[:255])
    tell(refund, "refund.waits", f"Waits for approval: {waits}", actor)
    return fresh(refund)


def _approve(refund: Refund, actor: Actor, summary: str, approver_id: int | None) -> Refund:
    can_be_approved = may_move(refund.status, RefundStatus.APPROVED)
    problem = why_it_no_longer_stands(refund) if can_be_approved else ""
    if problem:
        raise Refused(f"refund {refund.identifier} no longer stands: {problem}")
    now = clock.now()
    delay = _delay(refund)
    refund = move(
        refund=refund,
        to=RefundStatus.APPROVED,
        actor=actor,
        kind="refund.approved",
        summary=summary,
        approved_at=now,
        payment_due_at=now + delay if delay else None,
        approver_id=approver_id,
    )
    reach("refund.approved")
    if not owes_money(refund):
        return _settle(refund, actor)
    for payout in plan_payouts(refund):
        queue_payment(refund, payout)
    return refund


def _delay(refund: Refund) -> timedelta:
    """How long it can be taken back before it is paid: the policy's delay, or the hold of those
    that a person or a machine made."""
    if refund.source == Source.AUTOMATIC:
        return timedelta(minutes=refund.policy.payment_delay_minutes if refund.policy else 0)
    approvals = approvals_of(refund.store)
    is_staff = refund.source == Source.STAFF
    minutes = approvals.staff_hold_minutes if is_staff else approvals.api_hold_minutes
    return timedelta(minutes=minutes)


def owes_money(refund: Refund) -> bool:
    """Whether money goes out for it: not where all is settled with Optoro, or the store credit went
    out with the exchange order."""
    return refund.shopper_amount_cents > 0 and refund.destination != Destination.STORE_CREDIT


@transaction.atomic
def plan_again(*, refund: Refund) -> None:
    """Queues what an approved refund that got stuck still needs: its payouts, planned anew where it
    has none, or its settlement. Raises Refused in any other state."""
    refund = lock_for_decision(refund)
    if refund.status != RefundStatus.APPROVED:
        raise Refused(
            f"refund {refund.identifier} is {refund.get_status_display().lower()}, not approved"
        )
    if not owes_money(refund):
        queue_payment(refund, None)
        return
    ended = [PayoutStatus.CANCELED, PayoutStatus.DECLINED]
    for payout in refund.payouts.exclude(status__in=ended) or plan_payouts(refund):
        queue_payment(refund, payout)


def plan_payouts(refund: Refund) -> list[Payout]:
    """Writes down which payment gets how much of an approved refund. Call it under the lock of the
    paid order; raises Refused where its payments have no room for the whole."""
    connection = connection_of(refund.store)

    def payout(amount_cents: int, tender: Tender) -> Payout:
        return Payout.objects.create(
            refund=refund,
            store_id=refund.store_id,
            gateway=gateway_for(
                payment_gateway=connection.payment_gateway,
                gift_card_gateway=connection.gift_card_gateway,
                is_gift_card=tender.is_gift_card,
            ),
            amount_cents=amount_cents,
            currency=refund.currency,
            transaction_identifier=tender.identifier,
            tender=tender.name,
        )

    if refund.destination == Destination.GIFT_CARD:
        return [payout(refund.shopper_amount_cents, Tender("", Destination.GIFT_CARD, 0))]
    tender_order = policies_of(refund).policy.tender_order
    portions = split(
        refund.shopper_amount_cents,
        tenders_of(refund.paid_order, tender_order=tender_order, excluding=refund),
        tender_order=tender_order,
        currency=refund.currency,
    )
    return [payout(portion.amount_cents, portion.tender) for portion in portions]


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
    return fresh(refund)


def fresh(refund: Refund) -> Refund:
    """Returns the row as it is now, with what decisions look at."""
    return Refund.objects.select_related("order", "paid_order", "store", "rma", "policy").get(
        pk=refund.pk
    )


def settle_without_payment(refund: Refund, actor: Actor) -> Refund:
    """Ends a refund of which nothing is paid to the shopper, and tells Optoro. Raises Refused where
    the shopper is owed something."""
    if owes_money(refund):
        raise Refused(f"refund {refund.identifier} owes the shopper money: it must be paid")
    refund = move(
        refund=refund,
        to=RefundStatus.PAID,
        actor=actor,
        kind="refund.paid",
        summary=f"Refund of {amount_of(refund)} settled; nothing more is paid to the shopper",
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


def look_again_at_orders(refund: Refund) -> None:
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
    """Cancels a refund whose payment has not begun; its amounts are free again.

    Automation leaves the units of a refund alone that a person canceled; where the refund is only
    superseded (withdrawn, or taken back by its author), it decides on them anew. Raises Refused
    once the gateway may have been called.
    """
    refund = move(
        refund=refund,
        to=RefundStatus.CANCELED,
        actor=actor,
        kind="refund.canceled",
        summary=f"Refund of {amount_of(refund)} canceled: {reason}",
        is_superseded=is_superseded,
    )
    release_units(refund)
    refund.payouts.filter(status="created").update(status="canceled", finished_at=clock.now())
    return refund


def release_units(refund: Refund) -> None:
    """Frees the units of a refund that was declined or canceled; what the freed amount may now
    allow elsewhere is looked at again."""
    RefundUnit.objects.filter(line__refund=refund).update(is_live=False)
    look_again_at_orders(refund)


def move(
    *, refund: Refund, to: str, actor: Actor, kind: str, summary: str, **values: Any
) -> Refund:
    """Moves a refund's status by compare-and-set, with `values` and a timeline event.

    To PAID takes `paid_at`, and gives the refund its day in the books. Raises Refused where the
    table of transitions (rules.TRANSITIONS) does not allow it, or where somebody else moved the
    refund in between. Returns the fresh row.
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
        book_move(refund, to)
        if to == RefundStatus.PAID:
            Refund.objects.filter(pk=refund.pk).update(
                booked_on=day_in_books(refund, values["paid_at"])
            )
        tell(refund, kind, summary, actor, changes=[Change("status", refund.status, to)])
    return fresh(refund)


def tell(
    refund: Refund, kind: str, summary: str, actor: Actor, changes: Sequence[Change] = ()
) -> None:
    """Appends to the timeline of a refund, its order and its RMA."""
    timeline.record(
        store_id=refund.store_id,
        kind=kind,
        summary=summary,
        actor=actor,
        order_identifier=refund.order.identifier,
        rma_identifier=refund.rma_identifier,
        refund_identifier=refund.identifier,
        changes=changes,
    )


def amount_of(refund: Refund) -> str:
    """Returns the whole of a refund as people write it."""
    return money.show(refund.total_refund_amount_cents, refund.currency)
