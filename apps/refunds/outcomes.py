"""What became of a payment, and what that makes of its refund: from the gateway's answer, or from
the word of a person or of the retailer's own systems."""

from datetime import timedelta

from django.db import transaction

from apps.attention.models import Kind
from apps.attention.services import Cause, close_items, open_item, open_or_add
from apps.common import clock, money
from apps.common.errors import Refused
from apps.outbox import topics
from apps.outbox.services import enqueue
from apps.payments.gateways import MANUAL
from apps.payments.types import GatewayOutcome, GatewayResult
from apps.refunds import services
from apps.refunds.books import book_payout
from apps.refunds.models import Payout, PayoutStatus, Refund, RefundStatus
from apps.timeline import services as timeline
from apps.timeline.types import GATEWAY, SYSTEM, Actor

_LAST_LOOK_AFTER = timedelta(hours=1)
_UNDECIDED = (PayoutStatus.CALLING, PayoutStatus.PENDING, PayoutStatus.UNKNOWN)
_STATUS_OF = {
    GatewayOutcome.PAID: PayoutStatus.PAID,
    GatewayOutcome.DECLINED: PayoutStatus.DECLINED,
    GatewayOutcome.UNKNOWN: PayoutStatus.UNKNOWN,
    GatewayOutcome.PENDING: PayoutStatus.PENDING,
}


def locked_payout(payout_id: int) -> Payout:
    """Locks what a payout's refund was decided on, the refund and the payout; returns it fresh."""
    payout = Payout.objects.select_related("refund").get(pk=payout_id)
    services.lock_for_decision(payout.refund)
    return (
        Payout.objects.select_related(
            "refund__order",
            "refund__paid_order",
            "refund__store",
            "refund__rma",
            "refund__policy",
        )
        .select_for_update(no_key=True, of=("self",))
        .get(pk=payout_id)
    )


def record_answer(*, payout_id: int, result: GatewayResult) -> None:
    """Writes down what the gateway said. A payout that is settled already is left alone; but where
    the gateway says otherwise than what was written down, a person is told. Call it in a
    transaction.
    """
    payout = locked_payout(payout_id)
    if payout.status in _UNDECIDED:
        _settle(payout, result, GATEWAY)
    elif _contradicts(payout, result):
        _contradicted(payout, result)


@transaction.atomic
def tell_outcome(
    *, payout: Payout, outcome: GatewayOutcome, reference: str, note: str, actor: Actor
) -> Payout:
    """Takes the word of a person, or of the retailer's own systems, for what became of a payment:
    PAID with the reference it has there, or DECLINED.

    Only where that is still open: it waits for somebody to make it, or its outcome is unknown. The
    same word again changes nothing. Raises Refused for anything else, also while the gateway is
    being called.
    """
    payout = locked_payout(payout.pk)
    reference = reference.strip()[:255]
    if outcome not in (GatewayOutcome.PAID, GatewayOutcome.DECLINED):
        raise Refused(f"outcome {outcome!r}: say `paid` or `declined`")
    if outcome == GatewayOutcome.PAID and not reference:
        raise Refused("a payment that was made has a reference: write the one it has where it was")
    is_told_before = payout.status == _STATUS_OF[outcome] and (
        outcome == GatewayOutcome.DECLINED or payout.gateway_reference == reference
    )
    if is_told_before:
        return payout
    if payout.status not in (PayoutStatus.PENDING, PayoutStatus.UNKNOWN):
        raise Refused(_why_not_told(payout))
    if outcome == GatewayOutcome.DECLINED and _is_rest_by_hand(payout):
        raise Refused(
            "another part of this refund is paid, so the rest is owed: pay it some other way, by "
            "bank or gift card say, and write down that reference"
        )
    result = GatewayResult(outcome, reference, note.strip()[:1000])
    _settle(payout, result, actor)
    payout = Payout.objects.select_related("refund").get(pk=payout.pk)
    if outcome == GatewayOutcome.DECLINED and payout.gateway != MANUAL:
        look_again_later(payout)
    return payout


