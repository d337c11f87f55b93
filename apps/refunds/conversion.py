"""Asking to turn a standard exchange that waits for its order into a refund.

Optoro publishes no call for it: a person does it in Optoro's portal, and the desk waits for the
message that tells of it (contract §5: PENDING_EXCHANGE lasts until the exchange order is placed, or
the RMA is canceled or converted).
"""

from django.db import transaction

from apps.attention.models import Kind
from apps.attention.services import close_items, open_item
from apps.common import clock
from apps.common.errors import Refused
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma
from apps.rmas.queries import lock_rma
from apps.timeline import services as timeline
from apps.timeline.types import OPTORO, Actor

_FIELDS = ("conversion_requested_at", "conversion_reason", "conversion_requester")


@transaction.atomic
def request_conversion(*, rma: Rma, reason: str, actor: Actor, requester: str) -> Rma:
    """Asks to turn an RMA's exchange into a refund: an exception waits until Optoro tells of it.
    Nothing is refunded before. Asked for again, nothing changes.

    `requester` names the person. Raises Refused without a reason, and where the RMA does not wait
    for an exchange order.
    """
    if not reason.strip():
        raise Refused("reason: write why the exchange becomes a refund")
    rma = lock_rma(rma.pk)
    if rma.is_conversion_requested:
        return rma
    problem = why_not_convertible(rma)
    if problem:
        raise Refused(problem)
    rma.conversion_requested_at = clock.now()
    rma.conversion_reason = reason.strip()[:255]
    rma.conversion_requester = requester[:150]
    rma.save(update_fields=list(_FIELDS))
    _tell(rma, "rma.conversion_requested", f"Conversion asked for: {reason.strip()}", actor)
    show_conversion(rma)
    return rma


@transaction.atomic
def withdraw_conversion(*, rma: Rma, actor: Actor, reason: str) -> Rma:
    """Takes a request for conversion back. Raises Refused where none is open."""
    rma = lock_rma(rma.pk)
    if not rma.is_conversion_requested:
        raise Refused(f"no conversion of RMA {rma.rma_identifier} is asked for")
    _end(rma, "rma.conversion_withdrawn", f"Conversion withdrawn: {reason}", actor)
    return rma


def why_not_convertible(rma: Rma) -> str:
    """Returns, in words, why an RMA's conversion cannot be asked for, or ""."""
    if rma.is_cancellation_requested:
        return f"the cancellation of RMA {rma.rma_identifier} is asked for: withdraw that first"
    if rma.status != rma_rules.PENDING_EXCHANGE:
        return (
            f"RMA {rma.rma_identifier} is {rma.status}: only a standard exchange whose order is "
            "not placed yet can become a refund"
        )
    return ""


def show_conversion(rma: Rma) -> None:
    """Keeps the exception of a requested conversion true: open while Optoro still waits for the
    exchange order. Call it whenever the RMA has changed, under its lock."""
    if not rma.is_conversion_requested:
        return
    if rma.status != rma_rules.PENDING_EXCHANGE:
        summary = (
            "The request for conversion ended: Optoro no longer waits for the exchange order, the "
            f"RMA is {rma.status}"
        )
        _end(rma, "rma.conversion_ended", summary, OPTORO)
        return
    names = rma.units.values_list("order_identifier", flat=True)
    open_item(
        store_id=rma.store_id,
        kind=Kind.CONVERSION_WAITS,
        subject=rma.rma_identifier,
        rma_identifier=rma.rma_identifier,
        order_identifier=names[0] if names else "",
        detail=f"{rma.conversion_requester} asked for it: {rma.conversion_reason}. "
        "Optoro still waits for the exchange order.",
    )


def _end(rma: Rma, kind: str, summary: str, actor: Actor) -> None:
    rma.conversion_requested_at = None
    rma.conversion_reason = rma.conversion_requester = ""
    rma.save(update_fields=list(_FIELDS))
    _tell(rma, kind, summary, actor)
    close_items(
        store_id=rma.store_id,
        kind=Kind.CONVERSION_WAITS,
        subject=rma.rma_identifier,
        resolution=summary[:255],
    )


def _tell(rma: Rma, kind: str, summary: str, actor: Actor) -> None:
    timeline.record(
        store_id=rma.store_id,
        kind=kind,
        summary=summary,
        actor=actor,
        rma_identifier=rma.rma_identifier,
    )
