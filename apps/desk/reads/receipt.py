"""What a shopper can be given about a refund: no notes, no reasons, nobody who works here."""

from dataclasses import dataclass

from django.db.models import Sum

from apps.desk.words import payment_name, pays_money
from apps.refunds.models import (
    Destination,
    PayoutStatus,
    Refund,
    RefundKind,
    RefundStatus,
    Source,
)


@dataclass(frozen=True)
class ReceiptLine:
    """What was refunded for a line, in cents; `tax_cents` is the tax in it, as the refund report
    and the books have it, None for goodwill."""

    title: str
    quantity: int
    amount_cents: int
    tax_cents: int | None


@dataclass(frozen=True)
class ReceiptPart:
    """How a part of it was paid back, in cents, and under which reference."""

    amount_cents: int
    how: str
    reference: str


@dataclass(frozen=True)
class Receipt:
    """A refund as its shopper sees it; `why_none` says why there is nothing to give them yet."""

    lines: tuple[ReceiptLine, ...] = ()
    parts: tuple[ReceiptPart, ...] = ()
    why_none: str = ""

    @property
    def tax_cents(self) -> int:
        """The tax in all lines of which it is known, in cents."""
        return sum(line.tax_cents or 0 for line in self.lines)


def receipt_of(refund: Refund) -> Receipt:
    """Reads the receipt of a refund that is paid."""
    if refund.status != RefundStatus.PAID:
        state = refund.get_status_display().lower()
        return Receipt(why_none=f"The refund is {state}: there is a receipt once it is paid.")
    if not pays_money(refund):
        return Receipt(why_none="No money was paid back for it, so there is nothing to show.")
    return Receipt(_lines(refund), _parts(refund))


def _lines(refund: Refund) -> tuple[ReceiptLine, ...]:
    lines = refund.lines.select_related("order_line").annotate(
        tax_cents=Sum("items__tax_amount_cents")
    )
    found = [
        ReceiptLine(
            line.order_line.title,
            line.quantity,
            line.amount_cents,
            line.tax_cents,
        )
        for line in lines
    ]
    if found:
        return tuple(found)
    what = "Goodwill" if refund.kind == RefundKind.GOODWILL else "Refund"
    return (ReceiptLine(what, 0, refund.total_refund_amount_cents, None),)


def _parts(refund: Refund) -> tuple[ReceiptPart, ...]:
    if refund.source == Source.EXTERNAL:
        return (ReceiptPart(refund.shopper_amount_cents, "by the store", refund.identifier),)
    rows = refund.payouts.filter(status=PayoutStatus.PAID).order_by("pk")
    return tuple(
        ReceiptPart(row.amount_cents, _how(refund, row.tender), row.gateway_reference)
        for row in rows
    )


def _how(refund: Refund, tender: str) -> str:
    if refund.destination == Destination.GIFT_CARD:
        return f"onto a gift card for {refund.recipient_email}"
    name = payment_name(tender)
    if name.endswith("card"):
        return f"back to your {name}"
    return f"back to your payment by {name}" if name else "back to the original payment"
