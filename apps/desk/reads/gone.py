"""What of refunds is paid, and what only waits or is under way. Money that waits is never called
refunded, or gone."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet, Sum

from apps.orders.models import Order
from apps.refunds.limits import PAID_OUT
from apps.refunds.models import PayoutStatus, Refund, RefundStatus
from apps.refunds.rules import LIVE_STATUSES

_WAITING = (RefundStatus.PROPOSED, RefundStatus.APPROVED)


@dataclass(frozen=True)
class Gone:
    """Cents that are paid, that wait for approval or for their time, and that are under way (at
    the gateway, or with an outcome that nobody knows yet)."""

    paid: int = 0
    waits: int = 0
    under_way: int = 0

    def __add__(self, other: "Gone") -> "Gone":
        return Gone(
            self.paid + other.paid, self.waits + other.waits, self.under_way + other.under_way
        )

    @property
    def reserved(self) -> int:
        """What is decided or asked for, and not paid."""
        return self.waits + self.under_way


def _gone(status: str, cents: int, paid_cents: int) -> Gone:
    """`paid_cents` is what of a refund that is not wholly paid went out already."""
    if status == RefundStatus.PAID:
        return Gone(paid=cents)
    if status not in LIVE_STATUSES:
        return Gone()
    left = max(0, cents - paid_cents)
    paid = min(cents, paid_cents)
    return Gone(paid, left, 0) if status in _WAITING else Gone(paid, 0, left)


def _paid_cents(refund: Refund) -> int:
    rows = refund.payouts.all()
    return sum(row.amount_cents for row in rows if row.status == PayoutStatus.PAID)


def refunded(refunds: Iterable[Refund]) -> Gone:
    """Returns what of whole refunds is paid and what is not. Expects their payouts to be read."""
    parts = (_gone(r.status, r.total_refund_amount_cents, _paid_cents(r)) for r in refunds)
    return sum(parts, Gone())


def paid_from(order: Order, refunds: Iterable[Refund]) -> Gone:
    """Returns what of an order's payment went back by these refunds, and what they only reserve.
    Expects their payouts to be read."""
    rows = [r for r in refunds if r.paid_order_id == order.pk and r.destination in PAID_OUT]
    parts = (_gone(r.status, r.shopper_amount_cents, _paid_cents(r)) for r in rows)
    return sum(parts, Gone())


@dataclass(frozen=True)
class Refunded:
    """What of one refund is paid and what is not, by its order and its return."""

    order_id: int
    rma_id: int | None
    currency: str
    gone: Gone


def each_refunded(refunds: QuerySet[Refund]) -> list[Refunded]:
    """Returns what of each of these refunds is paid and what is not, the oldest first; one query
    for all."""
    is_paid = Q(payouts__status=PayoutStatus.PAID)
    paid_cents = Sum("payouts__amount_cents", filter=is_paid, default=0)
    rows = refunds.order_by("pk").annotate(paid_cents=paid_cents)
    return [
        Refunded(order_id, rma_id, currency, _gone(status, cents, paid))
        for order_id, rma_id, currency, status, cents, paid in rows.values_list(
            "order_id", "rma_id", "currency", "status", "total_refund_amount_cents", "paid_cents"
        )
    ]


def refunded_by_order(orders: Iterable[Order]) -> dict[int, Gone]:
    """Returns, by order key, what of its refunds is paid and what is not; one query for all."""
    live = Refund.objects.filter(order__in=list(orders), status__in=LIVE_STATUSES)
    found: dict[int, Gone] = {}
    for row in each_refunded(live):
        found[row.order_id] = found.get(row.order_id, Gone()) + row.gone
    return found
