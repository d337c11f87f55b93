"""The other orders and returns of a shopper: those of the same e-mail in the same store."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q

from apps.desk.reads.gone import Gone, Refunded, each_refunded
from apps.orders.models import Order
from apps.refunds.models import Refund
from apps.rmas.models import Rma, RmaUnit

SHOWN = 5
MOST_COUNTED = 100

_OF_RMA = ("rma_identifier", "status", "return_method", "remote_created_at", "first_seen_at")


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

    Four queries at most, each by an index and for MOST_COUNTED rows at most.
    """
    names = tuple(dict.fromkeys(email for email in emails if email))
    if not names:
        return None
    orders = _orders(store_id, names)
    others = [order for order in orders if order.pk not in without_orders]
    rmas = _rmas(store_id, names, orders)
    other_rmas = [rma for rma in rmas if rma.pk not in without_rmas]
    shown, shown_rmas = others[:SHOWN], other_rmas[:SHOWN]
    refunds = each_refunded(Refund.objects.filter(Q(order__in=shown) | Q(rma__in=shown_rmas)))
    return Shopper(
        emails=names,
        orders=[
            OtherOrder(order, _sum(row for row in refunds if row.order_id == order.pk))
            for order in shown
        ],
        order_count=Count(len(others), is_exact=len(orders) < MOST_COUNTED),
        rmas=[_other_rma(rma, [r for r in refunds if r.rma_id == rma.pk]) for rma in shown_rmas],
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
        for rma in rows.only(*_OF_RMA).order_by(*newest)[:MOST_COUNTED]
    }
    return sorted(
        found.values(),
        key=lambda rma: (rma.remote_created_at or rma.first_seen_at, rma.pk),
        reverse=True,
    )


def _sum(refunds: Iterable[Refunded]) -> Gone:
    return sum((refund.gone for refund in refunds), Gone())


def _other_rma(rma: Rma, refunds: Sequence[Refunded]) -> OtherRma:
    return OtherRma(rma, _sum(refunds), refunds[0].currency if refunds else "")
