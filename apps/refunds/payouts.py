"""Moving the money: commit the attempt, call the gateway with no transaction open, record the
outcome. A time-out is *unknown* and is resolved by asking with the same key, never with a new one.
"""

import logging
from dataclasses import dataclass

from django.db import transaction

from apps.common import clock, money
from apps.common.fault_points import reach
from apps.common.redaction import hide_secrets
from apps.outbox.types import ClaimedJob, Result, done, retry
from apps.payments.gateways import MANUAL, gateway_named
from apps.payments.types import Gateway, GatewayOutcome, GatewayResult, PayoutRequest
from apps.refunds import services
from apps.refunds.models import (
    Destination,
    Payout,
    PayoutAttempt,
    PayoutStatus,
    Refund,
    RefundStatus,
    Source,
)
from apps.refunds.outcomes import locked_payout, look_again_later, record_answer, withdraw
from apps.refunds.policies import policies_of
from apps.refunds.standing import why_it_no_longer_stands
from apps.refunds.tenders import tenders_of
from apps.timeline.types import SYSTEM

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Begun:
    attempt_id: int
    request: PayoutRequest
    gateway: str
    store_id: int
    may_have_been_called: bool
    only_looks: bool = False  # somebody said that it was not paid: never pay, only see

    @property
    def is_told(self) -> bool:
        """Whether asking the gateway again is of no use: somebody will say what became of it."""
        return gateway_named(self.gateway, store_id=self.store_id).is_told


def pay(job: ClaimedJob) -> Result:
    """Does one `refund.pay` job: pays, or finds out what became of an earlier call."""
    begun = _begin(payout_id=int(job.key))
    if begun is None:
        return done()
    if isinstance(begun, str):
        return retry(f"not paid, because the refund no longer stands: {begun}")
    reach("payout.begun")
    result = _ask(begun)
    reach("payout.called")
    _record(payout_id=int(job.key), attempt_id=begun.attempt_id, result=result)
    reach("payout.recorded")
    if begun.only_looks:
        return done()
    if result.outcome == GatewayOutcome.UNKNOWN:
        return retry(f"the gateway's answer is unknown: {result.reason}")
    if result.outcome == GatewayOutcome.PENDING and not begun.is_told:
        return retry("the gateway has not decided yet")
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
    problem = why_it_no_longer_stands(refund)
    if problem:
        return _give_up(refund, problem)
    if services.owes_money(refund):
        services.plan_again(refund=refund)
        return ""
    services.settle_without_payment(refund, SYSTEM)
    return ""


@transaction.atomic
def _begin(*, payout_id: int) -> _Begun | str | None:
    """Commits that a call is about to happen; None where there is nothing to pay any more or not
    yet, and the reason where the refund no longer stands."""
    payout = locked_payout(payout_id)
    if payout.status == PayoutStatus.CREATED:
        problem = _why_not_now(payout)
        if problem is not None:
            return problem or None
        may_have_been_called = False
    elif payout.status in (PayoutStatus.CALLING, PayoutStatus.UNKNOWN, PayoutStatus.PENDING):
        may_have_been_called = True
    elif payout.status == PayoutStatus.DECLINED and payout.gateway != MANUAL:
        if look_again_later(payout):
            return None
        return _begun(payout, may_have_been_called=True, only_looks=True)
    else:
        return None
    Payout.objects.filter(pk=payout.pk).update(status=PayoutStatus.CALLING)
    return _begun(payout, may_have_been_called=may_have_been_called)


def _begun(payout: Payout, *, may_have_been_called: bool, only_looks: bool = False) -> _Begun:
    attempt = PayoutAttempt.objects.create(
        payout=payout,
        number=payout.attempts.count() + 1,
        idempotency_key=payout.idempotency_key,
        started_at=clock.now(),
    )
    reach("payout.beginning")
    return _Begun(
        attempt.pk,
        _request(payout),
        payout.gateway,
        payout.refund.store_id,
        may_have_been_called,
        only_looks,
    )


def _why_not_now(payout: Payout) -> str | None:
    """Begins the refund's payment where that is the first of its payouts. Returns None where this
    one may go, else why not: "" where there is nothing to do, or not yet."""
    refund = payout.refund
    if refund.status in (RefundStatus.PAYING, RefundStatus.UNKNOWN):
        return None  # another part of it has begun
    if refund.status != RefundStatus.APPROVED or _is_put_off(refund, payout):
        return ""
    problem = why_it_no_longer_stands(refund)
    if problem:
        return _give_up(refund, problem)
    if _is_planned_anew(refund):
        return ""
    amount = money.show(refund.shopper_amount_cents, payout.currency)
    services.move(
        refund=refund,
        to=RefundStatus.PAYING,
        actor=SYSTEM,
        kind="refund.paying",
        summary=f"Payment of {amount} sent to the gateway ({payout.gateway})",
    )
    return None