def look_again_later(payout: Payout) -> bool:
    """Queues one more look at the gateway for a payout that was said not to be paid: a call that
    was overtaken may still be on its way. Returns False once that must have ended."""
    assert payout.finished_at is not None
    due_at = payout.finished_at + _LAST_LOOK_AFTER
    if due_at <= clock.now():
        return False
    enqueue(
        store_id=payout.refund.store_id,
        topic=topics.PAY_REFUND,
        key=payout.pk,
        label=payout.refund.identifier,
        not_before=due_at,
    )
    return True


def _is_rest_by_hand(payout: Payout) -> bool:
    others = _latest_payouts(payout.refund)
    return payout.gateway == MANUAL and any(row.status == PayoutStatus.PAID for row in others)


def _why_not_told(payout: Payout) -> str:
    states = {
        PayoutStatus.CREATED: "it has not been sent yet: cancel the refund instead",
        PayoutStatus.CALLING: "the gateway is being called at this moment: try again in a minute",
        PayoutStatus.PAID: f"it is paid already, with reference {payout.gateway_reference!r}",
        PayoutStatus.DECLINED: "it was declined already: make a new refund",
        PayoutStatus.CANCELED: "it was canceled before it began",
    }
    return f"payment {payout.idempotency_key}: {states[PayoutStatus(payout.status)]}"


def _settle(payout: Payout, result: GatewayResult, actor: Actor) -> None:
    status = _STATUS_OF[result.outcome]
    is_final = status in (PayoutStatus.PAID, PayoutStatus.DECLINED)
    Payout.objects.filter(pk=payout.pk).update(
        status=status,
        gateway_reference=result.reference or payout.gateway_reference,
        error="" if status == PayoutStatus.PAID else result.reason,
        finished_at=clock.now() if is_final else None,
    )
    payout.status, payout.gateway_reference = status, result.reference or payout.gateway_reference
    if status == PayoutStatus.PAID:
        book_payout(payout)
    _conclude(payout, _latest_payouts(payout.refund), result, actor)


def _latest_payouts(refund: Refund) -> list[Payout]:
    """The payout that counts for each payment of the order: one that was declined may have been
    taken over by a later one."""
    rows = refund.payouts.exclude(status=PayoutStatus.CANCELED).order_by("pk")
    return list({row.transaction_identifier: row for row in rows}.values())


def _conclude(payout: Payout, parts: list[Payout], result: GatewayResult, actor: Actor) -> None:
    """Moves the refund to what its payouts together say, and tells people what they must know."""
    states = {part.status for part in parts}
    is_paid_in_part = PayoutStatus.PAID in states
    if PayoutStatus.DECLINED in states and not is_paid_in_part and not states & {*_UNDECIDED}:
        _decline(payout, parts, result, actor)
    elif states == {PayoutStatus.PAID}:
        _finish(payout, parts, result, actor)
    elif states == {PayoutStatus.PAID, PayoutStatus.DECLINED}:
        _tell_part(payout, result, actor)
        _pay_the_rest_by_hand(parts)
        _be(payout.refund, RefundStatus.PAYING, "Part of it is paid, the rest is not", actor)
    elif PayoutStatus.UNKNOWN in states:
        reason = result.reason or "a part of it is still unknown"
        summary = f"It is unknown whether the payment happened: {reason}"
        _tell_part(payout, result, actor)
        _be(payout.refund, RefundStatus.UNKNOWN, summary, actor)
    else:
        _tell_part(payout, result, actor)
        _be(payout.refund, RefundStatus.PAYING, "The gateway has not decided yet", actor)
    _show(payout.refund, actor)


def _be(refund: Refund, to: RefundStatus, summary: str, actor: Actor) -> None:
    if refund.status != to:
        services.move(refund=refund, to=to, actor=actor, kind=f"refund.{to.value}", summary=summary)


