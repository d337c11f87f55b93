"""The other orders and returns of a shopper: those of the same e-mail in the same store."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from apps.desk.reads.gone import Gone, refunded, refunded_by_order
from apps.orders.models import Order
from apps.refunds.models import Refund
from apps.rmas.models import Rma, RmaUnit

SHOWN = 5
MOST_COUNTED = 100


@dataclass(frozen=True)
class Count:
    """How many there are; at least so many where not all were looked at."""

    number: int
    is_exact: bool

    def __str__(self) -> str:
        return str(self.number) if self.is_exact else f"{self.number} or more"


@dataclass(frozen=True)
class OtherOrder:
    """Another order, and what of its refunds is paid and what waits (cents)."""

    order: Order
    refunded: Gone


@dataclass(frozen=True)
class OtherRma:
    """Another return, and what of its refunds is paid and what waits (cents). Without a refund it
    has no currency."""

    rma: Rma
    refunded: Gone
    currency: str


@dataclass(frozen=True)
class Shopper:
    """A shopper's newest other orders and returns, and how many there are of each."""

    emails: tuple[str, ...]
    orders: list[OtherOrder]
    order_count: Count
    rmas: list[OtherRma]
    rma_count: Count


def shopper_of(
    *,
    store_id: int,
    emails: Iterable[str],
    without_orders: Collection[int] = (),
    without_rmas: Collection[int] = (),
) -> Shopper | None:
    """Reads what else a store has of the shopper of these e-mails, newest first, without the orders
    and returns (by key) that are at hand. None where there is no e-mail to go by.

    Six queries at most, each by an index and for MOST_COUNTED rows at most.
    """
    names = tuple(dict.fromkeys(email for email in emails if email))
    if not names:
        return None
    orders = _orders(store_id, names)
    others = [order for order in orders if order.pk not in without_orders]
    rmas = _rmas(store_id, names, orders)
    other_rmas = [rma for rma in rmas if rma.pk not in without_rmas]
    shown = others[:SHOWN]
    paid = refunded_by_order(shown)
    return Shopper(
        emails=names,
        orders=[OtherOrder(order, paid.get(order.pk, Gone())) for order in shown],
        order_count=Count(len(others), is_exact=len(orders) < MOST_COUNTED),
        rmas=_with_refunds(other_rmas[:SHOWN]),
        rma_count=Count(len(other_rmas), is_exact=max(len(orders), len(rmas)) < MOST_COUNTED),
    )


def _orders(store_id: int, emails: tuple[str, ...]) -> list[Order]:
    rows = Order.objects.filter(store_id=store_id, customer_email__in=emails)
    rows = rows.only("identifier", "status", "currency", "total_amount_cents", "remote_created_at")
    return list(rows.order_by("-remote_created_at", "-pk")[:MOST_COUNTED])


def _rmas(store_id: int, emails: tuple[str, ...], orders: list[Order]) -> list[Rma]:
    """The returns of these orders, and those whose gift card goes to the e-mail."""
    newest = ("-remote_created_at", "-pk")
    units = RmaUnit.objects.filter(order__in=orders, rma__store_id=store_id)
    of_orders = Rma.objects.filter(pk__in=units.values("rma"), store_id=store_id)
    as_giftee = Rma.objects.filter(store_id=store_id, giftee_email__in=emails)
    found = {
        rma.pk: rma
        for rows in (of_orders, as_giftee)
        for rma in rows.order_by(*newest)[:MOST_COUNTED]
    }
    return sorted(
        found.values(),
        key=lambda rma: (rma.remote_created_at or rma.first_seen_at, rma.pk),
        reverse=True,
    )


def _with_refunds(rmas: list[Rma]) -> list[OtherRma]:
    refunds: dict[int | None, list[Refund]] = {}
    for refund in Refund.objects.filter(rma__in=rmas).prefetch_related("payouts"):
        refunds.setdefault(refund.rma_id, []).append(refund)
    return [
        OtherRma(
            rma,
            refunded(refunds.get(rma.pk, [])),
            next((refund.currency for refund in refunds.get(rma.pk, [])), ""),
        )
        for rma in rmas
    ]
