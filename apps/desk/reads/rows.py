"""What list rows show beside their own fields, read for a whole page at once."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from apps.desk.reads.gone import Gone, refunded_by_order
from apps.desk.words import kind_of
from apps.exchanges.models import ExchangeCollision, ExchangeLine, ExchangeOrder
from apps.exchanges.queries import with_status
from apps.exchanges.rules import status_of
from apps.orders.models import Order
from apps.refunds.models import Refund
from apps.rmas.models import Rma, RmaUnit


@dataclass(frozen=True)
class OrderRow:
    """An order in a list."""

    order: Order
    returns: int
    refunded: Gone


def order_rows(orders: Iterable[Order]) -> list[OrderRow]:
    """Returns the orders with how many returns they have, and what of their refunds is paid."""
    orders = list(orders)
    returns = dict(
        RmaUnit.objects.filter(order__in=orders)
        .order_by()
        .values_list("order_id")
        .annotate(count=Count("rma", distinct=True))
    )
    refunded = refunded_by_order(orders)
    return [
        OrderRow(order, returns.get(order.pk, 0), refunded.get(order.pk, Gone()))
        for order in orders
    ]


@dataclass(frozen=True)
class RmaRow:
    """An RMA in a list. `currency` is empty while none of its orders is known."""

    rma: Rma
    units: int
    estimated_cents: int
    currency: str
    order_identifiers: tuple[str, ...]
    parcels: tuple[tuple[str, int], ...]
    refunds: tuple[Refund, ...]
    kind: str


def rma_rows(rmas: Iterable[Rma]) -> list[RmaRow]:
    """Returns the RMAs with what their units and refunds add up to."""
    rmas = list(rmas)
    units: dict[int, list[RmaUnit]] = {}
    for unit in RmaUnit.objects.filter(rma__in=rmas).select_related("order").defer("order__raw"):
        units.setdefault(unit.rma_id, []).append(unit)
    refunds: dict[int, list[Refund]] = {}
    for refund in Refund.objects.filter(rma__in=rmas).order_by("created_at", "pk"):
        assert refund.rma_id is not None
        refunds.setdefault(refund.rma_id, []).append(refund)
    return [_rma_row(rma, units.get(rma.pk, []), refunds.get(rma.pk, [])) for rma in rmas]


def _rma_row(rma: Rma, units: list[RmaUnit], refunds: list[Refund]) -> RmaRow:
    parcels: dict[str, int] = {}
    for unit in units:
        status = unit.package_tracking_status
        parcels[status] = parcels.get(status, 0) + 1
    return RmaRow(
        rma=rma,
        units=len(units),
        estimated_cents=sum(unit.estimated_refund_amount_cents for unit in units),
        currency=next((unit.order.currency for unit in units if unit.order), ""),
        order_identifiers=tuple(
            dict.fromkeys(
                unit.order.identifier if unit.order else unit.order_identifier for unit in units
            )
        ),
        parcels=tuple(parcels.items()),
        refunds=tuple(refunds),
        kind=kind_of(unit.refund_type for unit in units if not unit.is_withdrawn),
    )


@dataclass(frozen=True)
class GiftCard:
    """The store credit that an exchange order gives, in cents."""

    amount: int
    bonus: int

    @property
    def total(self) -> int:
        """What the cards are worth."""
        return self.amount + self.bonus


def gift_card_of(lines: Iterable[ExchangeLine]) -> GiftCard | None:
    """Returns what the gift card lines of an exchange order add up to, None where it has none."""
    cards = [line for line in lines if line.is_gift_card]
    if not cards:
        return None
    bonus = sum(line.bonus_credit_amount_cents for line in cards)
    return GiftCard(sum(line.total_amount_cents for line in cards) - bonus, bonus)


@dataclass(frozen=True)
class ExchangeRow:
    """An exchange order in a list: its status, its goods in short, and how many other requests
    there were."""

    placed: ExchangeOrder
    status: str
    goods: str
    collisions: int
    has_rma: bool
    gift_card: GiftCard | None = None


def exchange_rows(rows: Iterable[ExchangeOrder]) -> list[ExchangeRow]:
    """Returns exchange orders, read with their status, as a list shows them."""
    placed = list(rows)
    lines: dict[int, list[ExchangeLine]] = {}
    for line in ExchangeLine.objects.filter(exchange_order__in=placed).order_by("position"):
        lines.setdefault(line.exchange_order_id, []).append(line)
    collisions: dict[int, int] = {}
    for key in ExchangeCollision.objects.filter(exchange_order__in=placed).values_list(
        "exchange_order", flat=True
    ):
        collisions[key] = collisions.get(key, 0) + 1
    known = set(
        Rma.objects.filter(
            store_id__in={row.store_id for row in placed},
            rma_identifier__in={row.rma_identifier for row in placed},
        ).values_list("rma_identifier", flat=True)
    )
    return [
        ExchangeRow(
            placed=row,
            status=status_of(getattr(row, "own_order_status", None)),
            goods=", ".join(
                f"{line.quantity} × {line.title or line.sku}" for line in lines.get(row.pk, [])
            ),
            collisions=collisions.get(row.pk, 0),
            has_rma=row.rma_identifier in known,
            gift_card=gift_card_of(lines.get(row.pk, [])),
        )
        for row in placed
    ]


def exchange_rows_of(rows: QuerySet[ExchangeOrder]) -> list[ExchangeRow]:
    """Returns the exchange orders of an order or a return, with their status."""
    return exchange_rows(with_status(rows).defer("content", "request"))