def _give_up(refund: Refund, problem: str) -> str:
    """What automation decided is looked at again, which withdraws it or finds that it stands after
    all; what a person or a machine made is withdrawn, and shown."""
    if refund.source == Source.AUTOMATIC:
        services.look_again_at_rma(refund)
        return problem
    withdraw(refund, problem)
    return ""


def _is_planned_anew(refund: Refund) -> bool:
    """Money may have gone back to one of the order's payments since this was planned: then it is
    planned anew, as long as nothing of it has begun."""
    if refund.destination != Destination.ORIGINAL_PAYMENT:
        return False
    tender_order = policies_of(refund).policy.tender_order
    tenders = tenders_of(refund.paid_order, tender_order=tender_order, excluding=refund)
    rooms = {tender.identifier: tender.room_cents for tender in tenders}
    planned = refund.payouts.filter(status=PayoutStatus.CREATED)
    if all(row.amount_cents <= rooms.get(row.transaction_identifier, 0) for row in planned):
        return False
    planned.update(status=PayoutStatus.CANCELED, finished_at=clock.now())
    for row in services.plan_payouts(refund):
        services.queue_payment(refund, row)
    return True


def _is_put_off(refund: Refund, payout: Payout | None) -> bool:
    """Whoever brings a job forward does not shorten the policy's delay: it is queued again for when
    it is due."""
    if refund.payment_due_at is None or refund.payment_due_at <= clock.now():
        return False
    services.queue_payment(refund, payout)
    return True


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
        transaction_identifier=payout.transaction_identifier,
        tender=payout.tender,
    )


def _ask(begun: _Begun) -> GatewayResult:
    """Asks what became of a key that may have been used; pays with it only if it never was.

    A gateway that breaks may have paid before it broke: that is unknown, and shown.
    """
    try:
        gateway = gateway_named(begun.gateway, store_id=begun.store_id)
        if begun.may_have_been_called:
            found = gateway.find(begun.request)
            if found is not None:
                return _of_this_amount(found, begun.request)
            if _was_sent_elsewhere(begun, gateway):
                return _SENT_ELSEWHERE
            if begun.only_looks:
                return GatewayResult(GatewayOutcome.DECLINED, reason="the gateway never saw it")
        return _pay(begun, gateway)
    except Exception as error:
        logger.exception("gateway %s failed", begun.gateway)
        reason = hide_secrets(f"{type(error).__name__}: {error}")
        return GatewayResult(GatewayOutcome.UNKNOWN, reason=reason)


def _pay(begun: _Begun, gateway: Gateway) -> GatewayResult:
    """Notes which account is used before it is, so that a crash does not lose that."""
    attempt = PayoutAttempt.objects.filter(pk=begun.attempt_id)
    attempt.update(account=gateway.account)
    result = gateway.refund(begun.request)
    if not result.was_sent:
        attempt.update(account="")
    return _of_this_amount(result, begun.request)


_SENT_ELSEWHERE = GatewayResult(
    GatewayOutcome.UNKNOWN,
    reason="it may have been paid by the account that the gateway had before; this one does not "
    "know it. Look it up there, and say here what became of it",
)


def _was_sent_elsewhere(begun: _Begun, gateway: Gateway) -> bool:
    """An account that was changed meanwhile knows nothing of an earlier call: its word that it
    never saw the key is worth nothing."""
    earlier = PayoutAttempt.objects.filter(payout__attempts=begun.attempt_id).exclude(
        pk=begun.attempt_id
    )
    return earlier.exclude(account__in=["", gateway.account]).exists()


def _of_this_amount(result: GatewayResult, request: PayoutRequest) -> GatewayResult:
    """A payment of another amount under our key is nothing that we can call paid."""
    paid_cents = result.amount_cents
    if result.outcome != GatewayOutcome.PAID or paid_cents in (None, request.amount_cents):
        return result
    reason = f"it says it paid {paid_cents} cents, but {request.amount_cents} were asked for"
    return GatewayResult(GatewayOutcome.UNKNOWN, result.reference, reason, paid_cents)


@transaction.atomic
def _record(*, payout_id: int, attempt_id: int, result: GatewayResult) -> None:
    """Writes down what the gateway said, and what follows from it."""
    PayoutAttempt.objects.filter(pk=attempt_id).update(
        finished_at=clock.now(),
        outcome=result.outcome,
        gateway_reference=result.reference,
        error=result.reason,
    )
    record_answer(payout_id=payout_id, result=result)
    reach("payout.recording")
