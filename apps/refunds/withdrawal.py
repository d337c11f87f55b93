"""Taking back what was decided and is not paid yet. Call these while the RMA's lock is held."""

from apps.attention.models import Kind
from apps.attention.services import open_item
from apps.common.errors import Refused
from apps.refunds import services
from apps.refunds.models import Refund, RefundStatus, RefundUnit, Source
from apps.refunds.queries import verdicts
from apps.refunds.rules import LIVE_STATUSES, destination_of
from apps.refunds.types import Answer, Policy
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma
from apps.rmas.queries import units_of
from apps.timeline.types import OPTORO, SYSTEM

_UNPAID = (RefundStatus.PROPOSED, RefundStatus.APPROVED)


def withdraw_if_canceled(rma: Rma) -> None:
    """CANCELED wins (contract §10.3): what is not paid yet is withdrawn, what is, is shown."""
    if rma.status != rma_rules.CANCELED:
        return
    live = Refund.objects.filter(rma=rma, status__in=LIVE_STATUSES).exclude(source=Source.EXTERNAL)
    for refund in live.select_related("order", "store"):
        if refund.status in _UNPAID:
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


def supersede_stale_decisions(rma: Rma, policy: Policy) -> None:
    """Withdraws automatic decisions whose grounds have changed before they were paid (the unit, its
    figures, the recipient), so that they are decided on anew from what is known now."""
    unpaid = Refund.objects.filter(rma=rma, source=Source.AUTOMATIC, status__in=_UNPAID)
    if not unpaid.exists():
        return
    found = verdicts(rma, units_of([rma]), policy, forget_past=True)
    for refund in unpaid.select_related("order", "store"):
        due = {unit_id for unit_id, verdict in found.items() if verdict.answer == Answer.REFUND}
        if _still_stands(refund, rma, due):
            continue
        try:
            services.cancel_refund(
                refund=refund,
                actor=SYSTEM,
                reason="what it was decided on has changed",
                is_superseded=True,
            )
        except Refused:
            continue  # its payment began in between: it is past recall


def _still_stands(refund: Refund, rma: Rma, due: set[int]) -> bool:
    destination = destination_of(rma, refund.shopper_amount_cents)
    if destination != (refund.destination, refund.recipient_email):
        return False
    rows = RefundUnit.objects.filter(line__refund=refund).select_related("rma_unit")
    return all(row.rma_unit_id in due and _has_same_figures(row) for row in rows)


def _has_same_figures(row: RefundUnit) -> bool:
    """A rounding cent may have been taken off the shopper's part to fit the line."""
    unit = row.rma_unit
    shopper_cents = unit.shopper_refund_amount_cents
    return (
        row.optoro_amount_cents == unit.optoro_refund_amount_cents
        and shopper_cents - 1 <= row.shopper_amount_cents <= shopper_cents
    )