def _tell_part(payout: Payout, result: GatewayResult, actor: Actor) -> None:
    """A refund that is not finished yet has its parts told one by one."""
    words = {
        PayoutStatus.PAID: f"paid to {recipient_of(payout)}, reference {payout.gateway_reference}",
        PayoutStatus.DECLINED: f"declined: {result.reason}",
        PayoutStatus.PENDING: "sent; it waits for its outcome",
    }
    if payout.status in words:
        amount = money.show(payout.amount_cents, payout.currency)
        summary = f"{amount} {words[PayoutStatus(payout.status)]}"
        services.tell(payout.refund, f"payout.{payout.status}", summary, actor)


def _finish(payout: Payout, parts: list[Payout], result: GatewayResult, actor: Actor) -> None:
    amount = money.show(sum(part.amount_cents for part in parts), payout.currency)
    references = ", ".join(part.gateway_reference for part in parts)
    note = f" ({result.reason})" if result.reason else ""
    paid = f"{amount} paid to" if len(parts) == 1 else f"All {amount} paid, the last part to"
    refund = services.move(
        refund=payout.refund,
        to=RefundStatus.PAID,
        actor=actor,
        kind="refund.paid",
        summary=f"{paid} {recipient_of(payout)}, reference {references}{note}",
        paid_at=clock.now(),
    )
    _tell_the_paying_order(refund, amount, actor)
    services.report_soon(refund)


def _tell_the_paying_order(refund: Refund, amount: str, actor: Actor) -> None:
    """The order whose payment was used shows it too, where it is not the one whose goods came."""
    if refund.paid_order_id == refund.order_id:
        return
    timeline.record(
        store_id=refund.store_id,
        kind="refund.paid",
        summary=f"{amount} paid back from this order's payment, for goods of order "
        f"{refund.order.identifier}",
        actor=actor,
        order_identifier=refund.paid_order.identifier,
        refund_identifier=refund.identifier,
    )


def recipient_of(payout: Payout) -> str:
    """Returns, in words, where a payout goes."""
    refund = payout.refund
    if refund.recipient_email:
        return f"{refund.get_destination_display().lower()} for {refund.recipient_email}"
    return f"the payment of order {refund.paid_order.identifier}"


def _decline(payout: Payout, parts: list[Payout], result: GatewayResult, actor: Actor) -> None:
    """Nothing was paid and nothing can be on its way: what was not sent yet is not sent."""
    refund = payout.refund
    refund.payouts.filter(status=PayoutStatus.CREATED).update(
        status=PayoutStatus.CANCELED, finished_at=clock.now()
    )
    reason = result.reason or "no reason was given"
    refund = services.move(
        refund=refund,
        to=RefundStatus.DECLINED,
        actor=actor,
        kind="refund.declined",
        summary=(
            f"The gateway declined the payment: {reason}"
            if actor == GATEWAY
            else f"It was not paid: {reason}"
        ),
    )
    services.release_units(refund)
    close_items(
        store_id=refund.store_id,
        kind=Kind.PAID_BUT_CANCELED,
        subject=refund.identifier,
        resolution="it was never paid: the gateway declined it",
    )
    open_or_add(
        store_id=refund.store_id,
        cause=Cause(
            kind=Kind.REFUND_DECLINED,
            subject=refund.identifier,
            detail=f"{money.show(payout.amount_cents, payout.currency)} of refund "
            f"{refund.identifier}: {reason}",
            order_identifier=refund.order.identifier,
            rma_identifier=refund.rma_identifier,
        ),
    )


def _pay_the_rest_by_hand(parts: list[Payout]) -> None:
    """What was declined of a refund that is paid in part is owed still: a person pays it, whatever
    way the shopper can be paid."""
    for part in parts:
        if part.status != PayoutStatus.DECLINED:
            continue
        payout = Payout.objects.create(
            refund_id=part.refund_id,
            store_id=part.store_id,
            gateway=MANUAL,
            amount_cents=part.amount_cents,
            currency=part.currency,
            transaction_identifier=part.transaction_identifier,
            tender=part.tender,
        )
        enqueue(
            store_id=part.refund.store_id,
            topic=topics.PAY_REFUND,
            key=payout.pk,
            label=part.refund.identifier,
        )


