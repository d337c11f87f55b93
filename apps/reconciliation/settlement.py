"""Reading what Optoro is owed for exchange orders: the one path for page, exchange and reconciler.

Three queries, however many rows: exchange orders, units, and what is decided for these units.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from apps.exchanges import rules as exchange_rules
from apps.exchanges.models import ExchangeOrder
from apps.exchanges.queries import with_status
from apps.reconciliation.settlement_rules import PAYING_TYPES, PayingUnit, Placed, Settlement, match
from apps.refunds.models import RefundStatus, RefundUnit
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
)


def settlements(store_id: int) -> list[Settlement]:
    """Returns every exchange order of a store with the units that pay for it, and the units that
    pay Optoro for none."""
    rows = ExchangeOrder.objects.filter(store_id=store_id)
    units = RmaUnit.objects.filter(rma__store_id=store_id)
    return match(_placed(rows), _paying_units(units))


def settlement_of(placed: ExchangeOrder) -> Settlement:
    """Returns one exchange order with the units that pay for it, in six queries by index."""
    return settlements_of([placed])[0]


def settlements_of(placed: Sequence[ExchangeOrder]) -> list[Settlement]:
    """Returns some exchange orders of one store, in their order, with the units that pay for them:
    the same as `settlements` says of them, in six queries by index."""
    if not placed:
        return []
    store_id = placed[0].store_id
    keys = [row.pk for row in placed]
    named = {row.rma_identifier for row in placed} - {""}
    # With the other exchange orders of these returns: a unit that names none may pay for them.
    of_rmas = ExchangeOrder.objects.filter(store_id=store_id, rma_identifier__in=named)
    keys_of_all = {*keys, *of_rmas.values_list("pk", flat=True)}
    rows = ExchangeOrder.objects.filter(pk__in=keys_of_all)
    orders = _placed(rows)
    units = RmaUnit.objects.filter(pk__in=_unit_keys(store_id, named, orders))
    found = {row.placed.pk: row for row in match(orders, _paying_units(units)) if row.placed}
    return [found[key] for key in keys]


def _unit_keys(store_id: int, named: Iterable[str], orders: Iterable[Placed]) -> list[int]:
    """Returns the units of these returns and those that name one of these exchange orders; by key,
    because of one question for both the database makes a look through all units."""
    units = RmaUnit.objects.filter(rma__store_id=store_id).order_by()
    rmas = Rma.objects.filter(store_id=store_id, rma_identifier__in=named)
    found = units.filter(rma_id__in=list(rmas.values_list("pk", flat=True))).values("pk")
    names = [row.order_identifier for row in orders]
    # Not blank: for the index over those that name one.
    naming = units.exclude(exchange_order_identifier="").filter(exchange_order_identifier__in=names)
    return [row["pk"] for row in found.union(naming.values("pk"))]


def _placed(rows: QuerySet[ExchangeOrder]) -> list[Placed]:
    known: QuerySet[Any] = with_status(rows).order_by("-placed_at", "-pk")
    found = []
    for row in known.values(*_PLACED, "own_order_status"):
        status = row.pop("own_order_status")
        found.append(Placed(**row, is_canceled=status == exchange_rules.CANCELED))
    return found


@dataclass
class _Share:
    """What live refunds hold of a unit."""

    decided_cents: int = 0
    settled_cents: int = 0
    settled_at: datetime | None = None
    refund_identifiers: list[str] = field(default_factory=list)


def _paying_units(units: QuerySet[RmaUnit]) -> list[PayingUnit]:
    pays = Q(optoro_refund_amount_cents__gt=0) | Q(refund_type__in=PAYING_TYPES)
    pays |= Q(refund_units__is_live=True, refund_units__optoro_amount_cents__gt=0)
    meant = units.filter(pays | ~Q(exchange_order_identifier="")).order_by().distinct()
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
