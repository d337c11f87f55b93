"""What refunds and their payments are in the books.

Owed from the approval on (`shopper_payable`, `optoro_payable`, what is kept back as income), paid
as the payouts are; a refund that ends without payment is taken back by an entry of its own.
"""

from datetime import date, datetime
from typing import Any

from django.db.models import Max, Sum

from apps.common import clock, money
from apps.ledger.models import Entry
from apps.ledger.rules import (
    CASH_OUTSIDE,
    FEE_INCOME,
    GIFT_CARD_LIABILITY,
    GOODWILL,
    OPTORO_PAYABLE,
    SALES_RETURNS,
    SALES_TAX,
    SHOPPER_PAYABLE,
    cash,
)
from apps.ledger.services import book, booking_day, reverse
from apps.ledger.types import Booking, Leg
from apps.refunds.models import Destination, Payout, Refund, RefundKind, RefundStatus
from apps.refunds.tenders import Tender

_PAYING = ("payout.paid", "refund.credited")


def book_move(refund: Refund, to: str) -> None:
    """Books what it means that `refund` (as it was before) becomes `to`. Call it in the same
    transaction."""
    if to == RefundStatus.APPROVED:
        book_owed(refund)
    elif to in (RefundStatus.DECLINED, RefundStatus.CANCELED):
        word = RefundStatus(to).label.lower()
        memo = f"Refund {refund.identifier} was {word}: nothing is owed"
        reverse(store=refund.store, key=_owed_key(refund), memo=memo)
    elif to == RefundStatus.PAID and refund.destination == Destination.STORE_CREDIT:
        _book_credit(refund)


def book_owed(refund: Refund) -> None:
    """Books that a refund is owed: to the shopper, to Optoro, and what is kept back."""
    credited = (
        Leg(SHOPPER_PAYABLE, refund.shopper_amount_cents),
        Leg(OPTORO_PAYABLE, refund.optoro_amount_cents),
        Leg(FEE_INCOME, refund.retained_amount_cents),
    )
    total = money.show(refund.total_refund_amount_cents, refund.currency)
    book(
        _booking(
            refund,
            key=_owed_key(refund),
            kind="refund.owed",
            debited=_given_back(refund),
            credited=credited,
            memo=f"Refund {refund.identifier} of {total} for order {refund.order.identifier}",
        )
    )


def book_outside(refund: Refund) -> date:
    """Books a refund that the order system says it made, on the day it says; returns its day in the
    books, the first open one where that month was closed."""
    total = refund.total_refund_amount_cents
    entry = book(
        _booking(
            refund,
            key=f"refund.outside:{refund.pk}",
            kind="refund.outside",
            debited=_given_back(refund),
            credited=(Leg(CASH_OUTSIDE, total),),
            memo=f"Refund {refund.identifier} of {money.show(total, refund.currency)} made outside",
            happened_at=refund.created_at,
        )
    )
    return entry.booked_on


def book_payout(payout: Payout) -> None:
    """Books that a payout was paid: gift cards are a liability, all else is the gateway's cash."""
    refund = payout.refund
    tender = Tender(payout.transaction_identifier, payout.tender, 0)
    is_gift_card = refund.destination == Destination.GIFT_CARD or tender.is_gift_card
    account = GIFT_CARD_LIABILITY if is_gift_card else cash(payout.gateway)
    amount = money.show(payout.amount_cents, payout.currency)
    reference = f", reference {payout.gateway_reference}" if payout.gateway_reference else ""
    book(
        _booking(
            refund,
            key=f"payout:{payout.pk}",
            kind="payout.paid",
            debited=(Leg(SHOPPER_PAYABLE, payout.amount_cents),),
            credited=(Leg(account, payout.amount_cents),),
            memo=f"{amount} of refund {refund.identifier} paid by {payout.gateway}{reference}",
        )
    )


def _book_credit(refund: Refund) -> None:
    """The store credit went out with the exchange order, whose value Optoro advanced."""
    amount = money.show(refund.shopper_amount_cents, refund.currency)
    book(
        _booking(
            refund,
            key=f"refund.credited:{refund.pk}",
            kind="refund.credited",
            debited=(Leg(SHOPPER_PAYABLE, refund.shopper_amount_cents),),
            credited=(Leg(OPTORO_PAYABLE, refund.shopper_amount_cents),),
            memo=f"{amount} of refund {refund.identifier} went out as store credit before",
        )
    )


def day_in_books(refund: Refund, paid_at: datetime) -> date:
    """Returns the day in the books of a refund that is paid by now: that of its last payment, or of
    its end where nothing had to be paid. Call it in the transaction that ends it, once its payments
    are booked: the books are not closed before that is committed, so that the month it falls into
    still gets its files."""
    paid = Entry.objects.filter(
        store=refund.store, refund_identifier=refund.identifier, kind__in=_PAYING
    )
    last = paid.aggregate(last=Max("booked_on"))["last"]
    return last or booking_day(refund.store, paid_at)


def _given_back(refund: Refund) -> tuple[Leg, ...]:
    if refund.kind == RefundKind.GOODWILL:
        return (Leg(GOODWILL, refund.total_refund_amount_cents),)
    sums = refund.items.aggregate(
        product=Sum("product_amount_cents", default=0), tax=Sum("tax_amount_cents", default=0)
    )
    return (Leg(SALES_RETURNS, sums["product"]), Leg(SALES_TAX, sums["tax"]))


def _owed_key(refund: Refund) -> str:
    return f"refund.owed:{refund.pk}"


def _booking(refund: Refund, *, happened_at: datetime | None = None, **values: Any) -> Booking:
    return Booking(
        store=refund.store,
        currency=refund.currency,
        happened_at=happened_at or clock.now(),
        order_identifier=refund.order.identifier,
        rma_identifier=refund.rma_identifier,
        refund_identifier=refund.identifier,
        **values,
    )
