"""Taking back what was decided and is not paid yet. Call these while the RMA's lock is held."""

from apps.attention.models import Kind
from apps.attention.services import open_item
from apps.common.errors import Refused
from apps.refunds import services
from apps.refunds.models import Refund, RefundStatus, Source
from apps.refunds.rules import LIVE_STATUSES
from apps.refunds.standing import why_it_no_longer_stands
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma
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


def supersede_stale_decisions(rma: Rma) -> None:
    """Withdraws automatic decisions whose grounds have changed before they were paid, so that they
    are decided on anew from what is known now."""
    unpaid = Refund.objects.filter(rma=rma, source=Source.AUTOMATIC, status__in=_UNPAID)
    for refund in unpaid.select_related("order", "paid_order", "store", "rma"):
        reason = why_it_no_longer_stands(refund)
        if not reason:
            continue
        try:
            services.cancel_refund(refund=refund, actor=SYSTEM, reason=reason, is_superseded=True)
        except Refused:
            continue  # its payment began in between: it is past recall