def _show(refund: Refund, actor: Actor) -> None:
    """Opens and closes what people must know of a refund's payments."""
    rows = list(refund.payouts.order_by("pk"))
    unknown = [row for row in rows if row.status == PayoutStatus.UNKNOWN]
    by_hand = [r for r in rows if r.status == PayoutStatus.PENDING and r.gateway == MANUAL]
    refund = services.fresh(refund)
    if unknown:
        _open(refund, Kind.PAYMENT_UNKNOWN, "\n".join(_in_words(row) for row in unknown))
    else:
        ended = {RefundStatus.PAID: "paid", RefundStatus.DECLINED: "declined"}
        became = ended.get(RefundStatus(refund.status), refund.status)
        who = "the gateway says" if actor == GATEWAY else "somebody looked it up:"
        _close(refund, Kind.PAYMENT_UNKNOWN, f"{who} it was {became}")
    if by_hand:
        _open(refund, Kind.PAYMENT_BY_HAND, "\n".join(_to_do(row) for row in by_hand))
    else:
        _close(refund, Kind.PAYMENT_BY_HAND, "somebody said what became of it")


def _in_words(payout: Payout) -> str:
    return (
        f"{money.show(payout.amount_cents, payout.currency)} of refund "
        f"{payout.refund.identifier}, key {payout.idempotency_key}: {payout.error}"
    )


def _to_do(payout: Payout) -> str:
    return (
        f"{money.show(payout.amount_cents, payout.currency)} of refund "
        f"{payout.refund.identifier} to {recipient_of(payout)}"
    )


def _contradicts(payout: Payout, result: GatewayResult) -> bool:
    """Paid although declined, declined although paid, or paid twice under two references."""
    if payout.status == PayoutStatus.DECLINED:
        return result.outcome == GatewayOutcome.PAID
    if payout.status != PayoutStatus.PAID:
        return False
    is_another = result.reference not in ("", payout.gateway_reference)
    return result.outcome == GatewayOutcome.DECLINED or (
        result.outcome == GatewayOutcome.PAID and is_another
    )


def _contradicted(payout: Payout, result: GatewayResult) -> None:
    amount = money.show(payout.amount_cents, payout.currency)
    known = f", reference {payout.gateway_reference}" if payout.gateway_reference else ""
    told = f", reference {result.reference}" if result.reference else ""
    detail = (
        f"{amount} of refund {payout.refund.identifier}, key {payout.idempotency_key}: written "
        f"down as {payout.status}{known}, but the gateway says it was {result.outcome}{told}"
    )
    _open(payout.refund, Kind.PAYMENT_CONTRADICTED, detail)
    services.tell(payout.refund, "payout.contradicted", detail, GATEWAY)


def _open(refund: Refund, kind: Kind, detail: str) -> None:
    open_item(
        store_id=refund.store_id,
        kind=kind,
        subject=refund.identifier,
        order_identifier=refund.order.identifier,
        rma_identifier=refund.rma_identifier,
        detail=detail,
    )


def _close(refund: Refund, kind: Kind, resolution: str) -> None:
    close_items(
        store_id=refund.store_id, kind=kind, subject=refund.identifier, resolution=resolution
    )


def withdraw(refund: Refund, problem: str) -> None:
    """Cancels a refund that a person or a machine made and that no longer stands; they are told.
    Call it under its locks, before its payment has begun."""
    refund = services.cancel_refund(refund=refund, actor=SYSTEM, reason=problem, is_superseded=True)
    _open(refund, Kind.REFUND_WITHDRAWN, f"Refund {refund.identifier}: {problem}.")
