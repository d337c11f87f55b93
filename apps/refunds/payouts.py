"""Moving the money: commit the attempt, call the gateway with no transaction open, record the
outcome. A time-out is *unknown* and is resolved by asking with the same key, never with a new one.
"""

import logging
from dataclasses import dataclass

from django.db import transaction

from apps.attention.models import Kind
from apps.attention.services import close_items, open_item
from apps.common import clock, money
from apps.common.redaction import hide_secrets
from apps.outbox.types import ClaimedJob, Result, done, retry
from apps.payments.gateways import gateway_named
from apps.payments.types import GatewayOutcome, GatewayResult, PayoutRequest
from apps.refunds import services
from apps.refunds.models import (
    Payout,
    PayoutAttempt,
    PayoutStatus,
    Refund,
    RefundStatus,
)
from apps.refunds.standing import why_it_no_longer_stands
from apps.timeline import services as timeline
from apps.timeline.types import GATEWAY, SYSTEM

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Begun:
    attempt_id: int
    request: PayoutRequest
    gateway: str
    may_have_been_called: bool


def pay(job: ClaimedJob) -> Result:
    """Does one `refund.pay` job: pays, or finds out what became of an earlier call."""
    begun = _begin(payout_id=int(job.key))
    if begun is None:
        return done()
    if isinstance(begun, str):
        return retry(f"not paid, because the refund no longer stands: {begun}")
    result = _ask(begun)
    _record(payout_id=int(job.key), attempt_id=begun.attempt_id, result=result)
    if result.outcome == GatewayOutcome.UNKNOWN:
        return retry(f"the gateway's answer is unknown: {result.reason}")
    return done()


def settle(job: ClaimedJob) -> Result:
    """Does one `refund.settle` job: ends a refund of which nothing is paid, after its delay."""
    problem = _settle_when_due(refund_id=int(job.key))
    if problem:
        return retry(f"not settled, because the refund no longer stands: {problem}")
    return done()


@transaction.atomic
def _settle_when_due(*, refund_id: int) -> str:
    """Returns the reason where the refund no longer stands."""
    refund = services.lock_for_decision(Refund.objects.get(pk=refund_id))
    if refund.status != RefundStatus.APPROVED or _is_put_off(refund, None):
        return ""
    problem = _why_withdrawn(refund)
    if not problem:
        services.settle_without_payment(refund, SYSTEM)
    return problem


@transaction.atomic
def _begin(*, payout_id: int) -> _Begun | str | None:
    """Commits that a call is about to happen; None where there is nothing to pay any more or not
    yet, and the reason where the refund no longer stands."""
    payout = _locked(payout_id)
    refund = payout.refund
    if payout.status == PayoutStatus.CREATED:
        if refund.status != RefundStatus.APPROVED or _is_put_off(refund, payout):
            return None
        problem = _why_withdrawn(refund)
        if problem:
            return problem
        services.move(
            refund=refund,
            to=RefundStatus.PAYING,
            actor=SYSTEM,
            kind="refund.paying",
            summary=f"Payment of {money.show(payout.amount_cents, payout.currency)} sent to the "
            f"gateway ({payout.gateway})",
        )
        may_have_been_called = False
    elif payout.status in (PayoutStatus.CALLING, PayoutStatus.UNKNOWN):
        may_have_been_called = True
    else:
        return None
    Payout.objects.filter(pk=payout.pk).update(status=PayoutStatus.CALLING)
    attempt = PayoutAttempt.objects.create(
        payout=payout,
        number=payout.attempts.count() + 1,
        idempotency_key=payout.idempotency_key,
        started_at=clock.now(),
    )
    return _Begun(attempt.pk, _request(payout), payout.gateway, may_have_been_called)


def _is_put_off(refund: Refund, payout: Payout | None) -> bool:
    """Whoever brings a job forward does not shorten the policy's delay: it is queued again for when
    it is due."""
    if refund.payment_due_at is None or refund.payment_due_at <= clock.now():
        return False
    services.queue_payment(refund, payout)
    return True


def _why_withdrawn(refund: Refund) -> str:
    """Returns why a refund no longer stands, or "". Its RMA is looked at again then, which
    withdraws the refund, or finds that it stands after all."""
    problem = why_it_no_longer_stands(refund)
    if problem:
        services.look_again_at_rma(refund)
    return problem


def _locked(payout_id: int) -> Payout:
    payout = Payout.objects.select_related("refund").get(pk=payout_id)
    services.lock_for_decision(payout.refund)
    return (
        Payout.objects.select_related(
            "refund__order", "refund__paid_order", "refund__store", "refund__rma"
        )
        .select_for_update(no_key=True, of=("self",))
        .get(pk=payout_id)
    )


def _request(payout: Payout) -> PayoutRequest:
    refund = payout.refund
    return PayoutRequest(
        key=str(payout.idempotency_key),
        amount_cents=payout.amount_cents,
        currency=payout.currency,
        destination=refund.destination,
        recipient_email=refund.recipient_email,
        order_identifier=refund.paid_order.identifier,
        refund_identifier=refund.identifier,
    )


