"""Reading what Optoro is owed for exchange orders: the one path for page, exchange and reconciler.

All of a store's cost three queries, however many rows there are: exchange orders, units, and what
is decided for these units; some of them a few more, by index.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.exchanges.models import ExchangeOrder
from apps.exchanges.queries import with_cancellation
from apps.orders.models import Order
from apps.reconciliation.settlement_rules import PayingUnit, Placed, Settlement, match
from apps.refunds.models import Refund, RefundStatus, RefundUnit
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit

# ISO 4217: no currency is known, because the unit's order is not.
UNKNOWN_CURRENCY = "XXX"
_PLACED = (
    "pk",
    "order_identifier",
    "original_order_id",
    "original_order_identifier",
    "rma_identifier",
    "transaction_id",
    "currency",
    "total_amount_cents",
    "bonus_credit_amount_cents",
    "placed_at",
    "is_canceled",
)


def settlements(store_id: int) -> list[Settlement]:
    """Returns every exchange order of a store with the units that pay for it, and the units that
    pay Optoro for none."""
    rows = ExchangeOrder.objects.filter(store_id=store_id)
    units = RmaUnit.objects.filter(rma__store_id=store_id)
    return match(_placed(rows), _paying_units(units))


def settlements_of(
    store_id: int, orders: QuerySet[ExchangeOrder], rmas: QuerySet[Rma]
) -> list[Settlement]:
    """Returns these exchange orders of a store with all the units that pay for them, and what units
    of these RMAs pay for none: what `settlements` says of them, by index."""
    own = ExchangeOrder.objects.filter(store_id=store_id)
    wanted = _placed(orders)
    keys = {row.pk for row in wanted}
    about = _units_about(store_id, wanted, rmas)
    units = _paying_units(RmaUnit.objects.filter(pk__in=about))
    names = {unit.exchange_order_identifier for unit in units} - {""}
    of_rmas = {unit.rma_identifier for unit in units}
    # What else these units may pay for, or they would seem to pay for nothing.
    is_near = Q(order_identifier__in=names) | Q(rma_identifier__in=of_rmas)
    known = [*wanted, *_placed(own.filter(is_near).exclude(pk__in=keys))]
    unknown = names - {row.order_identifier for row in known}
    # What is called by a name that nobody placed is one row, of whatever RMA its units are.
    also = RmaUnit.objects.filter(rma__store_id=store_id, exchange_order_identifier__in=unknown)
    more = set(also.order_by().values_list("pk", flat=True)) - about
    if more:
        units = _paying_units(RmaUnit.objects.filter(pk__in=about | more))
    return [row for row in match(known, units) if not row.placed or row.placed.pk in keys]


def _units_about(store_id: int, placed: list[Placed], rmas: QuerySet[Rma]) -> set[int]:
    """The keys of the units that pay, of these RMAs, of those that the exchange orders name, and
    those that name the exchange orders: each by its index."""
    paying = RmaUnit.objects.filter(_pays()).order_by().values("pk")
    named = Rma.objects.filter(
        store_id=store_id, rma_identifier__in={row.rma_identifier for row in placed} - {""}
    )
    naming = paying.filter(
        ~Q(exchange_order_identifier=""),
        rma__store_id=store_id,
        exchange_order_identifier__in={row.order_identifier for row in placed},
    )
    about = paying.filter(rma__in=rmas.order_by().values("pk"))
    found = about.union(paying.filter(rma__in=named.values("pk")), naming)
    return set(found.values_list("pk", flat=True))


def settlements_between(
    store_id: int, since: datetime | None, until: datetime | None
) -> list[Settlement]:
    """Returns what `settlements` says of the exchange orders placed from `since` to `until`
    (exclusive), and of units first seen then that pay for none."""
    if since is None and until is None:
        return settlements(store_id)
    orders = ExchangeOrder.objects.filter(store_id=store_id)
    rmas = Rma.objects.filter(store_id=store_id)
    if since:
        orders, rmas = orders.filter(placed_at__gte=since), rmas.filter(first_seen_at__gte=since)
    if until:
        orders, rmas = orders.filter(placed_at__lt=until), rmas.filter(first_seen_at__lt=until)
    return settlements_of(store_id, orders, rmas)


def settlements_called(store_id: int, names: Collection[str]) -> list[Settlement]:
    """Returns the settlements of what has one of these names: a transaction, an exchange order or
    its original order, an RMA, a refund."""
    rmas = Rma.objects.filter(store_id=store_id)
    refunded = Refund.objects.filter(store_id=store_id, identifier__in=names, rma__isnull=False)
    goods = Order.objects.filter(store_id=store_id, identifier__in=names)
    units = RmaUnit.objects.filter(rma__store_id=store_id)
    unlinked = units.filter(order__isnull=True, order_identifier__in=names)
    naming = units.filter(~Q(exchange_order_identifier=""), exchange_order_identifier__in=names)
    found = (
        rmas.filter(rma_identifier__in=names)
        .order_by()
        .values("pk")
        .union(
            refunded.order_by().values("rma"),
            *(rows.order_by().values("rma") for rows in (unlinked, naming)),
            units.filter(order__in=goods.values("pk")).order_by().values("rma"),
        )
    )
    meant = rmas.filter(pk__in=list(found.values_list("pk", flat=True)))
    paid_for = units.filter(rma__in=meant).exclude(exchange_order_identifier="").order_by()
    own = ExchangeOrder.objects.filter(store_id=store_id).order_by()
    columns = ("order_identifier", "original_order_identifier", "transaction_id", "rma_identifier")
    orders = own.filter(rma_identifier__in=meant.values("rma_identifier")).values("pk")
    orders = orders.union(
        own.filter(order_identifier__in=paid_for.values("exchange_order_identifier")).values("pk"),
        *(own.filter(**{f"{column}__in": names}).values("pk") for column in columns),
    )
    return settlements_of(
        store_id, own.filter(pk__in=list(orders.values_list("pk", flat=True))), meant
    )


def settlement_of(placed: ExchangeOrder) -> Settlement:
    """Returns one exchange order with the units that pay for it, in a few queries by index."""
    return settlements_of_placed([placed])[0]


def settlements_of_placed(placed: Sequence[ExchangeOrder]) -> list[Settlement]:
    """Returns some exchange orders of one store, in their order, with the units that pay for them,
    in a few queries by index."""
    if not placed:
        return []
    keys = [row.pk for row in placed]
    rows = ExchangeOrder.objects.filter(pk__in=keys)
    settled = settlements_of(placed[0].store_id, rows, Rma.objects.none())
    found = {row.placed.pk: row for row in settled if row.placed}
    return [found[key] for key in keys]


def _placed(rows: QuerySet[ExchangeOrder]) -> list[Placed]:
    known = with_cancellation(rows).order_by("-placed_at", "-pk")
    return [Placed(**row) for row in known.values(*_PLACED)]


@dataclass
class _Share:
    """What live refunds hold of a unit."""

    decided_cents: int = 0
    settled_cents: int = 0
    settled_at: datetime | None = None
    refund_identifiers: list[str] = field(default_factory=list)


def _paying_units(units: QuerySet[RmaUnit]) -> list[PayingUnit]:
    meant = units.filter(_pays()).order_by()
    shares = _shares(meant)
    return [
        _paying_unit(row, shares.get(row["pk"], _Share()))
        for row in meant.order_by("rma_id", "order_line_item_identifier", "ordinal", "pk").values(
            "pk",
            "rma__rma_identifier",
            "rma__status",
            "rma__first_seen_at",
            "order_id",
            "order_identifier",
            "order__currency",
            "order_line_item_identifier",
            "ordinal",
            "rma_id",
            "refund_type",
            "exchange_order_identifier",
            "optoro_refund_amount_cents",
            "shopper_refund_amount_cents",
            "is_withdrawn",
            "rma__return_method",
            "package_tracking_status",
            "receiving_status",
        )
    ]


def _pays() -> Q:
    """Whether a unit pays Optoro, by its type, by estimate or by what is decided, or says what
    for."""
    held = RefundUnit.objects.filter(
        rma_unit=OuterRef("pk"), is_live=True, optoro_amount_cents__gt=0
    )
    pays = Q(optoro_refund_amount_cents__gt=0) | Q(refund_type__in=rma_rules.PAYING_TYPES)
    return pays | ~Q(exchange_order_identifier="") | Q(Exists(held))


def _paying_unit(row: Mapping[str, Any], share: _Share) -> PayingUnit:
    status = row["rma__status"]
    counts = not row["is_withdrawn"] and status != rma_rules.CANCELED
    is_credit = row["refund_type"] == rma_rules.INSTANT_STORE_CREDIT
    return PayingUnit(
        pk=row["pk"],
        rma_identifier=row["rma__rma_identifier"],
        order_id=row["order_id"],
        order_identifier=row["order_identifier"],
        currency=row["order__currency"] or UNKNOWN_CURRENCY,
        refund_type=row["refund_type"],
        exchange_order_identifier=row["exchange_order_identifier"],
        estimated_cents=row["optoro_refund_amount_cents"] if counts else 0,
        counts=counts,
        waits_for_exchange=status == rma_rules.PENDING_EXCHANGE,
        first_seen_at=row["rma__first_seen_at"],
        credited_cents=row["shopper_refund_amount_cents"] if counts and is_credit else 0,
        decided_cents=share.decided_cents,
        settled_cents=share.settled_cents,
        settled_at=share.settled_at,
        refund_identifiers=tuple(share.refund_identifiers),
        is_back=_is_back(row),
    )


def _is_back(row: Mapping[str, Any]) -> bool:
    """Whether nobody waits for the goods any more: they were handed over, or are kept."""
    return row["rma__status"] == rma_rules.REFUNDED or rma_rules.is_handed_over(
        return_method=row["rma__return_method"],
        package_tracking_status=row["package_tracking_status"],
        receiving_status=row["receiving_status"],
    )


def _shares(units: QuerySet[RmaUnit]) -> dict[int, _Share]:
    rows: Iterable[tuple[int, int, str, datetime | None, str]] = (
        RefundUnit.objects.filter(is_live=True, rma_unit__in=units.values("pk"))
        .order_by("pk")
        .values_list(
            "rma_unit_id",
            "optoro_amount_cents",
            "line__refund__status",
            "line__refund__paid_at",
            "line__refund__identifier",
        )
    )
    found: dict[int, _Share] = {}
    for unit_id, cents, status, paid_at, identifier in rows:
        share = found.setdefault(unit_id, _Share())
        share.refund_identifiers.append(identifier)
        if status == RefundStatus.PAID:
            share.settled_cents += cents
            share.settled_at = paid_at
        else:
            share.decided_cents += cents
    return found
