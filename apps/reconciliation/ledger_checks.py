"""Whether the ledger tells the same as the refunds and payments themselves. A hit is a fault of the
desk: an event and its entry are written in one transaction."""

from collections.abc import Iterable
from typing import Any

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import Cast, Concat

from apps.common import clock, money
from apps.exchanges.books import PLACED
from apps.exchanges.models import ExchangeOrder
from apps.exchanges.rules import CANCELED
from apps.ledger.models import Entry
from apps.ledger.queries import balances, postings_of
from apps.ledger.rules import SHOPPER_PAYABLE
from apps.reconciliation.rules import DifferenceKind, Found
from apps.refunds.models import Payout, PayoutStatus, Refund, RefundStatus, Source

_OWED = (RefundStatus.APPROVED, RefundStatus.PAYING, RefundStatus.UNKNOWN, RefundStatus.PAID)
_OPEN = (RefundStatus.APPROVED, RefundStatus.PAYING, RefundStatus.UNKNOWN)
_ENDED = (RefundStatus.DECLINED, RefundStatus.CANCELED)


def ledger_differs(store_id: int) -> list[Found]:
    """Returns what the ledger does not have, has although it ended, or sums up otherwise."""
    return [
        *_refunds_not_booked(store_id),
        *_booked_though_ended(store_id),
        *_payouts_not_booked(store_id),
        *_exchange_orders(store_id),
        *_owed_to_shoppers(store_id),
    ]


def _about(refund: Refund, kind: DifferenceKind, cents: int, explanation: str) -> Found:
    return Found(
        kind=kind,
        subject=refund.identifier,
        since_at=refund.approved_at or refund.created_at,
        explanation=explanation,
        currency=refund.currency,
        amount_cents=cents,
        order_identifier=refund.order.identifier,
        rma_identifier=refund.rma_identifier,
        refund_identifier=refund.identifier,
    )


def _read(rows: QuerySet[Refund]) -> QuerySet[Refund]:
    return rows.select_related("order").defer("raw", "order__raw").order_by("pk")


def _refunds_not_booked(store_id: int) -> Iterable[Found]:
    own = ~Q(source=Source.EXTERNAL) & Q(status__in=_OWED) & ~Exists(_of(store_id, "refund.owed:"))
    outside = Q(source=Source.EXTERNAL) & ~Exists(_of(store_id, "refund.outside:"))
    no_day = Q(status=RefundStatus.PAID, booked_on__isnull=True)
    for refund in _read(Refund.objects.filter(no_day, store_id=store_id)):
        yield _about(
            refund,
            DifferenceKind.NOT_BOOKED,
            refund.total_refund_amount_cents,
            f"refund {refund.identifier} is paid but has no day in the books: no closed month "
            "would have it in its files",
        )
    for refund in _read(Refund.objects.filter(own | outside, store_id=store_id)):
        total = money.show(refund.total_refund_amount_cents, refund.currency)
        yield _about(
            refund,
            DifferenceKind.NOT_BOOKED,
            refund.total_refund_amount_cents,
            f"refund {refund.identifier} of {total} is not in the ledger",
        )


def _booked_though_ended(store_id: int) -> Iterable[Found]:
    rows = Refund.objects.filter(Exists(_of(store_id, "refund.owed:")), store_id=store_id)
    for refund in _read(rows.filter(status__in=_ENDED)):
        word = refund.get_status_display().lower()
        yield _about(
            refund,
            DifferenceKind.BOOKED_THOUGH_ENDED,
            refund.total_refund_amount_cents,
            f"refund {refund.identifier} is {word}, but the ledger still has it as owed",
        )


def _payouts_not_booked(store_id: int) -> Iterable[Found]:
    rows = (
        Payout.objects.filter(store_id=store_id, status=PayoutStatus.PAID)
        .filter(~Exists(_of(store_id, "payout:")))
        .select_related("refund__order")
        .defer("refund__raw", "refund__order__raw")
        .order_by("pk")
    )
    for payout in rows:
        amount = money.show(payout.amount_cents, payout.currency)
        yield _about(
            payout.refund,
            DifferenceKind.NOT_BOOKED,
            payout.amount_cents,
            f"the payment of {amount} for refund {payout.refund.identifier}, key "
            f"{payout.idempotency_key}, is not in the ledger",
        )


