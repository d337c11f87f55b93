"""What Optoro is owed for many exchange orders, their units added up in the database: the figures
of `settlement.py` without its units, for totals and charts.

A unit pays for the exchange order that `settlement_rules.match` gives it to: tests hold both
against each other.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    Expression,
    F,
    FilteredRelation,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Greatest

from apps.exchanges.models import ExchangeOrder
from apps.exchanges.queries import in_status
from apps.reconciliation.settlement_rules import (
    PAYING_TYPES,
    Placed,
    SettlementFigures,
    UnitSums,
    figures_of,
)
from apps.refunds.models import RefundStatus
from apps.rmas import rules as rma_rules
from apps.rmas.models import RmaUnit

# So many exchange orders are in memory at once.
_AT_ONCE = 10_000
_COLUMNS = (
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
# By exchange order: what units name it, or what exchanged units of its return name none.
_Sums = dict[int, UnitSums]


def settlement_figures(
    store_id: int, orders: QuerySet[ExchangeOrder]
) -> Iterator[SettlementFigures]:
    """Yields the figures of these exchange orders of a store, in no order: what `settlements` says
    of them, in a few queries for thousands."""
    rows: QuerySet[Any] = orders.order_by().values(*_COLUMNS)
    chunk: list[dict[str, Any]] = []
    for row in rows.iterator(chunk_size=2_000):
        chunk.append(row)
        if len(chunk) == _AT_ONCE:
            yield from _figures(store_id, chunk)
            chunk = []
    if chunk:
        yield from _figures(store_id, chunk)


def _figures(store_id: int, rows: Sequence[dict[str, Any]]) -> Iterator[SettlementFigures]:
    keys = [row["pk"] for row in rows]
    canceled = set(
        in_status(ExchangeOrder.objects.filter(pk__in=keys).order_by(), "canceled").values_list(
            "pk", flat=True
        )
    )
    sums = _naming(store_id, rows)
    for key, found in _of_returns(store_id, rows):
        sums[key] = sums.get(key, UnitSums()) + found
    for row in rows:
        placed = Placed(**row, is_canceled=row["pk"] in canceled)
        yield figures_of(placed, sums.get(row["pk"], UnitSums()))


def _naming(store_id: int, rows: Iterable[dict[str, Any]]) -> _Sums:
    """What the units that name an exchange order add up to."""
    keys = {row["order_identifier"]: row["pk"] for row in rows}
    # Not blank: for the index over those that name one.
    units = RmaUnit.objects.filter(
        ~Q(exchange_order_identifier=""),
        rma__store_id=store_id,
        exchange_order_identifier__in=list(keys),
    )
    found = _added(units, "exchange_order_identifier")
    return {keys[name]: sums for (name,), sums in found}


def _of_returns(store_id: int, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[int, UnitSums]]:
    """What the exchanged units of a return that name no exchange order add up to: they pay for the
    one placed against their own order, else for the only one of their return."""
    names = {row["rma_identifier"] for row in rows} - {""}
    of_return: dict[str, list[tuple[int, int]]] = {}
    siblings = ExchangeOrder.objects.filter(store_id=store_id, rma_identifier__in=names).order_by()
    for name, key, order_id in siblings.values_list("rma_identifier", "pk", "original_order_id"):
        of_return.setdefault(name, []).append((key, order_id))
    units = RmaUnit.objects.filter(
        exchange_order_identifier="",
        refund_type__in=PAYING_TYPES,
        rma__store_id=store_id,
        rma__rma_identifier__in=names,
    )
    wanted = {row["pk"] for row in rows}
    for (name, order_id), sums in _added(units, "rma__rma_identifier", "order_id"):
        placed = of_return[name]
        own = [key for key, original in placed if original == order_id]
        meant = own or [key for key, _ in placed if len(placed) == 1]
        if meant and meant[0] in wanted:
            yield meant[0], sums


def _added(units: QuerySet[RmaUnit], *by: str) -> Iterator[tuple[tuple[Any, ...], UnitSums]]:
    """Yields the sums of units by these columns."""
    rows = units.annotate(
        held=FilteredRelation("refund_units", condition=Q(refund_units__is_live=True))
    ).order_by()
    for row in rows.values_list(*by).annotate(**_SUMS):
        yield row[: len(by)], UnitSums(*row[len(by) :])


_COUNTS = Q(is_withdrawn=False) & ~Q(rma__status=rma_rules.CANCELED)
_IS_BACK = (
    Q(rma__status=rma_rules.REFUNDED)
    | Q(rma__return_method=rma_rules.CUSTOMER_KEEP)
    | Q(receiving_status=rma_rules.RECEIVED)
    | Q(
        rma__return_method=rma_rules.MAIL_BACK,
        package_tracking_status__in=(rma_rules.TRANSIT, rma_rules.DELIVERED),
    )
    | Q(
        rma__return_method__in=(rma_rules.EXPRESS_RETURNS, rma_rules.HOME_PICKUP),
        package_tracking_status__in=(
            rma_rules.ACCEPTED,
            rma_rules.TRANSIT,
            rma_rules.DELIVERED,
        ),
    )
)
_IS_PAID = Q(held__line__refund__status=RefundStatus.PAID)


def _where(condition: Q, value: Any) -> Expression:
    """The value of a unit of which that is true, else 0."""
    return Case(When(condition, then=value), default=Value(0), output_field=BigIntegerField())


_HELD = _where(Q(held__isnull=False), F("held__optoro_amount_cents"))
_SETTLED = _where(_IS_PAID, F("held__optoro_amount_cents"))
_ESTIMATED = _where(_COUNTS, F("optoro_refund_amount_cents"))
_CREDITED = _where(
    _COUNTS & Q(refund_type=rma_rules.INSTANT_STORE_CREDIT), F("shopper_refund_amount_cents")
)
_PAYS = Greatest(_ESTIMATED, _HELD) + _CREDITED
# In the order of the fields of `UnitSums`.
_SUMS: dict[str, Expression] = {
    "units": Count("pk"),
    "standing": Sum(_where(_COUNTS | (_IS_PAID & Q(held__optoro_amount_cents__gt=0)), Value(1))),
    "counting": Sum(_where(_COUNTS, Value(1))),
    "awaited": Sum(_where(_COUNTS & ~_IS_BACK, Value(1))),
    "sum_estimated": Sum(_ESTIMATED),
    "sum_decided": Sum(_HELD - _SETTLED),
    "sum_settled": Sum(_SETTLED),
    "sum_open": Sum(_where(Q(held__isnull=True), _ESTIMATED)),
    "sum_pays": Sum(_PAYS),
    "sum_back": Sum(_where(_COUNTS & _IS_BACK, _PAYS)),
}
