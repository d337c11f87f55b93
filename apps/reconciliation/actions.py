"""What people do about an exception with one click. Each queues a job at once and says so; doing it
twice does no harm, since a job is worked out when it runs."""

from django.db import transaction

from apps.common.errors import Refused
from apps.orders.queries import find_order
from apps.outbox import topics
from apps.outbox.models import Job
from apps.outbox.services import enqueue, resend
from apps.refunds.models import Payout, PayoutStatus, Refund, RefundStatus
from apps.refunds.queries import payouts_of
from apps.refunds.services import plan_again, queue_payment
from apps.rmas.models import Rma

_UNDECIDED = (PayoutStatus.CALLING, PayoutStatus.PENDING, PayoutStatus.UNKNOWN)


def ask_gateway_again(*, store_id: int, refund_identifier: str) -> str:
    """Has the gateway asked now what became of a refund's payments, with their own keys; returns
    what was queued, in words. Raises Refused where none of them is open."""
    payouts = _payouts(store_id, refund_identifier, _UNDECIDED)
    if not payouts:
        raise Refused(f"no payment of refund {refund_identifier} is open any more")
    with transaction.atomic():
        for payout in payouts:
            _at_once(store_id, topics.PAY_REFUND, payout.pk, refund_identifier)
    return f"The gateway is asked again now about refund {refund_identifier}, with the same key."


def queue_payment_again(*, store_id: int, refund_identifier: str) -> str:
    """Queues what a refund still needs to be paid; returns that in words. Not before it is due.

    An approved refund gets its payments, planned anew where it has none that can be paid, or its
    settlement where it owes the shopper no money (`refunds.services.plan_again`); one whose payment
    has begun its unfinished payments, under their own keys. Raises Refused where there is nothing
    to pay.
    """
    refund = _refund(store_id, refund_identifier)
    payouts = _payouts(store_id, refund_identifier, (*_UNDECIDED, PayoutStatus.CREATED))
    if refund.status == RefundStatus.APPROVED:
        plan_again(refund=refund)
    elif not payouts:
        raise Refused(f"nothing of refund {refund_identifier} is left to pay")
    else:
        with transaction.atomic():
            for payout in payouts:
                queue_payment(refund, payout)
    if not payouts:
        return f"What refund {refund_identifier} still needs to be paid is queued."
    return f"The payment of refund {refund_identifier} is queued again, with the same key."


def send_snapshot_again(*, store_id: int, order_identifier: str) -> str:
    """Has the order's newest snapshot sent to Optoro now. Raises Refused for an unknown order."""
    order = find_order(store_id=store_id, identifier=order_identifier)
    if order is None:
        raise Refused(f"order {order_identifier!r} is not known: there is nothing to send")
    with transaction.atomic():
        _at_once(store_id, topics.ORDER_SNAPSHOT, order.pk, order.identifier)
    return f"The snapshot of order {order.identifier} is sent again by the next free worker."


def look_again(*, store_id: int, rma_identifier: str) -> str:
    """Has an RMA looked at again now. Raises Refused for an unknown RMA."""
    rma = Rma.objects.filter(store_id=store_id, rma_identifier=rma_identifier).first()
    if rma is None:
        raise Refused(f"return {rma_identifier!r} is not known: there is nothing to look at")
    with transaction.atomic():
        _at_once(store_id, topics.EVALUATE_RMA, rma.pk, rma.rma_identifier)
    return f"Return {rma.rma_identifier} is looked at again by the next free worker."


def _at_once(store_id: int, topic: str, key: int, label: str) -> None:
    """Unlike a new cause, a person's wish does not wait for the end of a backoff."""
    last = Job.objects.filter(topic=topic, key=str(key)).order_by("-pk").first()
    if last:
        resend(job=last)
    else:
        enqueue(store_id=store_id, topic=topic, key=key, label=label)


def _refund(store_id: int, identifier: str) -> Refund:
    found = Refund.objects.filter(store_id=store_id, identifier=identifier).first()
    if found is None:
        raise Refused(f"refund {identifier!r} is not known")
    return found


def _payouts(store_id: int, identifier: str, states: tuple[str, ...]) -> list[Payout]:
    return list(payouts_of(store_id, [identifier]).filter(status__in=states).order_by("pk"))
