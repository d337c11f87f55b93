"""Asking for an RMA's cancellation. Optoro publishes no call for it: a person cancels the return in
Optoro's own portal, and until its CANCELED arrives the desk stands still."""

from django.db import transaction
from django.db.models import QuerySet

from apps.attention.models import Kind
from apps.attention.services import close_items, open_item
from apps.common import clock, money
from apps.common.errors import Refused
from apps.common.fault_points import reach
from apps.outbox import topics
from apps.outbox.services import enqueue
from apps.refunds import services
from apps.refunds.models import Refund, RefundKind, RefundStatus
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma
from apps.rmas.queries import lock_rma
from apps.timeline import services as timeline
from apps.timeline.types import Actor

# Money that has gone out, or may have.
_PAID = (RefundStatus.PAYING, RefundStatus.PAID, RefundStatus.UNKNOWN)

_AT_OPTORO = {
    rma_rules.PENDING_EXCHANGE: "still waits for its exchange",
    rma_rules.CREATED: "is still open",
    rma_rules.PARTIAL_REFUND: "is partly refunded",
}


@transaction.atomic
def request_cancellation(*, rma: Rma, reason: str, actor: Actor, requester: str) -> Rma:
    """Asks for an RMA's cancellation: automation stops at once, what is decided and not paid is
    canceled, and an exception waits for Optoro's CANCELED. Asked for again, nothing changes.

    `requester` names the person or the API key. Raises Refused where something was refunded, or may
    have been, and where Optoro has ended the RMA already.
    """
    rma = lock_rma(rma.pk)
    if rma.is_cancellation_requested:
        return rma
    problem = why_not_cancelable(rma)
    if problem:
        raise Refused(problem)
    for refund in _undone(rma):
        services.cancel_refund(
            refund=refund,
            actor=actor,
            reason="the cancellation of its return was asked for",
            is_superseded=True,
        )
    rma.cancellation_requested_at = clock.now()
    rma.cancellation_reason = reason[:255]
    rma.cancellation_requester = requester[:150]
    rma.save(update_fields=list(_FIELDS))
    _tell(rma, "rma.cancellation_requested", f"Cancellation asked for: {reason}", actor)
    show_cancellation(rma)
    reach("cancellation.requested")
    return rma


@transaction.atomic
def withdraw_cancellation(*, rma: Rma, actor: Actor, reason: str) -> Rma:
    """Takes a request for cancellation back: automation goes on, and decides anew.

    Raises Refused where none is open, or Optoro has canceled the RMA meanwhile.
    """
    rma = lock_rma(rma.pk)
    if not rma.is_cancellation_requested:
        raise Refused(f"no cancellation of RMA {rma.rma_identifier} is asked for")
    if rma.status == rma_rules.CANCELED:
        raise Refused(f"Optoro has canceled RMA {rma.rma_identifier}: that cannot be taken back")
    rma.cancellation_requested_at = None
    rma.cancellation_reason = rma.cancellation_requester = ""
    rma.save(update_fields=list(_FIELDS))
    _tell(rma, "rma.cancellation_withdrawn", f"Cancellation withdrawn: {reason}", actor)
    _close(rma, "the request was withdrawn")
    enqueue(store_id=rma.store_id, topic=topics.EVALUATE_RMA, key=rma.pk, label=rma.rma_identifier)
    return rma


_FIELDS = ("cancellation_requested_at", "cancellation_reason", "cancellation_requester")


def why_not_cancelable(rma: Rma) -> str:
    """Returns, in words, why an RMA's cancellation cannot be asked for, or ""."""
    if rma.status == rma_rules.CANCELED:
        return f"RMA {rma.rma_identifier} is canceled already"
    columns = ("identifier", "status", "total_refund_amount_cents", "currency")
    paid = _goods(rma).filter(status__in=_PAID).only(*columns).order_by("pk").first()
    if paid:
        amount = money.show(paid.total_refund_amount_cents, paid.currency)
        return (
            f"refund {paid.identifier} of {amount} for RMA {rma.rma_identifier} is "
            f"{paid.get_status_display().lower()}: what was refunded cannot be canceled"
        )
    if rma.status == rma_rules.REFUNDED:
        return f"Optoro has closed RMA {rma.rma_identifier} as refunded"
    return ""


def show_cancellation(rma: Rma) -> None:
    """Keeps the exception of a requested cancellation true: open until Optoro's CANCELED arrives.
    Call it whenever the RMA has changed, under its lock."""
    if not rma.is_cancellation_requested:
        return
    if rma.status == rma_rules.CANCELED:
        _close(rma, "Optoro canceled the RMA")
        return
    names = rma.units.values_list("order_identifier", flat=True)
    open_item(
        store_id=rma.store_id,
        kind=Kind.CANCELLATION_WAITS,
        subject=rma.rma_identifier,
        rma_identifier=rma.rma_identifier,
        order_identifier=names[0] if names else "",
        detail=f"{rma.cancellation_requester} asked for it: {rma.cancellation_reason}. "
        f"At Optoro the return {_AT_OPTORO.get(rma.status, 'is not canceled yet')}.",
    )


def _goods(rma: Rma) -> QuerySet[Refund]:
    return Refund.objects.filter(
        store_id=rma.store_id, rma_identifier=rma.rma_identifier, kind=RefundKind.GOODS
    )


def _undone(rma: Rma) -> list[Refund]:
    unpaid = _goods(rma).filter(status__in=[RefundStatus.PROPOSED, RefundStatus.APPROVED])
    return list(unpaid.select_related("order", "paid_order", "store").order_by("pk"))


def _close(rma: Rma, resolution: str) -> None:
    close_items(
        store_id=rma.store_id,
        kind=Kind.CANCELLATION_WAITS,
        subject=rma.rma_identifier,
        resolution=resolution,
    )


def _tell(rma: Rma, kind: str, summary: str, actor: Actor) -> None:
    timeline.record(
        store_id=rma.store_id,
        kind=kind,
        summary=summary,
        actor=actor,
        rma_identifier=rma.rma_identifier,
    )
