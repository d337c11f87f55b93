"""The sums of a store's refunds per currency: what is decided, what became of it, and what the
payments say. In cents; refunds made outside stand apart, since the desk paid none of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, Sum

from apps.payments.types import GatewayOutcome
from apps.refunds.models import (
    Destination,
    Payout,
    PayoutAttempt,
    PayoutStatus,
    Refund,
    RefundStatus,
    Source,
)

_READ_AGAIN = 2
_PARTS = (
    RefundStatus.PROPOSED,
    RefundStatus.APPROVED,
    RefundStatus.PAYING,
    RefundStatus.UNKNOWN,
    RefundStatus.PAID,
    RefundStatus.DECLINED,
    RefundStatus.CANCELED,
)


@dataclass(frozen=True)
class Amount:
    """How many, and what they add up to."""

    count: int = 0
    cents: int = 0


@dataclass(frozen=True)
class Sums:
    """One currency. `by_status` are the parts of `decided`; `owed` is what paid refunds owe their
    shoppers in money, `paid_out` what payouts of any refund have paid: `by_gateways` as an attempt
    was answered, `by_word` as somebody said."""

    currency: str
    decided: Amount
    by_status: dict[str, Amount]
    reported: Amount
    confirmed: Amount
    outside: Amount
    owed: Amount
    paid_out: Amount
    paid_in_part: Amount
    by_gateways: Amount
    by_word: Amount

    @property
    def adds_up(self) -> bool:
        """Whether the parts are the whole, and what was paid is what was owed."""
        parts_cents = sum(part.cents for part in self.by_status.values())
        settled_cents = self.owed.cents + self.paid_in_part.cents
        said_cents = self.by_gateways.cents + self.by_word.cents
        return (
            parts_cents == self.decided.cents
            and self.paid_out.cents == settled_cents
            and self.paid_out.cents == said_cents
        )


def sums(store_id: int) -> list[Sums]:
    """Returns a store's sums, one for each currency, in the order of their codes.

    Refunds and payments are read one after the other; where they do not add up, a payment may have
    been made in between, and they are read again.
    """
    rows = _read(store_id)
    for _ in range(_READ_AGAIN):
        if all(row.adds_up for row in rows):
            break
        rows = _read(store_id)
    return rows


def _read(store_id: int) -> list[Sums]:
    refunds = {row["currency"]: row for row in _refunds(store_id)}
    payouts = {row["currency"]: row for row in _payouts(store_id)}
    return [
        _sums(currency, refunds.get(currency, {}), payouts.get(currency, {}))
        for currency in sorted({*refunds, *payouts})
    ]


def _both(name: str, column: str, condition: Q) -> dict[str, Count | Sum]:
    return {
        f"{name}_count": Count("pk", filter=condition),
        f"{name}_cents": Sum(column, filter=condition, default=0),
    }


def _refunds(store_id: int) -> Iterable[dict]:  # type: ignore[type-arg]
    own = ~Q(source=Source.EXTERNAL)
    total = "total_refund_amount_cents"
    paid = own & Q(status=RefundStatus.PAID)
    in_money = ~Q(destination__in=(Destination.STORE_CREDIT, Destination.NONE))
    wanted = _both("decided", total, own) | _both("outside", total, ~own)
    for status in _PARTS:
        wanted |= _both(status.value, total, own & Q(status=status))
    wanted |= _both("reported", total, paid & Q(reported_at__isnull=False))
    wanted |= _both("confirmed", total, paid & Q(confirmed_at__isnull=False))
    wanted |= _both("owed", "shopper_amount_cents", paid & in_money & Q(shopper_amount_cents__gt=0))
    rows = Refund.objects.filter(store_id=store_id).order_by().values("currency")
    return rows.annotate(**wanted)


def _payouts(store_id: int) -> Iterable[dict]:  # type: ignore[type-arg]
    answered = PayoutAttempt.objects.filter(payout=OuterRef("pk"), outcome=GatewayOutcome.PAID)
    rows = Payout.objects.filter(store_id=store_id, status=PayoutStatus.PAID)
    is_finished = Q(refund__status=RefundStatus.PAID)
    wanted = _both("paid_out", "amount_cents", Q())
    wanted |= _both("paid_in_part", "amount_cents", ~is_finished)
    wanted |= _both("by_gateways", "amount_cents", Q(is_answered=True))
    wanted |= _both("by_word", "amount_cents", Q(is_answered=False))
    annotated = rows.annotate(is_answered=Exists(answered)).order_by()
    return annotated.values("currency").annotate(**wanted)


def _sums(currency: str, refunds: dict, payouts: dict) -> Sums:  # type: ignore[type-arg]
    def amount(row: dict, name: str) -> Amount:  # type: ignore[type-arg]
        return Amount(row.get(f"{name}_count", 0), row.get(f"{name}_cents", 0))

    return Sums(
        currency=currency,
        decided=amount(refunds, "decided"),
        by_status={status.value: amount(refunds, status.value) for status in _PARTS},
        reported=amount(refunds, "reported"),
        confirmed=amount(refunds, "confirmed"),
        outside=amount(refunds, "outside"),
        owed=amount(refunds, "owed"),
        paid_out=amount(payouts, "paid_out"),
        paid_in_part=amount(payouts, "paid_in_part"),
        by_gateways=amount(payouts, "by_gateways"),
        by_word=amount(payouts, "by_word"),
    )