def _exchange_orders(store_id: int) -> Iterable[Found]:
    """An exchange order is in the ledger unless the order system calls it canceled."""
    entry = Entry.objects.filter(
        store_id=store_id,
        exchange_order_identifier=OuterRef("order_identifier"),
        kind=PLACED,
        reversed_by__isnull=True,
    )
    is_canceled = Q(own_order_status=CANCELED)
    rows: QuerySet[Any] = ExchangeOrder.objects.filter(store_id=store_id)
    rows = rows.annotate(is_booked=Exists(entry)).filter(
        Q(is_canceled, is_booked=True) | Q(~is_canceled, is_booked=False)
    )
    for placed in rows.order_by("pk"):
        canceled = placed.own_order_status == CANCELED
        kind = DifferenceKind.BOOKED_THOUGH_ENDED if canceled else DifferenceKind.NOT_BOOKED
        what = "is canceled, but the ledger still has it" if canceled else "is not in the ledger"
        yield Found(
            kind=kind,
            subject=placed.order_identifier,
            since_at=placed.placed_at,
            explanation=f"exchange order {placed.order_identifier} of "
            f"{money.show(placed.total_amount_cents, placed.currency)} {what}",
            currency=placed.currency,
            amount_cents=placed.total_amount_cents,
            order_identifier=placed.original_order_identifier,
            rma_identifier=placed.rma_identifier,
        )


def _of(store_id: int, prefix: str) -> QuerySet[Entry]:
    """The entry of the row that is asked about, unless it was reversed."""
    key = Concat(Value(prefix), Cast(OuterRef("pk"), CharField()))
    return Entry.objects.filter(store_id=store_id, key=key, reversed_by__isnull=True)


def _owed_to_shoppers(store_id: int) -> Iterable[Found]:
    """What the ledger says is owed to shoppers is what open refunds owe them and has not gone out.

    Read again where it differs: a payment may have been made in between.
    """
    for _ in range(2):
        booked, owed = _booked_cents(store_id), _owed_cents(store_id)
        wrong = [name for name in {*booked, *owed} if booked.get(name, 0) != owed.get(name, 0)]
        if not wrong:
            return
    for currency in sorted(wrong):
        texts = [money.show(both.get(currency, 0), currency) for both in (booked, owed)]
        yield Found(
            kind=DifferenceKind.LEDGER_DIFFERS,
            subject=f"ledger: {SHOPPER_PAYABLE} in {currency}",
            since_at=clock.now(),
            explanation=f"the ledger owes shoppers {texts[0]}, open refunds owe them {texts[1]}",
            currency=currency,
            amount_cents=abs(booked.get(currency, 0) - owed.get(currency, 0)),
        )


def _booked_cents(store_id: int) -> dict[str, int]:
    rows = postings_of(store_id).filter(
        Q(debit_account=SHOPPER_PAYABLE) | Q(credit_account=SHOPPER_PAYABLE)
    )
    return {
        row.currency: -row.balance_cents
        for row in balances(rows)
        if row.account == SHOPPER_PAYABLE and row.balance_cents
    }


def _owed_cents(store_id: int) -> dict[str, int]:
    refunds = Refund.objects.filter(store_id=store_id, status__in=_OPEN)
    owed = dict(
        refunds.order_by().values_list("currency").annotate(cents=Sum("shopper_amount_cents"))
    )
    paid = (
        Payout.objects.filter(refund__in=refunds, status=PayoutStatus.PAID)
        .order_by()
        .values_list("currency")
        .annotate(cents=Sum("amount_cents"))
    )
    for currency, cents in paid:
        owed[currency] = owed.get(currency, 0) - cents
    return {currency: cents for currency, cents in owed.items() if cents}
