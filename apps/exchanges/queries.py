"""Reading exchange orders."""

from typing import Any

from django.db.models import (
    BooleanField,
    Count,
    ExpressionWrapper,
    F,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce

from apps.exchanges import rules
from apps.exchanges.lineage import own_orders, placed_as
from apps.exchanges.models import ExchangeOrder
from apps.exchanges.types import ExchangeRequest
from apps.orders.models import Order
from apps.orders.queries import find_order
from apps.rmas.models import Rma
from apps.rmas.queries import units_naming


def in_status(rows: QuerySet[Any], status: str) -> QuerySet[Any]:
    """Keeps the exchange orders that are `placed`, `shipped` or `canceled`."""
    if status == "placed":
        return rows.exclude(own_order_status__in=rules.ENDED)
    ended = {"shipped": rules.SHIPPED, "canceled": rules.CANCELED}
    return rows.filter(own_order_status=ended[status])


def with_cancellation(rows: QuerySet[ExchangeOrder]) -> QuerySet[Any]:
    """Returns the rows with `is_canceled`: whether the order system has canceled the order that it
    carries each one as."""
    is_said = Q(own_order_status=rules.CANCELED)
    return rows.annotate(is_canceled=ExpressionWrapper(is_said, BooleanField()))


def with_wrong_status(rows: QuerySet[ExchangeOrder]) -> QuerySet[Any]:
    """Returns the rows whose kept `own_order_status` is not what the mirrored orders say
    (`lineage.own_orders`), with that as `said`. There must be none."""
    newer = Order.objects.filter(
        store_id=OuterRef("store_id"),
        first_seen_at__gte=OuterRef("placed_at"),
        pk__gt=OuterRef("original_order_id"),
    )
    named = newer.filter(identifier=OuterRef("order_identifier"))
    alone = (
        newer.filter(secondary_identifier=OuterRef("order_identifier"))
        .values("secondary_identifier")
        .annotate(found=Count("pk"), only=Min("status"))
        .filter(found=1)
    )
    said = Coalesce(Subquery(named.values("status")[:1]), Subquery(alone.values("only")), Value(""))
    return rows.annotate(said=said).exclude(own_order_status=F("said"))


def exchange_order_named(store_id: int, identifier: str) -> ExchangeOrder | None:
    """Returns the store's exchange order of that identifier."""
    rows = ExchangeOrder.objects.filter(store_id=store_id, order_identifier=identifier)
    return rows.select_related("original_order").first()


def exchange_orders_of_rma(rma: Rma) -> QuerySet[ExchangeOrder]:
    """Returns the exchange orders that were placed for this RMA or that its units name."""
    named = rma.units.exclude(exchange_order_identifier="").order_by()
    own = ExchangeOrder.objects.filter(store_id=rma.store_id).order_by()
    # Each by its index: of one OR the database makes a look through all of them.
    found = (
        own.filter(rma_identifier=rma.rma_identifier)
        .values("pk")
        .union(
            own.filter(order_identifier__in=named.values("exchange_order_identifier")).values("pk")
        )
    )
    return ExchangeOrder.objects.filter(pk__in=found).order_by("placed_at", "pk")


def exchange_orders_of_order(order: Order) -> QuerySet[ExchangeOrder]:
    """Returns the exchange orders placed against this order, and the one that it is itself."""
    return exchange_orders_with(order, placed_as([order]).get(order.pk))


def exchange_orders_with(order: Order, itself: ExchangeOrder | None) -> QuerySet[ExchangeOrder]:
    """Returns the exchange orders placed against this order, and the one that it is itself, which
    is known already."""
    is_own = Q(original_order=order) | Q(pk=itself.pk) if itself else Q(original_order=order)
    rows = ExchangeOrder.objects.filter(is_own, store_id=order.store_id)
    return rows.order_by("placed_at", "pk")


def own_order_of(placed: ExchangeOrder) -> Order | None:
    """Returns the exchange order as the order system has sent it, or None: the one that is packed
    and shipped."""
    return own_orders([placed]).get(placed.pk)


def rmas_waiting_for(placed: ExchangeOrder) -> QuerySet[Rma]:
    """Returns the RMAs that an exchange order is for: the one it names, and those that return
    goods of its original order and name it."""
    named_by = units_naming(placed.original_order).filter(
        exchange_order_identifier=placed.order_identifier
    )
    return (
        Rma.objects.filter(
            Q(rma_identifier=placed.rma_identifier) | Q(units__in=named_by),
            store_id=placed.store_id,
        )
        .exclude(rma_identifier="")
        .distinct()
        .order_by("pk")
    )


def original_order_meant(store_id: int, request: ExchangeRequest) -> Order | None:
    """Returns the original order that a request names, by its primary or secondary identifier.

    A request that was placed before means the order it meant then, whatever has come to bear that
    name since: the same request again gets the same answer (contract §7).
    """
    before = (
        ExchangeOrder.objects.filter(
            store_id=store_id,
            named_order_identifier=request.original_order_id,
            content_sha256=request.content_sha256(),
        )
        .select_related("original_order")
        .first()
    )
    if before:
        return before.original_order
    return find_order(store_id=store_id, identifier=request.original_order_id)
