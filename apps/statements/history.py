"""What is said of payments on statements, in the timelines of their refunds."""

from apps.common.money import show
from apps.refunds.models import Payout
from apps.statements.models import Statement
from apps.timeline import services as timeline
from apps.timeline.types import staff


def record(found: Statement, payout: Payout, user_id: int, summary: str) -> None:
    """Writes into the timeline of a payout's refund what somebody said of it on a statement. Call
    it in the transaction in which that counts; it reads the refund and its order."""
    refund = payout.refund
    amount = show(payout.amount_cents, payout.currency)
    timeline.record(
        store_id=found.store_id,
        kind="refund.statement",
        summary=f"Payment of {amount}: {summary}",
        actor=staff(user_id),
        order_identifier=refund.order.identifier,
        rma_identifier=refund.rma_identifier,
        refund_identifier=refund.identifier,
    )