def _ask(begun: _Begun) -> GatewayResult:
    """Asks what became of a key that may have been used; pays with it only if it never was.

    A gateway that breaks may have paid before it broke: that is unknown, and shown.
    """
    try:
        gateway = gateway_named(begun.gateway)
        if begun.may_have_been_called:
            found = gateway.find(begun.request.key)
            if found is not None:
                return found
        return gateway.refund(begun.request)
    except Exception as error:
        logger.exception("gateway %s failed", begun.gateway)
        reason = hide_secrets(f"{type(error).__name__}: {error}")
        return GatewayResult(GatewayOutcome.UNKNOWN, reason=reason)


@transaction.atomic
def _record(*, payout_id: int, attempt_id: int, result: GatewayResult) -> None:
    """Writes down what the gateway said; a payout that is settled already is left alone."""
    PayoutAttempt.objects.filter(pk=attempt_id).update(
        finished_at=clock.now(),
        outcome=result.outcome,
        gateway_reference=result.reference,
        error=result.reason,
    )
    payout = _locked(payout_id)
    if payout.status not in (PayoutStatus.CALLING, PayoutStatus.UNKNOWN):
        return
    if result.outcome == GatewayOutcome.PAID:
        _paid(payout, result)
    elif result.outcome == GatewayOutcome.DECLINED:
        _declined(payout, result)
    else:
        _unknown(payout, result)


def _settle(payout: Payout, status: PayoutStatus, result: GatewayResult) -> None:
    Payout.objects.filter(pk=payout.pk).update(
        status=status,
        gateway_reference=result.reference,
        error=result.reason,
        finished_at=None if status == PayoutStatus.UNKNOWN else clock.now(),
    )


def _paid(payout: Payout, result: GatewayResult) -> None:
    _settle(payout, PayoutStatus.PAID, result)
    amount = money.show(payout.amount_cents, payout.currency)
    refund = services.move(
        refund=payout.refund,
        to=RefundStatus.PAID,
        actor=GATEWAY,
        kind="refund.paid",
        summary=f"{amount} paid to {_recipient(payout.refund)}, reference {result.reference}",
        paid_at=clock.now(),
    )
    _close_unknown(refund, "the gateway says it was paid")
    _tell_the_paying_order(refund, amount)
    services.report_soon(refund)


def _tell_the_paying_order(refund: Refund, amount: str) -> None:
    """The order whose payment was used shows it too, where it is not the one whose goods came."""
    if refund.paid_order_id == refund.order_id:
        return
    timeline.record(
        store_id=refund.store_id,
        kind="refund.paid",
        summary=f"{amount} paid back from this order's payment, for goods of order "
        f"{refund.order.identifier}",
        actor=GATEWAY,
        order_identifier=refund.paid_order.identifier,
        refund_identifier=refund.identifier,
    )


def _recipient(refund: Refund) -> str:
    if refund.recipient_email:
        return f"{refund.get_destination_display().lower()} for {refund.recipient_email}"
    return f"the payment of order {refund.paid_order.identifier}"


def _declined(payout: Payout, result: GatewayResult) -> None:
    _settle(payout, PayoutStatus.DECLINED, result)
    refund = services.move(
        refund=payout.refund,
        to=RefundStatus.DECLINED,
        actor=GATEWAY,
        kind="refund.declined",
        summary=f"The gateway declined the payment: {result.reason}",
    )
    services.release_units(refund)
    _close_unknown(refund, "the gateway says it was declined")
    close_items(
        store_id=refund.store_id,
        kind=Kind.PAID_BUT_CANCELED,
        subject=refund.identifier,
        resolution="it was never paid: the gateway declined it",
    )
    open_item(
        store_id=refund.store_id,
        kind=Kind.REFUND_DECLINED,
        subject=refund.identifier,
        order_identifier=refund.order.identifier,
        rma_identifier=refund.rma_identifier,
        detail=f"{money.show(payout.amount_cents, payout.currency)} of refund "
        f"{refund.identifier}: {result.reason}",
    )


def _unknown(payout: Payout, result: GatewayResult) -> None:
    _settle(payout, PayoutStatus.UNKNOWN, result)
    refund = payout.refund
    if refund.status != RefundStatus.UNKNOWN:
        services.move(
            refund=refund,
            to=RefundStatus.UNKNOWN,
            actor=GATEWAY,
            kind="refund.unknown",
            summary=f"It is unknown whether the payment happened: {result.reason}",
        )
    open_item(
        store_id=refund.store_id,
        kind=Kind.PAYMENT_UNKNOWN,
        subject=refund.identifier,
        order_identifier=refund.order.identifier,
        rma_identifier=refund.rma_identifier,
        detail=f"{money.show(payout.amount_cents, payout.currency)} of refund "
        f"{refund.identifier}, key {payout.idempotency_key}: {result.reason}",
    )


def _close_unknown(refund: Refund, resolution: str) -> None:
    close_items(
        store_id=refund.store_id,
        kind=Kind.PAYMENT_UNKNOWN,
        subject=refund.identifier,
        resolution=resolution,
    )
